//! From CARLA's sensor messages to Ferrodrive's: frames, handedness, and what a version gets wrong.

use msgs::geometry_msgs::msg::{Quaternion as QuaternionMessage, Vector3 as VectorMessage};
use msgs::sensor_msgs::msg::{CameraInfo, Image, Imu, PointCloud2, PointField};
use nalgebra::{Quaternion, UnitQuaternion, Vector3};

use crate::contract::Quirks;

/// As a message.
pub fn quaternion(q: &UnitQuaternion<f64>) -> QuaternionMessage {
    QuaternionMessage { x: q.i, y: q.j, z: q.k, w: q.w }
}

/// `None` where it is none of length 1.
pub fn rotation(q: &QuaternionMessage) -> Option<UnitQuaternion<f64>> {
    let quaternion = Quaternion::new(q.w, q.x, q.y, q.z);
    (0.98..=1.02).contains(&quaternion.norm()).then(|| UnitQuaternion::new_normalize(quaternion))
}

/// An IMU's message in `frame`, right-handed (x ahead, y left, z up), its orientation east-north-up.
///
/// # Errors
/// What is not finite in it.
pub fn imu(message: &Imu, quirks: &Quirks, frame: &str) -> Result<Imu, String> {
    let (w, a) = (&message.angular_velocity, &message.linear_acceleration);
    let (mut turn, mut force) = (Vector3::new(w.x, w.y, w.z), Vector3::new(a.x, a.y, a.z));
    if !turn.iter().chain(force.iter()).all(|v| v.is_finite()) {
        return Err("acceleration or turn rate is not finite".into());
    }
    if quirks.imu_is_left_handed {
        turn = Vector3::new(-turn.x, turn.y, -turn.z);
        force.y = -force.y;
    }
    let vector = |v: Vector3<f64>| VectorMessage { x: v.x, y: v.y, z: v.z };
    let mut converted = message.clone();
    converted.header.frame_id = frame.into();
    (converted.angular_velocity, converted.linear_acceleration) = (vector(turn), vector(force));
    match rotation(&message.orientation) {
        Some(orientation) => {
            let turned = UnitQuaternion::from_euler_angles(0.0, 0.0, quirks.imu_yaw_lacks_rad) * orientation;
            converted.orientation = quaternion(&turned);
        }
        // Known by its first covariance, as sensor_msgs/Imu has it.
        None => converted.orientation_covariance[0] = -1.0,
    }
    Ok(converted)
}

/// A point cloud in `frame`: both contracts have turned y to the left already; fields stay as they come.
///
/// # Errors
/// What is wrong with its sizes: nothing downstream shall read past its data.
pub fn cloud(message: &PointCloud2, frame: &str) -> Result<PointCloud2, String> {
    let expected = u64::from(message.height) * u64::from(message.row_step);
    let row = u64::from(message.width) * u64::from(message.point_step);
    if expected != message.data.len() as u64 || row > u64::from(message.row_step) {
        return Err(format!(
            "{}x{} points of {} bytes in rows of {} do not fit {} bytes of data",
            message.height,
            message.width,
            message.point_step,
            message.row_step,
            message.data.len()
        ));
    }
    let float = |name: &str| message.fields.iter().any(|f| f.name == name && f.datatype == PointField::FLOAT32);
    if !["x", "y", "z"].into_iter().all(float) {
        let fields: Vec<&str> = message.fields.iter().map(|f| f.name.as_str()).collect();
        return Err(format!("expected float32 fields x, y and z, got {fields:?}"));
    }
    let mut converted = message.clone();
    converted.header.frame_id = frame.into();
    Ok(converted)
}

/// An image in `frame` without the alpha channel that CARLA's have.
///
/// # Errors
/// Where its encoding is another, or its sizes contradict each other.
pub fn image(message: &Image, frame: &str) -> Result<Image, String> {
    let (width, height, step) = (message.width as usize, message.height as usize, message.step as usize);
    let channels = match message.encoding.as_str() {
        "bgra8" => 4,
        "bgr8" | "rgb8" => 3,
        other => return Err(format!("expected encoding bgra8, bgr8 or rgb8, got `{other}`")),
    };
    if step < channels * width || step.checked_mul(height) != Some(message.data.len()) {
        let bytes = message.data.len();
        return Err(format!("{width}x{height} pixels in rows of {step} bytes do not fit {bytes} bytes of data"));
    }
    let mut header = message.header.clone();
    header.frame_id = frame.into();
    if channels == 3 {
        return Ok(Image { header, ..message.clone() });
    }
    let mut data = Vec::with_capacity(3 * width * height);
    for row in message.data.chunks_exact(step.max(1)) {
        for pixel in row[..4 * width].chunks_exact(4) {
            data.extend_from_slice(&pixel[..3]);
        }
    }
    Ok(Image { header, encoding: "bgr8".into(), step: 3 * message.width, data, ..message.clone() })
}

