//! Parameter files: every one that is shipped fits, says what its parameters are, and its ranges hold.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};

use ferrodrive::parameters::{Checked, check, list};
use ferrodrive::{parameter_comments, stack};

fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn shipped(node: &str) -> PathBuf {
    share().join(format!("params/{node}.param.yaml"))
}

fn check_text(name: &str, node: &str, text: &str) -> Checked {
    let file = std::env::temp_dir().join(format!("ferrodrive_{}_{name}.yaml", std::process::id()));
    std::fs::write(&file, format!("/**:\n  ros__parameters:\n{text}")).unwrap();
    check(&share(), &file, Some(node)).unwrap()
}

fn needs_model(node: &str) -> bool {
    ["lidar_detector", "trajectory_predictor"].contains(&node) && inference::find_library(&share()).is_none()
}

#[test]
fn every_shipped_file_fits_and_explains_itself() {
    for node in stack::kinds().chain(["vehicle_info"]).filter(|node| !needs_model(node)) {
        let checked = check(&share(), &shipped(node), None).unwrap();
        assert_eq!((checked.node.as_str(), checked.faults.as_slice()), (node, [].as_slice()));
        assert_eq!(checked.set, checked.known);
        for line in list(&share(), node).unwrap().lines() {
            let name = line.split_whitespace().next().unwrap();
            let outer = name.split('.').next().unwrap();
            let declared = parameter_comments::read(&shipped(node));
            let explained = declared.iter().any(|d| d.name == name || d.name == outer);
            assert!(explained, "{node}: {name} has no comment that says what it is");
        }
    }
}

/// What a file says of a range is what the node enforces when it is started or its parameters are set.
#[test]
fn the_ranges_that_files_name_are_those_that_nodes_enforce() {
    let map = road_map::LaneGraph::from_file(&share().join("maps/town.xodr"), None).unwrap();
    let context = stack::context(&share(), Some(std::sync::Arc::new(map))).unwrap();
    for node in stack::kinds().filter(|node| !needs_model(node)) {
        let all = parameter_comments::read(&shipped(node));
        for declared in &all {
            let Some((least, most)) = declared.range else { continue };
            for beyond in [least - 1.0, most + 1.0] {
                // As the driver sets one parameter, with no look at the file's comments.
                let mut launched = ferrodrive::launch::LaunchedNode::new(node, node);
                launched.parameters.push(ferrodrive::launch::ParameterSource::File(shipped(node)));
                launched.set(declared.name.clone(), beyond.to_string());
                let error = stack::make(&launched, &context).err();
                let error = error.unwrap_or_else(|| panic!("{node} starts with {}: {beyond}", declared.name));
                // It may be another one's range that rests on this one.
                let last = |name: &str| name.rsplit('.').next().unwrap().to_owned();
                let named = all.iter().any(|of| format!("{error:#}").contains(&last(&of.name)));
                assert!(named, "{node}: {} = {beyond}: {error:#}", declared.name);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let fault = |name: &str, text: &str| check_text(name, "motion_planner", text).faults.join("; ");
    let unknown = fault("unknown", "    time_headway_sec: 2.0\n");
    assert!(unknown.contains("no such parameter; the nearest is time_headway_s"), "{unknown}");
    let range = fault("range", "    time_headway_s: 50.0\n");
    assert!(range.contains("time_headway_s: expected 0.5 to 4, got 50"), "{range}");
    let kind = fault("kind", "    time_headway_s: fast\n");
    assert!(kind.contains("time_headway_s: expected a number, as 1.4 is, got \"fast\""), "{kind}");
    let part = check_text(
        "part",
        "motion_planner",
        "    time_headway_s: 2.0\n    use_sim_time: true\n    qos_overrides: {/planning/trajectory: {publisher: {depth: 2}}}\n",
    );
    // What runs the node reads the other two.
    assert!(part.faults.is_empty() && part.set == 1, "{part:?}");
    let nested = check_text("nested", "simulator", "    lidar: {beams: 16}\n    noise.wheel_scale: 0.02\n");
    assert!(nested.faults.is_empty(), "{nested:?}");
    let error = check(&share(), &shipped("motion_planner"), Some("nobody")).unwrap_err().to_string();
    assert!(error.contains("there is no node `nobody`") && error.contains("motion_planner"), "{error}");
}
