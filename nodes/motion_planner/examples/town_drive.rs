//! Drives the planners through a simulated town with true road users and constant-velocity futures:
//! `cargo run --release -p motion_planner --example town_drive -- MAP.xodr FIRST_SEED LAST_SEED [v]`.

#[allow(dead_code, reason = "each user of it uses a part")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use road_map::LaneGraph;
use support::Loop;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, first, last, ..] = arguments.as_slice() else {
        return Err("expected MAP FIRST_SEED LAST_SEED [v]".into());
    };
    let map = Arc::new(LaneGraph::from_opendrive_file(Path::new(path))?);
    for seed in first.parse::<u64>()?..=last.parse()? {
        let mut drive = Loop::new(Arc::clone(&map), simulation::smoke_scenario(&map, seed)?);
        let limit = drive.world.scenario().duration_s;
        let mut stood = 0.0;
        while !drive.world.goal_reached() && drive.world.time_s() < limit {
            drive.step();
            let ego = drive.world.ego();
            stood = if ego.vehicle.speed_mps < 0.2 { stood + 0.1 } else { 0.0 };
            if arguments.len() > 3 && (drive.world.time_s() * 10.0).round() as i64 % 20 == 0
                || (59.95..60.05).contains(&stood)
            {
                println!(
                    "  {:6.1} s {:?} {:5.2} m/s {:4.0} % {:?}",
                    drive.world.time_s(),
                    ego.vehicle.pose,
                    ego.vehicle.speed_mps,
                    drive.world.progress() * 100.0,
                    drive.status.as_ref().map(|s| &s.message)
                );
            }
        }
        println!(
            "seed {seed}: {:.0} s, {:.0} m, {:.0} %, goal {}, {:?}, slowest cycle {:.1} ms",
            drive.world.time_s(),
            drive.world.route_length_m(),
            drive.world.progress() * 100.0,
            drive.world.goal_reached(),
            drive.world.counts(),
            drive.slowest_cycle_s * 1e3
        );
        for event in drive.world.events() {
            println!("    {event:?}");
        }
    }
    Ok(())
}
