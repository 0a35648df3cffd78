//! What in a map a car could stumble over.

use std::collections::{BTreeMap, BTreeSet};

use geometry::angle_difference;
use road_map::{Lane, LaneGraph, LaneId, LaneKind};

/// A driving lane narrower or wider than this is worth a look, m.
const WIDTHS_M: std::ops::RangeInclusive<f64> = 2.0..=8.0;
/// A lane's end and its successor's start lie together within this, m.
const GAP_M: f64 = 0.5;
/// And turn by less than this, rad.
const KINK_RAD: f64 = 0.6;
/// Limits that are worth a look, m/s.
const LIMITS_MPS: std::ops::RangeInclusive<f64> = 1.0..=40.0;

/// One sentence for each thing found, in order of lanes.
pub fn check(graph: &LaneGraph) -> Vec<String> {
    let mut found = Vec::new();
    let driving = || graph.lanes().filter(|lane| lane.kind == LaneKind::Driving);
    for lane in driving() {
        let mut say = |what: String| found.push(format!("{} (id {}): {what}", lane.source, lane.id.0));
        if lane.successors.is_empty() && lane.predecessors.is_empty() {
            say("no lane leads to it and none from it".into());
        }
        let widths = [0.0, 0.5, 1.0].map(|share| lane.width_at(share * lane.length()));
        if let Some(width) = widths.iter().find(|width| !WIDTHS_M.contains(*width)) {
            say(format!("{width:.1} m wide"));
        }
        if !LIMITS_MPS.contains(&lane.speed_limit_mps) {
            say(format!("speed limit {:.0} km/h", lane.speed_limit_mps * 3.6));
        }
        for next in lane.successors.iter().filter_map(|id| graph.lane(*id)) {
            let (end, start) = (lane.pose_at(lane.length()), next.pose_at(0.0));
            let gap = end.position.distance(start.position);
            let kink = angle_difference(start.yaw, end.yaw).abs();
            if !(gap <= GAP_M) {
                say(format!("{gap:.1} m lie between its end and the start of {}", next.source));
            } else if !(kink <= KINK_RAD) {
                say(format!("the way bends by {:.0} degrees into {}", kink.to_degrees(), next.source));
            }
        }
        for line in lane.stop_lines.iter().filter(|line| !(0.0..=lane.length() + 1e-6).contains(&line.s)) {
            say(format!("a stop line at {:.1} m lies beyond it", line.s));
        }
    }
    let parts = parts(driving());
    if parts.len() > 1 {
        let sizes: Vec<String> = parts.iter().map(ToString::to_string).collect();
        found.push(format!("the driving lanes fall apart into {} networks of {} lanes", parts.len(), sizes.join(", ")));
    }
    found
}

/// Sizes of the networks of connected lanes, largest first.
fn parts<'a>(lanes: impl Iterator<Item = &'a Lane>) -> Vec<usize> {
    let lanes: BTreeMap<LaneId, &Lane> = lanes.map(|lane| (lane.id, lane)).collect();
    let mut seen = BTreeSet::new();
    let mut sizes = Vec::new();
    for id in lanes.keys() {
        let (mut size, mut waiting) = (0, vec![*id]);
        while let Some(at) = waiting.pop() {
            let Some(lane) = lanes.get(&at).filter(|_| seen.insert(at)) else { continue };
            size += 1;
            let beside = lane.left_neighbor.into_iter().chain(lane.right_neighbor);
            waiting.extend(lane.successors.iter().chain(&lane.predecessors).copied().chain(beside));
        }
        if size > 0 {
            sizes.push(size);
        }
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}
