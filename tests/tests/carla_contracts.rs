//! The shipped stack on CARLA's topics, our own simulator standing in for CARLA behind them.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use evaluation::Record;
use ferrodrive::drive::{ClockKind, Options, drive};
use system_tests::{share, stack, town01};

/// The first seconds of a smoke drive.
fn scenario(seed: u64, duration_s: f64) -> PathBuf {
    let scenario = system_tests::scenario(&stack(), seed, duration_s, Vec::new());
    let file = std::env::temp_dir().join(format!("ferrodrive_carla_{}_{seed}_{duration_s}.toml", std::process::id()));
    std::fs::write(&file, toml::to_string(&scenario).unwrap()).unwrap();
    file
}

fn driven(
    name: &str,
    scenario: &Path,
    launch: Option<&str>,
    arguments: &[(&str, &str)],
    map: Option<PathBuf>,
) -> Record {
    let options = Options {
        map,
        scenario: scenario.display().to_string(),
        seed: None,
        launch: launch.map(|file| share().join(file)),
        arguments: arguments.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<BTreeMap<_, _>>(),
        clock: ClockKind::Lockstep,
        record: false,
        record_images: false,
        out: Some(std::env::temp_dir().join(format!("ferrodrive_carla_{}_{name}", std::process::id()))),
        quiet: true,
    };
    drive(&share(), &options).unwrap_or_else(|error| panic!("{error:#}")).0
}

fn rehearse(name: &str, scenario: &Path, arguments: &[(&str, &str)], map: Option<PathBuf>) -> Record {
    let mut all = vec![("lockstep", "false")];
    all.extend_from_slice(arguments);
    driven(name, scenario, Some("launch/carla_rehearsal.launch.xml"), &all, map)
}

fn covered_m(record: &Record) -> f64 {
    record.distance_m
}

#[test]
fn both_contracts_drive_as_the_simulator_does() {
    let scenario = scenario(2001, 30.0);
    let natively = driven("simulator", &scenario, None, &[], None);
    assert!(covered_m(&natively) > 100.0, "{}", natively.table());
    let bridge = ("contract", "carla_ros_bridge");
    for (name, arguments) in [
        ("native", &[("contract", "native")][..]),
        ("ros_bridge", &[bridge]),
        ("ros_bridge_without_odometry", &[bridge, ("odometry", "localizer"), ("lights", "bridge")]),
        ("ros_bridge_by_ackermann", &[bridge, ("command", "ackermann")]),
    ] {
        let record = rehearse(name, &scenario, arguments, None);
        let apart = (covered_m(&record) - covered_m(&natively)).abs();
        // The same traffic and lights: what differs is half a second of start and the pedals.
        assert!(apart < 25.0, "{name}: {apart:.1} m apart\n{}\n{}", record.table(), natively.table());
        assert_eq!((record.collisions, record.red_lights_run), (0, 0), "{name}: {}", record.table());
        assert!(record.off_road_s < 0.5, "{name}: {}", record.table());
    }
}

#[test]
fn a_peculiarity_that_is_not_as_the_contract_has_it_keeps_the_car_from_driving_so() {
    let scenario = scenario(2001, 20.0);
    let natively = rehearse("as_it_is", &scenario, &[("contract", "native")], None);
    for without in ["[imu_axes]", "[georeference]"] {
        let record = rehearse("flipped", &scenario, &[("contract", "native"), ("without", without)], None);
        let apart = (covered_m(&record) - covered_m(&natively)).abs();
        assert!(apart > 10.0 || record.off_road_s > 0.5 || record.collisions > 0, "{without}: {}", record.table());
    }
}

#[test]
fn town01_drives_as_the_map_in_both() {
    let Some(map) = town01() else { return };
    let graph = road_map::LaneGraph::from_file(&map, None).unwrap();
    let made = simulation::smoke_scenario(&graph, 2001).unwrap();
    let file = std::env::temp_dir().join(format!("ferrodrive_carla_town01_{}.toml", std::process::id()));
    // The first light is red for 39 s.
    let made = simulation::Scenario { duration_s: 60.0, ..made };
    std::fs::write(&file, toml::to_string(&made).unwrap()).unwrap();
    for contract in ["native", "carla_ros_bridge"] {
        let record = rehearse(contract, &file, &[("contract", contract)], Some(map.clone()));
        // Beyond that light.
        assert!(covered_m(&record) > 80.0, "{contract}: {}", record.table());
        assert_eq!((record.collisions, record.off_road_s > 0.5), (0, false), "{contract}: {}", record.table());
    }
}
