//! The centre line of a sequence of lanes along the route, sampled each metre: the axis that proposals are laid on.

use std::collections::BTreeSet;

use geometry::{Map, Point2, Polyline, Pose2, angle_difference};
use road_map::{Boundary, Lane, LaneGraph, LaneId, LaneKind};

/// Distance between samples, m.
pub(crate) const STEP: f64 = 1.0;
/// How far the axis reaches behind the car, m.
const BEHIND: f64 = 15.0;
/// How far it reaches ahead, m.
const AHEAD: f64 = 130.0;

/// Beside its lane a car that was blocked for long may use this much of a junction, m.
const OPEN_M: f64 = 2.5;

/// A stretch of one lane on the axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub lane: LaneId,
    /// Where it begins on the axis, m.
    pub from: f64,
    /// Where it ends on the axis, m.
    pub to: f64,
    /// Arc length on the lane where it begins, m.
    pub lane_from: f64,
}

/// What the car does when it has stood for long: nothing blocks it for ever.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Patience {
    /// Drives on where the route does not.
    pub leaves_route: bool,
    /// Passes what stands in its lane over a solid line.
    pub crosses_solid: bool,
}

/// Why the axis ends where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AxisEnd {
    /// It reaches beyond what matters now.
    Horizon,
    /// The goal.
    Goal,
    /// The route goes on from another lane.
    RouteLost,
}

/// The lanes that the route allows, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct RouteLanes {
    /// Preferred lane and all lanes from which the route can be followed, for each segment.
    pub segments: Vec<(LaneId, BTreeSet<LaneId>)>,
    pub goal: Pose2<Map>,
}

impl RouteLanes {
    /// Index of the first segment from `from` on that holds the lane.
    pub fn index_of(&self, lane: LaneId, from: usize) -> Option<usize> {
        self.segments.iter().skip(from).position(|(_, lanes)| lanes.contains(&lane)).map(|i| i + from)
    }

    pub fn is_last(&self, lane: LaneId) -> bool {
        self.segments.last().is_some_and(|(preferred, _)| *preferred == lane)
    }
}

/// A sampled centre line with what is known of the road along it.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub poses: Vec<Pose2<Map>>,
    pub limit_mps: Vec<f64>,
    /// Half width of the lane to the left and to the right of the centre line, m.
    pub left: Vec<f64>,
    pub right: Vec<f64>,
    /// How far left of the centre line the road reaches that may be used to pass, m.
    pub left_passable: Vec<f64>,
    /// The same to the right: beyond the lane only where a crossing is paved.
    pub right_passable: Vec<f64>,
    pub spans: Vec<Span>,
    pub end: AxisEnd,
    /// Arc length at which the axis ends, m.
    pub end_s: f64,
}

impl Axis {
    /// Builds the axis through `start` (lane and arc length), along lanes of the route from segment `segment` on.
    pub fn build(
        map: &LaneGraph,
        route: &RouteLanes,
        segment: usize,
        start: (LaneId, f64),
        patience: Patience,
    ) -> Option<Self> {
        let mut lanes = vec![start.0];
        let mut reach = map.lane(start.0)?.length() - start.1;
        let mut index = segment;
        let mut end = AxisEnd::Horizon;
        let mut end_lane_s = None;
        loop {
            let current = map.lane(*lanes.last()?)?;
            if route.is_last(current.id) && index + 1 >= route.segments.len() {
                let goal = current.position_of(route.goal.position);
                end = AxisEnd::Goal;
                end_lane_s = Some(goal.s);
                break;
            }
            let on_route = current
                .successors
                .iter()
                .filter_map(|id| route.index_of(*id, index).map(|i| (i, *id)))
                .min_by_key(|(i, id)| (*i, route.segments[*i].0 != *id, *id));
            let next = match on_route {
                Some((i, id)) if i <= index + 3 => {
                    index = i;
                    Some(id)
                }
                _ => None,
            };
            if next.is_none() {
                end_lane_s = goal_beside(route, current, index).filter(|s| lanes.len() > 1 || *s > start.1);
            }
            if end_lane_s.is_some() {
                end = AxisEnd::RouteLost;
                break;
            }
            if reach > AHEAD {
                break;
            }
            let Some(next) =
                next.or_else(|| if patience.leaves_route { current.successors.first().copied() } else { None })
            else {
                end = AxisEnd::RouteLost;
                break;
            };
            if lanes.contains(&next) {
                break;
            }
            reach += map.lane(next)?.length();
            lanes.push(next);
        }
        let mut first_s = start.1;
        let mut behind = BEHIND;
        let mut before = Vec::new();
        loop {
            let lane = map.lane(before.last().copied().unwrap_or(start.0))?;
            if first_s >= behind {
                first_s -= behind;
                break;
            }
            behind -= first_s;
            let previous = lane
                .predecessors
                .iter()
                .copied()
                .min_by_key(|id| (route.index_of(*id, 0).is_none(), *id))
                .filter(|id| !lanes.contains(id) && !before.contains(id));
            let Some(previous) = previous else {
                first_s = 0.0;
                break;
            };
            before.push(previous);
            first_s = map.lane(previous)?.length();
        }
        before.reverse();
        before.extend(lanes);
        Self::sample(map, &before, first_s, (end, end_lane_s), patience.crosses_solid)
    }

