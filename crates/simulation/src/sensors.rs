use geometry::Point2;
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use road_map::LocalProjection;
use serde::{Deserialize, Serialize};

use crate::camera::CameraConfig;
use crate::dynamics::{EgoState, GRAVITY};
use crate::lidar::LidarConfig;
use crate::random::Random;

/// Where a sensor sits on the car: from `base_link` to the sensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Forward of the rear axle, m.
    pub x_m: f64,
    /// Left of the middle, m.
    pub y_m: f64,
    /// Above the ground, m.
    pub z_m: f64,
    /// Turned about x, rad.
    pub roll_rad: f64,
    /// Turned about y (nose down), rad.
    pub pitch_rad: f64,
    /// Turned about z, rad.
    pub yaw_rad: f64,
}

impl Mount {
    /// A level sensor that looks ahead.
    pub const fn level(x_m: f64, y_m: f64, z_m: f64) -> Self {
        Self { x_m, y_m, z_m, roll_rad: 0.0, pitch_rad: 0.0, yaw_rad: 0.0 }
    }

    /// As a transform from a camera's optical frame (z ahead, x right, y down) on this mounting to `base_link`.
    pub fn optical_isometry(&self) -> Isometry3<f64> {
        self.isometry() * crate::camera::optical()
    }

    /// As a transform from the sensor's frame to `base_link`.
    pub fn isometry(&self) -> Isometry3<f64> {
        let rotation = UnitQuaternion::from_euler_angles(self.roll_rad, self.pitch_rad, self.yaw_rad);
        Isometry3::from_parts(Translation3::new(self.x_m, self.y_m, self.z_m), rotation)
    }
}

/// The errors of all sensors but the LiDAR; rates are fixed: IMU 100 Hz, GNSS 10 Hz, wheels and steering 50 Hz.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorNoise {
    /// White noise of the gyroscope, rad/s.
    pub gyro_rad_s: f64,
    /// Largest constant bias of the gyroscope, rad/s.
    pub gyro_bias_rad_s: f64,
    /// White noise of the accelerometer, m/s².
    pub accelerometer_mps2: f64,
    /// Largest constant bias of the accelerometer, m/s².
    pub accelerometer_bias_mps2: f64,
    /// White noise of GNSS positions, each horizontal axis, m.
    pub gnss_white_m: f64,
    /// Slow error of GNSS positions (Gauss-Markov, 60 s), each horizontal axis, m.
    pub gnss_slow_m: f64,
    /// White noise of the wheel speed, m/s.
    pub wheel_speed_mps: f64,
    /// Largest scale error of the wheel speed (tyre wear), share.
    pub wheel_scale: f64,
    /// White noise of the steering angle, rad.
    pub steering_rad: f64,
}

impl Default for SensorNoise {
    /// An automotive MEMS unit and an RTK receiver.
    fn default() -> Self {
        Self {
            gyro_rad_s: 0.002,
            gyro_bias_rad_s: 0.003,
            accelerometer_mps2: 0.03,
            accelerometer_bias_mps2: 0.03,
            gnss_white_m: 0.05,
            gnss_slow_m: 0.08,
            wheel_speed_mps: 0.02,
            wheel_scale: 0.01,
            steering_rad: 0.002,
        }
    }
}

/// All sensors of the car.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorSuite {
    /// The LiDAR.
    pub lidar: LidarConfig,
    /// Where it sits.
    pub lidar_mount: Mount,
    /// The front camera.
    pub camera: CameraConfig,
    /// Where it sits: this mounting looks along x, its optical frame along z (REP-103).
    pub camera_mount: Mount,
    /// Where the IMU sits.
    pub imu_mount: Mount,
    /// Where the GNSS antenna sits.
    pub gnss_mount: Mount,
    /// Errors of the others.
    pub noise: SensorNoise,
}

impl Default for SensorSuite {
    fn default() -> Self {
        Self {
            lidar: LidarConfig::default(),
            lidar_mount: Mount::level(1.2, 0.0, 1.9),
            camera: CameraConfig::default(),
            camera_mount: Mount::level(1.3, 0.0, 1.45),
            imu_mount: Mount::level(0.0, 0.0, 0.4),
            gnss_mount: Mount::level(0.6, 0.0, 1.6),
            noise: SensorNoise::default(),
        }
    }
}

