//! Sensor messages as CARLA's two publishers fill them.

use carla_rig::Sensor;
use geometry::Point2;
use msgs::builtin_interfaces::msg::Time as Stamp;
use msgs::geometry_msgs::msg::{Quaternion, TransformStamped, Vector3};
use msgs::sensor_msgs::msg::{CameraInfo, Image, Imu, NavSatFix, PointCloud2, PointField};
use msgs::std_msgs::msg::Header;
use nalgebra::{Isometry3, UnitQuaternion};
use simulation::camera::CameraFrame;
use simulation::lidar::LidarScan;
use simulation::{EgoState, GnssSample, ImuSample};

use crate::carla::{Location, Rotation};
use crate::parameters::{Contract, Parameters, Peculiarity};

/// Names of frames and headers.
pub(crate) struct Namer<'a> {
    pub parameters: &'a Parameters,
    pub stamp: Stamp,
}

impl Namer<'_> {
    /// The frame of a sensor: its bare name, or behind its vehicle's.
    pub fn frame(&self, sensor: &str) -> String {
        let native = self.parameters.contract == Contract::Native;
        if native == self.parameters.has(Peculiarity::Frames) {
            sensor.to_owned()
        } else {
            format!("{}/{sensor}", self.parameters.role_name)
        }
    }

    pub fn header(&self, frame: String) -> Header {
        Header { stamp: self.stamp.clone(), frame_id: frame }
    }

    pub fn of(&self, sensor: &str) -> Header {
        self.header(self.frame(sensor))
    }
}

fn quaternion(q: &UnitQuaternion<f64>) -> Quaternion {
    Quaternion { x: q.i, y: q.j, z: q.k, w: q.w }
}

/// CARLA's world is still during a frame: points that a turning sensor measured on the way are put where a still one
/// has them. x, y (left), z, intensity.
pub(crate) fn cloud(scan: &LidarScan, ego: &EgoState, mount: &Isometry3<f64>, header: Header) -> PointCloud2 {
    let (speed, turn) = (ego.vehicle.speed_mps, ego.yaw_rate_radps);
    let (to_car, to_sensor) = (mount, mount.inverse());
    let mut data = Vec::with_capacity(scan.points.len() * 16);
    for p in &scan.points {
        let time = f64::from(p.time);
        let then = nalgebra::Point3::new(f64::from(p.x), f64::from(p.y), f64::from(p.z));
        let back = UnitQuaternion::from_euler_angles(0.0, 0.0, turn * time);
        let moved = nalgebra::Vector3::new(speed * time, ego.lateral_speed_mps * time, 0.0);
        let still = to_sensor * (back * (to_car * then) + moved);
        for value in [still.x as f32, still.y as f32, still.z as f32, p.intensity] {
            data.extend_from_slice(&value.to_le_bytes());
        }
    }
    let fields = ["x", "y", "z", "intensity"].into_iter().zip([0, 4, 8, 12]);
    let width = scan.points.len() as u32;
    PointCloud2 {
        header,
        height: 1,
        width,
        fields: fields
            .map(|(name, offset)| PointField { name: name.into(), offset, datatype: PointField::FLOAT32, count: 1 })
            .collect(),
        is_bigendian: false,
        point_step: 16,
        row_step: 16 * width,
        data,
        is_dense: false,
    }
}

pub(crate) fn imu(sample: &ImuSample, attitude: Rotation, p: &Parameters, header: Header) -> Imu {
    // The sample's axes are x ahead, y left, z up; CARLA's have y to the right. A turn rate is an axial vector.
    let ([ax, ay, az], [gx, gy, gz]) = (sample.linear_acceleration, sample.angular_velocity);
    let (accelerometer, gyroscope) = ([ax, -ay, az], [-gx, gy, -gz]);
    let mut message = Imu { header, ..Imu::default() };
    let vector = |v: [f64; 3]| Vector3 { x: v[0], y: v[1], z: v[2] };
    if p.contract == Contract::Native && p.has(Peculiarity::ImuAxes) {
        message.linear_acceleration = vector(accelerometer);
        message.angular_velocity = vector(gyroscope);
    } else {
        message.linear_acceleration = vector([accelerometer[0], -accelerometer[1], accelerometer[2]]);
        message.angular_velocity = vector([-gyroscope[0], gyroscope[1], -gyroscope[2]]);
    }
    message.orientation = match p.contract {
        Contract::Native => {
            let quarter = std::f64::consts::FRAC_PI_2 / if p.has(Peculiarity::ImuYaw) { 2.0 } else { 1.0 };
            let half = (quarter - attitude.compass_rad()) / 2.0;
            Quaternion { x: 0.0, y: 0.0, z: half.sin(), w: half.cos() }
        }
        Contract::CarlaRosBridge => {
            let [roll, pitch, yaw] = [attitude.roll, -attitude.pitch, -attitude.yaw].map(f64::to_radians);
            quaternion(&UnitQuaternion::from_euler_angles(roll, pitch, yaw))
        }
    };
    message
}

