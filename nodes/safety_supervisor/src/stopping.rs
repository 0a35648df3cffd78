//! How the car is steered while it is stopped.

use geometry::{BaseLink, Map, Point2, Polyline};
use vehicle::{Vehicle, VehicleState};

/// Further from the path than this it is not followed, m.
const ON_PATH_M: f64 = 3.0;

/// Steering (rad) along the last good path, straight on in its last direction beyond its end (pure pursuit, Coulter
/// 1992); `None` where the car stands or is not near the path: the wheels then stay as they are.
pub fn steer_along(vehicle: &Vehicle, state: &VehicleState, path: &Polyline<Map>) -> Option<f64> {
    if !(state.speed_mps > 0.3) {
        return None;
    }
    let foot = path.project(state.pose.position);
    let along = foot.s + (0.8 * state.speed_mps).max(3.0);
    let end = path.pose_at(along);
    let ahead = end.position + end.forward() * (along - path.length()).max(0.0);
    // Beyond the end the foot stays at it: straight on from the car's own distance.
    let passed = (state.pose.position - end.position).dot(end.forward()).max(0.0);
    let ahead = if foot.s >= path.length() { ahead + end.forward() * passed } else { ahead };
    let beside = if foot.s >= path.length() {
        end.forward().cross(state.pose.position - end.position).abs()
    } else {
        foot.d.abs()
    };
    let local: Point2<BaseLink> = state.pose.inverse_transform(ahead);
    let square = local.x * local.x + local.y * local.y;
    (beside < ON_PATH_M && local.x > 0.5).then(|| vehicle.steering_for_curvature(2.0 * local.y / square))
}

#[cfg(test)]
mod tests {
    use super::*;
    use geometry::Pose2;

    fn state(x: f64, y: f64, yaw: f64) -> VehicleState {
        VehicleState { pose: Pose2::new(x, y, yaw), speed_mps: 6.0, acceleration_mps2: 0.0, steering_rad: 0.0 }
    }

    #[test]
    fn holds_the_path_and_goes_straight_on_beyond_its_end() {
        let car = Vehicle::default();
        let path = Polyline::new([(0.0, 0.0), (20.0, 0.0)].map(|(x, y)| Point2::new(x, y))).unwrap();
        for x in [0.0, 19.0, 30.0] {
            assert!(steer_along(&car, &state(x, 0.0, 0.0), &path).unwrap().abs() < 1e-9);
            assert!(steer_along(&car, &state(x, 0.5, 0.0), &path).unwrap() < -0.01);
            assert!(steer_along(&car, &state(x, 0.0, 0.1), &path).unwrap() < -0.01);
        }
        assert!(steer_along(&car, &state(10.0, 6.0, 0.0), &path).is_none());
    }
}