/// The calibration in `frame`; with `focal_px` where the one that came is of no use.
///
/// # Errors
/// Where that would be needed and is not known.
pub fn camera_info(
    message: &CameraInfo,
    quirks: &Quirks,
    focal_px: Option<f64>,
    frame: &str,
) -> Result<CameraInfo, String> {
    let mut converted = message.clone();
    converted.header.frame_id = frame.into();
    if quirks.camera_info_is_wrong {
        let focal = focal_px.ok_or("its focal length is wrong in this version and the sensor file has no `fov`")?;
        let (x, y) = (f64::from(message.width) / 2.0, f64::from(message.height) / 2.0);
        converted.k = [focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0];
        converted.p = [focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0];
    }
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{NATIVE_0_9_16, ROS_BRIDGE_0_9_13};

    fn raw(yaw: f64) -> Imu {
        let mut message = Imu::default();
        (message.angular_velocity.x, message.angular_velocity.y, message.angular_velocity.z) = (0.1, 0.2, 0.3);
        (message.linear_acceleration.x, message.linear_acceleration.y, message.linear_acceleration.z) = (1.0, 2.0, 9.8);
        message.orientation = quaternion(&UnitQuaternion::from_euler_angles(0.0, 0.0, yaw));
        message
    }

    /// A car that turns right (clockwise from above) in CARLA's axes has a positive z rate and is pushed to +y.
    #[test]
    fn the_servers_imu_is_mirrored_and_its_yaw_completed() {
        // Facing east: compass of pi/2, of which the server makes pi/4 - pi/2.
        let converted = imu(&raw(-std::f64::consts::FRAC_PI_4), &NATIVE_0_9_16, "imu_link").unwrap();
        let (w, a) = (&converted.angular_velocity, &converted.linear_acceleration);
        assert_eq!([w.x, w.y, w.z, a.x, a.y, a.z], [-0.1, 0.2, -0.3, 1.0, -2.0, 9.8]);
        assert!(rotation(&converted.orientation).unwrap().euler_angles().2.abs() < 1e-9);
        assert_eq!(converted.header.frame_id, "imu_link");
    }

    #[test]
    fn the_bridges_imu_is_right_handed_already() {
        let converted = imu(&raw(0.5), &ROS_BRIDGE_0_9_13, "imu_link").unwrap();
        assert_eq!(converted.angular_velocity, raw(0.5).angular_velocity);
        assert_eq!(converted.linear_acceleration, raw(0.5).linear_acceleration);
        assert!((rotation(&converted.orientation).unwrap().euler_angles().2 - 0.5).abs() < 1e-9);
    }

    #[test]
    fn values_that_are_not_finite_are_refused() {
        let mut message = raw(0.0);
        message.angular_velocity.z = f64::NAN;
        assert!(imu(&message, &NATIVE_0_9_16, "imu_link").is_err());
    }

    #[test]
    fn the_focal_length_of_the_server_is_replaced_and_that_of_the_bridge_kept() {
        let mut message = CameraInfo { width: 800, height: 600, ..CameraInfo::default() };
        // What 0.9.16 makes of 90 degrees: its formula takes the tangent of 90 radians.
        message.k[0] = 800.0 / (2.0 * 90.0_f64.tan() * std::f64::consts::PI / 360.0);
        assert!(message.k[0] < 0.0);
        let converted = camera_info(&message, &NATIVE_0_9_16, Some(400.0), "c").unwrap();
        assert_eq!((converted.k[0], converted.k[4], converted.k[2], converted.k[5]), (400.0, 400.0, 400.0, 300.0));
        assert!(camera_info(&message, &NATIVE_0_9_16, None, "c").is_err());
        assert_eq!(camera_info(&message, &ROS_BRIDGE_0_9_13, Some(400.0), "c").unwrap().k, message.k);
    }

    #[test]
    fn alpha_goes_and_sizes_that_contradict_each_other_are_refused() {
        let data = (0..24).collect::<Vec<u8>>();
        let message = Image { width: 2, height: 3, step: 8, encoding: "bgra8".into(), data, ..Image::default() };
        let converted = image(&message, "c").unwrap();
        assert_eq!((converted.encoding.as_str(), converted.step), ("bgr8", 6));
        assert_eq!(&converted.data[..9], &[0, 1, 2, 4, 5, 6, 8, 9, 10]);
        assert!(image(&Image { height: 4, ..message.clone() }, "c").is_err());
        assert!(image(&Image { encoding: "mono8".into(), ..message }, "c").is_err());
    }

    #[test]
    fn clouds_keep_their_fields_and_are_refused_where_sizes_do_not_fit() {
        let field = |name: &str, offset| PointField { name: name.into(), offset, datatype: 7, count: 1 };
        let message = PointCloud2 {
            height: 1,
            width: 2,
            fields: vec![field("x", 0), field("y", 4), field("z", 8), field("intensity", 12)],
            point_step: 16,
            row_step: 32,
            data: vec![1; 32],
            ..PointCloud2::default()
        };
        let converted = cloud(&message, "lidar_top").unwrap();
        assert_eq!((&converted.fields, &converted.data), (&message.fields, &message.data));
        assert!(cloud(&PointCloud2 { data: vec![1; 31], ..message.clone() }, "lidar_top").is_err());
        assert!(cloud(&PointCloud2 { fields: Vec::new(), ..message }, "lidar_top").is_err());
    }
}
