use std::sync::Arc;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

use super::body::Body;
use super::ground::Ground;

/// What a point was measured on: for training and evaluation, never published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The ground.
    Ground,
    /// Something fixed.
    Fixture,
    /// The road user of this id.
    Actor(u32),
}

/// A body placed in the map at the end of a sweep, with the motion it has had during the sweep.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Position of the body's origin: on the ground, m.
    pub position: Vector3<f64>,
    /// Heading, rad.
    pub yaw: f64,
    /// Velocity in the map, m/s.
    pub velocity: [f64; 2],
    /// Turn rate, rad/s.
    pub yaw_rate: f64,
    /// Phase of the walk, rad.
    pub gait: f64,
    /// The body.
    pub body: Arc<Body>,
    /// What its points are labelled with.
    pub target: Target,
}

impl Instance {
    /// Something fixed.
    pub fn fixture(position: [f64; 3], yaw: f64, body: Arc<Body>) -> Self {
        let position = Vector3::from(position);
        Self { position, yaw, velocity: [0.0; 2], yaw_rate: 0.0, gait: 0.0, body, target: Target::Fixture }
    }
}

/// All that a LiDAR can see.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The ground.
    pub ground: Arc<Ground>,
    /// Fixed things.
    pub fixtures: Arc<Vec<Instance>>,
    /// Road users.
    pub actors: Vec<Instance>,
}

/// How the sensor moved during one sweep.
#[derive(Debug, Clone)]
pub struct SweepMotion {
    /// Poses of the sensor in the map, evenly spaced in time from the sweep's start to its end; at least one.
    pub poses: Vec<Isometry3<f64>>,
    /// Time of the sweep's end, s: the stamp.
    pub end_s: f64,
}

impl SweepMotion {
    /// A sensor that stands still at a map position and heading, level.
    pub fn still(position: [f64; 3], yaw: f64, end_s: f64) -> Self {
        let rotation = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw);
        Self { poses: vec![Isometry3::from_parts(Translation3::from(Vector3::from(position)), rotation)], end_s }
    }

    /// The pose at a share of the sweep: 0 its start, 1 its end.
    pub(crate) fn pose(&self, share: f64) -> Isometry3<f64> {
        let place = share.clamp(0.0, 1.0) * (self.poses.len() - 1) as f64;
        let index = (place as usize).min(self.poses.len().saturating_sub(2));
        match self.poses.get(index + 1) {
            Some(next) => self.poses[index].lerp_slerp(next, place - index as f64),
            None => self.poses[index],
        }
    }
}
