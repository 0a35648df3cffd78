use std::collections::BTreeMap;

use geometry::{Map, Point2, Pose2, Projection};
use road_map::{Conflict, Crosswalk, Lane, LaneGraph, LaneId, LaneKind};

/// A lane with its links as indices, as traffic needs it at every step.
#[derive(Debug, Clone)]
pub(crate) struct NetLane {
    pub lane: Lane,
    pub length: f64,
    pub successors: Vec<usize>,
    pub predecessors: Vec<usize>,
    pub left: Option<usize>,
    pub right: Option<usize>,
    pub conflicts: Vec<(usize, Conflict)>,
    /// Crosswalks on it: index, from and to, m.
    pub crosswalks: Vec<(usize, f64, f64)>,
    /// Comfortable speed at each centre point for its curvature, m/s.
    pub curve_speed: Vec<f64>,
}

/// The lane graph, indexed for the world's needs.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub lanes: Vec<NetLane>,
    pub by_id: BTreeMap<LaneId, usize>,
    pub crosswalks: Vec<Crosswalk>,
    cells: BTreeMap<(i32, i32), Vec<(usize, u32)>>,
}

const CELL_M: f64 = 10.0;
/// Lateral acceleration that traffic takes curves with, m/s².
const CURVE_ACCELERATION: f64 = 2.0;

impl Network {
    pub fn new(map: &LaneGraph) -> Self {
        Self::from_lanes(map.lanes().cloned().collect(), map.crosswalks.clone())
    }

    pub fn from_lanes(lanes: Vec<Lane>, crosswalks: Vec<Crosswalk>) -> Self {
        let by_id: BTreeMap<LaneId, usize> = lanes.iter().enumerate().map(|(i, lane)| (lane.id, i)).collect();
        let index = |id: &LaneId| by_id.get(id).copied();
        let driving = |i: &usize| lanes[*i].kind == LaneKind::Driving;
        let mut net: Vec<NetLane> = lanes
            .iter()
            .map(|lane| NetLane {
                length: lane.center.length(),
                successors: lane.successors.iter().filter_map(index).collect(),
                predecessors: lane.predecessors.iter().filter_map(index).collect(),
                left: lane.left_neighbor.as_ref().and_then(index).filter(driving),
                right: lane.right_neighbor.as_ref().and_then(index).filter(driving),
                conflicts: lane.conflicts.iter().filter_map(|c| index(&c.other).map(|o| (o, *c))).collect(),
                crosswalks: Vec::new(),
                curve_speed: curve_speeds(lane),
                lane: lane.clone(),
            })
            .collect();
        for (number, crosswalk) in crosswalks.iter().enumerate() {
            for (id, from, to) in &crosswalk.lanes {
                if let Some(i) = by_id.get(id) {
                    net[*i].crosswalks.push((number, *from, *to));
                }
            }
        }
        let mut cells: BTreeMap<(i32, i32), Vec<(usize, u32)>> = BTreeMap::new();
        for (i, lane) in net.iter().enumerate() {
            for (k, point) in lane.lane.center.points().iter().enumerate() {
                cells.entry(cell(*point)).or_default().push((i, k as u32));
            }
        }
        Self { lanes: net, by_id, crosswalks, cells }
    }

    /// Lanes with a centre point within about `radius_m` of the place, with their projections, by index.
    pub fn near(&self, point: Point2<Map>, radius_m: f64) -> Vec<(usize, Projection<Map>)> {
        let reach = (radius_m / CELL_M).ceil() as i32;
        let (cx, cy) = cell(point);
        let mut spans: BTreeMap<usize, (u32, u32)> = BTreeMap::new();
        for x in cx - reach..=cx + reach {
            for (_, entries) in self.cells.range((x, cy - reach)..=(x, cy + reach)) {
                for &(lane, k) in entries {
                    let span = spans.entry(lane).or_insert((k, k));
                    *span = (span.0.min(k), span.1.max(k));
                }
            }
        }
        let mut found = Vec::new();
        for (i, (first, last)) in spans {
            let center = &self.lanes[i].lane.center;
            let arc = center.arc_lengths();
            let to = arc[(last as usize + 1).min(arc.len() - 1)];
            let projection = center.project_between(point, arc[first.saturating_sub(1) as usize], to);
            if projection.foot.position.distance(point) <= radius_m {
                found.push((i, projection));
            }
        }
        found
    }

    /// The driving lane that a pose follows: least offset among those within `reach_m` and 60 degrees.
    pub fn matched(&self, pose: Pose2<Map>, reach_m: f64) -> Option<(usize, Projection<Map>)> {
        self.near(pose.position, reach_m + 5.0)
            .into_iter()
            .filter(|(i, p)| {
                self.lanes[*i].lane.kind == LaneKind::Driving
                    && geometry::angle_difference(pose.yaw, p.foot.yaw).abs() < 1.05
                    && p.foot.position.distance(pose.position) <= reach_m
            })
            .min_by(|a, b| misfit(&a.1, pose).total_cmp(&misfit(&b.1, pose)))
    }

