use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::{Lane, LaneGraph, LaneId, LaneKind};

/// What a route may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouteOptions {
    /// Whether lanes may be changed where the line between them is broken.
    pub lane_changes: bool,
    /// Added for each lane change, m.
    pub lane_change_cost_m: f64,
    /// Shortest stretch that a lane change needs, m.
    pub lane_change_length_m: f64,
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self { lane_changes: true, lane_change_cost_m: 30.0, lane_change_length_m: 25.0 }
    }
}

/// How a route goes on behind a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneChange {
    /// Along the lane into its successor, or the route ends.
    None,
    /// To the neighbour on the left.
    Left,
    /// To the neighbour on the right.
    Right,
}

/// A stretch of one lane on a route.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteSegment {
    /// The lane to drive on.
    pub lane: LaneId,
    /// Lanes beside it from which the route can still be followed, nearest first.
    pub alternatives: Vec<LaneId>,
    /// Where the segment begins on the lane, m.
    pub from_s: f64,
    /// Where it ends, m.
    pub to_s: f64,
    /// How it goes on.
    pub change: LaneChange,
}

/// A way through the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its segments in order.
    pub segments: Vec<RouteSegment>,
    /// Length to drive, m.
    pub length_m: f64,
}

/// A lane, and whether it was reached from the start by lane changes alone: what lies behind the start is then out of
/// reach on it.
type Node = (LaneId, bool);

/// Cost of each node reached, and the node it was reached from with how that one is left.
type Reached = BTreeMap<Node, (u64, (Node, LaneChange))>;

/// An entry of the search's frontier: cost in millimetres, so that it has a total order.
type Frontier = BinaryHeap<Reverse<(u64, Node)>>;

impl LaneGraph {
    /// The cheapest route over driving lanes from one place to another (Dijkstra), `None` where there is none.
    ///
    /// A place is a lane and the arc length on it, m. Cost is length plus what `options` adds.
    pub fn shortest_route(&self, from: (LaneId, f64), to: (LaneId, f64), options: RouteOptions) -> Option<Route> {
        let (start, goal) = (self.lane(from.0)?, self.lane(to.0)?);
        let valid = |lane: &Lane, s: f64| lane.kind == LaneKind::Driving && s >= 0.0 && s <= lane.length() + 1e-6;
        if !valid(start, from.1) || !valid(goal, to.1) {
            return None;
        }
        if from.0 == to.0 && from.1 <= to.1 {
            return Some(self.assemble(&[(from.0, LaneChange::None)], from.1, to.1));
        }
        let came = self.search(start, from.1, goal, to.1, options)?;
        Some(self.assemble(&came, from.1, to.1))
    }

    /// Lanes from start to goal, each with how the route leaves it.
    fn search(
        &self,
        start: &Lane,
        from_s: f64,
        goal: &Lane,
        to_s: f64,
        options: RouteOptions,
    ) -> Option<Vec<(LaneId, LaneChange)>> {
        let millimetres = |m: f64| (m.max(0.0) * 1e3) as u64;
        let mut best: Reached = BTreeMap::new();
        let mut frontier: Frontier = BinaryHeap::new();
        let mut settled = BTreeSet::new();
        // The start is expanded by hand, so that a loop back to an earlier place on its own lane can be found.
        let rest = start.length() - from_s;
        let mut seeds: Vec<(Node, u64, LaneChange)> =
            start.successors.iter().map(|&n| ((n, false), millimetres(rest), LaneChange::None)).collect();
        let change_cost = millimetres(options.lane_change_cost_m);
        // Where the start lies on the goal's lane, should that be beside it: a change onto it must leave room ahead.
        let abreast_s = goal.position_of(start.pose_at(from_s).position).s;
        let has_room =
            |next: LaneId, from: f64| next != goal.id || to_s.total_cmp(&(from + options.lane_change_length_m)).is_ge();
        if options.lane_changes && rest >= options.lane_change_length_m {
            let reachable = changes(start).filter(|(n, _)| has_room(*n, abreast_s));
            seeds.extend(reachable.map(|(n, change)| ((n, true), change_cost, change)));
        }
        for (node, cost, change) in seeds {
            relax(&mut best, &mut frontier, node, cost, ((start.id, true), change));
        }
        while let Some(Reverse((cost, node))) = frontier.pop() {
            if !settled.insert(node) {
                continue;
            }
            let (id, abreast) = node;
            if id == goal.id {
                return Some(backtrack(&best, (start.id, true), node));
            }
            let Some(lane) = self.lane(id).filter(|l| l.kind == LaneKind::Driving) else { continue };
            for &next in &lane.successors {
                let cost = cost + millimetres(lane.length());
                relax(&mut best, &mut frontier, (next, false), cost, (node, LaneChange::None));
            }
            if options.lane_changes && lane.length() >= options.lane_change_length_m && lane.junction.is_none() {
                for (next, change) in changes(lane) {
                    let back_at_start = abreast && next == start.id;
                    if !back_at_start && has_room(next, if abreast { abreast_s } else { 0.0 }) {
                        relax(&mut best, &mut frontier, (next, abreast), cost + change_cost, (node, change));
                    }
                }
            }
        }
        None
    }

