//! Lanelet2 maps: geometry, topology and routes as PyPI lanelet2 has them, and what is wrong is told.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use geometry::{Map, Point2, Polyline};
use road_map::{GeoOrigin, LaneGraph, LaneId, LaneKind, Lanelet2Options, RouteOptions, SignalKind, StopReason};

const KARLSRUHE: GeoOrigin = GeoOrigin { latitude_deg: 49.0, longitude_deg: 8.4, altitude_m: 0.0 };

/// A map of the shared data, where it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FERRODRIVE_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let file = folder.join("lanelet2").join(name);
    if !file.is_file() {
        println!("skipped: no {name} at {}", file.display());
        return None;
    }
    Some(file)
}

/// What the Python package says; `None` where it is not there.
fn oracle(file: &Path, origin: GeoOrigin) -> Option<(Vec<serde_json::Value>, Vec<serde_json::Value>)> {
    let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
        println!("skipped: FERRODRIVE_PYTHON names no Python with lanelet2");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lanelet2_oracle.py");
    let (latitude, longitude) = (origin.latitude_deg.to_string(), origin.longitude_deg.to_string());
    let output = Command::new(python).arg(script).arg(file).args([latitude, longitude]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("No module named 'lanelet2'") {
        println!("skipped: this Python has no lanelet2");
        return None;
    }
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    Some(lines.partition(|value| value.get("id").is_some()))
}

fn points(value: &serde_json::Value) -> Vec<Point2<Map>> {
    let number = |v: &serde_json::Value| v.as_f64().unwrap();
    value.as_array().unwrap().iter().map(|p| Point2::new(number(&p[0]), number(&p[1]))).collect()
}

fn ids(value: &serde_json::Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

/// Largest distance of the points from a line.
fn off(points: &[Point2<Map>], line: &[Point2<Map>]) -> f64 {
    let line = Polyline::new(line.iter().copied()).unwrap();
    points.iter().map(|p| line.project(*p).foot.position.distance(*p)).fold(0.0, f64::max)
}

fn compare(file: &Path, graph: &LaneGraph, origin: GeoOrigin) {
    let Some((lanelets, paths)) = oracle(file, origin) else { return };
    let theirs: BTreeMap<i64, &serde_json::Value> = lanelets.iter().map(|l| (l["id"].as_i64().unwrap(), l)).collect();
    let ours: Vec<i64> = graph.lanes().filter(|l| l.kind == LaneKind::Driving).map(|l| l.id.0).collect();
    assert_eq!(ours, theirs.keys().copied().collect::<Vec<_>>(), "lanelets that vehicles use");
    let mut centers = Vec::new();
    for (id, theirs) in &theirs {
        let lane = graph.lane(LaneId(*id)).unwrap();
        for (side, edge) in [("left", &lane.left), ("right", &lane.right)] {
            let wanted = points(&theirs[side]);
            assert!(off(&wanted, edge) < 0.01 && off(edge, &wanted) < 0.01, "{id} {side}: {}", off(&wanted, edge));
            assert!(edge[0].distance(wanted[0]) < 0.01, "{id} {side} runs the other way");
        }
        // Both centre lines lie between the same bounds; where these are not parallel they pair points differently.
        let widths = (0..=20).map(|i| lane.width_at(lane.length() * f64::from(i) / 20.0));
        let (least, most) = widths.fold((f64::MAX, f64::MIN), |(a, b), w| (a.min(w), b.max(w)));
        let apart = off(&points(&theirs["center"]), lane.center.points());
        assert!(apart < (0.4 + 0.3 * (most - least)).min(2.0), "centre of {id}: {apart} m, width {least} to {most}");
        centers.push(apart);
        let mut successors: Vec<i64> = lane.successors.iter().map(|s| s.0).collect();
        successors.sort_unstable();
        assert_eq!(successors, ids(&theirs["following"]), "what follows {id}");
        let left = lane.left_neighbor.filter(|_| lane.can_change_left()).map(|n| n.0);
        let right = lane.right_neighbor.filter(|_| lane.can_change_right()).map(|n| n.0);
        assert_eq!((left, right), (theirs["change_left"].as_i64(), theirs["change_right"].as_i64()), "beside {id}");
        let limit = theirs["speed_kmh"].as_f64().unwrap();
        // The package knows no `speed_limit` tag: it is Autoware's.
        if theirs["has_speed_tag"] == false {
            assert!(
                (lane.speed_limit_mps * 3.6 - limit).abs() < 1e-6,
                "{id}: {} and {limit}",
                lane.speed_limit_mps * 3.6
            );
        }
    }
    centers.sort_by(f64::total_cmp);
    let (median, worst) = (centers[centers.len() / 2], centers[centers.len() - 1]);
    println!("centre lines of {} lanes differ by {median:.3} m in the median, {worst:.3} m at most", centers.len());
    assert!(median < 0.1, "{median}");
    let options = RouteOptions { lane_changes: false, ..RouteOptions::default() };
    let mut found = 0;
    for path in &paths {
        let (from, to) = (LaneId(path["from"].as_i64().unwrap()), LaneId(path["to"].as_i64().unwrap()));
        let goal_s = graph.lane(to).unwrap().length();
        let route = graph.shortest_route((from, 0.0), (to, goal_s), options);
        assert_eq!(route.is_some(), !path["path"].is_null(), "from {from:?} to {to:?}");
        let Some(route) = route else { continue };
        found += 1;
        let lanes: Vec<i64> = route.segments.iter().map(|s| s.lane.0).collect();
        assert_eq!(lanes, ids(&path["path"]), "from {from:?} to {to:?}");
        let length = path["length"].as_f64().unwrap();
        assert!((route.length_m - length).abs() < 0.01 * length + 0.5, "{} m and {length} m", route.length_m);
    }
    println!("{found} routes of {} searches are equal", paths.len());
    assert!(found > 50, "{found} routes of {}", paths.len());
}

#[test]
fn karlsruhe_is_what_the_lanelet2_package_makes_of_it() {
    let Some(file) = shared("mapping_example.osm") else { return };
    let graph = LaneGraph::from_file(&file, Some(KARLSRUHE)).unwrap();
    compare(&file, &graph, KARLSRUHE);
    let lights = graph.signals.iter().filter(|s| matches!(s.kind, SignalKind::Light(_))).count();
    assert!(lights >= 6, "{lights} lights");
    assert!(graph.crosswalks.len() == 8 && graph.crosswalks.iter().any(|c| !c.lanes.is_empty()));
    let lines = |reason: fn(&StopReason) -> bool| {
        graph.lanes().flat_map(|l| &l.stop_lines).filter(|line| reason(&line.reason)).count()
    };
    assert!(lines(|r| matches!(r, StopReason::Signal(_))) >= 4);
    let conflicts: usize = graph.lanes().map(|l| l.conflicts.len()).sum();
    assert!(conflicts > 20, "{conflicts} conflicts");
}

#[test]
fn autowares_map_is_read_by_its_local_coordinates() {
    let Some(file) = shared("autoware_lanelet2_map.osm") else { return };
    let graph = LaneGraph::from_file(&file, None).unwrap();
    // The package has no military grid: its UTM zero is put where the square begins.
    compare(&file, &graph, graph.origin);
    let limits: Vec<f64> =
        graph.lanes().filter(|l| l.kind == LaneKind::Driving).map(|l| l.speed_limit_mps * 3.6).collect();
    assert!(limits.iter().all(|limit| (5.0..=60.0).contains(limit)), "{limits:?}");
    assert_eq!(graph.crosswalks.len(), 4);
    assert!(graph.crosswalks.iter().all(|c| !c.lanes.is_empty()), "each crosses a lane");
    let signalled = graph.lanes().filter(|l| l.stop_lines.iter().any(|s| matches!(s.reason, StopReason::Signal(_))));
    assert!(signalled.count() >= 5);
    // What the file says in latitude and longitude and in its own coordinates is one place.
    let at = graph.geo().to_map(35.903_273_027_357_48, 139.933_661_610_804_28);
    assert!(at.distance(Point2::new(3774.4814, 73745.2383)) < 0.05);
}

const STREET: &str = r#"<osm>
<node id="1" lat="49.0000" lon="8.4000"/><node id="2" lat="49.0000" lon="8.4010"/><node id="3" lat="49.0000" lon="8.4020"/>
<node id="4" lat="48.99997" lon="8.4000"/><node id="5" lat="48.99997" lon="8.4010"/><node id="6" lat="48.99997" lon="8.4020"/>
<node id="7" lat="48.99994" lon="8.4000"/><node id="8" lat="48.99994" lon="8.4010"/>
<node id="9" lat="49.00001" lon="8.40095"/><node id="10" lat="48.99996" lon="8.40095"/>
<way id="11"><nd ref="1"/><nd ref="2"/><tag k="type" v="road_border"/></way>
<way id="12"><nd ref="4"/><nd ref="5"/><tag k="type" v="line_thin"/><tag k="subtype" v="dashed_solid"/></way>
<way id="13"><nd ref="7"/><nd ref="8"/><tag k="type" v="road_border"/></way>
<way id="14"><nd ref="3"/><nd ref="2"/></way><way id="15"><nd ref="5"/><nd ref="6"/></way>
<way id="16"><nd ref="9"/><nd ref="10"/><tag k="type" v="stop_line"/></way>
<way id="17"><nd ref="9"/><nd ref="10"/><tag k="type" v="traffic_sign"/><tag k="subtype" v="stop_sign"/></way>
<relation id="20"><member type="way" role="left" ref="11"/><member type="way" role="right" ref="12"/>
<member type="relation" role="regulatory_element" ref="30"/>
<tag k="type" v="lanelet"/><tag k="subtype" v="road"/><tag k="speed_limit" v="36"/></relation>
<relation id="21"><member type="way" role="left" ref="12"/><member type="way" role="right" ref="13"/>
<tag k="type" v="lanelet"/><tag k="subtype" v="road"/><tag k="location" v="urban"/></relation>
<relation id="22"><member type="way" role="left" ref="14"/><member type="way" role="right" ref="15"/>
<tag k="type" v="lanelet"/><tag k="subtype" v="road"/><tag k="one_way" v="no"/></relation>
<relation id="30"><member type="way" role="refers" ref="17"/><member type="way" role="ref_line" ref="16"/>
<tag k="type" v="regulatory_element"/><tag k="subtype" v="traffic_sign"/></relation>
</osm>"#;

fn read(text: &str) -> Result<LaneGraph, road_map::MapError> {
    LaneGraph::from_lanelet2(text, "street", &Lanelet2Options { origin: Some(KARLSRUHE), projector_info: None })
}

#[test]
fn a_street_has_its_lanes_lines_limits_and_signs() {
    let graph = read(STREET).unwrap();
    let lane = |id: i64| graph.lane(LaneId(id)).unwrap();
    let (left, right, next) = (lane(20), lane(21), lane(22));
    assert!((left.speed_limit_mps - 10.0).abs() < 1e-9 && (right.speed_limit_mps - 50.0 / 3.6).abs() < 1e-9);
    assert_eq!(left.successors, [LaneId(22)], "a bound that runs against its way is turned");
    assert_eq!(lane(-22).successors, [], "the other direction of a street is no way on");
    assert_eq!((left.right_neighbor, right.left_neighbor), (Some(LaneId(21)), Some(LaneId(20))));
    assert!(left.can_change_right() && !right.can_change_left(), "the dashed side alone may cross");
    assert!((next.length() - 73.2).abs() < 1.0 && next.pose_at(1.0).yaw.abs() < 0.1);
    assert!((lane(-22).pose_at(1.0).yaw.abs() - std::f64::consts::PI).abs() < 0.1);
    assert_eq!(left.stop_lines.len(), 1);
    assert_eq!(left.stop_lines[0].reason, StopReason::StopSign);
    assert!((left.stop_lines[0].s - 0.95 * left.length()).abs() < 0.5, "{:?}", left.stop_lines);
}

#[test]
fn what_is_wrong_is_said_with_element_and_line() {
    for (from, to, expected) in [
        ("lat=\"49.0000\" lon=\"8.4010\"", "lat=\"x\" lon=\"8.4010\"", "node id=\"2\""),
        ("<nd ref=\"8\"/>", "<nd ref=\"88\"/>", "node 88"),
        ("role=\"left\" ref=\"11\"", "role=\"left\" ref=\"99\"", "way 99"),
        ("role=\"left\" ref=\"11\"", "role=\"middle\" ref=\"11\"", "role `left`"),
        ("v=\"36\"", "v=\"fast\"", "speed_limit"),
        ("<relation id=\"21\">", "<relation id=\"20\">", "second lanelet"),
        ("<osm>", "<map>", "not well-formed"),
    ] {
        assert!(STREET.contains(from), "{from}");
        let error = read(&STREET.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{from}: {error}");
    }
    let without = LaneGraph::from_lanelet2(STREET, "street", &Lanelet2Options::default()).unwrap_err().to_string();
    assert!(without.contains("map_projector_info.yaml"), "{without}");
    let info = |text: &str| {
        let options = Lanelet2Options { projector_info: Some(text.into()), origin: None };
        LaneGraph::from_lanelet2(STREET, "street", &options).map_err(|e| e.to_string())
    };
    assert!(
        info("projector_type: LocalCartesianUTM\nmap_origin: {latitude: 49.0, longitude: 8.4, altitude: 0.0}").is_ok()
    );
    assert!(info("projector_type: MGRS\nmgrs_grid: 54SVE").unwrap_err().contains("32UMV"));
    assert!(info("projector_type: Mercator").unwrap_err().contains("LocalCartesianUTM"));
    assert!(info("projector_type: LocalCartesianUTM").unwrap_err().contains("map_origin"));
    assert!(info("[").unwrap_err().contains("map_projector_info.yaml"));
}

#[test]
fn a_map_that_is_written_reads_back_with_its_lanes() {
    let town = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../maps/town.xodr")).unwrap();
    for graph in [LaneGraph::from_opendrive(&town, "town").unwrap(), read(STREET).unwrap()] {
        let (text, info) = graph.to_lanelet2().unwrap();
        let options = Lanelet2Options { projector_info: Some(info), origin: None };
        let again = LaneGraph::from_lanelet2(&text, &graph.name, &options).unwrap();
        let driving =
            |graph: &LaneGraph| graph.lanes().filter(|l| l.kind == LaneKind::Driving).map(|l| l.id).collect::<Vec<_>>();
        assert_eq!(driving(&again), driving(&graph), "{}", graph.name);
        for id in driving(&graph) {
            let (was, is) = (graph.lane(id).unwrap(), again.lane(id).unwrap());
            assert!(off(&is.left, &was.left) < 0.06 && off(&was.right, &is.right) < 0.06, "{}", was.source);
            assert_eq!(is.successors.len(), was.successors.len(), "what follows {}", was.source);
            assert!((is.speed_limit_mps - was.speed_limit_mps).abs() < 1e-3);
            let signals = |lane: &road_map::Lane| {
                lane.stop_lines
                    .iter()
                    .filter(|l| matches!(l.reason, StopReason::Signal(_) | StopReason::StopSign))
                    .count()
            };
            assert_eq!(signals(is), signals(was), "{}: {:?} {:?}", was.source, is.stop_lines, was.stop_lines);
            assert_eq!(
                (is.can_change_left(), is.can_change_right()),
                (was.can_change_left(), was.can_change_right()),
                "{}",
                was.source
            );
        }
        assert_eq!(again.crosswalks.len(), graph.crosswalks.len());
    }
}

#[test]
fn damaged_maps_never_crash() {
    for length in (0..STREET.len()).step_by(7) {
        let _ = read(&STREET[..length]);
    }
}
