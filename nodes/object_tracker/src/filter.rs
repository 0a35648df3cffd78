use geometry::{Map, Point2, Pose2, angle_difference, normalize_angle};
use nalgebra::{Matrix2, Vector2};

use crate::class::Class;
use crate::measurement::Measurement;
use crate::turn_filter::TurnFilter;
use crate::velocity_filter::VelocityFilter;

/// The motion model of a track, by class.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Vehicles: heading and velocity are one direction.
    Turn(TurnFilter),
    /// People and unknown things: they may move any way.
    Velocity(VelocityFilter),
}

/// Doubt (m/s) in a track's standing still: small enough to still the noise, large enough to let it pull away.
const STANDING_MPS: f64 = 0.5;
/// Speed (m/s) above which a person faces where they walk.
const WALKS_MPS: f64 = 0.4;

impl Filter {
    /// From a first detection: it may be moving.
    pub fn new(class: Class, first: &Measurement) -> Self {
        let noise = first.position_covariance();
        if class.steers() {
            let sigma = if class == Class::Cyclist { 4.0 } else { 8.0 };
            Self::Turn(TurnFilter::new(first.pose, noise, first.yaw_sigma, 0.0, sigma))
        } else {
            Self::Velocity(VelocityFilter::new(first.pose.position, noise, first.pose.yaw, Vector2::zeros(), 1.5))
        }
    }

    /// The same state under the motion model of another class.
    pub fn converted(self, class: Class) -> Self {
        match self {
            Self::Velocity(filter) if class.steers() => {
                let velocity = filter.velocity();
                let yaw = if velocity.norm() > 1.0 { velocity.y.atan2(velocity.x) } else { filter.yaw };
                let pose = Pose2 { position: filter.position(), yaw };
                let noise = filter.covariance.fixed_view::<2, 2>(0, 0).clone_owned();
                let speed = velocity.x * yaw.cos() + velocity.y * yaw.sin();
                Self::Turn(TurnFilter::new(pose, noise, 0.3, speed, 1.0))
            }
            Self::Turn(filter) if !class.steers() => {
                let pose = filter.pose();
                let velocity = Vector2::new(pose.yaw.cos(), pose.yaw.sin()) * filter.speed();
                let noise = filter.covariance.fixed_view::<2, 2>(0, 0).clone_owned();
                Self::Velocity(VelocityFilter::new(pose.position, noise, pose.yaw, velocity, 1.0))
            }
            same => same,
        }
    }

    /// Moves the state `dt` seconds on.
    pub fn predict(&mut self, class: Class, dt: f64) {
        match self {
            Self::Turn(filter) => {
                let (acceleration, turn) = match class {
                    Class::Cyclist => (2.0, 0.9),
                    Class::Truck => (2.0, 0.4),
                    _ => (3.0, 0.7),
                };
                filter.predict(dt, acceleration, turn);
            }
            Self::Velocity(filter) => filter.predict(dt, 1.5),
        }
    }

    /// Takes a detection.
    pub fn update(&mut self, measurement: &Measurement) {
        match self {
            Self::Turn(filter) => {
                filter.update_position(measurement.pose.position, measurement.position_covariance());
                filter.update_axis(measurement.pose.yaw, measurement.yaw_sigma);
            }
            Self::Velocity(filter) => {
                filter.update_position(measurement.pose.position, measurement.position_covariance());
                let turn = angle_difference(measurement.pose.yaw, filter.yaw);
                filter.yaw = normalize_angle(filter.yaw + 0.2 * turn);
            }
        }
    }

    /// Takes it for standing still.
    pub fn update_standing(&mut self) {
        match self {
            Self::Turn(filter) => filter.update_standing(STANDING_MPS),
            Self::Velocity(filter) => filter.update_standing(STANDING_MPS),
        }
    }

    /// Multiplies the speed: what is hidden may have stopped.
    pub fn scale_speed(&mut self, factor: f64) {
        match self {
            Self::Turn(filter) => filter.state[3] *= factor,
            Self::Velocity(filter) => {
                filter.state[2] *= factor;
                filter.state[3] *= factor;
            }
        }
    }

    /// Keeps the speed within what the class can do.
    pub fn limit_speed(&mut self, limit_mps: f64) {
        let speed = self.velocity().norm();
        if speed > limit_mps {
            self.scale_speed(limit_mps / speed);
        }
    }

    /// Where its centre is and where it heads.
    pub fn pose(&self) -> Pose2<Map> {
        match self {
            Self::Turn(filter) => filter.pose(),
            Self::Velocity(filter) => {
                let velocity = filter.velocity();
                let yaw = if velocity.norm() > WALKS_MPS { velocity.y.atan2(velocity.x) } else { filter.yaw };
                Pose2 { position: filter.position(), yaw }
            }
        }
    }

    /// Velocity in the map, m/s.
    pub fn velocity(&self) -> geometry::Vector2<Map> {
        match self {
            Self::Turn(filter) => geometry::Vector2::from_polar(filter.speed(), filter.pose().yaw),
            Self::Velocity(filter) => geometry::Vector2::new(filter.state[2], filter.state[3]),
        }
    }

    /// Turn rate, rad/s.
    pub fn yaw_rate(&self) -> f64 {
        match self {
            Self::Turn(filter) => filter.state[4],
            Self::Velocity(_) => 0.0,
        }
    }

    /// Covariance of the position, m².
    pub fn position_covariance(&self) -> Matrix2<f64> {
        match self {
            Self::Turn(filter) => filter.covariance.fixed_view::<2, 2>(0, 0).clone_owned(),
            Self::Velocity(filter) => filter.covariance.fixed_view::<2, 2>(0, 0).clone_owned(),
        }
    }

    /// Variances of heading (rad²), of speed along and across the heading (m²/s²) and of the turn rate (rad²/s²).
    pub fn variances(&self) -> [f64; 4] {
        match self {
            Self::Turn(filter) => {
                let c = &filter.covariance;
                [c[(2, 2)], c[(3, 3)], (filter.speed().powi(2) * c[(2, 2)]).max(0.01), c[(4, 4)]]
            }
            Self::Velocity(filter) => {
                let c = &filter.covariance;
                let speed = filter.velocity().norm().max(WALKS_MPS);
                [(c[(2, 2)] / speed.powi(2)).min(3.0), c[(2, 2)], c[(3, 3)], 0.25]
            }
        }
    }

    /// Squared Mahalanobis distance of a detected position.
    pub fn distance_squared(&self, position: Point2<Map>, noise: Matrix2<f64>) -> f64 {
        let own = self.pose().position;
        let innovation = Vector2::new(position.x - own.x, position.y - own.y);
        match (self.position_covariance() + noise).try_inverse() {
            Some(inverse) => (innovation.transpose() * inverse * innovation)[0],
            None => f64::INFINITY,
        }
    }

    /// Whether every number of the state is finite and its variances are positive.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Turn(f) => f.state.iter().all(|v| v.is_finite()) && f.covariance.diagonal().iter().all(|v| *v > 0.0),
            Self::Velocity(f) => {
                f.state.iter().all(|v| v.is_finite()) && f.covariance.diagonal().iter().all(|v| *v > 0.0)
            }
        }
    }
}
