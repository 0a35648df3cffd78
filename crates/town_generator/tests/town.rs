//! Generated towns read back: topology, geometry and features, by our reader and by CARLA's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use geometry::angle_difference;
use road_map::{Boundary, Lane, LaneGraph, LaneId, LaneKind, Priority, SignalKind, StopReason};
use town_generator::Town;

const SEEDS: [u64; 4] = [1, 2, 1001, 2001];

fn graphs() -> &'static [LaneGraph] {
    static GRAPHS: OnceLock<Vec<LaneGraph>> = OnceLock::new();
    let town = |seed: &u64| LaneGraph::from_opendrive(&Town::new(*seed).to_opendrive(), &format!("town {seed}"));
    GRAPHS.get_or_init(|| SEEDS.iter().map(|s| town(s).unwrap()).collect())
}

fn driving(graph: &LaneGraph) -> Vec<&Lane> {
    graph.lanes().filter(|l| l.kind == LaneKind::Driving).collect()
}

/// Lanes that can be reached from `start` along these edges.
fn reached(start: LaneId, next: &BTreeMap<LaneId, Vec<LaneId>>) -> BTreeSet<LaneId> {
    let (mut seen, mut open) = (BTreeSet::from([start]), vec![start]);
    while let Some(id) = open.pop() {
        open.extend(next[&id].iter().copied().filter(|n| seen.insert(*n)));
    }
    seen
}

#[test]
fn the_same_seed_gives_the_same_town_and_another_seed_another() {
    assert_eq!(Town::new(7).to_opendrive(), Town::new(7).to_opendrive());
    assert_ne!(Town::new(7).to_opendrive(), Town::new(8).to_opendrive());
}

#[test]
fn the_shipped_town_is_the_generators_seed_1() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../maps/town.xodr");
    let text = std::fs::read_to_string(shipped).unwrap();
    assert!(text == Town::new(1).to_opendrive(), "write it again: town_generator --seed 1 --out maps/town.xodr");
    assert!(text.len() < 1_000_000, "{} bytes", text.len());
}

#[test]
fn there_are_at_least_four_kilometres_of_road() {
    for seed in SEEDS {
        let length = Town::new(seed).road_length_m();
        assert!(length > 4000.0, "seed {seed}: {length} m");
    }
}

#[test]
fn every_driving_lane_can_be_reached_from_every_other_without_changing_lanes_against_the_rules() {
    for graph in graphs() {
        let mut next: BTreeMap<LaneId, Vec<LaneId>> = BTreeMap::new();
        for lane in driving(graph) {
            assert!(!lane.successors.is_empty(), "{}: {} is a dead end", graph.name, lane.source);
            let mut reachable = lane.successors.clone();
            reachable.extend(lane.left_neighbor.filter(|_| lane.can_change_left()));
            reachable.extend(lane.right_neighbor.filter(|_| lane.can_change_right()));
            next.insert(lane.id, reachable);
        }
        let mut back: BTreeMap<LaneId, Vec<LaneId>> = next.keys().map(|id| (*id, Vec::new())).collect();
        for (from, to) in &next {
            to.iter().for_each(|to| back.get_mut(to).unwrap().push(*from));
        }
        let start = *next.keys().next().unwrap();
        assert_eq!(reached(start, &next).len(), next.len(), "{}", graph.name);
        assert_eq!(reached(start, &back).len(), next.len(), "{}", graph.name);
    }
}

