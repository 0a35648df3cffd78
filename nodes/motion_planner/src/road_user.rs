//! Road users with their predicted futures, sampled for collision checks.

use geometry::{Map, OrientedBox, Point2, Pose2, Vector2, angle_difference};

use crate::reference_path::Axis;

/// Time between samples of the futures, s.
pub(crate) const SAMPLE_S: f64 = 0.2;
/// Samples of a future: 0 to 6 s.
pub(crate) const SAMPLES: usize = 31;

/// What a road user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Vehicle,
    Cyclist,
    Pedestrian,
}

/// One possible future.
#[derive(Debug, Clone)]
pub(crate) struct Future {
    pub probability: f64,
    /// Poses of the box centre each [`SAMPLE_S`].
    pub poses: Vec<Pose2<Map>>,
}

/// A road user now and in its possible futures.
#[derive(Debug, Clone)]
pub(crate) struct RoadUser {
    pub id: u128,
    pub class: Class,
    pub pose: Pose2<Map>,
    pub length: f64,
    pub width: f64,
    pub velocity: Vector2<Map>,
    /// For how long it has been standing, s.
    pub standing_s: f64,
    pub futures: Vec<Future>,
}

impl RoadUser {
    pub fn footprint(&self, pose: Pose2<Map>) -> OrientedBox<Map> {
        OrientedBox::new(pose, self.length, self.width)
    }

    pub fn speed(&self) -> f64 {
        self.velocity.norm()
    }

    pub fn is_person(&self) -> bool {
        self.class != Class::Vehicle
    }

    /// Resamples a path with a fixed time step to [`SAMPLES`] poses, beginning `offset_s` after its first pose.
    pub fn resample(path: &[Pose2<Map>], step_s: f64, offset_s: f64) -> Vec<Pose2<Map>> {
        let last = path.len() - 1;
        (0..SAMPLES)
            .map(|k| {
                let x = (k as f64 * SAMPLE_S + offset_s) / step_s;
                let i = (x.max(0.0) as usize).min(last.saturating_sub(1));
                let (a, b) = (path[i], path[(i + 1).min(last)]);
                let ratio = (x - i as f64).max(0.0);
                Pose2 {
                    position: a.position.lerp(b.position, ratio),
                    yaw: a.yaw + angle_difference(b.yaw, a.yaw) * ratio.min(1.0),
                }
            })
            .collect()
    }
}

/// Where a road user's box lies relative to an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnAxis {
    pub s: f64,
    pub d: f64,
    pub half_s: f64,
    pub half_d: f64,
}

impl OnAxis {
    pub fn of(axis: &Axis, user: &RoadUser, pose: Pose2<Map>) -> Self {
        let (s, d) = axis.project(pose.position);
        let (i, _) = axis.between(s);
        let (sin, cos) = (pose.yaw - axis.poses[i].yaw).sin_cos();
        let (l, w) = (user.length / 2.0, user.width / 2.0);
        Self { s, d, half_s: (l * cos).abs() + (w * sin).abs(), half_d: (l * sin).abs() + (w * cos).abs() }
    }
}

/// All futures of one road user relative to one axis.
#[derive(Debug, Clone)]
pub(crate) struct UserOnAxis {
    pub now: OnAxis,
    /// Probability and samples.
    pub futures: Vec<(f64, Vec<OnAxis>)>,
}

/// Relates all road users to an axis.
pub(crate) fn relate(axis: &Axis, users: &[RoadUser]) -> Vec<UserOnAxis> {
    users
        .iter()
        .map(|user| UserOnAxis {
            now: OnAxis::of(axis, user, user.pose),
            futures: user
                .futures
                .iter()
                .map(|f| (f.probability, f.poses.iter().map(|p| OnAxis::of(axis, user, *p)).collect()))
                .collect(),
        })
        .collect()
}

/// Distance of a point to a polygon's outline, 0 inside.
pub(crate) fn distance_to_polygon(point: Point2<Map>, outline: &[Point2<Map>]) -> f64 {
    let mut inside = false;
    let mut best = f64::INFINITY;
    for (i, a) in outline.iter().enumerate() {
        let b = outline[(i + 1) % outline.len()];
        if (a.y > point.y) != (b.y > point.y) && point.x < (b.x - a.x) * (point.y - a.y) / (b.y - a.y) + a.x {
            inside = !inside;
        }
        let ab = b - *a;
        let t = ((point - *a).dot(ab) / ab.dot(ab).max(1e-9)).clamp(0.0, 1.0);
        best = best.min(point.distance(*a + ab * t));
    }
    if inside { 0.0 } else { best }
}
