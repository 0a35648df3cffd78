//! An independent DDS peer (PyPI `cyclonedds`, no code of ours) drives the car by publishing Control itself. Needs a
//! Python with `cyclonedds` (`make test` has one).
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use support::{Peer, Running, python, share};

const DOMAIN: u32 = 115;
/// As in params/vehicle_info.param.yaml.
const WHEELBASE_M: f64 = 2.8;

#[test]
fn a_peer_drives_the_car_by_publishing_control() {
    let Some(python) = python() else { return };
    let command = "run simulator --ros-args --params-file params/simulator.param.yaml -p map_path:=maps/town.xodr \
                   -r ~/input/control_cmd:=/control/command/control_cmd \
                   -r ~/output/velocity_status:=/vehicle/status/velocity_status \
                   -r ~/output/ground_truth/odometry:=/simulation/ground_truth/odometry";
    let _simulator = Running::unheard(command, &share(), DOMAIN);
    let mut peer = Peer::start(&python, "drive_peer.py", "drive", DOMAIN);
    let told = peer.says();
    peer.end();
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
