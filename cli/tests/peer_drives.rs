//! An independent DDS peer (PyPI `cyclonedds`, no code of ours) drives the car by publishing Control itself. Needs a
//! Python with `cyclonedds` (`make test` has one).
#![allow(missing_docs)]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const DOMAIN: &str = "115";
/// As in params/vehicle_info.param.yaml.
const WHEELBASE_M: f64 = 2.8;

struct Simulator(Child);

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_peer_drives_the_car_by_publishing_control() {
    let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
        println!("skipped: FERRODRIVE_PYTHON names no Python with `cyclonedds`");
        return;
    };
    let share = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut simulator = Command::new(env!("CARGO_BIN_EXE_ferrodrive"));
    simulator.args(["run", "simulator", "--ros-args", "--params-file", "params/simulator.param.yaml"]);
    simulator.args(["-p", "map_path:=maps/town.xodr"]);
    for (from, to) in [
        ("~/input/control_cmd", "/control/command/control_cmd"),
        ("~/output/velocity_status", "/vehicle/status/velocity_status"),
        ("~/output/ground_truth/odometry", "/simulation/ground_truth/odometry"),
    ] {
        simulator.args(["-r", &format!("{from}:={to}")]);
    }
    simulator.current_dir(&share).env("FERRODRIVE_SHARE", &share);
    let simulator = simulator.env("ROS_DOMAIN_ID", DOMAIN).env("ROS_LOCALHOST_ONLY", "1").stderr(Stdio::null());
    let _simulator = Simulator(simulator.spawn().unwrap());
    let config = "<CycloneDDS><Domain><General><Interfaces><NetworkInterface address=\"127.0.0.1\" multicast=\"false\"/>\
                  </Interfaces><AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto\
                  </ParticipantIndex><Peers><Peer address=\"127.0.0.1\"/></Peers></Discovery></Domain></CycloneDDS>";
    let peer = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drive_peer.py"))
        .args(["drive", DOMAIN])
        .env("PEER_CONFIG", config)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(peer.status.success(), "{}", String::from_utf8_lossy(&peer.stderr));
    let told: Value = serde_json::from_slice(&peer.stdout).unwrap();
    assert_eq!(told["phase"], "done", "{told}");
    let at = |mark: &str, what: &str| told["marks"][mark][what].as_f64().unwrap();
    let turned = |from: &str, to: &str| {
        let turn = at(to, "yaw") - at(from, "yaw");
        turn.sin().atan2(turn.cos())
    };
    assert!((4.7..=5.3).contains(&at("fast", "speed")) && (4.5..=5.5).contains(&at("fast", "wheels")), "{told}");
    // Two seconds at 5 m/s on the circle of the steering angle.
    let expected = 2.0 * at("fast", "speed") * told["steering"].as_f64().unwrap().tan() / WHEELBASE_M;
    assert!((turned("fast", "turned") / expected - 1.0).abs() < 0.15, "{expected} rad expected: {told}");
    assert!(at("stood", "speed").abs() < 0.01 && at("end", "speed").abs() < 0.01, "{told}");
    let moved = |from: &str, to: &str| (at(to, "x") - at(from, "x")).hypot(at(to, "y") - at(from, "y"));
    // Three seconds at 5 m/s, then 5 m/s braked by 2 m/s².
    assert!((14.0..=16.0).contains(&moved("fast", "turned")), "{told}");
    assert!((4.0..=10.0).contains(&moved("turned", "stood")) && moved("stood", "end") < 0.05, "{told}");
    let (length, travelled) = (told["length"].as_f64().unwrap(), told["travelled"].as_f64().unwrap());
    assert!((length / travelled - 1.0).abs() < 0.05, "speed and position do not agree: {told}");
}