/// One IMU sample in the sensor's frame (x forward, y left, z up).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImuSample {
    /// When, s.
    pub stamp_s: f64,
    /// Turn rates, rad/s.
    pub angular_velocity: [f64; 3],
    /// Specific force: at rest it shows gravity's reaction, +9.8 along z, m/s².
    pub linear_acceleration: [f64; 3],
}

/// One GNSS fix of the antenna.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GnssSample {
    /// When, s.
    pub stamp_s: f64,
    /// Degrees north.
    pub latitude_deg: f64,
    /// Degrees east.
    pub longitude_deg: f64,
    /// Above the ellipsoid, m.
    pub altitude_m: f64,
    /// Variance of each horizontal axis, m².
    pub horizontal_variance_m2: f64,
    /// Variance of the altitude, m².
    pub vertical_variance_m2: f64,
}

/// One number from the car's own sensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// When, s.
    pub stamp_s: f64,
    /// The value.
    pub value: f64,
}

/// Errors that last: drawn once or walking slowly.
#[derive(Debug, Clone)]
pub(crate) struct Errors {
    noise: SensorNoise,
    random: Random,
    gyro_bias: Vector3<f64>,
    accelerometer_bias: Vector3<f64>,
    wheel_scale: f64,
    gnss_slow: [f64; 3],
}

impl Errors {
    pub fn new(noise: SensorNoise, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5e05_0125);
        let mut bias = |most: f64| Vector3::from_fn(|_, _| random.uniform(-most, most));
        let (gyro_bias, accelerometer_bias) = (bias(noise.gyro_bias_rad_s), bias(noise.accelerometer_bias_mps2));
        let wheel_scale = 1.0 + random.uniform(-noise.wheel_scale, noise.wheel_scale);
        let slow = noise.gnss_slow_m;
        let gnss_slow = [random.normal(0.0, slow), random.normal(0.0, slow), random.normal(0.0, 2.0 * slow)];
        Self { noise, random, gyro_bias, accelerometer_bias, wheel_scale, gnss_slow }
    }

    /// Reads the IMU; `before` is the state one sample (10 ms) ago.
    pub fn imu(&mut self, stamp_s: f64, ego: &EgoState, before: &EgoState, mount: &Mount, dt: f64) -> ImuSample {
        let rate = |now: f64, then: f64| (now - then) / dt;
        let body = Vector3::new(
            rate(ego.roll_rad, before.roll_rad),
            rate(ego.pitch_rad, before.pitch_rad),
            ego.yaw_rate_radps,
        );
        let turn = Vector3::new(0.0, 0.0, rate(ego.yaw_rate_radps, before.yaw_rate_radps));
        let arm = Vector3::new(mount.x_m, mount.y_m, mount.z_m);
        let yaw_only = Vector3::new(0.0, 0.0, ego.yaw_rate_radps);
        let motion = Vector3::new(ego.vehicle.acceleration_mps2, ego.lateral_acceleration_mps2, 0.0)
            + turn.cross(&arm)
            + yaw_only.cross(&yaw_only.cross(&arm));
        let tilt = UnitQuaternion::from_euler_angles(ego.roll_rad, ego.pitch_rad, 0.0);
        let force = motion + tilt.inverse() * Vector3::new(0.0, 0.0, GRAVITY);
        let to_sensor = mount.isometry().rotation.inverse();
        let (gyro, accelerometer) = (self.noise.gyro_rad_s, self.noise.accelerometer_mps2);
        // The biases walk: about a tenth of their bound in a minute.
        let walk = 0.1 * (dt / 60.0).sqrt();
        let (gyro_walk, force_walk) = (walk * self.noise.gyro_bias_rad_s, walk * self.noise.accelerometer_bias_mps2);
        let (gyro_step, force_step) = (self.white(gyro_walk), self.white(force_walk));
        self.gyro_bias += gyro_step;
        self.accelerometer_bias += force_step;
        let angular = to_sensor * body + self.gyro_bias + self.white(gyro);
        let linear = to_sensor * force + self.accelerometer_bias + self.white(accelerometer);
        ImuSample { stamp_s, angular_velocity: angular.into(), linear_acceleration: linear.into() }
    }

    fn white(&mut self, deviation: f64) -> Vector3<f64> {
        Vector3::from_fn(|_, _| self.random.normal(0.0, deviation))
    }

    /// Reads GNSS with the antenna at `antenna` in a map of this projection and altitude (m) of its zero.
    pub fn gnss(&mut self, stamp_s: f64, antenna: Vector3<f64>, frame: (LocalProjection, f64), dt: f64) -> GnssSample {
        let (white, slow) = (self.noise.gnss_white_m, self.noise.gnss_slow_m);
        let keep = (-dt / 60.0).exp();
        let mut error = [0.0; 3];
        for (axis, slow_error) in self.gnss_slow.iter_mut().enumerate() {
            let scale = if axis == 2 { 2.0 } else { 1.0 };
            let push = slow * scale * (1.0 - keep * keep).sqrt();
            *slow_error = *slow_error * keep + self.random.normal(0.0, 1.0) * push;
            error[axis] = *slow_error + self.random.normal(0.0, white * scale);
        }
        let place = antenna + Vector3::from(error);
        let (latitude_deg, longitude_deg) = frame.0.to_geographic(Point2::new(place.x, place.y));
        let altitude_m = frame.1 + place.z;
        let variance = white * white + slow * slow;
        GnssSample {
            stamp_s,
            latitude_deg,
            longitude_deg,
            altitude_m,
            horizontal_variance_m2: variance,
            vertical_variance_m2: 4.0 * variance,
        }
    }

    pub fn wheel_speed(&mut self, stamp_s: f64, ego: &EgoState) -> Reading {
        let speed = ego.vehicle.speed_mps;
        let noise = if speed > 0.05 { self.random.normal(0.0, self.noise.wheel_speed_mps) } else { 0.0 };
        Reading { stamp_s, value: (speed * self.wheel_scale + noise).max(0.0) }
    }

    pub fn steering(&mut self, stamp_s: f64, ego: &EgoState) -> Reading {
        Reading { stamp_s, value: ego.vehicle.steering_rad + self.random.normal(0.0, self.noise.steering_rad) }
    }
}