pub(crate) fn fix(sample: &GnssSample, map: &road_map::LaneGraph, p: &Parameters, header: Header) -> NavSatFix {
    let at: Point2<geometry::Map> = map.geo().to_map(sample.latitude_deg, sample.longitude_deg);
    let location = Location::of_map(at, sample.altitude_m);
    let (latitude, longitude) = match p.contract {
        _ if !p.has(Peculiarity::Georeference) => (sample.latitude_deg, sample.longitude_deg),
        Contract::Native => location.transverse_mercator(map.origin),
        Contract::CarlaRosBridge => location.mercator(map.origin),
    };
    // Nothing is said of status and covariance: the server's type is filled with zeros, the bridge's with its defaults.
    let mut fix = NavSatFix { header, latitude, longitude, altitude: sample.altitude_m, ..NavSatFix::default() };
    if p.contract == Contract::Native {
        (fix.status.status, fix.status.service) = (0, 0);
    }
    fix
}

pub(crate) fn image(frame: &CameraFrame, size: [u32; 2], header: Header) -> Image {
    let [width, height] = size;
    let mut data = Vec::with_capacity(frame.pixels.len() / 3 * 4);
    for pixel in frame.pixels.chunks_exact(3) {
        data.extend_from_slice(&[pixel[2], pixel[1], pixel[0], 255]);
    }
    Image { header, height, width, encoding: "bgra8".into(), is_bigendian: 0, step: 4 * width, data }
}

pub(crate) fn camera_info(camera: &Sensor, size: [u32; 2], p: &Parameters, header: Header) -> CameraInfo {
    let [width, height] = size;
    let fov = camera.number("fov").unwrap_or(90.0);
    let wide = f64::from(width);
    let focal = if p.contract == Contract::Native && p.has(Peculiarity::FocalLength) {
        wide / (2.0 * fov.tan() * std::f64::consts::PI / 360.0)
    } else {
        wide / (2.0 * (fov * std::f64::consts::PI / 360.0).tan())
    };
    let (x, y) = (wide / 2.0, f64::from(height) / 2.0);
    let mut info = CameraInfo {
        header,
        height,
        width,
        distortion_model: "plumb_bob".into(),
        d: vec![0.0; 5],
        k: [focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0],
        ..CameraInfo::default()
    };
    if p.contract == Contract::Native {
        (info.roi.height, info.roi.width, info.roi.do_rectify) = (height, width, true);
    }
    info
}

/// A sensor's transform on its vehicle. The bridge turns a camera's to the optical axes, the server does not.
pub(crate) fn transform(sensor: &Sensor, namer: &Namer<'_>) -> TransformStamped {
    let mut rotation = sensor.mount.rotation;
    if namer.parameters.contract == Contract::CarlaRosBridge && sensor.kind.starts_with("sensor.camera") {
        let axes = nalgebra::Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
        rotation *= UnitQuaternion::from_rotation_matrix(&nalgebra::Rotation3::from_matrix_unchecked(axes));
    }
    let mut stamped = TransformStamped { child_frame_id: namer.frame(&sensor.id), ..TransformStamped::default() };
    stamped.header = namer.header(namer.parameters.role_name.clone());
    let at = sensor.mount.translation.vector;
    stamped.transform.translation = Vector3 { x: at.x, y: at.y, z: at.z };
    stamped.transform.rotation = quaternion(&rotation);
    stamped
}
