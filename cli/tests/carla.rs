//! `ferrodrive carla` against a fake of CARLA's client (`carla/tests/fake_carla.py`): no CARLA is run. Commands come over
//! DDS, from a writer in this process.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ferrodrive::carla::State;
use middleware::ros::{RosParticipant, dds_qos, names};
use msgs::Message as _;
use msgs::carla_msgs::msg::CarlaEgoVehicleControl;
use node::{Qos, Time};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(120);

/// The repository, which holds what an installation has in its share folder.
fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// `None`, with a word, where there is no Python.
fn python() -> Option<String> {
    let python = std::env::var("FERRODRIVE_PYTHON").unwrap_or_else(|_| "python3".into());
    if Command::new(&python).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("skipped: no Python here ({python})");
        return None;
    }
    Some(python)
}

/// A fake server and one `ferrodrive carla` on it.
struct Run {
    folder: PathBuf,
    domain: u32,
    port: u16,
}

impl Run {
    fn new(name: &str, domain: u32) -> Self {
        let folder = std::env::temp_dir().join(format!("ferrodrive_{}_carla_{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, domain, port: 21000 + u16::try_from(domain).unwrap() }
    }

    fn command(&self, python: &str, arguments: &str, mut fake: Value) -> Command {
        fake["log"] = json!(self.folder.join("log"));
        fake["clock"] = json!(self.folder.join("clock"));
        fake["go"] = json!(self.folder.join("go"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferrodrive"));
        command
            .arg("carla")
            .args(arguments.split_whitespace())
            .args(["--port", &self.port.to_string()])
            .env("FERRODRIVE_SHARE", share())
            .env("FERRODRIVE_CARLA_PYTHON", python)
            .env("FERRODRIVE_CARLA_WORKER", share().join("carla/tests/fake_worker.py"))
            .env("FAKE_CARLA", fake.to_string())
            .env("ROS_DOMAIN_ID", self.domain.to_string())
            .env("ROS_LOCALHOST_ONLY", "1")
            .env_remove("RUST_LOG")
            .current_dir(&self.folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// 60 m straight ahead at 8 m/s, by hand-made commands.
    fn up(&self, python: &str, more: &str, fake: Value) -> Child {
        let share = share();
        let arguments = format!(
            "up --contract carla-ros-bridge --no-launch --no-record --opendrive {} --sensors {} --start 5 --goal 160,0,0 \
             --out out {more}",
            share.join("carla/tests/straight.xodr").display(),
            share.join("carla/tests/sensors.json").display()
        );
        self.command(python, &arguments, fake).spawn().unwrap()
    }

    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn score(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.folder.join("out/score.json")).unwrap()).unwrap()
    }

    /// Everything that was spawned is destroyed, and the clock runs as before.
    fn assert_put_back(&self) {
        let log = self.log();
        let count = |word: &str| log.iter().filter(|line| line.starts_with(word)).count();
        assert!(count("spawn ") > 0, "{log:?}");
        assert_eq!(count("spawn "), count("destroy "), "{log:?}");
        let last = log.iter().rfind(|line| line.starts_with("settings ")).unwrap();
        assert_eq!(last, "settings synchronous=False delta=None");
        assert_eq!(State::read("127.0.0.1", self.port), None, "the state file is taken away");
    }
}

/// Answers each frame of a fake server with a command of its time.
struct Driver {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Driver {
    /// `frames`: after so many it falls silent.
    fn start(run: &Run, role: &str, frames: u32) -> Self {
        let settings =
            dds::Settings { domain: run.domain, localhost_only: true, ..dds::Settings::from_environment().unwrap() };
        let participant = RosParticipant::new(&settings).unwrap();
        let topic = names::topic(&format!("/carla/{role}/vehicle_control_cmd"));
        let qos = dds_qos(Qos::reliable(1), CarlaEgoVehicleControl::TYPE_HASH);
        let type_name = names::type_name(CarlaEgoVehicleControl::TYPE_NAME);
        let writer = participant.dds().writer(&topic, &type_name, &qos).unwrap();
        let (clock, go) = (run.folder.join("clock"), run.folder.join("go"));
        let over = Arc::<AtomicBool>::default();
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let (mut last, mut sent) = (String::new(), 0);
            while !ended.load(Ordering::Relaxed) && sent < frames {
                let now = std::fs::read_to_string(&clock).unwrap_or_default();
                let heard = writer.matched() > 0;
                if now != last
                    && heard
                    && let Ok(time) = now.parse()
                {
                    let mut command = CarlaEgoVehicleControl { throttle: 0.3, ..CarlaEgoVehicleControl::default() };
                    command.header.stamp = Time::from_seconds(time).to_message();
                    writer.write(&msgs::to_cdr(&command).unwrap()).unwrap();
                    sent += 1;
                    last = now;
                    // The car waits for who drives it.
                    std::fs::write(&go, "").unwrap();
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            // The writer stays: a stack that hangs is still in the graph.
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(10));
            }
            drop((writer, participant));
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn end(mut child: Child) -> Output {
    let until = Instant::now() + LIMIT;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            let _ = child.kill();
            panic!("it does not end: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_worker_keeps_to_the_fake_and_the_fake_to_the_real_package() {
    let Some(python) = python() else { return };
    let tests = share().join("carla/tests");
    let run = |module: &str| {
        let output =
            Command::new(&python).args(["-B", "-m", "unittest", "-v", module]).current_dir(&tests).output().unwrap();
        let said = words(&output);
        assert!(output.status.success(), "{said}");
        said.lines().filter(|line| line.contains("skipped")).take(1).for_each(|line| println!("{line}"));
    };
    run("test_worker");
    run("test_signatures");
}

#[test]
fn each_frame_waits_for_its_command_and_the_goal_is_a_perfect_score() {
    let Some(python) = python() else { return };
    let run = Run::new("drive", 151);
    let driver = Driver::start(&run, "ego_vehicle", u32::MAX);
    let output = end(run.up(&python, "--command-limit 60", json!({"speed": 8.0})));
    drop(driver);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let score = run.score();
    for release in ["1.0", "2.0", "2.1"] {
        assert_eq!(score["scores"][release]["scores_mean"]["score_composed"], 100.0, "{score:#}");
    }
    assert_eq!(score["outcomes"][0]["end"], "reached");
    assert_eq!(score["frames"][0]["misses"], 0);
    assert!(score["frames"][0]["ticks"].as_u64().unwrap() > 100, "{score:#}");
    let report = std::fs::read_to_string(run.folder.join("out/report.html")).unwrap();
    assert!(report.contains("Score as CARLA's leaderboard has it") && report.contains("<svg"));
    assert!(run.folder.join("out/map.xodr").is_file());
    run.assert_put_back();
}

#[test]
fn a_touch_that_carla_tells_of_is_marked_down() {
    let Some(python) = python() else { return };
    let run = Run::new("touch", 152);
    let driver = Driver::start(&run, "ego_vehicle", u32::MAX);
    let output =
        end(run.up(&python, "--command-limit 60 --leaderboard 2.0", json!({"speed": 8.0, "touch_at_x": 130.0})));
    drop(driver);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let score = run.score();
    assert_eq!(score["outcomes"][0]["infractions"][0]["kind"], "collisions_layout", "{score:#}");
    assert_eq!(score["scores"]["2.0"]["scores_mean"]["score_composed"], 65.0);
    assert_eq!(score["scores"]["2.1"]["scores_mean"]["score_composed"], 62.5);
    assert!(words(&output).contains("all, by leaderboard 2.0: Completed, driving score 65.000"), "{}", words(&output));
    run.assert_put_back();
}

#[test]
fn without_a_stack_the_reason_is_told_and_the_world_put_back() {
    let Some(python) = python() else { return };
    let run = Run::new("nobody", 153);
    let output = end(run.up(&python, "--startup-limit 1", json!({})));
    assert_eq!(output.status.code(), Some(2));
    let said = words(&output);
    assert!(said.contains("nobody writes /carla/ego_vehicle/vehicle_control_cmd after 1 s: start the stack"), "{said}");
    run.assert_put_back();
}

#[test]
fn commands_that_stop_are_counted_and_end_the_drive() {
    let Some(python) = python() else { return };
    let run = Run::new("silent", 154);
    let driver = Driver::start(&run, "ego_vehicle", 20);
    let output = end(run.up(&python, "--command-limit 0.4 --misses-in-a-row 3", json!({"speed": 0.5})));
    drop(driver);
    let said = words(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("warning: no command for the frame at "), "{said}");
    assert!(
        said.contains("3 frames in a row had no command within 0.4 s each: the stack is gone or too slow"),
        "{said}"
    );
    // What was driven until then is scored all the same.
    assert_eq!(run.score()["outcomes"][0]["end"], "stopped");
    assert!(run.score()["frames"][0]["misses"].as_u64().unwrap() >= 3);
    run.assert_put_back();
}

#[test]
fn a_server_that_goes_away_ends_the_drive_with_its_words() {
    let Some(python) = python() else { return };
    let run = Run::new("gone", 155);
    let driver = Driver::start(&run, "ego_vehicle", u32::MAX);
    let output = end(run.up(&python, "--command-limit 60", json!({"speed": 0.5, "fail_at_x": 102.0})));
    drop(driver);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("the CARLA server did not do `tick`: time-out of"), "{}", words(&output));
    run.assert_put_back();
}

#[test]
fn sigterm_and_ctrl_c_put_the_world_back_and_score_what_was_driven() {
    let Some(python) = python() else { return };
    for (name, domain, signal) in [("term", 156, "-TERM"), ("int", 157, "-INT")] {
        let run = Run::new(name, domain);
        let driver = Driver::start(&run, "ego_vehicle", u32::MAX);
        let child = run.up(&python, "--command-limit 60", json!({"speed": 0.1}));
        let until = Instant::now() + LIMIT;
        // It drives once it says so of itself.
        let state = loop {
            assert!(Instant::now() < until, "it does not drive");
            match State::read("127.0.0.1", run.port) {
                Some(state) if state.ticks > 0 => break state,
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        assert_eq!((state.pid, state.role_name.as_str()), (child.id(), "ego_vehicle"));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = end(child);
        drop(driver);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert_eq!(run.score()["scores"]["2.1"]["status"], "Failed");
        run.assert_put_back();
    }
}

#[test]
fn what_cannot_be_reached_or_fits_not_is_told() {
    let Some(python) = python() else { return };
    let run = Run::new("told", 158);
    let said = |arguments: &str, fake: Value, status: i32| {
        let output = end(run.command(&python, arguments, fake).spawn().unwrap());
        assert_eq!(output.status.code(), Some(status), "{}", words(&output));
        words(&output)
    };
    let port = run.port;
    let refused = said("status --timeout 2", json!({"refuse": true}), 2);
    assert!(
        refused.contains(&format!("error: no CARLA server answers at 127.0.0.1:{port} within 2 s: start one")),
        "{refused}"
    );
    let other = said("status", json!({"server_version": "0.9.15"}), 2);
    assert!(other.contains("is 0.9.15, the client package is 0.9.16: install the server's version"), "{other}");
    let status = said("status --any-version", json!({"server_version": "0.9.15", "synchronous": true}), 0);
    assert!(status.contains("clock    waits for a client's tick, step 0.05 s"), "{status}");
    assert!(status.contains("no `carla up` here: some other client has the clock, or one was killed"), "{status}");
    let down = said("down", json!({"synchronous": true}), 0);
    assert!(down.contains("0 actors taken away from Town01; the clock is let go"), "{down}");

    let domain = said("up --out out", json!({}), 2);
    assert!(
        domain.contains("CARLA's own ROS 2 interface is in domain 0 and cannot be moved, and ROS_DOMAIN_ID is 158"),
        "{domain}"
    );
    let broken = run.folder.join("routes.xml");
    std::fs::write(&broken, "<routes><route id=\"0\"/></routes>").unwrap();
    let route = said(&format!("up --out out --route {}", broken.display()), json!({}), 2);
    assert!(route.contains("line 1, <route>: expected at least two places"), "{route}");

    let launch = said("up --contract carla-ros-bridge --out out --launch no/such.xml", json!({}), 2);
    assert!(launch.contains("launch file no/such.xml is not there"), "{launch}");

    // Another `up` is told by its state; this process stands for it.
    let state = State { pid: std::process::id(), route: "r".into(), ..State::default() };
    state.write("127.0.0.1", port).unwrap();
    let second = said("up --contract carla-ros-bridge --out out", json!({}), 2);
    assert!(second.contains("two clients must not tick one world"), "{second}");
    assert!(said("down", json!({}), 2).contains("a `carla up` is driving there"));
    assert!(said("status", json!({}), 0).contains(&format!("driving  process {}: route r", std::process::id())));
    assert!(said("down --force", json!({}), 0).contains("0 actors taken away"));
    assert_eq!(State::read("127.0.0.1", port), None);
}

#[test]
fn a_python_that_is_not_there_is_told_with_what_to_do() {
    let output = Command::new(env!("CARGO_BIN_EXE_ferrodrive"))
        .args(["carla", "status"])
        .env("FERRODRIVE_SHARE", share())
        .env("FERRODRIVE_CARLA_PYTHON", Path::new("/no/such/python"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = words(&output);
    assert!(
        said.contains("a Python with CARLA's client expected at /no/such/python, which is not there: run"),
        "{said}"
    );
}

/// A source's text with its literals in one piece.
fn joined(text: &str) -> String {
    let rust = regex::Regex::new(r"\\\n\s*").unwrap();
    let python = regex::Regex::new(r#"(?:"\s*\n\s*f?"|" from error)"#).unwrap();
    python.replace_all(&rust.replace_all(text, ""), "").into_owned()
}

#[test]
fn messages_in_the_docs_are_those_of_the_programs() {
    let share = share();
    let mut sources = String::new();
    for folder in ["cli/src", "cli/src/carla", "carla", "nodes/carla_bridge/src"] {
        let Ok(files) = std::fs::read_dir(share.join(folder)) else { continue };
        for file in files.map(|f| f.unwrap().path()).filter(|f| f.extension().is_some_and(|e| e == "rs" || e == "py")) {
            sources += &joined(&std::fs::read_to_string(file).unwrap());
        }
    }
    // What the client library says comes from the server.
    let others = ["time-out of "];
    let docs = std::fs::read_to_string(share.join("docs/carla.md")).unwrap();
    let messages: Vec<&str> = docs.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    assert!(messages.len() > 10);
    for message in messages {
        for part in message.trim_start_matches("warning: ").split('…').map(|part| part.trim_matches(['(', ')', '`']))
        {
            let known = sources.contains(part) || others.iter().any(|other| part.contains(other));
            assert!(known, "docs/carla.md has `{part}` of `{message}`, and no program says so");
        }
    }
}
