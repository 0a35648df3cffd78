//! What the stack does when sensors fail: it goes on where it safely can, and stops in its lane, saying why, where not.
#![allow(missing_docs)]

use simulation::Fault;
use system_tests::{Witness, drive, scenario, stack};

/// Nobody hit, nothing crossed.
fn assert_kept_its_lane(witness: &Witness) {
    assert_eq!(witness.scored("collisions_caused"), 0.0, "{:?}", witness.events);
    assert_eq!(witness.scored("off_road_s"), 0.0);
    assert_eq!(witness.scored("lane_departure_s"), 0.0);
}

/// A moment of seed 2004, s, at which the car drives: sensors that fail while it stands would prove nothing.
fn while_driving() -> f64 {
    let healthy = drive(&scenario(&stack(), 2004, 30.0, Vec::new()), |_| {});
    let moment = healthy.speeds.iter().find(|(t, v)| *t > 12.0 && *v > 4.0);
    moment.expect("the car drives at more than 4 m/s at some time from 12 to 30 s").0
}

#[test]
fn stops_by_itself_in_its_lane_when_the_lidar_dies() {
    let from_s = while_driving();
    let fault = Fault::LidarDead { from_s, until_s: None };
    let witness = drive(&scenario(&stack(), 2004, from_s + 20.0, vec![fault]), |_| {});
    assert!(witness.speed_at(from_s - 0.1) > 2.0, "it was driving: {} m/s", witness.speed_at(from_s - 0.1));
    assert!(witness.speed_at(from_s + 19.0).abs() < 0.05, "it stands: {} m/s", witness.speed_at(from_s + 19.0));
    assert_kept_its_lane(&witness);
    let reasons = witness.errors_of("safety_supervisor", from_s);
    assert!(reasons.iter().any(|r| r.contains("lidar_detector") || r.contains("objects")), "{reasons:?}");
    assert!(!witness.errors_of("lidar_detector", from_s).is_empty(), "the detector says that its sensor is silent");
}

#[test]
fn stops_when_the_lidar_sends_the_same_points_again_and_again() {
    let from_s = while_driving();
    let fault = Fault::LidarFrozen { from_s, until_s: None };
    let witness = drive(&scenario(&stack(), 2004, from_s + 20.0, vec![fault]), |_| {});
    assert!(witness.speed_at(from_s + 19.0).abs() < 0.05, "it stands: {} m/s", witness.speed_at(from_s + 19.0));
    assert_kept_its_lane(&witness);
    assert!(!witness.errors_of("lidar_detector", from_s).is_empty());
}

#[test]
fn stops_on_clouds_of_nan_and_goes_on_when_they_end() {
    let fault = Fault::LidarNan { from_s: 15.0, until_s: Some(25.0), share: 1.0 };
    let witness = drive(&scenario(&stack(), 2004, 45.0, vec![fault]), |_| {});
    assert!(witness.speed_at(24.9).abs() < 0.5, "it stops: {} m/s", witness.speed_at(24.9));
    let fastest = witness.speeds.iter().filter(|(t, _)| *t > 27.0).map(|(_, v)| *v).fold(0.0, f64::max);
    assert!(fastest > 2.0, "it goes on: {fastest} m/s");
    assert_kept_its_lane(&witness);
}

#[test]
fn drives_on_with_a_few_nan_points_and_without_gnss() {
    let faults = vec![
        Fault::LidarNan { from_s: 5.0, until_s: None, share: 0.05 },
        Fault::GnssOutage { from_s: 10.0, until_s: Some(30.0) },
    ];
    let witness = drive(&scenario(&stack(), 2004, 45.0, faults), |_| {});
    assert_kept_its_lane(&witness);
    let stops = witness.errors_of("safety_supervisor", 5.0);
    assert!(stops.is_empty(), "no reason to stop: {stops:?}");
    let far = witness.speeds.windows(2).map(|w| w[0].1 * (w[1].0 - w[0].0)).sum::<f64>();
    assert!(far > 60.0, "it drove {far:.0} m");
}
