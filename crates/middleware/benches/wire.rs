//! One-way latency and loss between two processes of this machine, ours and those of independent DDS peers (PyPI
//! `cyclonedds`, and Fast DDS 2 where it is installed), every pair in one run. Held against: nothing lost, median at most
//! 1.5 times the peer's own pair.
//!
//! `cargo bench -p middleware --bench wire`, with FERRODRIVE_PYTHON naming a Python with `cyclonedds`; `-- --json FILE`
//! writes the figures, and `-- cloud "Fast DDS"` measures only the lines that name both (keep the peer's own pair). Ours and the Python's ends hold the message as a struct: writing and reading CDR is part of what
//! is measured. For the clouds most of the Python peer's time is its reading and writing 1.5 MB, so a ratio below 1 there
//! says little of the wire; for the small messages it does. The peer on Fast DDS holds CDR bytes, and two of it talk
//! through shared memory, which no other DDS reads: what they do by UDP alone stands beside that.
#![allow(missing_docs)]

#[path = "../tests/fast_dds_peer/mod.rs"]
#[allow(dead_code)]
mod fast_dds_peer;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dds::{History, Participant, Qos, Reliability, Settings};
use fast_dds_peer::{FastDds, hex};
use middleware::ros::names;
use msgs::Message;
use msgs::sensor_msgs::msg::PointCloud2;
use node::Time;
use serde_json::{Value, json};

struct Kind {
    name: &'static str,
    /// Bytes of data.
    size: usize,
    rate_hz: u32,
    reliable: bool,
    /// Of the history, keep last: of the small ones a second, so that what is lost is lost on the wire and not
    /// replaced in the history of a reader that slept for 10 ms.
    depth: u32,
    count: usize,
}

const KINDS: [Kind; 3] = [
    Kind { name: "cloud_reliable", size: 1_500_000, rate_hz: 20, reliable: true, depth: 10, count: 200 },
    Kind { name: "cloud_best_effort", size: 1_500_000, rate_hz: 10, reliable: false, depth: 10, count: 100 },
    Kind { name: "small", size: 140, rate_hz: 1000, reliable: true, depth: 1000, count: 5000 },
];

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Ours,
    Cyclone,
    /// Its transports as `fast_dds_peer.cpp` names them.
    FastDds(&'static str),
}

const FAST_DDS: Side = Side::FastDds("subnet");
const FAST_DDS_UDP: Side = Side::FastDds("udp");
/// Sender, receiver, and whether it is the peer's own pair that those after it are held against.
const PAIRS: [(Side, Side, bool); 8] = [
    (Side::Cyclone, Side::Cyclone, true),
    (Side::Ours, Side::Cyclone, false),
    (Side::Cyclone, Side::Ours, false),
    (Side::Ours, Side::Ours, false),
    (FAST_DDS_UDP, FAST_DDS_UDP, true),
    (FAST_DDS, FAST_DDS, true),
    (Side::Ours, FAST_DDS, false),
    (FAST_DDS, Side::Ours, false),
];
const DOMAIN: u32 = 91;
const MOST: f64 = 1.5;

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Cyclone => "peer",
            Self::FastDds("udp") => "Fast DDS by UDP",
            Self::FastDds(_) => "Fast DDS",
        }
    }
}

