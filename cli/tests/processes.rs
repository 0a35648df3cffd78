//! Nodes as processes: each is killed in turn during a drive; the car stops with the reason told, and the node rejoins.
#![allow(missing_docs)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// What the launcher says, line by line.
struct Launch {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Launch {
    fn start() -> Self {
        let share = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrodrive"))
            .args(["launch", "launch/drive.launch.xml", "respawn:=true"])
            .current_dir(&share)
            .env("FERRODRIVE_SHARE", &share)
            .env("ROS_DOMAIN_ID", "111")
            .env("ROS_LOCALHOST_ONLY", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, heard: Vec::new() }
    }

    /// Waits for a line that holds all of these, from here on.
    fn wait_for(&mut self, parts: &[&str]) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.heard.push(line.clone());
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
        panic!("no line with {parts:?} within a minute after:\n{}", self.heard.join("\n"));
    }

    /// The process that runs the node now.
    fn process(&self, node: &str) -> String {
        let started = self
            .heard
            .iter()
            .rev()
            .find(|l| l.contains(&format!("[{node}-")) && l.contains("process started"))
            .unwrap();
        started.trim_end_matches(']').rsplit('[').next().unwrap().to_owned()
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        // The nodes end with the launcher.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(name: &str, process: &str) {
    assert!(Command::new("kill").args([name, process]).status().unwrap().success());
}

#[test]
fn stops_with_the_reason_when_a_node_is_killed_and_goes_on_when_it_is_back() {
    let mut launch = Launch::start();
    launch.wait_for(&["[safety_supervisor-", "INFO", "ok"]);
    for node in [
        "localizer",
        "trajectory_follower",
        "motion_planner",
        "route_planner",
        "trajectory_predictor",
        "object_tracker",
        "lidar_detector",
    ] {
        signal("-KILL", &launch.process(node));
        launch.wait_for(&[&format!("[{node}-"), "SIGKILL"]);
        launch.wait_for(&["[safety_supervisor-", "controlled stop"]);
        launch.wait_for(&["[safety_supervisor-", "INFO", "ok"]);
        assert!(
            launch.heard.iter().filter(|l| l.contains(&format!("[{node}-")) && l.contains("process started")).count()
                > 1
        );
    }
    // The last hand on the wheel: without it the vehicle brakes by itself.
    signal("-KILL", &launch.process("safety_supervisor"));
    launch.wait_for(&["[simulator-", "no control command"]);
    launch.wait_for(&["[safety_supervisor-", "process started"]);
    launch.wait_for(&["[simulator-", "INFO", "ok"]);

    let (launcher, nodes) = (launch.child.id().to_string(), ["simulator", "localizer", "safety_supervisor"]);
    let processes = nodes.map(|node| launch.process(node));
    signal("-INT", &launcher);
    assert!(launch.child.wait().unwrap().success());
    for process in processes {
        assert!(!Path::new("/proc").join(&process).exists(), "process {process} is left behind");
    }
}
