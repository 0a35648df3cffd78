//! Messages read with suspicion, and the trajectory written.

use geometry::{Map, Pose2, Vector2};
use msgs::autoware_perception_msgs::msg::{ObjectClassification, PredictedObject};
use msgs::autoware_planning_msgs::msg::{Trajectory, TrajectoryPoint};
use msgs::builtin_interfaces::msg::{Duration, Time};
use msgs::geometry_msgs::msg::Pose;
use vehicle::Vehicle;

use crate::forward_simulation::DT;
use crate::planner::Planned;
use crate::road_user::{Class, Future, RoadUser};

/// The planar pose of a message, `None` where it is not finite or its quaternion is no rotation.
pub(crate) fn read_pose(pose: &Pose) -> Option<Pose2<Map>> {
    let q = &pose.orientation;
    let norm = (q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w).sqrt();
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    let planar = Pose2::new(pose.position.x, pose.position.y, yaw);
    (planar.is_finite() && (norm - 1.0).abs() < 0.02).then_some(planar)
}

/// A road user from its message, `offset_s` after the message's stamp.
pub(crate) fn read_object(object: &PredictedObject, offset_s: f64) -> Option<RoadUser> {
    let label = object.classification.iter().max_by(|a, b| a.probability.total_cmp(&b.probability)).map(|c| c.label);
    let class = match label {
        Some(ObjectClassification::PEDESTRIAN) => Class::Pedestrian,
        Some(ObjectClassification::BICYCLE | ObjectClassification::MOTORCYCLE) => Class::Cyclist,
        _ => Class::Vehicle,
    };
    let pose = read_pose(&object.kinematics.initial_pose_with_covariance.pose)?;
    let twist = &object.kinematics.initial_twist_with_covariance.twist.linear;
    let velocity = Vector2::<Map>::new(twist.x, twist.y).rotated(pose.yaw);
    let (length, width) = (object.shape.dimensions.x, object.shape.dimensions.y);
    let sound = velocity.is_finite() && (0.05..40.0).contains(&length) && (0.05..10.0).contains(&width);
    if !sound {
        return None;
    }
    let mut futures = Vec::new();
    let mut total = 0.0;
    for path in &object.kinematics.predicted_paths {
        let step = f64::from(path.time_step.sec) + f64::from(path.time_step.nanosec) * 1e-9;
        let poses: Option<Vec<_>> = path.path.iter().map(read_pose).collect();
        let Some(poses) = poses.filter(|poses| poses.len() >= 2 && step > 0.01) else { continue };
        let probability = f64::from(path.confidence);
        if !(probability > 0.0 && probability <= 1.0) {
            continue;
        }
        total += probability;
        futures.push(Future { probability, poses: RoadUser::resample(&poses, step, offset_s) });
    }
    for future in &mut futures {
        future.probability /= total;
    }
    if futures.is_empty() {
        let ahead = Pose2 { position: pose.position + velocity, yaw: pose.yaw };
        futures.push(Future { probability: 1.0, poses: RoadUser::resample(&[pose, ahead], 1.0, offset_s) });
    }
    let id = u128::from_be_bytes(object.object_id.uuid);
    Some(RoadUser { id, class, pose, length, width, velocity, standing_s: 0.0, futures })
}

/// The trajectory: a point each 0.1 s, the first at the time of the odometry used.
pub(crate) fn to_trajectory(points: &[Planned], stamp: Time, z: f64, vehicle: &Vehicle) -> Trajectory {
    let mut message = Trajectory::default();
    message.header.stamp = stamp;
    message.header.frame_id = "map".into();
    message.points = points
        .iter()
        .enumerate()
        .map(|(i, planned)| {
            let mut point = TrajectoryPoint::default();
            let nanos = (i as f64 * DT * 1e9).round() as i64;
            point.time_from_start =
                Duration { sec: (nanos / 1_000_000_000) as i32, nanosec: (nanos % 1_000_000_000) as u32 };
            point.pose.position.x = planned.pose.position.x;
            point.pose.position.y = planned.pose.position.y;
            point.pose.position.z = z;
            let q = planned.pose.quaternion();
            point.pose.orientation.z = q.k;
            point.pose.orientation.w = q.w;
            point.longitudinal_velocity_mps = planned.speed as f32;
            point.acceleration_mps2 = planned.acceleration as f32;
            point.heading_rate_rps = (planned.speed * planned.curvature) as f32;
            point.front_wheel_angle_rad = vehicle.steering_for_curvature(planned.curvature) as f32;
            point
        })
        .collect();
    message
}
