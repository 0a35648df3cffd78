//! What the stack does when sensors fail: it goes on where it safely can, and stops in its lane, saying why, where not.
#![allow(missing_docs)]

use road_map::{LaneGraph, StopReason, Turn};
use simulation::{Fault, Place, Scenario, TrafficConfig};
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
fn a_few_nan_points_and_no_gnss_are_no_reason_to_stop() {
    for seed in [2004, 2005] {
        let faults = vec![
            Fault::LidarNan { from_s: 5.0, until_s: None, share: 0.05 },
            Fault::GnssOutage { from_s: 10.0, until_s: Some(30.0) },
        ];
        let witness = drive(&scenario(&stack(), seed, 45.0, faults), |_| {});
        assert_kept_its_lane(&witness);
        let stops = witness.errors_of("safety_supervisor", 5.0);
        assert!(stops.is_empty(), "seed {seed}, no reason to stop: {stops:?}");
        let far = witness.driven_until(45.0);
        assert!(far > 60.0, "seed {seed}: it drove {far:.0} m");
    }
}

/// How far before a light's line the drives towards it begin, m.
const BEFORE_LINE_M: f64 = 80.0;
/// While the camera fails, s: it begins when the car drives with the light in view.
const FAILS_S: (f64, f64) = (5.0, 22.0);

/// A drive on an empty road straight over a junction with lights.
fn towards_a_light(map: &LaneGraph, faults: Vec<Fault>) -> Scenario {
    let straight_on = |from: &road_map::Lane| {
        let over = from.successors.iter().filter_map(|id| map.lane(*id)).find(|lane| lane.turn == Turn::Straight)?;
        over.successors.iter().find_map(|id| map.lane(*id)).filter(|lane| lane.length() > 40.0)
    };
    let (start, goal) = map
        .lanes()
        .find_map(|lane| {
            let line = lane.stop_lines.iter().find(|line| matches!(line.reason, StopReason::Signal(_)))?;
            let s_m = line.s - BEFORE_LINE_M;
            let beyond = straight_on(lane).filter(|_| s_m > 20.0)?;
            Some((Place { lane: lane.id, s_m }, Place { lane: beyond.id, s_m: 15.0 }))
        })
        .expect("the town has a light at the end of a street");
    let traffic = TrafficConfig {
        cars: 0,
        trucks: 0,
        cyclists: 0,
        pedestrians: 0,
        parked: 0,
        obstacles: 0,
        ..Default::default()
    };
    Scenario { start, goal, duration_s: 75.0, traffic, faults, ..scenario(&stack(), 2006, 75.0, Vec::new()) }
}

/// The car stands before the line while the camera fails, says each of the reasons, and goes on after.
fn assert_waits_for_its_camera(faults: Vec<Fault>, reasons: &[&str]) {
    let map = stack().map;
    let (from_s, until_s) = FAILS_S;
    let witness = drive(&towards_a_light(&map, faults), |_| {});
    assert!(witness.speed_at(from_s) > 3.0, "it was driving: {} m/s", witness.speed_at(from_s));
    assert!(witness.speed_at(until_s).abs() < 0.05, "it stands: {} m/s", witness.speed_at(until_s));
    let driven = witness.driven_until(until_s);
    assert!(
        (BEFORE_LINE_M - 15.0..BEFORE_LINE_M).contains(&driven),
        "{driven} m driven, the line is at {BEFORE_LINE_M}"
    );
    let said = witness.errors_of("traffic_light_recognizer", from_s);
    for reason in reasons {
        assert!(said.iter().any(|message| message.contains(reason)), "{reason}: {said:?}");
    }
    let planner: Vec<_> =
        witness.statuses.iter().filter(|(t, name, ..)| *t > from_s && name == "motion_planner").collect();
    assert!(planner.iter().any(|(.., said)| said.contains("no traffic signal states")), "{planner:?}");
    assert_eq!(
        witness.score.get("goal_reached").map(String::as_str),
        Some("true"),
        "it went on: {:?}",
        witness.statuses
    );
    assert_eq!(witness.scored("red_lights_run"), 0.0);
    assert_kept_its_lane(&witness);
}

#[test]
fn with_a_sound_camera_it_would_pass_the_light_while_the_camera_fails_in_the_other_drives() {
    let map = stack().map;
    let witness = drive(&towards_a_light(&map, Vec::new()), |_| {});
    let (from_s, until_s) = FAILS_S;
    let driven = (witness.driven_until(from_s), witness.driven_until(until_s));
    assert!(driven.0 < BEFORE_LINE_M - 20.0 && driven.1 > BEFORE_LINE_M + 5.0, "{driven:?} m driven");
}

#[test]
fn waits_before_the_light_when_the_camera_dies_and_goes_on_when_it_is_back() {
    let (from_s, until_s) = FAILS_S;
    assert_waits_for_its_camera(vec![Fault::CameraDead { from_s, until_s: Some(until_s) }], &["no image for"]);
}

#[test]
fn waits_before_the_light_when_the_image_freezes_then_is_white_and_goes_on_when_the_camera_sees() {
    let (from_s, until_s) = FAILS_S;
    let middle_s = (from_s + until_s) / 2.0;
    let faults = vec![
        Fault::CameraFrozen { from_s, until_s: Some(middle_s) },
        Fault::CameraBlinded { from_s: middle_s, until_s: Some(until_s) },
    ];
    assert_waits_for_its_camera(faults, &["frozen", "sees nothing"]);
}
