//! Lanelet2 knows no junctions: lanes that cross each other, and those that part or join there, are taken for one.

use std::collections::BTreeMap;

use geometry::{Map, Point2, angle_difference};

use crate::{Lane, LaneId, LaneKind, Turn};

/// Turning less than this is going straight on, rad.
const STRAIGHT_RAD: f64 = 0.52;

/// Gives each junction's lanes a number (the least id of its lanes) and their turns.
pub(super) fn mark(lanes: &mut BTreeMap<LaneId, Lane>) {
    let driving: Vec<LaneId> = lanes.values().filter(|l| l.kind == LaneKind::Driving).map(|l| l.id).collect();
    let boxes: BTreeMap<LaneId, [f64; 4]> = driving.iter().map(|id| (*id, bounding_box(&lanes[id]))).collect();
    let mut parent: BTreeMap<LaneId, LaneId> = driving.iter().map(|id| (*id, *id)).collect();
    let mut in_junction: BTreeMap<LaneId, bool> = BTreeMap::new();
    for (index, a) in driving.iter().enumerate() {
        for b in &driving[index + 1..] {
            let (one, two) = (&lanes[a], &lanes[b]);
            let parts = one.predecessors.iter().any(|p| two.predecessors.contains(p));
            let joins = one.successors.iter().any(|s| two.successors.contains(s));
            let linked = one.successors.contains(b) || two.successors.contains(a) || a.0 == -b.0;
            let crosses = !parts && !joins && !linked && touch(&boxes[a], &boxes[b]) && cross(one, two);
            if crosses {
                in_junction.insert(*a, true);
                in_junction.insert(*b, true);
            }
            if crosses || parts || joins {
                let (root_a, root_b) = (root(&parent, *a), root(&parent, *b));
                let (low, high) = (root_a.min(root_b), root_a.max(root_b));
                parent.insert(high, low);
            }
        }
    }
    let roots: Vec<LaneId> = in_junction.keys().map(|id| root(&parent, *id)).collect();
    for id in driving {
        let number = root(&parent, id);
        if !roots.contains(&number) {
            continue;
        }
        if let Some(lane) = lanes.get_mut(&id) {
            lane.junction = Some(number.0);
            if lane.turn == Turn::Straight {
                let turned = angle_difference(lane.pose_at(lane.length()).yaw, lane.pose_at(0.0).yaw);
                lane.turn = match turned {
                    t if t > STRAIGHT_RAD => Turn::Left,
                    t if t < -STRAIGHT_RAD => Turn::Right,
                    _ => Turn::Straight,
                };
            }
        }
    }
}

fn root(parent: &BTreeMap<LaneId, LaneId>, id: LaneId) -> LaneId {
    let mut at = id;
    while parent[&at] != at {
        at = parent[&at];
    }
    at
}

fn bounding_box(lane: &Lane) -> [f64; 4] {
    lane.center.points().iter().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |b, p| {
        [b[0].min(p.x), b[1].min(p.y), b[2].max(p.x), b[3].max(p.y)]
    })
}

fn touch(a: &[f64; 4], b: &[f64; 4]) -> bool {
    a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3]
}

fn cross(a: &Lane, b: &Lane) -> bool {
    let meet = |p: &[Point2<Map>], q: &[Point2<Map>]| {
        let side = |a: Point2<Map>, b: Point2<Map>, c: Point2<Map>| (b - a).cross(c - a);
        side(p[0], p[1], q[0]) * side(p[0], p[1], q[1]) < 0.0 && side(q[0], q[1], p[0]) * side(q[0], q[1], p[1]) < 0.0
    };
    a.center.points().windows(2).any(|p| b.center.points().windows(2).any(|q| meet(p, q)))
}
