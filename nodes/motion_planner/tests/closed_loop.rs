//! The planner drives the project's town among simulated traffic.

#[allow(dead_code, reason = "each user of it uses a part")]
mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use road_map::LaneGraph;
use support::Loop;

#[test]
fn reaches_the_goal_through_town_traffic_without_collision_or_red_light() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../maps/town.xodr");
    let map = Arc::new(LaneGraph::from_opendrive_file(&path).unwrap());
    let onnxruntime = std::env::var_os("FERRODRIVE_ONNXRUNTIME").map(PathBuf::from);
    let scenario = simulation::smoke_scenario(&map, 2000).unwrap();
    let mut drive = Loop::new(Arc::clone(&map), scenario, onnxruntime, false);
    while !drive.world.goal_reached() && drive.world.time_s() < drive.world.scenario().duration_s {
        drive.step();
    }
    let counts = drive.world.counts();
    assert!(drive.world.goal_reached());
    assert_eq!((counts.collisions_caused, counts.red_lights_run, counts.stop_signs_run), (0, 0, 0));
}