#[cfg(test)]
mod tests {
    use road_map::GeoOrigin;

    use super::*;

    const HALF_AXIS: f64 = 6_378_137.0;
    const ECCENTRICITY2: f64 = 6.694_379_990_141_4e-3;

    /// Earth-centred coordinates of a place on or above the ellipsoid.
    fn earth_centred(latitude_deg: f64, longitude_deg: f64, altitude_m: f64) -> Vector3<f64> {
        let (sin_lat, cos_lat) = latitude_deg.to_radians().sin_cos();
        let (sin_lon, cos_lon) = longitude_deg.to_radians().sin_cos();
        let normal = HALF_AXIS / (1.0 - ECCENTRICITY2 * sin_lat * sin_lat).sqrt();
        let flat = (normal + altitude_m) * cos_lat;
        Vector3::new(flat * cos_lon, flat * sin_lon, (normal * (1.0 - ECCENTRICITY2) + altitude_m) * sin_lat)
    }

    /// Two kilometres around an origin the map's projection and the tangent plane are one to a few millimetres.
    #[test]
    fn fixes_lie_where_the_tangent_plane_has_them() {
        let silent = SensorNoise { gnss_white_m: 0.0, gnss_slow_m: 0.0, ..SensorNoise::default() };
        let mut errors = Errors::new(silent, 1);
        for (latitude_deg, longitude_deg) in [(48.1, 11.5), (0.0, 0.0), (-33.9, 151.2), (64.1, -21.9)] {
            let origin = GeoOrigin { latitude_deg, longitude_deg, altitude_m: 0.0 };
            let (sin_lat, cos_lat) = latitude_deg.to_radians().sin_cos();
            let (sin_lon, cos_lon) = longitude_deg.to_radians().sin_cos();
            let east = Vector3::new(-sin_lon, cos_lon, 0.0);
            let north = Vector3::new(-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat);
            let centre = earth_centred(latitude_deg, longitude_deg, 0.0);
            for (x, y) in [(0.0, 0.0), (2000.0, 0.0), (0.0, -2000.0), (-1500.0, 1700.0)] {
                let fix = errors.gnss(0.0, Vector3::new(x, y, 3.0), (LocalProjection::new(origin), 0.0), 0.1);
                assert!((fix.altitude_m - 3.0).abs() < 1e-9);
                let offset = earth_centred(fix.latitude_deg, fix.longitude_deg, 0.0) - centre;
                let error = (offset.dot(&east) - x).hypot(offset.dot(&north) - y);
                assert!(error < 0.01, "{error} m at {x}, {y} from {latitude_deg}, {longitude_deg}");
            }
        }
    }
}