    fn sample(
        map: &LaneGraph,
        lanes: &[LaneId],
        first_s: f64,
        (end, end_lane_s): (AxisEnd, Option<f64>),
        over_solid: bool,
    ) -> Option<Self> {
        let mut points: Vec<Point2<Map>> = Vec::new();
        let mut spans = Vec::new();
        let mut s = 0.0;
        let mut end_s = 0.0;
        for (i, id) in lanes.iter().enumerate() {
            let lane = map.lane(*id)?;
            let lane_from = if i == 0 { first_s.min(lane.length() - 0.01) } else { 0.0 };
            points.push(lane.pose_at(lane_from).position);
            for (point, at) in lane.center.points().iter().zip(lane.center.arc_lengths()) {
                if *at > lane_from {
                    points.push(*point);
                }
            }
            let to = s + lane.length() - lane_from;
            spans.push(Span { lane: *id, from: s, to, lane_from });
            end_s = end_lane_s.filter(|_| i + 1 == lanes.len()).map_or(to, |end| s + end - lane_from);
            s = to;
        }
        if end != AxisEnd::Horizon {
            // The axis goes on straight: where the car stops is not where its geometry may end.
            let last = *points.last()?;
            let direction = map.lane(*lanes.last()?)?.center.end_direction();
            points.extend((1..=20).map(|i| last + direction * f64::from(i)));
        }
        let line = Polyline::new(points).ok()?;
        let count = ((line.length().min(BEHIND + AHEAD + 20.0)) / STEP).floor() as usize + 1;
        if count < 5 {
            return None;
        }
        let raw: Vec<Point2<Map>> = (0..count).map(|i| line.pose_at(i as f64 * STEP).position).collect();
        let poses = with_headings(&raw);
        let mut axis = Self {
            limit_mps: Vec::with_capacity(count),
            left: Vec::with_capacity(count),
            right: Vec::with_capacity(count),
            left_passable: Vec::with_capacity(count),
            right_passable: Vec::with_capacity(count),
            poses,
            spans,
            end,
            end_s,
        };
        let mut passable = 0.0;
        for i in 0..count {
            let (lane, lane_s) = axis.lane_at(map, i as f64 * STEP)?;
            let center = axis.poses[i].position;
            axis.limit_mps.push(lane.speed_limit_mps);
            axis.left.push(lane.left_at(lane_s).distance(center).max(1.2));
            axis.right.push(lane.right_at(lane_s).distance(center).max(1.2));
            if i % 4 == 0 {
                passable = passable_left(map, lane, lane_s, over_solid);
            }
            axis.left_passable.push(axis.left[i] + passable);
            let paved = if i % 2 == 0 {
                paved_right(map, lane, lane_s)
            } else {
                axis.right_passable[i - 1] - axis.right[i - 1]
            };
            axis.right_passable.push(axis.right[i] + paved);
        }
        Some(axis)
    }

    /// The lane at an arc length of the axis, and the arc length on it.
    pub fn lane_at<'a>(&self, map: &'a LaneGraph, s: f64) -> Option<(&'a Lane, f64)> {
        let span = self.spans.iter().find(|span| s < span.to).or(self.spans.last())?;
        Some((map.lane(span.lane)?, s - span.from + span.lane_from))
    }

    pub fn length(&self) -> f64 {
        (self.poses.len() - 1) as f64 * STEP
    }

    /// Sample index before `s` and how far on to the next one.
    pub fn between(&self, s: f64) -> (usize, f64) {
        let x = (s / STEP).clamp(0.0, (self.poses.len() - 1) as f64 - 1e-6);
        (x as usize, x.fract())
    }

    /// Pose at an arc length; straight on beyond the end.
    pub fn pose_at(&self, s: f64) -> Pose2<Map> {
        let (i, ratio) = self.between(s);
        let (a, b) = (self.poses[i], self.poses[i + 1]);
        let beyond = (s - self.length()).max(0.0);
        let position = a.position.lerp(b.position, ratio) + b.forward() * beyond;
        Pose2 { position, yaw: a.yaw + angle_difference(b.yaw, a.yaw) * ratio }
    }

    pub fn at(values: &[f64], s: f64) -> f64 {
        let x = (s / STEP).clamp(0.0, (values.len() - 1) as f64);
        values[x as usize]
    }

    /// Index of the sample level with a point that lies near arc length `s`, and the point's offset (left positive), m.
    pub fn offset_near(&self, point: Point2<Map>, s: f64) -> (usize, f64) {
        let last = self.poses.len() - 1;
        let mut i = ((s / STEP).round().max(0.0) as usize).min(last);
        for _ in 0..3 {
            let ahead = ((point - self.poses[i].position).dot(self.poses[i].forward()) / STEP).round();
            if ahead == 0.0 {
                break;
            }
            i = (i as f64 + ahead).clamp(0.0, last as f64) as usize;
        }
        (i, self.poses[i].forward().cross(point - self.poses[i].position))
    }

    /// Arc length and offset (left positive) of a point.
    pub fn project(&self, point: Point2<Map>) -> (f64, f64) {
        let square = |i: usize| {
            let v = point - self.poses[i].position;
            v.dot(v)
        };
        let nearest = |range: &mut dyn Iterator<Item = usize>| {
            range.map(|i| (square(i), i)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |(_, i)| i)
        };
        let coarse = nearest(&mut (0..self.poses.len()).step_by(6));
        let i = nearest(&mut (coarse.saturating_sub(6)..(coarse + 7).min(self.poses.len())));
        let pose = self.poses[i];
        let v = point - pose.position;
        let forward = pose.forward();
        (i as f64 * STEP + v.dot(forward), forward.cross(v))
    }
}