#[test]
fn lanes_follow_each_other_without_gap_or_kink_and_bend_no_more_than_a_car_can() {
    for graph in graphs() {
        for lane in driving(graph) {
            let end = lane.pose_at(lane.length());
            for next in lane.successors.iter().map(|id| graph.lane(*id).unwrap()) {
                let start = next.pose_at(0.0);
                let gap = end.position.distance(start.position);
                assert!(gap < 0.01, "{}: {} to {}: {gap} m", graph.name, lane.source, next.source);
                // Chords of arcs differ from tangents by half their angle, on both sides.
                let kink = angle_difference(start.yaw, end.yaw).abs().to_degrees();
                assert!(kink < 3.0, "{}: {} to {}: {kink} deg", graph.name, lane.source, next.source);
            }
            let mut s = 0.0;
            while s < lane.length() {
                assert!(lane.width_at(s) > 2.75, "{}: {} at {s}", graph.name, lane.source);
                let curvature = lane.center.curvature_at(s, 2.0).abs();
                // A car with 2.8 m between its axles and 0.61 rad of steering turns within 4 m.
                assert!(curvature < 1.0 / 7.5, "{}: {} at {s}: {curvature} 1/m", graph.name, lane.source);
                s += 1.0;
            }
        }
    }
}

#[test]
fn every_town_has_all_that_driving_is_to_be_tried_on() {
    for (seed, graph) in SEEDS.iter().zip(graphs()) {
        let lanes = driving(graph);
        assert!(graph.controllers.iter().any(|c| c.phases.len() == 2), "a signalised crossing of two phases");
        let has =
            |reason: fn(&StopReason) -> bool| lanes.iter().any(|l| l.stop_lines.iter().any(|x| reason(&x.reason)));
        assert!(has(|r| matches!(r, StopReason::Signal(_))), "seed {seed}: lights");
        assert!(has(|r| matches!(r, StopReason::StopSign)), "seed {seed}: stop signs");
        assert!(has(|r| matches!(r, StopReason::Yield)), "seed {seed}: yield signs");
        let priority = |p: Priority| lanes.iter().any(|l| l.conflicts.iter().any(|c| c.priority == p));
        assert!(priority(Priority::Mine) && priority(Priority::Other), "seed {seed}: right of way");
        assert!(graph.crosswalks.iter().filter(|c| c.signal.is_none()).count() >= 2, "seed {seed}: crosswalks");
        assert!(graph.crosswalks.iter().any(|c| c.signal.is_some()), "seed {seed}: crosswalks with signals");
        assert!(lanes.iter().any(|l| l.can_change_left()), "seed {seed}: lanes to change to");
        assert!(lanes.iter().any(|l| l.left_boundary == Boundary::Solid), "seed {seed}: solid lines");
        let (low, high) =
            lanes.iter().flat_map(|l| &l.elevation).fold((0.0_f64, 0.0_f64), |a, z| (a.0.min(*z), a.1.max(*z)));
        assert!(high - low > 3.0, "seed {seed}: a hill, not {} m", high - low);
        assert!(graph.lanes().any(|l| l.kind == LaneKind::Sidewalk), "seed {seed}: sidewalks");
        for kind in ["building", "tree", "pole"] {
            assert!(graph.objects.iter().filter(|o| o.kind == kind).count() > 20, "seed {seed}: {kind}");
        }
        let xml = Town::new(*seed).to_opendrive();
        for part in ["<spiral", "<arc", "<paramPoly3", "name=\"roundabout\"", "name=\"tjunction\"", "name=\"merge\""] {
            assert!(xml.contains(part), "seed {seed}: {part}");
        }
    }
}

#[test]
fn nothing_stands_on_a_lane_or_sidewalk() {
    for graph in graphs() {
        for object in &graph.objects {
            let around = object.footprint.center.position;
            for near in graph.lanes_near(around, 30.0) {
                let lane = graph.lane(near.lane).unwrap();
                let mut s = 0.0;
                while s <= lane.length() {
                    let center = lane.pose_at(s).position;
                    let gap = object.footprint.distance_to_point(center) - lane.width_at(s) / 2.0;
                    assert!(gap > 0.0, "{}: {} {} on {} by {gap}", graph.name, object.kind, object.id, lane.source);
                    s += 1.0;
                }
            }
        }
    }
}

