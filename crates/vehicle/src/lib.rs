//! Footprint, limits and motion model of the car: one truth for simulator, planner and follower.

use geometry::{BaseLink, Map, OrientedBox, Point2, Pose2, normalize_angle};
use serde::{Deserialize, Serialize};

/// What is fixed about a car. Lengths in m, angles in rad, SI throughout; `base_link` at the rear axle's centre.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vehicle {
    /// Front axle to rear axle, m.
    pub wheelbase_m: f64,
    /// Rear axle to rear bumper, m.
    pub rear_overhang_m: f64,
    /// Front axle to front bumper, m.
    pub front_overhang_m: f64,
    /// Overall width without mirrors, m.
    pub width_m: f64,
    /// Overall height, m.
    pub height_m: f64,
    /// Largest steering tyre angle to either side, rad.
    pub max_steering_rad: f64,
    /// Largest steering tyre rate, rad/s.
    pub max_steering_rate_radps: f64,
    /// Largest acceleration, m/s².
    pub max_acceleration_mps2: f64,
    /// Largest deceleration of the brakes on dry road, m/s², positive.
    pub max_deceleration_mps2: f64,
    /// Largest change of acceleration the actuators follow, m/s³.
    pub max_jerk_mps3: f64,
    /// Pure delay from command to actuator, s.
    pub actuator_delay_s: f64,
    /// First-order time constant of the steering actuator, s.
    pub steering_time_constant_s: f64,
    /// First-order time constant of drive train and brakes, s.
    pub acceleration_time_constant_s: f64,
    /// Top speed, m/s.
    pub max_speed_mps: f64,
}

impl Default for Vehicle {
    /// A mid-size passenger car.
    fn default() -> Self {
        Self {
            wheelbase_m: 2.8,
            rear_overhang_m: 0.9,
            front_overhang_m: 0.9,
            width_m: 1.85,
            height_m: 1.6,
            max_steering_rad: 0.61,
            max_steering_rate_radps: 0.7,
            max_acceleration_mps2: 3.0,
            max_deceleration_mps2: 7.5,
            max_jerk_mps3: 15.0,
            actuator_delay_s: 0.1,
            steering_time_constant_s: 0.15,
            acceleration_time_constant_s: 0.2,
            max_speed_mps: 40.0,
        }
    }
}

/// The state of a car in the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VehicleState {
    /// Pose of `base_link` in the map.
    pub pose: Pose2<Map>,
    /// Longitudinal speed of `base_link`, m/s.
    pub speed_mps: f64,
    /// Longitudinal acceleration, m/s².
    pub acceleration_mps2: f64,
    /// Steering tyre angle (single track), rad, left positive.
    pub steering_rad: f64,
}

impl Vehicle {
    /// Overall length, m.
    pub fn length_m(&self) -> f64 {
        self.rear_overhang_m + self.wheelbase_m + self.front_overhang_m
    }

    /// `base_link` to the front bumper, m.
    pub fn front_m(&self) -> f64 {
        self.wheelbase_m + self.front_overhang_m
    }

    /// `base_link` to the footprint's centre, m, forward positive.
    pub fn center_offset_m(&self) -> f64 {
        self.length_m() / 2.0 - self.rear_overhang_m
    }

    /// The rectangle that the car covers with `base_link` at `pose`.
    pub fn footprint(&self, pose: Pose2<Map>) -> OrientedBox<Map> {
        let center = pose.transform(Point2::<BaseLink>::new(self.center_offset_m(), 0.0));
        OrientedBox::new(Pose2 { position: center, yaw: pose.yaw }, self.length_m(), self.width_m)
    }

    /// Curvature (1/m) of the rear axle's path at a steering angle (rad).
    pub fn curvature(&self, steering_rad: f64) -> f64 {
        steering_rad.tan() / self.wheelbase_m
    }

    /// Steering angle (rad) that holds a curvature (1/m), clamped to what the car can do.
    pub fn steering_for_curvature(&self, curvature: f64) -> f64 {
        (curvature * self.wheelbase_m).atan().clamp(-self.max_steering_rad, self.max_steering_rad)
    }

    /// Largest curvature (1/m) that the car can drive.
    pub fn max_curvature(&self) -> f64 {
        self.curvature(self.max_steering_rad)
    }

    /// The kinematic bicycle over `dt` seconds at fixed acceleration and steering: speed stops at zero, the arc is exact.
    ///
    /// Source: Rajamani, Vehicle Dynamics and Control, 2.2, referred to the rear axle.
    pub fn step_kinematic(&self, state: &VehicleState, dt: f64) -> VehicleState {
        let unclamped = state.speed_mps + state.acceleration_mps2 * dt;
        let stops = state.speed_mps >= 0.0 && unclamped < 0.0;
        let (speed, distance) = if stops && state.acceleration_mps2 < 0.0 {
            (0.0, state.speed_mps * state.speed_mps / (-2.0 * state.acceleration_mps2))
        } else {
            (unclamped, (state.speed_mps + unclamped) / 2.0 * dt)
        };
        let turn = self.curvature(state.steering_rad) * distance;
        let yaw = state.pose.yaw;
        let chord = if turn.abs() < 1e-9 { distance } else { distance * (turn / 2.0).sin() / (turn / 2.0) };
        let pose = Pose2::new(
            state.pose.position.x + chord * (yaw + turn / 2.0).cos(),
            state.pose.position.y + chord * (yaw + turn / 2.0).sin(),
            normalize_angle(yaw + turn),
        );
        VehicleState { pose, speed_mps: speed, ..*state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(speed_mps: f64, acceleration_mps2: f64, steering_rad: f64) -> VehicleState {
        VehicleState { pose: Pose2::new(0.0, 0.0, 0.0), speed_mps, acceleration_mps2, steering_rad }
    }

    #[test]
    fn braking_ends_at_standstill() {
        let end = Vehicle::default().step_kinematic(&state(2.0, -4.0, 0.0), 1.0);
        assert_eq!(end.speed_mps, 0.0);
        assert!((end.pose.position.x - 0.5).abs() < 1e-12);
    }

    #[test]
    fn full_circle_returns_home() {
        let car = Vehicle::default();
        let mut now = state(5.0, 0.0, 0.3);
        let steps = 1000;
        let dt = std::f64::consts::TAU / car.curvature(0.3) / 5.0 / f64::from(steps);
        for _ in 0..steps {
            now = car.step_kinematic(&now, dt);
        }
        assert!(now.pose.position.distance(Point2::ZERO) < 1e-6);
    }
}
