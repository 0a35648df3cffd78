//! The whole loop but for the LiDAR detector, in traffic.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::sync::Arc;

use road_map::LaneGraph;
use simulation::Scenario;
use support::{Loop, Sabotage, town};

fn scenario(map: &LaneGraph, seed: u64) -> Scenario {
    simulation::smoke_scenario(map, seed).unwrap()
}

/// Drives a scenario to its end and tells how it went.
fn drive(map: &Arc<LaneGraph>, seed: u64) -> Option<Loop> {
    let scenario = scenario(map, seed);
    let duration = scenario.duration_s;
    let mut drive = Loop::new(map, scenario, Sabotage::default())?;
    drive.run(duration);
    println!("seed {seed}: {}", drive.witness.summary());
    for line in drive.witness.said("safety_supervisor", 1, 0.0) {
        println!("  safety_supervisor {line}");
    }
    for line in drive.witness.events.iter() {
        println!("  event {line}");
    }
    for (name, latency) in drive.driver.latencies() {
        let s = latency.summary();
        println!("  {name}: {s:?}");
    }
    Some(drive)
}

#[test]
#[ignore = "an experiment: FERRODRIVE_SEEDS=2000..2004 cargo test -- --ignored --nocapture sweep"]
fn sweep() {
    let seeds = std::env::var("FERRODRIVE_SEEDS").unwrap_or_else(|_| "2000..2002".into());
    let (from, to) = seeds.split_once("..").unwrap();
    let map = town();
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        let drive = drive(&map, seed).unwrap();
        for (t, node, level, message) in drive.witness.statuses.iter().filter(|s| s.1 != "safety_supervisor") {
            if std::env::var_os("STATUSES").is_some() {
                println!("  {t:.2} {node} {level} {message}");
            }
        }
    }
}
