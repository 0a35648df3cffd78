//! Nodes as processes: each is killed in turn during a drive; the car stops with the reason told, and the node rejoins.
#![allow(missing_docs)]

use std::path::Path;
use std::process::Command;

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use support::Launch;

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
