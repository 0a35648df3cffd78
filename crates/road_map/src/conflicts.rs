//! Where lanes cross or join, and who goes first there.

use std::collections::{BTreeMap, BTreeSet};

use geometry::{Point2, angle_difference};

use crate::{Conflict, Lane, LaneGraph, LaneId, LaneKind, Priority, StopReason, Turn};

/// Centre lines nearer than this conflict: the width of a car with some room, m.
const CLEARANCE_M: f64 = 2.3;
/// Spacing of the samples, m.
const STEP_M: f64 = 0.5;
/// Two entries with headings further apart than this face each other, rad.
const OPPOSITE_RAD: f64 = 2.36;

/// Fills the conflicts of all lanes. `priorities` holds pairs of lanes of higher and lower priority.
pub(crate) fn find(graph: &mut LaneGraph, priorities: &BTreeSet<(LaneId, LaneId)>) {
    let mut by_junction: BTreeMap<i64, Vec<LaneId>> = BTreeMap::new();
    let mut found: Vec<(LaneId, Conflict)> = Vec::new();
    for lane in graph.lanes.values().filter(|l| l.kind == LaneKind::Driving) {
        if let Some(junction) = lane.junction {
            by_junction.entry(junction).or_default().push(lane.id);
        } else {
            join_outside_junctions(graph, lane, &mut found);
        }
    }
    for lanes in by_junction.values() {
        for (i, a) in lanes.iter().enumerate() {
            for b in &lanes[i + 1..] {
                let (a, b) = (&graph.lanes[a], &graph.lanes[b]);
                if a.predecessors.iter().any(|p| b.predecessors.contains(p)) {
                    continue;
                }
                let (Some(on_a), Some(on_b)) = (stretch(a, b), stretch(b, a)) else { continue };
                found.push((a.id, conflict(b.id, on_a, on_b, priority(graph, a, b, priorities))));
                found.push((b.id, conflict(a.id, on_b, on_a, priority(graph, b, a, priorities))));
            }
        }
    }
    for (id, conflict) in found {
        if let Some(lane) = graph.lanes.get_mut(&id) {
            lane.conflicts.push(conflict);
        }
    }
    for lane in graph.lanes.values_mut() {
        lane.conflicts.sort_by(|a, b| a.from_s.total_cmp(&b.from_s).then(a.other.cmp(&b.other)));
    }
}

/// Lanes outside junctions that go on in the same lane: exactly one of two goes first.
fn join_outside_junctions(graph: &LaneGraph, lane: &Lane, found: &mut Vec<(LaneId, Conflict)>) {
    for next in lane.successors.iter().filter_map(|id| graph.lanes.get(id)) {
        for other in next.predecessors.iter().filter_map(|id| graph.lanes.get(id)) {
            if other.id == lane.id || other.junction.is_some() {
                continue;
            }
            if let (Some(mine), Some(theirs)) = (stretch(lane, other), stretch(other, lane)) {
                let priority = if goes_first(lane, other, next) { Priority::Mine } else { Priority::Other };
                found.push((lane.id, conflict(other.id, mine, theirs, priority)));
            }
        }
    }
}

/// Which of two lanes that join goes first: the one that a sign does not stop, that does not narrow to its end, that
/// allows more speed, that runs straighter into the next lane; at last the left one, since one joins from the right.
fn goes_first(lane: &Lane, other: &Lane, next: &Lane) -> bool {
    let signed = |l: &Lane| l.stop_lines.iter().any(|x| matches!(x.reason, StopReason::Yield | StopReason::StopSign));
    let end = |l: &Lane| l.pose_at(l.length());
    let bend = |l: &Lane| angle_difference(next.pose_at(0.0).yaw, l.pose_at(l.length() - 10.0).yaw).abs();
    // Values that differ by less than this are the same.
    let compare = |a: f64, b: f64, same: f64| if (a - b).abs() > same { Some(a < b) } else { None };
    let by_sign = (signed(lane) != signed(other)).then(|| !signed(lane));
    by_sign
        .or_else(|| compare(other.width_at(other.length()), lane.width_at(lane.length()), 0.05))
        .or_else(|| compare(other.speed_limit_mps, lane.speed_limit_mps, 0.1))
        .or_else(|| compare(bend(lane), bend(other), 0.05))
        .unwrap_or_else(|| {
            let back = |l: &Lane| l.pose_at((l.length() - 10.0).max(0.0)).position - end(l).position;
            let axis = next.pose_at(0.0).forward();
            compare(axis.cross(back(other)), axis.cross(back(lane)), 0.05).unwrap_or(lane.id < other.id)
        })
}

fn conflict(other: LaneId, mine: (f64, f64), theirs: (f64, f64), priority: Priority) -> Conflict {
    Conflict { other, from_s: mine.0, to_s: mine.1, other_from_s: theirs.0, other_to_s: theirs.1, priority }
}

/// The stretch of `lane` that comes nearer than the clearance to `other`.
fn stretch(lane: &Lane, other: &Lane) -> Option<(f64, f64)> {
    let bounds = |lane: &Lane| {
        let points = lane.center.points();
        let fold = |f: fn(f64, f64) -> f64, start: f64, get: fn(&Point2<geometry::Map>) -> f64| {
            points.iter().map(get).fold(start, f)
        };
        (
            fold(f64::min, f64::INFINITY, |p| p.x),
            fold(f64::max, f64::NEG_INFINITY, |p| p.x),
            fold(f64::min, f64::INFINITY, |p| p.y),
            fold(f64::max, f64::NEG_INFINITY, |p| p.y),
        )
    };
    let (a, b) = (bounds(lane), bounds(other));
    if a.0 > b.1 + CLEARANCE_M || b.0 > a.1 + CLEARANCE_M || a.2 > b.3 + CLEARANCE_M || b.2 > a.3 + CLEARANCE_M {
        return None;
    }
    let steps = (lane.length() / STEP_M).ceil().max(1.0) as usize;
    let mut near = (0..=steps)
        .map(|i| lane.length() * i as f64 / steps as f64)
        .filter(|s| other.position_of(lane.pose_at(*s).position).distance < CLEARANCE_M);
    let from = near.next()?;
    Some((from, near.next_back().unwrap_or(from)))
}

fn priority(graph: &LaneGraph, mine: &Lane, other: &Lane, priorities: &BTreeSet<(LaneId, LaneId)>) -> Priority {
    if priorities.contains(&(mine.id, other.id)) {
        return Priority::Mine;
    }
    if priorities.contains(&(other.id, mine.id)) {
        return Priority::Other;
    }
    match (gives_way(graph, mine), gives_way(graph, other)) {
        (true, false) => return Priority::Other,
        (false, true) => return Priority::Mine,
        _ => {}
    }
    let facing = angle_difference(mine.pose_at(0.0).yaw, other.pose_at(0.0).yaw).abs() > OPPOSITE_RAD;
    match (mine.turn == Turn::Left, other.turn == Turn::Left) {
        (true, false) if facing => Priority::Other,
        (false, true) if facing => Priority::Mine,
        _ => Priority::Equal,
    }
}

/// Whether a sign on the lane, or at the end of the one before, tells it to give way.
fn gives_way(graph: &LaneGraph, lane: &Lane) -> bool {
    let signed =
        |lane: &Lane| lane.stop_lines.iter().any(|l| matches!(l.reason, StopReason::Yield | StopReason::StopSign));
    signed(lane) || lane.predecessors.iter().filter_map(|id| graph.lanes.get(id)).any(signed)
}