#[test]
fn carlas_own_reader_takes_the_town() {
    let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
        println!("skipped: FERRODRIVE_PYTHON names no Python that has the carla package");
        return;
    };
    let path = std::env::temp_dir().join(format!("town_{}.xodr", std::process::id()));
    std::fs::write(&path, Town::new(1).to_opendrive()).unwrap();
    let script = "import carla,sys\nm=carla.Map('t',open(sys.argv[1]).read())\n\
        assert len(m.generate_waypoints(5))>1000 and len(m.get_topology())>100\nprint('read')";
    let output = std::process::Command::new(python).args(["-c", script]).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn where_two_lanes_meet_one_goes_first_or_neither() {
    for graph in graphs() {
        for lane in driving(graph) {
            for conflict in &lane.conflicts {
                let other = graph.lane(conflict.other).unwrap();
                let back: Vec<Priority> =
                    other.conflicts.iter().filter(|c| c.other == lane.id).map(|c| c.priority).collect();
                let wanted = match conflict.priority {
                    Priority::Mine => Priority::Other,
                    Priority::Other => Priority::Mine,
                    Priority::Equal => Priority::Equal,
                };
                assert_eq!(back, vec![wanted], "{}: {} and {}", graph.name, lane.source, other.source);
            }
        }
    }
}

#[test]
fn every_light_has_its_stop_line_and_every_stop_line_lies_before_its_junction() {
    for graph in graphs() {
        for lane in driving(graph) {
            for line in lane.stop_lines.iter().filter(|l| !matches!(l.reason, StopReason::Crosswalk(_))) {
                let before = lane.length() - line.s;
                assert!(lane.junction.is_none() && (0.5..8.0).contains(&before), "{}: {}", graph.name, lane.source);
                let into = lane.successors.iter().all(|id| graph.lane(*id).unwrap().junction.is_some());
                assert!(into, "{}: the line on {} leads into no junction", graph.name, lane.source);
            }
        }
        for signal in &graph.signals {
            let SignalKind::Light(group) = signal.kind else { continue };
            let governs = |l: &&Lane| l.stop_lines.iter().any(|x| x.reason == StopReason::Signal(group));
            // Beside its line, or beyond the crossing and turned towards those who wait at the line.
            let shows = |lane: &Lane| {
                lane.stop_lines.iter().any(|x| {
                    let (at, to) = (lane.pose_at(x.s), signal.position - lane.pose_at(x.s).position);
                    let faces = angle_difference(signal.facing, at.yaw).abs() > 2.2;
                    faces && (to.norm() < 8.0 || (to.norm() < 70.0 && at.forward().dot(to) > 0.8 * to.norm()))
                })
            };
            assert!(driving(graph).into_iter().filter(governs).any(shows), "{}: light {}", graph.name, signal.id);
        }
        // Every line has a light that can be read from it: far enough ahead.
        for lane in driving(graph) {
            for line in &lane.stop_lines {
                let StopReason::Signal(group) = line.reason else { continue };
                let at = lane.pose_at(line.s);
                let readable = graph.signals.iter().filter(|s| s.kind == SignalKind::Light(group)).any(|signal| {
                    let to = signal.position - at.position;
                    at.forward().dot(to) > 0.8 * to.norm() && to.norm() > 10.0
                });
                assert!(readable, "{}: no light beyond the line on {}", graph.name, lane.source);
            }
        }
    }
}

#[test]
fn sidewalks_keep_off_driving_lanes() {
    for graph in graphs() {
        for lane in graph.lanes().filter(|l| l.kind == LaneKind::Sidewalk) {
            for (i, point) in lane.center.points().iter().enumerate().step_by(4) {
                for at in graph.lanes_near(*point, 4.0) {
                    let other = graph.lane(at.lane).unwrap();
                    let inside = at.distance < other.width_at(at.s) / 2.0 - 0.1
                        && (0.5..other.length() - 0.5).contains(&at.s)
                        && other.kind == LaneKind::Driving;
                    assert!(!inside, "{}: {} at point {i} lies on {}", graph.name, lane.source, other.source);
                }
            }
        }
    }
}