    fn assemble(&self, lanes: &[(LaneId, LaneChange)], from_s: f64, to_s: f64) -> Route {
        let mut segments: Vec<RouteSegment> = Vec::with_capacity(lanes.len());
        let mut length_m = 0.0;
        let mut begin = from_s;
        for (index, &(id, change)) in lanes.iter().enumerate() {
            let full = self.lanes[&id].length();
            let last = index + 1 == lanes.len();
            let end = if last { to_s } else { full };
            segments.push(RouteSegment { lane: id, alternatives: Vec::new(), from_s: begin, to_s: end, change });
            if change == LaneChange::None {
                length_m += end - begin;
                begin = 0.0;
            } else {
                let next = &self.lanes[&lanes[index + 1].0];
                begin = next.position_of(self.lanes[&id].pose_at(begin).position).s;
            }
        }
        self.add_alternatives(&mut segments);
        Route { segments, length_m }
    }

    /// From the end backwards: a neighbour serves as well if a successor of it serves the next segment, or if one can
    /// still change over from it.
    fn add_alternatives(&self, segments: &mut [RouteSegment]) {
        for index in (0..segments.len()).rev() {
            let lane = &self.lanes[&segments[index].lane];
            let mut found = Vec::new();
            for step in [|l: &Lane| l.left_neighbor, |l: &Lane| l.right_neighbor] {
                let mut at = step(lane);
                while let Some(neighbor) = at.and_then(|id| self.lane(id)) {
                    let serves = segments.get(index + 1).is_none_or(|next| {
                        neighbor.successors.iter().any(|s| *s == next.lane || next.alternatives.contains(s))
                    });
                    let reachable = neighbor.can_change_left() || neighbor.can_change_right();
                    if serves || (reachable && lane.junction.is_none()) {
                        found.push(neighbor.id);
                    }
                    at = step(neighbor).filter(|id| !found.contains(id) && *id != lane.id);
                }
            }
            segments[index].alternatives = found;
        }
    }
}

fn changes(lane: &Lane) -> impl Iterator<Item = (LaneId, LaneChange)> {
    let left = lane.left_neighbor.filter(|_| lane.can_change_left()).map(|id| (id, LaneChange::Left));
    let right = lane.right_neighbor.filter(|_| lane.can_change_right()).map(|id| (id, LaneChange::Right));
    left.into_iter().chain(right)
}

fn relax(best: &mut Reached, frontier: &mut Frontier, node: Node, cost: u64, from: (Node, LaneChange)) {
    if best.get(&node).is_none_or(|(known, _)| cost < *known) {
        best.insert(node, (cost, from));
        frontier.push(Reverse((cost, node)));
    }
}

fn backtrack(best: &Reached, start: Node, goal: Node) -> Vec<(LaneId, LaneChange)> {
    let mut lanes = vec![(goal.0, LaneChange::None)];
    let mut at = goal;
    while let Some((_, (from, change))) = best.get(&at) {
        lanes.push((from.0, *change));
        at = *from;
        if at == start {
            break;
        }
    }
    lanes.reverse();
    lanes
}
