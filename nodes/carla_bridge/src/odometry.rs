//! Where the car is, in Ferrodrive's frames: from the simulator's own odometry or from the localizer's.

use msgs::autoware_vehicle_msgs::msg::VelocityReport;
use msgs::geometry_msgs::msg::{PoseWithCovarianceStamped, TransformStamped};
use msgs::nav_msgs::msg::Odometry;
use msgs::tf2_msgs::msg::TFMessage;
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use node::Time;

use crate::convert::{quaternion, rotation};

/// Standard deviation that is claimed of the simulator's own pose (m, rad) and speed (m/s): it has none.
const SIGMA: f64 = 0.01;

/// The simulator's odometry of the vehicle's middle as one of `base_link`, which lies `base_x` (m) ahead of that middle.
///
/// # Errors
/// What is not finite in it.
pub fn of_simulator(message: &Odometry, base_x: f64) -> Result<Odometry, String> {
    let (p, twist) = (&message.pose.pose.position, &message.twist.twist);
    let orientation = rotation(&message.pose.pose.orientation).ok_or("its orientation is no unit quaternion")?;
    let numbers = [p.x, p.y, p.z, twist.linear.x, twist.linear.y, twist.angular.z];
    if !numbers.iter().all(|v| v.is_finite()) {
        return Err("its pose or speed is not finite".into());
    }
    let at = Vector3::new(p.x, p.y, p.z) + orientation * Vector3::new(base_x, 0.0, 0.0);
    let mut odometry = message.clone();
    odometry.header.frame_id = "map".into();
    odometry.child_frame_id = "base_link".into();
    let place = &mut odometry.pose.pose.position;
    (place.x, place.y, place.z) = (at.x, at.y, at.z);
    // The rear axle does not swing out with the turn as the middle does.
    odometry.twist.twist.linear.y = twist.linear.y + twist.angular.z * base_x;
    for axis in 0..6 {
        odometry.pose.covariance[axis * 7] = SIGMA * SIGMA;
        odometry.twist.covariance[axis * 7] = SIGMA * SIGMA;
    }
    Ok(odometry)
}

/// The same as a transform from `map` to `base_link`.
pub fn transform(odometry: &Odometry) -> TFMessage {
    let mut tf = TransformStamped { header: odometry.header.clone(), ..TransformStamped::default() };
    tf.child_frame_id = "base_link".into();
    let (p, t) = (&odometry.pose.pose.position, &mut tf.transform);
    (t.translation.x, t.translation.y, t.translation.z) = (p.x, p.y, p.z);
    t.rotation = odometry.pose.pose.orientation.clone();
    TFMessage { transforms: vec![tf] }
}

/// The speed of an odometry as a report, for nodes that want one where the car has no speedometer on the graph.
pub fn speed_report(odometry: &Odometry) -> VelocityReport {
    let mut report = VelocityReport { header: odometry.header.clone(), ..VelocityReport::default() };
    report.header.frame_id = "base_link".into();
    report.longitudinal_velocity = odometry.twist.twist.linear.x as f32;
    report
}

/// Nose-down angle of an odometry, rad; 0 where it has no orientation.
pub fn pitch_rad(odometry: &Odometry) -> f64 {
    rotation(&odometry.pose.pose.orientation).map_or(0.0, |q| q.euler_angles().1)
}

/// Where the car stands by a fix of its antenna (map, m) and its heading (rad).
pub fn start(
    stamp: Time,
    fix: [f64; 2],
    yaw: f64,
    antenna: &Isometry3<f64>,
    sigma: [f64; 2],
) -> PoseWithCovarianceStamped {
    let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, yaw);
    let at = Vector3::new(fix[0], fix[1], 0.0) - turn * antenna.translation.vector;
    let mut message = PoseWithCovarianceStamped::default();
    message.header.stamp = stamp.to_message();
    message.header.frame_id = "map".into();
    (message.pose.pose.position.x, message.pose.pose.position.y) = (at.x, at.y);
    message.pose.pose.orientation = quaternion(&turn);
    message.pose.covariance[0] = sigma[0] * sigma[0];
    message.pose.covariance[7] = sigma[0] * sigma[0];
    message.pose.covariance[35] = sigma[1] * sigma[1];
    message
}

/// A fixed transform.
pub fn fixed(parent: &str, child: &str, pose: &Isometry3<f64>, stamp: Time) -> TransformStamped {
    let mut stamped = TransformStamped { child_frame_id: child.into(), ..TransformStamped::default() };
    (stamped.header.stamp, stamped.header.frame_id) = (stamp.to_message(), parent.into());
    let (at, t) = (pose.translation.vector, &mut stamped.transform);
    (t.translation.x, t.translation.y, t.translation.z) = (at.x, at.y, at.z);
    t.rotation = quaternion(&pose.rotation);
    stamped
}

/// From a mounting that looks along x to its optical frame (z ahead, x right, y down; REP-103).
pub fn optical(mount: &Isometry3<f64>) -> Isometry3<f64> {
    let half = std::f64::consts::FRAC_PI_2;
    let turn = UnitQuaternion::from_euler_angles(-half, 0.0, -half);
    Isometry3::from_parts(mount.translation, mount.rotation * turn)
}

/// From a sensor's frame to `base_link`, of its mounting on the vehicle.
pub fn on_base_link(mount: &Isometry3<f64>, base_x: f64) -> Isometry3<f64> {
    Translation3::new(-base_x, 0.0, 0.0) * mount
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rear_axle_lies_behind_the_vehicles_middle() {
        let mut message = Odometry::default();
        message.pose.pose.position.x = 10.0;
        message.pose.pose.orientation =
            quaternion(&UnitQuaternion::from_euler_angles(0.0, 0.0, std::f64::consts::FRAC_PI_2));
        (message.twist.twist.linear.y, message.twist.twist.angular.z) = (0.28, 0.2);
        let odometry = of_simulator(&message, -1.4).unwrap();
        let (p, v) = (&odometry.pose.pose.position, &odometry.twist.twist.linear);
        assert!((p.x - 10.0).abs() < 1e-9 && (p.y + 1.4).abs() < 1e-9 && v.y.abs() < 1e-9, "{p:?} {v:?}");
        assert_eq!((odometry.header.frame_id.as_str(), odometry.child_frame_id.as_str()), ("map", "base_link"));
        message.twist.twist.linear.x = f64::NAN;
        assert!(of_simulator(&message, -1.4).is_err());
    }

    #[test]
    fn the_start_is_the_antennas_fix_less_its_arm() {
        let antenna = Isometry3::from_parts(Translation3::new(0.6, 0.0, 1.6), UnitQuaternion::identity());
        let message = start(Time(0), [5.0, 5.0], std::f64::consts::PI, &antenna, [0.1, 0.03]);
        let p = &message.pose.pose.position;
        assert!((p.x - 5.6).abs() < 1e-9 && (p.y - 5.0).abs() < 1e-9, "{p:?}");
    }

    #[test]
    fn optical_frames_look_along_z() {
        let ahead = optical(&Isometry3::identity()) * Vector3::new(0.0, 0.0, 1.0);
        let right = optical(&Isometry3::identity()) * Vector3::new(1.0, 0.0, 0.0);
        assert!((ahead - Vector3::x()).norm() < 1e-12 && (right + Vector3::y()).norm() < 1e-12);
    }
}