fn now() -> Time {
    Time(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn qos(kind: &Kind) -> Qos {
    let max_blocking = Duration::from_secs(1);
    let reliability = if kind.reliable { Reliability::Reliable { max_blocking } } else { Reliability::BestEffort };
    Qos { reliability, history: History::KeepLast(kind.depth), ..Qos::default() }
}

fn cloud(kind: &Kind) -> PointCloud2 {
    let mut cloud = PointCloud2 { height: 1, point_step: 4, is_dense: true, ..PointCloud2::default() };
    cloud.data = vec![0; kind.size];
    cloud.header.frame_id = "a".into();
    cloud
}

fn send(participant: &Participant, kind: &Kind) {
    let type_name = names::type_name(PointCloud2::TYPE_NAME);
    let writer = participant.writer("rt/benchmark", &type_name, &qos(kind)).unwrap();
    while writer.matched() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
    let mut cloud = cloud(kind);
    let (start, mut buffer) = (Instant::now(), Vec::new());
    for n in 0..kind.count {
        cloud.header.stamp = now().to_message();
        buffer.clear();
        msgs::to_cdr_into(&cloud, &mut buffer).unwrap();
        writer.write(&buffer).unwrap();
        let next = Duration::from_secs_f64((n + 1) as f64 / f64::from(kind.rate_hz));
        std::thread::sleep(next.saturating_sub(start.elapsed()));
    }
    std::thread::sleep(Duration::from_secs(2));
}

fn receive(participant: &Participant, kind: &Kind) {
    let type_name = names::type_name(PointCloud2::TYPE_NAME);
    let reader = participant.reader("rt/benchmark", &type_name, &qos(kind), Arc::default()).unwrap();
    println!("{}", json!({"ready": true}));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut ages = Vec::new();
    while ages.len() < kind.count {
        let patience = Duration::from_secs(if ages.is_empty() { 30 } else { 5 });
        let Ok(sample) = runtime.block_on(async { tokio::time::timeout(patience, reader.next()).await }) else { break };
        let cloud: PointCloud2 = msgs::from_cdr(&sample.unwrap()).unwrap();
        ages.push(now().0 - Time::from(&cloud.header.stamp).0);
    }
    println!("{}", json!({ "ages_ns": ages }));
}

/// A process that sends or receives.
enum End {
    Process(Child, Lines<BufReader<ChildStdout>>),
    FastDds(FastDds),
}

impl End {
    /// `None` where there is no Fast DDS.
    fn start(side: Side, role: &str, kind: &Kind) -> Option<Self> {
        let mut command = match side {
            Side::Ours => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args([role, kind.name]);
                command
            }
            Side::Cyclone => {
                let mut command = Command::new(std::env::var("FERRODRIVE_PYTHON").unwrap());
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/wire_peer.py"));
                command.args([role, kind.name, &DOMAIN.to_string(), &kind.count.to_string()]);
                command
            }
            Side::FastDds(transports) => return Self::fast_dds(transports, role, kind),
        };
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        if role == "receive" {
            lines.next().unwrap().unwrap();
        }
        Some(Self::Process(child, lines))
    }

    fn fast_dds(transports: &str, role: &str, kind: &Kind) -> Option<Self> {
        let mut peer = FastDds::start(DOMAIN, transports)?;
        let type_name = names::type_name(PointCloud2::TYPE_NAME);
        let words = format!("{},depth:{}", if kind.reliable { "reliable" } else { "best_effort" }, kind.depth);
        if role == "receive" {
            peer.make(&format!("reader end rt/benchmark {type_name} {words} - ages:{}", kind.count));
            return Some(Self::FastDds(peer));
        }
        peer.make(&format!("writer end rt/benchmark {type_name} {words}"));
        peer.matched("end", 1);
        std::thread::sleep(Duration::from_millis(500));
        let cdr = hex(&msgs::to_cdr(&cloud(kind)).unwrap());
        peer.tell(&format!("paced end {cdr} {} {}", kind.count, kind.rate_hz));
        Some(Self::FastDds(peer))
    }

    fn has_sent(&mut self) {
        match self {
            Self::Process(child, _) => {
                child.wait().unwrap();
            }
            Self::FastDds(peer) => {
                peer.hears("all sent", |said| said.get("sent").is_some());
                std::thread::sleep(Duration::from_secs(2));
            }
        }
    }

    /// What arrived, once all is sent.
    fn ages(mut self) -> Vec<f64> {
        let told: Value = match &mut self {
            Self::Process(child, lines) => {
                let line = lines.next().unwrap().unwrap();
                child.wait().unwrap();
                serde_json::from_str(&line).unwrap()
            }
            Self::FastDds(peer) => {
                // Who has all has told it.
                peer.tell("tell end");
                peer.hears("the ages", |said| said.get("ages_ns").is_some())
            }
        };
        let mut ages: Vec<f64> =
            told["ages_ns"].as_array().unwrap().iter().map(|age| age.as_f64().unwrap() / 1e6).collect();
        ages.sort_by(f64::total_cmp);
        ages
    }
}

/// Ages in ms, sorted; `None` where there is no Fast DDS.
fn measure(kind: &Kind, sender: Side, receiver: Side) -> Option<Vec<f64>> {
    let receiver = End::start(receiver, "receive", kind)?;
    End::start(sender, "send", kind)?.has_sent();
    Some(receiver.ages())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [role, kind] = arguments.as_slice()
        && let Some(kind) = KINDS.iter().find(|known| known.name == kind)
    {
        let participant = Participant::new(&Settings { domain: DOMAIN, ..Settings::default() }, b"").unwrap();
        if role == "send" {
            send(&participant, kind)
        } else {
            receive(&participant, kind)
        }
        return ExitCode::SUCCESS;
    }
    let (json_file, words) = match arguments.as_slice() {
        [flag, file, words @ ..] if flag == "--json" => (Some(file), words),
        words => (None, words),
    };
    if std::env::var_os("FERRODRIVE_PYTHON").is_none() {
        println!("skipped: FERRODRIVE_PYTHON names no Python with `cyclonedds`");
        return ExitCode::SUCCESS;
    }
    let mut figures = Vec::new();
    let mut good = true;
    for kind in &KINDS {
        let mut own = f64::NAN;
        for (sender, receiver, is_own) in PAIRS {
            let pair = format!("{} -> {}", sender.name(), receiver.name());
            if !words.iter().all(|word| kind.name.contains(word) || pair.contains(word)) {
                continue;
            }
            let Some(ages) = measure(kind, sender, receiver) else { continue };
            let at = |share: f64| ages.get(((ages.len() as f64 * share) as usize).min(ages.len().saturating_sub(1)));
            let (p50, p99) = (at(0.5).copied().unwrap_or(f64::NAN), at(0.99).copied().unwrap_or(f64::NAN));
            if is_own {
                own = p50;
            }
            let (lost, ratio) = (kind.count - ages.len(), p50 / own);
            good &= is_own || (lost == 0 && ratio <= MOST);
            println!(
                "{:<18} {pair:<34} p50 {p50:8.3} ms  p99 {p99:8.3} ms  lost {lost:4} of {}  {ratio:5.2} x the peer's own",
                kind.name, kind.count
            );
            figures.push(json!({"kind": kind.name, "pair": pair, "p50_ms": p50, "p99_ms": p99, "sent": kind.count, "lost": lost, "ratio": ratio}));
        }
    }
    if let Some(file) = json_file {
        std::fs::write(file, serde_json::to_string_pretty(&figures).unwrap() + "\n").unwrap();
    }
    println!("nothing lost and at most {MOST} x the peer's own median: {}", if good { "yes" } else { "no" });
    // A noisy machine is no broken build: the figures are the result.
    ExitCode::SUCCESS
}
