//! Where discovery finds others, as ROS 2's variables say: between network namespaces with a cable between them, which
//! stand for machines. The other end is of ours, or an independent DDS peer (PyPI `cyclonedds`) with the configuration
//! that rmw_cyclonedds 3.2 makes of the same variables. Skipped where network namespaces are not permitted.
#![allow(missing_docs)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dds::{Participant, Qos, Settings};

const TEXT: &str = "std_msgs::msg::dds_::String_";
const ADDRESSES: [&str; 2] = ["10.77.0.1", "10.77.0.2"];
const ROLE: &str = "FERRODRIVE_TEST_ROLE";

type Variables<'a> = &'a [(&'a str, &'a str)];

/// A network namespace, held by a process that sleeps in it.
struct Machine(Child);

impl Machine {
    /// With its loopback interface up. `beside`: a machine whose user may change this one's network too.
    fn start(beside: Option<&Machine>) -> Result<Self, String> {
        let mut command = match beside {
            None => Command::new("unshare"),
            Some(other) => other.enter("-U", "unshare"),
        };
        command.arg(if beside.is_none() { "-rn" } else { "-n" });
        command.args(["sh", "-c", "ip link set lo up && echo up && exec sleep 600"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("unshare: {error}"))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() == "up" {
            return Ok(Self(child));
        }
        child.wait().unwrap();
        let mut why = String::new();
        child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
        Err(why.trim().to_owned())
    }

    fn enter(&self, namespaces: &str, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.0.id().to_string(), "--preserve-credentials"]).args(namespaces.split(' '));
        command.arg("--").arg(program);
        command
    }

    fn run(&self, program: &str) -> Command {
        let mut command = self.enter("-U -n", program);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("ROS_") {
                command.env_remove(variable);
            }
        }
        command.env_remove("CYCLONEDDS_URI");
        command
    }

    fn ip(&self, arguments: &str) -> Result<(), String> {
        let done = self.run("ip").args(arguments.split(' ')).output().unwrap();
        let said = || format!("ip {arguments}: {}", String::from_utf8_lossy(&done.stderr).trim());
        done.status.success().then_some(()).ok_or_else(said)
    }

    /// Two with a cable between them.
    fn two(multicast: bool) -> Result<[Self; 2], String> {
        let here = Self::start(None)?;
        let there = Self::start(Some(&here))?;
        here.ip(&format!("link add cable type veth peer name cable netns {}", there.0.id()))?;
        for (machine, address) in [(&here, ADDRESSES[0]), (&there, ADDRESSES[1])] {
            machine.ip(&format!("addr add {address}/24 dev cable"))?;
            machine.ip(&format!("link set cable multicast {} up", if multicast { "on" } else { "off" }))?;
        }
        Ok([here, there])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn or_skip<T>(machines: Result<T, String>) -> Option<T> {
    machines.inspect_err(|why| println!("skipped: no network namespaces here: {why}")).ok()
}

/// Answers what it is asked until it is dropped.
struct Answering(Child);

impl Answering {
    fn ours(machine: &Machine, variables: Variables) -> Self {
        let mut command = machine.run(std::env::current_exe().unwrap().to_str().unwrap());
        command.args(["--exact", "an_end", "--ignored", "--nocapture"]).env(ROLE, "answers");
        Self::start(command.envs(variables.iter().copied()))
    }

    /// `None` where there is no Python for it.
    fn peer(machine: &Machine, domain: &str, config: &str) -> Option<Self> {
        let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
            println!("skipped: FERRODRIVE_PYTHON names no Python with `cyclonedds`");
            return None;
        };
        let mut command = machine.run(&python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer.py")).args(["answers", domain]);
        Some(Self::start(command.env("PEER_CONFIG", config)))
    }

    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What rmw_cyclonedds (3.2, `check_create_domain`) tells Cyclone; it names no interface.
fn rmw_cyclonedds(range: &str, peers: &[&str]) -> String {
    let local = range == "LOCALHOST";
    let multicast = if local { "<General><AllowMulticast>false</AllowMulticast></General>" } else { "" };
    let peers: String =
        local.then_some("localhost").iter().chain(peers).map(|peer| format!("<Peer address=\"{peer}\"/>")).collect();
    let peers = if peers.is_empty() { peers } else { format!("<Peers>{peers}</Peers>") };
    format!(
        "<CycloneDDS><Domain>{multicast}<Discovery><ParticipantIndex>auto</ParticipantIndex>\
         <MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>{peers}</Discovery></Domain></CycloneDDS>"
    )
}

/// Whether an end of ours gets an answer.
fn is_answered(machine: &Machine, variables: Variables, seconds: u32) -> bool {
    let mut command = machine.run(std::env::current_exe().unwrap().to_str().unwrap());
    command.args(["--exact", "an_end", "--ignored", "--nocapture"]);
    command.env(ROLE, format!("asks {seconds}")).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("answered: "), "{said}");
    said.contains("answered: true")
}

/// An end of ours here with an end of ours there, then with the peer.
fn both_answer(what: &str, machines: [&Machine; 2], range: &str, peers: [&str; 2]) {
    let variables = |domain, peers| {
        [("ROS_AUTOMATIC_DISCOVERY_RANGE", range), ("ROS_STATIC_PEERS", peers), ("ROS_DOMAIN_ID", domain)]
    };
    let ours = Answering::ours(machines[1], &variables("1", peers[1]));
    assert!(is_answered(machines[0], &variables("1", peers[0]), 60), "{what}: ours");
    drop(ours);
    let named: Vec<&str> = peers[1].split(';').filter(|peer| !peer.is_empty()).collect();
    if let Some(_peer) = Answering::peer(machines[1], "2", &rmw_cyclonedds(range, &named)) {
        assert!(is_answered(machines[0], &variables("2", peers[0]), 60), "{what}: the peer");
    }
}

#[test]
fn machines_of_a_subnet_find_each_other_by_multicast() {
    let Some([here, there]) = or_skip(Machine::two(true)) else { return };
    both_answer("multicast", [&here, &there], "SUBNET", ["", ""]);
}

#[test]
fn static_peers_are_found_where_there_is_no_multicast() {
    let Some([here, there]) = or_skip(Machine::two(false)) else { return };
    both_answer("both named", [&here, &there], "SUBNET", [ADDRESSES[1], ADDRESSES[0]]);
    both_answer("one named", [&here, &there], "SUBNET", [ADDRESSES[1], ""]);
    // Who is named need not be there first.
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        let answering = Answering::ours(&there, &[("ROS_DOMAIN_ID", "3")]);
        (there, answering)
    });
    assert!(is_answered(&here, &[("ROS_DOMAIN_ID", "3"), ("ROS_STATIC_PEERS", ADDRESSES[1])], 60), "named, but late");
    drop(late.join().unwrap());
}