    /// Half widths to the left and right of the centre at arc length `s`, m.
    pub fn half_widths(&self, lane: usize, s: f64) -> (f64, f64) {
        let lane = &self.lanes[lane].lane;
        let (i, ratio) = vertex(lane.center.arc_lengths(), s);
        let points = lane.center.points();
        let at = |side: &[Point2<Map>], k: usize| side[k].distance(points[k]);
        let mix = |side: &[Point2<Map>]| at(side, i) * (1.0 - ratio) + at(side, i + 1) * ratio;
        (mix(&lane.left), mix(&lane.right))
    }

    /// Height of the road at arc length `s`, m.
    pub fn elevation(&self, lane: usize, s: f64) -> f64 {
        let lane = &self.lanes[lane].lane;
        let (i, ratio) = vertex(lane.center.arc_lengths(), s);
        lane.elevation[i] * (1.0 - ratio) + lane.elevation[i + 1] * ratio
    }

    /// Comfortable speed at arc length `s`, m/s: the limit, or less in a curve.
    pub fn speed_at(&self, lane: usize, s: f64) -> f64 {
        let lane = &self.lanes[lane];
        let (i, _) = vertex(lane.lane.center.arc_lengths(), s);
        lane.lane.speed_limit_mps.min(lane.curve_speed[i]).min(lane.curve_speed[i + 1])
    }

    /// Shortest way from one place to another along successors and crossable neighbours: lane indices in order.
    ///
    /// Costs are lengths; a lane change costs 30 m. `None` where no way leads there.
    pub fn route(&self, from: (usize, f64), to: (usize, f64)) -> Option<Vec<usize>> {
        let mut best: BTreeMap<usize, (f64, Option<usize>)> = BTreeMap::new();
        let mut queue: std::collections::BTreeSet<(u64, usize)> = std::collections::BTreeSet::new();
        // Centimetres as whole numbers order the queue without comparing floats.
        let key = |cost: f64| (cost.max(0.0) * 100.0) as u64;
        best.insert(from.0, (self.lanes[from.0].length - from.1, None));
        queue.insert((key(self.lanes[from.0].length - from.1), from.0));
        if from.0 == to.0 && to.1 >= from.1 {
            return Some(vec![from.0]);
        }
        while let Some((_, lane)) = queue.pop_first() {
            let cost = best[&lane].0;
            if lane == to.0 && best[&lane].1.is_some() {
                let mut way = vec![lane];
                let mut at = lane;
                while let Some(previous) = best[&at].1 {
                    way.push(previous);
                    at = previous;
                    if at == from.0 {
                        break;
                    }
                }
                way.reverse();
                return Some(way);
            }
            let mut relax = |next: usize, cost: f64| {
                if self.lanes[next].lane.kind == LaneKind::Driving && best.get(&next).is_none_or(|(c, _)| cost < *c) {
                    if let Some((old, _)) = best.insert(next, (cost, Some(lane))) {
                        queue.remove(&(key(old), next));
                    }
                    queue.insert((key(cost), next));
                }
            };
            for &next in &self.lanes[lane].successors {
                relax(next, cost + self.lanes[next].length);
            }
            let here = &self.lanes[lane];
            for (side, boundary) in [(here.left, here.lane.left_boundary), (here.right, here.lane.right_boundary)] {
                if let (Some(next), road_map::Boundary::Crossable, true) = (side, boundary, here.length > 30.0) {
                    relax(next, cost + 30.0);
                }
            }
        }
        None
    }
}

fn cell(point: Point2<Map>) -> (i32, i32) {
    ((point.x / CELL_M).floor() as i32, (point.y / CELL_M).floor() as i32)
}

fn misfit(projection: &Projection<Map>, pose: Pose2<Map>) -> f64 {
    projection.foot.position.distance(pose.position)
        + 3.0 * geometry::angle_difference(pose.yaw, projection.foot.yaw).abs()
}

/// The segment that holds `s` and the place in it, 0..=1.
fn vertex(arc: &[f64], s: f64) -> (usize, f64) {
    let i = arc.partition_point(|&a| a <= s).clamp(1, arc.len() - 1) - 1;
    (i, ((s - arc[i]) / (arc[i + 1] - arc[i])).clamp(0.0, 1.0))
}

fn curve_speeds(lane: &Lane) -> Vec<f64> {
    let arc = lane.center.arc_lengths();
    arc.iter()
        .map(|&s| {
            let curvature = lane.center.curvature_at(s, 6.0).abs();
            (CURVE_ACCELERATION / curvature.max(1e-4)).sqrt().max(2.5)
        })
        .collect()
}
