//! Connecting roads of a junction: which lane leads to which, along which curve, and who goes first.

use std::f64::consts::PI;

use crate::path::{Path, wrapped};
use crate::road::{Connection, Junction, LaneSpec, Link, Mark, Port, Road, SIDEWALK_M};

/// A way through a junction.
struct Movement {
    from: usize,
    to: usize,
    from_lane: i32,
    to_lane: i32,
    /// Turning angle, left positive, rad.
    angle: f64,
    road: u32,
}

/// Builds all connecting roads between ports that are sorted by direction.
pub(crate) fn connect(junction: &mut Junction, ports: &[Port], z: f64, next_id: &mut u32, roads: &mut Vec<Road>) {
    let mut movements = Vec::new();
    for (from, a) in ports.iter().enumerate().filter(|(_, p)| p.incoming) {
        for (to, b) in ports.iter().enumerate().filter(|(_, p)| p.outgoing) {
            if from == to {
                continue;
            }
            let angle = wrapped(b.outward.heading - a.outward.heading - PI);
            for (from_lane, to_lane) in lane_pairs(angle, a.lanes, b.lanes) {
                let road = *next_id;
                *next_id += 1;
                movements.push(Movement { from, to, from_lane, to_lane, angle, road });
            }
        }
    }
    for movement in &movements {
        let (a, b) = (&ports[movement.from], &ports[movement.to]);
        let around_corner = movement.to == (movement.from + 1) % ports.len();
        let outermost = movement.from_lane == a.lanes - 1 && movement.to_lane == b.lanes - 1;
        let sidewalk = a.sidewalk && b.sidewalk && around_corner && outermost;
        let path = Path::connecting(a.lane_edge(movement.from_lane, true), b.lane_edge(movement.to_lane, false));
        let ids = (a.lane_id(movement.from_lane, true), b.lane_id(movement.to_lane, false));
        let mut lanes = vec![LaneSpec {
            id: -1,
            driving: true,
            width: (a.lane_width, b.lane_width),
            links: (Some(ids.0), Some(ids.1)),
            mark: Mark::None,
        }];
        let mut links = vec![(ids.0, -1)];
        if sidewalk {
            let ids = (a.lane_id(a.lanes, true), b.lane_id(b.lanes, false));
            lanes.push(LaneSpec {
                id: -2,
                driving: false,
                width: (SIDEWALK_M, SIDEWALK_M),
                links: (Some(ids.0), Some(ids.1)),
                mark: Mark::None,
            });
            links.push((ids.0, -2));
        }
        let turns = movement.angle.abs() > 40_f64.to_radians();
        roads.push(Road {
            id: movement.road,
            name: String::new(),
            path,
            junction: Some(junction.id),
            links: (Link::Road(a.road, a.contact), Link::Road(b.road, b.contact)),
            lanes,
            center: Mark::None,
            z: (z, z),
            speed_kmh: if turns { 30 } else { a.speed_kmh.min(b.speed_kmh) },
            signals: Vec::new(),
            references: Vec::new(),
            objects: Vec::new(),
        });
        junction.connections.push(Connection { incoming: a.road, connecting: movement.road, lanes: links });
    }
    junction.priorities = priorities(&movements, ports);
}

/// Lanes (counted from the middle) that a movement joins: the left lane turns left, the right lane right, straight on
/// each keeps its lane, and where lanes come or go the outer ones split or join.
fn lane_pairs(angle: f64, from: i32, to: i32) -> Vec<(i32, i32)> {
    if angle > 40_f64.to_radians() {
        vec![(0, 0)]
    } else if angle < -40_f64.to_radians() {
        vec![(from - 1, to - 1)]
    } else {
        (0..from.max(to)).map(|i| (i.min(from - 1), i.min(to - 1))).collect()
    }
}

fn priorities(movements: &[Movement], ports: &[Port]) -> Vec<(u32, u32)> {
    // Smaller goes first: main road before side road, then straight or right before left, then inner lane before outer.
    let rank = |m: &Movement| (ports[m.from].minor, m.angle > 40_f64.to_radians());
    let mut pairs = Vec::new();
    for a in movements {
        for b in movements {
            let before = if a.from == b.from {
                a.to == b.to && a.to_lane == b.to_lane && a.from_lane < b.from_lane
            } else {
                rank(a) < rank(b)
            };
            if before {
                pairs.push((a.road, b.road));
            }
        }
    }
    pairs
}
