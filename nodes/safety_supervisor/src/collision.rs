//! Collision course: the car on its path against road users that keep speed and turn rate.

use geometry::{Map, OrientedBox, Pose2, normalize_angle};
use vehicle::{Vehicle, VehicleState};

/// A road user as tracked.
#[derive(Debug, Clone, Copy)]
pub struct Obstacle {
    /// Centre of its box.
    pub pose: Pose2<Map>,
    /// Speed along its heading, m/s.
    pub speed_mps: f64,
    /// Turn rate, rad/s.
    pub yaw_rate_radps: f64,
    /// Length and width of its box, m.
    pub size_m: (f64, f64),
}

/// Seconds until the car at `ego` with its present speed and steering, no longer than `horizon_s`, touches an
/// obstacle; and which. Contacts behind the car's centre are the other's to avoid.
pub fn time_to_collision(
    vehicle: &Vehicle,
    ego: &VehicleState,
    obstacles: &[Obstacle],
    horizon_s: f64,
    margin_m: f64,
) -> Option<(f64, usize)> {
    const STEP_S: f64 = 0.1;
    let mut state = VehicleState { acceleration_mps2: ego.acceleration_mps2.min(0.0), ..*ego };
    let steps = (horizon_s / STEP_S) as usize;
    for k in 0..=steps {
        let time = k as f64 * STEP_S;
        if state.speed_mps < 0.1 {
            return None;
        }
        let plain = vehicle.footprint(state.pose);
        let footprint = OrientedBox::new(plain.center, plain.length, plain.width + 2.0 * margin_m);
        for (index, obstacle) in obstacles.iter().enumerate() {
            let turn = obstacle.yaw_rate_radps * time;
            let yaw = normalize_angle(obstacle.pose.yaw + turn);
            let way = Pose2::<Map> { position: obstacle.pose.position, yaw: obstacle.pose.yaw + turn / 2.0 };
            let position = obstacle.pose.position + way.forward() * (obstacle.speed_mps * time);
            let body = OrientedBox::new(Pose2 { position, yaw }, obstacle.size_m.0, obstacle.size_m.1);
            if footprint.overlaps(&body) && (position - plain.center.position).dot(plain.center.forward()) > 0.0 {
                return Some((time, index));
            }
        }
        state = vehicle.step_kinematic(&state, STEP_S);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(obstacle: Obstacle) -> Option<(f64, usize)> {
        let pose = Pose2::new(0.0, 0.0, 0.0);
        let ego = VehicleState { pose, speed_mps: 10.0, acceleration_mps2: 0.0, steering_rad: 0.0 };
        time_to_collision(&Vehicle::default(), &ego, &[obstacle], 1.8, 0.15)
    }

    #[test]
    fn standing_car_ahead_is_on_course() {
        let pose = Pose2::new(18.0, 0.3, 0.0);
        let (time, _) = course(Obstacle { pose, speed_mps: 0.0, yaw_rate_radps: 0.0, size_m: (4.5, 1.8) }).unwrap();
        assert!((1.0..1.4).contains(&time), "{time}");
    }

    #[test]
    fn oncoming_car_in_the_next_lane_is_not() {
        let pose = Pose2::new(25.0, 3.3, std::f64::consts::PI);
        assert!(course(Obstacle { pose, speed_mps: 10.0, yaw_rate_radps: 0.0, size_m: (4.5, 1.8) }).is_none());
    }
}
