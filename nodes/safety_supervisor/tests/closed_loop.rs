//! The whole loop but for the LiDAR detector, in traffic, with and without faults.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::sync::Arc;

use road_map::LaneGraph;
use simulation::{Fault, Scenario};
use support::{Loop, Sabotage, town, town01};

/// A drive that is over after a time.
fn scenario(map: &LaneGraph, seed: u64, duration_s: f64, faults: Vec<Fault>) -> Scenario {
    Scenario { duration_s, faults, ..simulation::smoke_scenario(map, seed).unwrap() }
}

/// Drives a scenario to its end and tells how it went.
fn drive(map: &Arc<LaneGraph>, scenario: Scenario, sabotage: Sabotage) -> Option<Loop> {
    let (seed, duration_s) = (scenario.seed, scenario.duration_s);
    let mut drive = Loop::new(map, scenario, sabotage)?;
    drive.run(duration_s);
    println!("seed {seed}: {}", drive.witness.summary());
    for line in drive.witness.said("safety_supervisor", 1, 0.0) {
        println!("  safety_supervisor {line}");
    }
    for line in &drive.witness.events {
        println!("  event {line}");
    }
    for (name, latency) in drive.driver.latencies() {
        let s = latency.summary();
        println!("  {name}: p50 {:.2} ms, p99 {:.2} ms", s.p50, s.p99);
    }
    Some(drive)
}

/// From a time on: nobody hit, in its lane, and standing at the end for a reason that the supervisor names.
fn assert_stopped(drive: &Loop, from_s: f64, reasons: &[&str]) {
    let witness = &drive.witness;
    let end = witness.truth.last().unwrap().time_s;
    assert!(witness.speed_at(from_s) > 2.0, "it was driving: {} m/s", witness.speed_at(from_s));
    assert!(witness.speed_at(end) < 0.02, "it stands: {} m/s", witness.speed_at(end));
    assert_eq!(witness.scored("collisions_caused"), 0.0, "{:?}", witness.events);
    assert!(witness.off_lane_m(from_s) < 0.9, "{} m off its lane", witness.off_lane_m(from_s));
    let said = witness.said("safety_supervisor", 2, from_s);
    assert!(said.iter().any(|line| reasons.iter().any(|reason| line.contains(reason))), "{said:?}");
}

/// Nothing that calls for a stop.
fn assert_undisturbed(drive: &Loop) {
    let witness = &drive.witness;
    assert_eq!(witness.scored("collisions_caused"), 0.0, "{:?}", witness.events);
    assert_eq!(witness.scored("red_lights_run"), 0.0, "{:?}", witness.events);
    let stops = witness.said("safety_supervisor", 2, 0.0);
    assert!(stops.is_empty(), "{stops:?}");
}

#[test]
fn drives_through_traffic_without_a_false_alarm_and_knows_where_everything_is() {
    let map = town();
    let scenario = scenario(&map, 2003, 80.0, Vec::new());
    let Some(drive) = drive(&map, scenario, Sabotage::default()) else { return };
    assert_undisturbed(&drive);
    let witness = &drive.witness;
    assert!(witness.driven(0.0, 80.0) > 200.0);
    assert!(witness.localization_lateral.rms() < 0.15 && witness.localization_lateral.max < 0.4);
    assert!(witness.following.rms() < 0.25, "{}", witness.following.rms());
    let tracking = &witness.tracking;
    assert!(tracking.ghosts * 50 < tracking.published && tracking.switches < 20);
    assert!(tracking.near_missed * 20 < tracking.near);
    for (class, error) in &tracking.velocity {
        assert!(error.rms() < 0.8, "class {class}: {} m/s", error.rms());
    }
}

#[test]
fn drives_in_town01_without_a_false_alarm() {
    let Some(map) = town01() else { return };
    let scenario = scenario(&map, 2001, 40.0, Vec::new());
    let Some(drive) = drive(&map, scenario, Sabotage::default()) else { return };
    assert_undisturbed(&drive);
}

#[test]
fn stops_by_itself_in_its_lane_when_the_detector_sees_no_more() {
    let map = town();
    let sabotage = Sabotage { detector_silent_from_s: Some(30.0), ..Sabotage::default() };
    let Some(drive) = drive(&map, scenario(&map, 2003, 40.0, Vec::new()), sabotage) else { return };
    assert_stopped(&drive, 30.0, &["objects is", "motion_planner reports an error: no predicted objects"]);
}

#[test]
fn goes_on_without_gnss() {
    let map = town();
    let outage = Fault::GnssOutage { from_s: 15.0, until_s: Some(35.0) };
    let Some(drive) = drive(&map, scenario(&map, 2003, 40.0, vec![outage]), Sabotage::default()) else { return };
    assert_undisturbed(&drive);
    assert!(drive.witness.driven(15.0, 35.0) > 30.0, "{} m", drive.witness.driven(15.0, 35.0));
    assert!(!drive.witness.said("localizer", 1, 16.0).is_empty(), "the localizer says so");
}

#[test]
fn goes_on_without_imu_and_says_so() {
    let map = town();
    let dead = Fault::ImuDead { from_s: 15.0, until_s: None };
    let Some(drive) = drive(&map, scenario(&map, 2003, 30.0, vec![dead]), Sabotage::default()) else { return };
    assert_undisturbed(&drive);
    let said = drive.witness.said("localizer", 1, 15.0);
    assert!(said.iter().any(|line| line.contains("no IMU")), "{said:?}");
    assert!(drive.witness.localization_lateral.max < 0.5, "{}", drive.witness.localization_lateral.max);
}

#[test]
fn stops_in_its_lane_when_the_follower_sends_nan() {
    let map = town();
    let sabotage = Sabotage {
        control: Some(Box::new(|t, control| {
            if t > 30.0 {
                control.lateral.steering_tire_angle = f32::NAN;
            }
            true
        })),
        ..Sabotage::default()
    };
    let Some(drive) = drive(&map, scenario(&map, 2003, 40.0, Vec::new()), sabotage) else { return };
    assert_stopped(&drive, 30.0, &["expected finite steering"]);
}

#[test]
#[ignore = "an experiment: FERRODRIVE_SEEDS=2000..2004 cargo test -- --ignored --nocapture sweep"]
fn sweep() {
    let seeds = std::env::var("FERRODRIVE_SEEDS").unwrap_or_else(|_| "2000..2002".into());
    let (from, to) = seeds.split_once("..").unwrap();
    let map = if std::env::var_os("FERRODRIVE_TOWN01").is_some() { town01().unwrap() } else { town() };
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        let scenario = simulation::smoke_scenario(&map, seed).unwrap();
        drive(&map, scenario, Sabotage::default()).unwrap();
    }
}