#[test]
fn the_range_of_this_machine_reaches_this_machine_and_static_peers_alone() {
    let Some([here, there]) = or_skip(Machine::two(true)) else { return };
    both_answer("two machines", [&here, &there], "LOCALHOST", [ADDRESSES[1], ADDRESSES[0]]);
    both_answer("one machine", [&here, &here], "LOCALHOST", ["", ""]);
    let local = [("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")];
    let before_iron = Answering::ours(&here, &[("ROS_LOCALHOST_ONLY", "1")]);
    assert!(is_answered(&here, &local, 60), "one on the loopback interface alone");
    drop(before_iron);
    let _unnamed = Answering::ours(&there, &local);
    assert!(!is_answered(&here, &local, 4), "not named, but found");
}

#[test]
fn a_machine_with_the_loopback_interface_alone_is_enough() {
    let Some(machine) = or_skip(Machine::start(None)) else { return };
    for range in ["LOCALHOST", "SUBNET"] {
        both_answer(range, [&machine, &machine], range, ["127.0.0.1", "127.0.0.1"]);
    }
}

#[test]
#[ignore = "an end of ours, which the other tests start in a namespace"]
fn an_end() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let participant = Participant::new(&Settings::from_environment().unwrap(), b"").unwrap();
    let asks = role.strip_prefix("asks ").map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let (out, back) = if asks.is_some() { ("rt/question", "rt/answer") } else { ("rt/answer", "rt/question") };
    let writer = participant.writer(out, TEXT, &Qos::default()).unwrap();
    let reader = participant.reader(back, TEXT, &Qos::default(), Arc::default()).unwrap();
    let text = msgs::to_cdr(&msgs::std_msgs::msg::String { data: "text".into() }).unwrap();
    let started = Instant::now();
    loop {
        let got = reader.take().unwrap().is_some();
        if asks.is_some_and(|patience| got || started.elapsed() > patience) {
            println!("answered: {got}");
            return;
        }
        if asks.is_some() || got {
            writer.write(&text).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
