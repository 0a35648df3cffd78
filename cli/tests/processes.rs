//! Nodes as processes: each is killed in turn during a drive; the car stops with the reason told, and the node rejoins.
//! And what ends a launch or a drive: a node that all end with, Ctrl-C.
#![allow(missing_docs)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use support::{Launch, Running};

fn signal(name: &str, process: &str) {
    assert!(Command::new("kill").args([name, process]).status().unwrap().success());
}

#[test]
fn stops_with_the_reason_when_a_node_is_killed_and_goes_on_when_it_is_back() {
    let mut launch = Launch::start(&["launch/drive.launch.xml", "respawn:=true"], 111);
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

#[test]
fn a_launch_starts_one_node_again_and_ends_all_with_another() {
    let folder = support::folder("on_exit");
    let file = folder.join("two.launch.xml");
    let node = |name: &str, attribute: &str| {
        format!(r#"<node pkg="ferrodrive" exec="object_tracker" name="{name}" {attribute}/>"#)
    };
    let nodes = node("comes_back", r#"respawn="true" respawn_delay="0.1""#) + &node("needed", r#"on_exit="shutdown""#);
    std::fs::write(&file, format!("<launch>{nodes}</launch>")).unwrap();
    let mut launch = Launch::start(&[file.to_str().unwrap()], 112);
    launch.wait_for(&["[needed-2]", "process started"]);
    signal("-KILL", &launch.process("comes_back"));
    launch.wait_for(&["[comes_back-1]", "process ended", "SIGKILL"]);
    launch.wait_for(&["[comes_back-1]", "process started"]);
    let left = launch.process("comes_back");
    signal("-KILL", &launch.process("needed"));
    launch.wait_for(&["[launch] needed-2 ended: ending all"]);
    assert_eq!(launch.child.wait().unwrap().code(), Some(1));
    assert!(!Path::new("/proc").join(&left).exists(), "process {left} is left behind");
}

#[test]
fn an_interrupted_drive_leaves_a_whole_recording_and_its_report() {
    let folder = support::folder("interrupted");
    let out = folder.join("out");
    let command = format!("drive --quiet --seed 2001 --out {}", out.display());
    let drive = Running::ferrodrive(&command, &folder, 113);
    let recording = out.join("drive.mcap");
    let started = Instant::now();
    while std::fs::metadata(&recording).map_or(0, |file| file.len()) < 100_000 {
        assert!(started.elapsed() < Duration::from_secs(120), "nothing is recorded");
        std::thread::sleep(Duration::from_millis(20));
    }
    // From the terminal, and from a program that passes it on.
    drive.signal("-INT");
    drive.signal("-INT");
    let output = drive.end();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("stopped early by a signal"), "{said}");
    let recorded = bag::Reader::open(&recording).unwrap();
    assert_eq!(recorded.warnings(), &[] as &[String]);
    assert!(recorded.messages(&bag::Selection::default()).unwrap().filter(|message| message.is_ok()).count() > 100);
    assert!(out.join("report.html").exists() && out.join("metrics.json").exists());
}
