//! The shipped stack, from raw sensors to steering and brakes.
#![allow(missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use ferrodrive::drive::{ClockKind, Options, drive};
use system_tests::{share, stack, town01};

fn options(name: &str, scenario: &str, seed: u64) -> Options {
    let out = std::env::temp_dir().join(format!("ferrodrive_drive_{}_{name}", std::process::id()));
    Options {
        map: None,
        scenario: scenario.into(),
        seed: Some(seed),
        launch: None,
        arguments: BTreeMap::new(),
        clock: ClockKind::Lockstep,
        record: false,
        record_images: false,
        out: Some(out),
        quiet: true,
    }
}

#[test]
fn completes_a_route_through_the_shipped_town_without_collision() {
    let (record, out) = drive(&share(), &options("town", "smoke", 2000)).unwrap();
    assert!(record.succeeded(), "{}\n{:?}\n{:?}", record.table(), record.events, record.emergency_stops);
    assert_eq!((record.red_lights_run, record.stop_signs_run), (0, 0), "{}", record.table());
    assert!(record.road_users >= 20, "{} other road users", record.road_users);
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("sensor_to_control") && !report.contains("src=\"http"));
    let metrics: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("metrics.json")).unwrap()).unwrap();
    for key in ["seed", "scenario", "route_completion", "min_time_to_collision_s", "peak_memory_mb", "digest"] {
        assert!(metrics.get(key).is_some(), "metrics.json lacks {key}");
    }
    let models: BTreeSet<&str> =
        metrics["models"].as_array().unwrap().iter().filter_map(|m| m["name"].as_str()).collect();
    assert_eq!(models, BTreeSet::from(["lidar_detector", "traffic_light_recognizer", "trajectory_predictor"]));
    assert!(metrics["latency_ms"]["sensor_to_control"]["p50"].as_f64().unwrap() > 0.0);
}

#[test]
fn completes_a_route_on_a_map_of_the_users_own() {
    let Some(map) = town01() else { return };
    let options = Options { map: Some(map), ..options("town01", "smoke", 2001) };
    let (record, _) = drive(&share(), &options).unwrap();
    assert!(record.succeeded(), "{}\n{:?}\n{:?}", record.table(), record.events, record.emergency_stops);
}

/// The simulator's GNSS and the localizer share the map's own projection: were one of them another, the car would be lost.
#[test]
fn drives_on_a_lanelet2_map() {
    let folder = std::env::temp_dir().join(format!("ferrodrive_lanelet2_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (map, projector) = stack().map.to_lanelet2().unwrap();
    std::fs::write(folder.join("town.osm"), map).unwrap();
    std::fs::write(folder.join("map_projector_info.yaml"), projector).unwrap();
    let map = Arc::new(road_map::LaneGraph::from_file(&folder.join("town.osm"), None).unwrap());
    let scenario = simulation::smoke_scenario(&map, 2004).unwrap();
    let scenario = simulation::Scenario { duration_s: 25.0, ..scenario };
    let witness = system_tests::drive(&scenario, |stack| stack.map = map);
    let fastest = witness.speeds.iter().map(|(_, speed)| *speed).fold(0.0, f64::max);
    assert!(fastest > 3.0, "at most {fastest} m/s; {:?}", witness.statuses);
    assert!(witness.errors_of("localizer", 2.0).is_empty(), "{:?}", witness.errors_of("localizer", 2.0));
    assert!(witness.events.iter().all(|event| !event.contains("collision")), "{:?}", witness.events);
}

#[test]
fn two_runs_of_one_seed_publish_the_same_bytes_and_another_seed_others() {
    let scenario = |seed: u64| -> PathBuf {
        let stack = stack();
        let scenario = system_tests::scenario(&stack, seed, 12.0, Vec::new());
        let file = std::env::temp_dir().join(format!("ferrodrive_digest_{}_{seed}.toml", std::process::id()));
        std::fs::write(&file, toml::to_string(&scenario).unwrap()).unwrap();
        file
    };
    let digest = |seed: u64, name: &str| {
        let file = scenario(seed);
        let (record, _) = drive(&share(), &options(name, file.to_str().unwrap(), seed)).unwrap();
        assert_eq!(record.digest.len(), 64);
        record.digest
    };
    let first = digest(2002, "digest_a");
    assert_eq!(first, digest(2002, "digest_b"));
    assert_ne!(first, digest(2003, "digest_c"));
}

#[test]
fn no_node_of_the_stack_reads_ground_truth() {
    let graph = stack().graph().unwrap();
    let truth: BTreeSet<&str> = graph
        .publications()
        .filter(|(node, _)| *node == "simulator")
        .flat_map(|(_, topics)| topics)
        .filter(|topic| topic.starts_with("/simulation/ground_truth/"))
        .collect();
    assert_eq!(truth.len(), 4, "the simulator's true odometry, objects, events and score");
    // All that the stack may hear from the world: sensors, the vehicle's reports, and its operator.
    let allowed = [
        "/sensing/lidar/top/pointcloud",
        "/sensing/imu/imu_data",
        "/sensing/gnss/nav_sat_fix",
        "/vehicle/status/velocity_status",
        "/vehicle/status/steering_status",
        "/sensing/camera/front/image_raw",
        "/sensing/camera/front/camera_info",
        "/tf_static",
        "/planning/mission_planning/goal",
        "/initialpose3d",
        "/clock",
    ];
    let from_world: BTreeSet<&str> =
        graph.publications().filter(|(node, _)| *node == "simulator").flat_map(|(_, topics)| topics).collect();
    let mut nodes = 0;
    for (node, topics) in graph.subscriptions().filter(|(node, _)| *node != "simulator") {
        nodes += 1;
        for topic in topics {
            assert!(!topic.contains("ground_truth"), "{node} reads {topic}");
            assert!(!from_world.contains(topic) || allowed.contains(&topic), "{node} reads {topic} of the simulator");
        }
    }
    assert_eq!(nodes, 9);
}

#[test]
fn every_input_of_the_shipped_stack_asks_for_no_more_than_is_offered() {
    let graph = stack().graph().unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(graph.quality_mismatches(), Vec::<String>::new());
}
