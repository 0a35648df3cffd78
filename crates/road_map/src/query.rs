use std::collections::BTreeSet;

use geometry::{Map, Point2, Pose2, angle_difference};

use crate::{Boundary, Lane, LaneGraph, LaneId, LaneKind};

/// A place relative to a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LanePosition {
    /// The lane.
    pub lane: LaneId,
    /// Arc length of the foot on the centre line, m.
    pub s: f64,
    /// Signed distance from the centre line, m, left positive.
    pub d: f64,
    /// The lane's heading at the foot, rad.
    pub heading: f64,
    /// Distance from the centre line, m: larger than |d| before the lane's start and behind its end.
    pub distance: f64,
}

impl LaneGraph {
    /// A lane by id.
    pub fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(&id)
    }

    /// All lanes in order of their ids.
    pub fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.values()
    }

    /// The lane of one of these kinds whose centre line is nearest; `None` where there is none, or the point is not finite.
    pub fn nearest_lane(&self, point: Point2<Map>, kinds: &[LaneKind]) -> Option<LanePosition> {
        if !point.is_finite() {
            return None;
        }
        let (id, _) = self.index.nearest([point.x, point.y]).find(|(id, _)| kinds.contains(&self.lanes[id].kind))?;
        Some(self.lanes[&id].position_of(point))
    }

    /// Lanes of all kinds whose centre line passes within `radius_m`, nearest first.
    pub fn lanes_near(&self, point: Point2<Map>, radius_m: f64) -> Vec<LanePosition> {
        if !point.is_finite() || !radius_m.is_finite() {
            return Vec::new();
        }
        let ids: BTreeSet<LaneId> = self.index.around([point.x, point.y], radius_m).collect();
        let mut found: Vec<LanePosition> = ids
            .into_iter()
            .map(|id| self.lanes[&id].position_of(point))
            .filter(|position| position.distance <= radius_m)
            .collect();
        found.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.lane.cmp(&b.lane)));
        found
    }

    /// The nearest driving lane within `max_distance_m` whose heading differs from the pose's by at most
    /// `max_heading_rad`. Where lanes overlap in a junction the better heading decides between near ones.
    pub fn match_pose(&self, pose: Pose2<Map>, max_distance_m: f64, max_heading_rad: f64) -> Option<LanePosition> {
        let off = |p: &LanePosition| angle_difference(p.heading, pose.yaw).abs();
        self.lanes_near(pose.position, max_distance_m)
            .into_iter()
            .filter(|p| self.lanes[&p.lane].kind == LaneKind::Driving && off(p) <= max_heading_rad)
            .min_by(|a, b| {
                (a.distance + 2.0 * off(a)).total_cmp(&(b.distance + 2.0 * off(b))).then(a.lane.cmp(&b.lane))
            })
    }

    /// Height of the ground, m: of the nearest lanes, weighted by nearness so that it changes smoothly. 0 far from all.
    pub fn elevation_at(&self, point: Point2<Map>) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for position in self.lanes_near(point, 12.0).into_iter().take(4) {
            let weight = 1.0 / (position.distance + 0.2).powi(2);
            sum += weight * self.lanes[&position.lane].elevation_at(position.s);
            weights += weight;
        }
        if weights > 0.0 {
            return sum / weights;
        }
        let nearest = self.index.nearest([point.x, point.y]).next().filter(|_| point.is_finite());
        nearest.map_or(0.0, |(id, _)| self.lanes[&id].elevation_at(self.lanes[&id].position_of(point).s))
    }
}

impl Lane {
    /// Length of the centre line, m.
    pub fn length(&self) -> f64 {
        self.center.length()
    }

    /// Pose on the centre line at `s`, clamped to the ends.
    pub fn pose_at(&self, s: f64) -> Pose2<Map> {
        self.center.pose_at(s)
    }

    /// Where a point lies relative to this lane.
    pub fn position_of(&self, point: Point2<Map>) -> LanePosition {
        let p = self.center.project(point);
        LanePosition { lane: self.id, s: p.s, d: p.d, heading: p.foot.yaw, distance: point.distance(p.foot.position) }
    }

    /// Width at `s`, m.
    pub fn width_at(&self, s: f64) -> f64 {
        self.left_at(s).distance(self.right_at(s))
    }

    /// Height of the road surface at `s`, m.
    pub fn elevation_at(&self, s: f64) -> f64 {
        let (i, ratio) = self.between(s);
        self.elevation[i] + (self.elevation[i + 1] - self.elevation[i]) * ratio
    }

    /// The left edge at `s`.
    pub fn left_at(&self, s: f64) -> Point2<Map> {
        let (i, ratio) = self.between(s);
        self.left[i].lerp(self.left[i + 1], ratio)
    }

    /// The right edge at `s`.
    pub fn right_at(&self, s: f64) -> Point2<Map> {
        let (i, ratio) = self.between(s);
        self.right[i].lerp(self.right[i + 1], ratio)
    }

    /// Whether one may change to the left neighbour.
    pub fn can_change_left(&self) -> bool {
        self.left_neighbor.is_some() && self.left_boundary == Boundary::Crossable
    }

    /// Whether one may change to the right neighbour.
    pub fn can_change_right(&self) -> bool {
        self.right_neighbor.is_some() && self.right_boundary == Boundary::Crossable
    }

    /// Index of the centre point before `s`, and how far on to the next one (0..=1).
    fn between(&self, s: f64) -> (usize, f64) {
        let stations = self.center.arc_lengths();
        let s = s.clamp(0.0, self.length());
        let i = stations.partition_point(|&a| a <= s).clamp(1, stations.len() - 1) - 1;
        (i, (s - stations[i]) / (stations[i + 1] - stations[i]))
    }
}
