use msgs::geometry_msgs::msg::{Quaternion, TransformStamped};
use msgs::nav_msgs::msg::Odometry;
use msgs::tf2_msgs::msg::TFMessage;
use nalgebra::UnitQuaternion;
use node::Time;

use crate::Filter;

/// Height (m) and tilt (rad) of the ground under the car.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ground {
    pub z: f64,
    pub roll: f64,
    pub pitch: f64,
}

/// The filter's state as nav_msgs/Odometry, map to `base_link`, and the same as a transform.
pub fn messages(filter: &Filter, ground: Ground, stamp: Time) -> (Odometry, TFMessage) {
    let [x, y, yaw] = filter.place();
    let q = UnitQuaternion::from_euler_angles(ground.roll, ground.pitch, yaw);
    let mut odometry = Odometry { child_frame_id: "base_link".into(), ..Odometry::default() };
    odometry.header.frame_id = "map".into();
    odometry.header.stamp = stamp.to_message();
    let pose = &mut odometry.pose.pose;
    (pose.position.x, pose.position.y, pose.position.z) = (x, y, ground.z);
    pose.orientation = Quaternion { x: q.i, y: q.j, z: q.k, w: q.w };
    // Rows and columns of the message are x, y, z, roll, pitch, yaw.
    let covariance = filter.pose_covariance();
    for (i, row) in [0, 1, 5].into_iter().enumerate() {
        for (j, column) in [0, 1, 5].into_iter().enumerate() {
            odometry.pose.covariance[row * 6 + column] = covariance[(i, j)];
        }
    }
    // The map's ground: height to a decimetre, tilt to a hundredth.
    for (index, variance) in [(14, 0.01), (21, 1e-4), (28, 1e-4)] {
        odometry.pose.covariance[index] = variance;
    }
    let twist = &mut odometry.twist.twist;
    (twist.linear.x, twist.linear.y) = (filter.speed(), filter.lateral_speed());
    twist.angular.z = filter.yaw_rate();
    let [speed, rate] = filter.twist_variances();
    let lateral = (0.01 + 0.5 * filter.lateral_speed()).powi(2);
    for (index, variance) in [(0, speed), (7, lateral), (14, 0.01), (21, 1e-4), (28, 1e-4), (35, rate)] {
        odometry.twist.covariance[index] = variance;
    }
    let mut tf = TransformStamped { child_frame_id: "base_link".into(), ..TransformStamped::default() };
    tf.header = odometry.header.clone();
    let at = &mut tf.transform.translation;
    (at.x, at.y, at.z) = (x, y, ground.z);
    tf.transform.rotation = odometry.pose.pose.orientation.clone();
    (odometry, TFMessage { transforms: vec![tf] })
}