/// Where the way on a lane ends whose neighbour holds the goal, m: one must have changed over by then, or stands beside it.
fn goal_beside(route: &RouteLanes, lane: &Lane, index: usize) -> Option<f64> {
    let (last, _) = route.segments.last().filter(|_| index + 2 >= route.segments.len())?;
    let beside = [lane.left_neighbor, lane.right_neighbor].contains(&Some(*last));
    // The front bumper stops somewhat before an end: this far on, the car itself is level with the goal.
    beside.then(|| (lane.position_of(route.goal.position).s + 6.0).min(lane.length()))
}

/// How far the neighbouring lane to the left may be used to pass something that stands, m.
fn passable_left(map: &LaneGraph, lane: &Lane, s: f64, over_solid: bool) -> f64 {
    if lane.junction.is_some() && over_solid {
        return OPEN_M;
    }
    if lane.junction.is_some() || (lane.left_boundary != Boundary::Crossable && !over_solid) {
        return 0.0;
    }
    let pose = lane.pose_at(s);
    let beyond = lane.left_at(s) + pose.forward().perpendicular() * 1.5;
    map.lanes_near(beyond, 1.8)
        .iter()
        .filter_map(|near| map.lane(near.lane).map(|l| (l, near)))
        .filter(|(l, _)| l.id != lane.id && l.kind == LaneKind::Driving)
        .map(|(l, near)| l.width_at(near.s))
        .next()
        .unwrap_or(0.0)
}

/// How far a crossing is paved to the right of a lane on it, m: other lanes cross there.
fn paved_right(map: &LaneGraph, lane: &Lane, s: f64) -> f64 {
    if lane.junction.is_none() {
        return 0.0;
    }
    let edge = lane.right_at(s);
    let right = lane.pose_at(s).forward().perpendicular() * -1.0;
    let paved = |beyond: f64| {
        map.lanes_near(edge + right * beyond, 2.5).iter().any(|near| {
            map.lane(near.lane).is_some_and(|other| {
                other.id != lane.id && other.kind == LaneKind::Driving && near.distance < other.width_at(near.s) / 2.0
            })
        })
    };
    [0.4, 0.8, 1.2].into_iter().take_while(|beyond| paved(*beyond)).last().unwrap_or(0.0)
}

/// Headings by central differences.
pub(crate) fn with_headings(points: &[Point2<Map>]) -> Vec<Pose2<Map>> {
    let n = points.len();
    (0..n)
        .map(|i| {
            let (a, b) = (points[i.saturating_sub(1)], points[(i + 1).min(n - 1)]);
            Pose2 { position: points[i], yaw: (b - a).angle() }
        })
        .collect()
}

/// Curvature over two samples to either side, 1/m.
pub(crate) fn curvature_of(poses: &[Pose2<Map>]) -> Vec<f64> {
    let n = poses.len();
    (0..n)
        .map(|i| {
            let (a, b) = (i.saturating_sub(2), (i + 2).min(n - 1));
            let length = poses[a].position.distance(poses[b].position).max(0.1);
            angle_difference(poses[b].yaw, poses[a].yaw) / length
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A bend to the left of `radius` metres in a lane 3.5 m wide; it begins heading east at the origin.
    pub(crate) fn bend(radius: f64) -> Axis {
        let turns = std::f64::consts::FRAC_PI_2 * radius;
        let points: Vec<_> = (0..turns as usize)
            .map(|i| {
                let turned = i as f64 * STEP / radius;
                Point2::new(radius * turned.sin(), radius * (1.0 - turned.cos()))
            })
            .collect();
        let n = points.len();
        let half = || vec![1.75; n];
        Axis {
            poses: with_headings(&points),
            limit_mps: vec![10.0; n],
            left: half(),
            right: half(),
            left_passable: half(),
            right_passable: half(),
            spans: Vec::new(),
            end: AxisEnd::Horizon,
            end_s: turns,
        }
    }

    #[test]
    fn offset_near_finds_the_sample_beside_a_point_from_a_wrong_guess() {
        let axis = bend(20.0);
        let pose = axis.poses[15];
        let (i, d) = axis.offset_near(pose.position + pose.forward().perpendicular() * -2.0, 9.0);
        assert!(i == 15 && (d + 2.0).abs() < 0.02, "{i} {d}");
    }
}
