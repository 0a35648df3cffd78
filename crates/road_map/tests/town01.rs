//! CARLA's Town01 against CARLA's own reader, and routes on it.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use geometry::Point2;
use road_map::{LaneGraph, LaneKind, RouteOptions, SignalKind, StopReason};

fn town01() -> Option<PathBuf> {
    let folder = std::env::var_os("FERRODRIVE_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = folder.join("opendrive/Town01.xodr");
    if !path.exists() {
        println!("skipped: no Town01.xodr at {}", path.display());
        return None;
    }
    Some(path)
}

/// Road, section, lane.
type Key = (i64, usize, i64);
/// Road, section, lane, s, x, y, z, width.
type Waypoint = (i64, usize, i64, f64, f64, f64, f64, f64);

#[derive(serde::Deserialize)]
struct Carla {
    waypoints: Vec<Waypoint>,
    topology: Vec<(Key, Key)>,
}

#[test]
fn lanes_and_topology_equal_those_of_carlas_own_reader() {
    let Some(path) = town01() else { return };
    let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
        println!("skipped: FERRODRIVE_PYTHON names no Python with `carla`");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/carla_map.py");
    let output = Command::new(python).arg(script).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let carla: Carla = serde_json::from_slice(&output.stdout).unwrap();
    let graph = LaneGraph::from_opendrive_file(&path).unwrap();
    let by_source = |road: i64, section: usize, lane: i64| {
        let source = format!("road {road} section {section} lane {lane}");
        graph.lanes().find(|l| l.source == source).unwrap_or_else(|| panic!("no lane {source}"))
    };
    let (mut worst_center, mut worst_width) = (0.0_f64, 0.0_f64);
    for &(road, section, lane, _, x, y, _, width) in &carla.waypoints {
        let position = by_source(road, section, lane).position_of(Point2::new(x, y));
        worst_center = worst_center.max(position.distance);
        worst_width = worst_width.max((by_source(road, section, lane).width_at(position.s) - width).abs());
    }
    println!(
        "{} waypoints, centre off by at most {worst_center:.4} m, width by {worst_width:.4} m",
        carla.waypoints.len()
    );
    assert!(worst_center < 0.01, "{worst_center}");
    assert!(worst_width < 0.01, "{worst_width}");

    let theirs: BTreeSet<(String, String)> = carla
        .topology
        .iter()
        .map(|(a, b)| (by_source(a.0, a.1, a.2).source.clone(), by_source(b.0, b.1, b.2).source.clone()))
        .filter(|(a, b)| a != b)
        .collect();
    let ours: BTreeSet<(String, String)> = graph
        .lanes()
        .filter(|l| l.kind == LaneKind::Driving)
        .flat_map(|l| l.successors.iter().map(|s| (l.source.clone(), graph.lane(*s).unwrap().source.clone())))
        .collect();
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&theirs).collect();
    assert!(missing.is_empty(), "{} missing, e.g. {:?}", missing.len(), &missing[..missing.len().min(5)]);
    assert!(extra.is_empty(), "{} extra, e.g. {:?}", extra.len(), &extra[..extra.len().min(5)]);
    println!("{} links, all equal", ours.len());
}

#[test]
fn every_driving_lane_reaches_every_other() {
    let Some(path) = town01() else { return };
    let graph = LaneGraph::from_opendrive_file(&path).unwrap();
    let lanes: Vec<_> = graph.lanes().filter(|l| l.kind == LaneKind::Driving).collect();
    for goal in &lanes {
        let route = graph.shortest_route((lanes[0].id, 0.0), (goal.id, goal.length()), RouteOptions::default());
        let route = route.unwrap_or_else(|| panic!("no route to {}", goal.source));
        for pair in route.segments.windows(2) {
            assert!(graph.lane(pair[0].lane).unwrap().successors.contains(&pair[1].lane));
        }
    }
}

#[test]
fn signalised_junctions_have_lines_phases_and_conflicts() {
    let Some(path) = town01() else { return };
    let graph = LaneGraph::from_opendrive_file(&path).unwrap();
    assert_eq!(graph.controllers.len(), 12);
    let phases: BTreeSet<_> = graph.controllers.iter().flat_map(|c| c.phases.iter().flatten().copied()).collect();
    for lane in graph.lanes().filter(|l| l.kind == LaneKind::Driving && l.junction.is_some()) {
        let governed = lane.stop_lines.iter().any(|l| matches!(l.reason, StopReason::Signal(g) if phases.contains(&g)));
        assert!(governed, "{} has no light with a phase", lane.source);
        assert!(!lane.conflicts.is_empty(), "{} conflicts with nothing", lane.source);
    }
}

#[test]
fn lights_face_the_traffic_that_they_are_for() {
    let Some(path) = town01() else { return };
    let graph = LaneGraph::from_opendrive_file(&path).unwrap();
    let mut lights = 0;
    for signal in &graph.signals {
        let SignalKind::Light(group) = signal.kind else { continue };
        lights += 1;
        let seen_from = |lane: &&road_map::Lane| {
            let lines = lane.stop_lines.iter().filter(|line| line.reason == StopReason::Signal(group));
            lines.clone().count() > 0 && lines.map(|l| lane.pose_at(l.s)).all(|p| (signal.facing - p.yaw).cos() < -0.7)
        };
        assert!(graph.lanes().any(|lane| seen_from(&lane)), "light {} faces nobody", signal.id);
    }
    assert_eq!(lights, 36);
}
