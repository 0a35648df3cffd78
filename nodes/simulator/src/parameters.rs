use node::NodeError;
use serde::Deserialize;
use simulation::camera::CameraConfig;
use simulation::lidar::LidarConfig;
use simulation::{Mount, SensorNoise, SensorSuite};

/// Which drive is made where no scenario file is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioChoice {
    /// A long route in dense traffic.
    Drive,
    /// A short route of the smoke suite.
    Smoke,
}

/// Parameters of the simulator: `params/simulator.param.yaml` explains each.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Seed of the scenario and of all noise.
    pub seed: u64,
    /// Scenario file (TOML), relative to the share folder; empty to make one from `suite` and `seed`.
    pub scenario: String,
    /// Which scenario is made.
    pub suite: ScenarioChoice,
    /// Least route length of a made `drive` scenario, m.
    pub min_route_m: f64,
    /// Without a command for this long the car brakes by itself, s.
    pub command_timeout_s: f64,
    /// Standard deviation of the operator's initial position, each axis, m.
    pub initial_position_deviation_m: f64,
    /// Standard deviation of the operator's initial heading, rad.
    pub initial_heading_deviation_rad: f64,
    /// The LiDAR.
    pub lidar: LidarConfig,
    /// Where the LiDAR sits.
    pub lidar_mount: Mount,
    /// The front camera.
    pub camera: CameraConfig,
    /// From the camera's exposure to its image on the topic, s, 0..=0.09.
    pub camera_latency_s: f64,
    /// Where the camera sits: this mounting looks along x, its optical frame along z.
    pub camera_mount: Mount,
    /// Where the IMU sits.
    pub imu_mount: Mount,
    /// Where the GNSS antenna sits.
    pub gnss_mount: Mount,
    /// Errors of IMU, GNSS, wheels and steering.
    pub noise: SensorNoise,
}

impl Parameters {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Which parameter is out of its range.
    pub fn check(&self) -> Result<(), NodeError> {
        NodeError::check_range("min_route_m", self.min_route_m, 50.0..=20_000.0)?;
        NodeError::check_range("command_timeout_s", self.command_timeout_s, 0.05..=5.0)?;
        NodeError::check_range("initial_position_deviation_m", self.initial_position_deviation_m, 0.0..=5.0)?;
        NodeError::check_range("initial_heading_deviation_rad", self.initial_heading_deviation_rad, 0.0..=0.5)?;
        NodeError::check_range("camera_latency_s", self.camera_latency_s, 0.0..=0.09)?;
        let mounts = [
            ("lidar_mount", &self.lidar_mount),
            ("camera_mount", &self.camera_mount),
            ("imu_mount", &self.imu_mount),
            ("gnss_mount", &self.gnss_mount),
        ];
        for (name, mount) in mounts {
            NodeError::check_range(&format!("{name}.x_m"), mount.x_m, -10.0..=10.0)?;
            NodeError::check_range(&format!("{name}.y_m"), mount.y_m, -3.0..=3.0)?;
            NodeError::check_range(&format!("{name}.z_m"), mount.z_m, 0.0..=5.0)?;
            for (axis, angle) in [("roll", mount.roll_rad), ("pitch", mount.pitch_rad), ("yaw", mount.yaw_rad)] {
                NodeError::check_range(&format!("{name}.{axis}_rad"), angle, -3.2..=3.2)?;
            }
        }
        let noise = &self.noise;
        for (name, value, most) in [
            ("gyro_rad_s", noise.gyro_rad_s, 0.5),
            ("gyro_bias_rad_s", noise.gyro_bias_rad_s, 0.5),
            ("accelerometer_mps2", noise.accelerometer_mps2, 5.0),
            ("accelerometer_bias_mps2", noise.accelerometer_bias_mps2, 5.0),
            ("gnss_white_m", noise.gnss_white_m, 20.0),
            ("gnss_slow_m", noise.gnss_slow_m, 20.0),
            ("wheel_speed_mps", noise.wheel_speed_mps, 2.0),
            ("wheel_scale", noise.wheel_scale, 0.2),
            ("steering_rad", noise.steering_rad, 0.1),
        ] {
            NodeError::check_range(&format!("noise.{name}"), value, 0.0..=most)?;
        }
        Ok(())
    }

    /// The sensors that they describe.
    pub fn suite_of_sensors(&self) -> SensorSuite {
        SensorSuite {
            lidar: self.lidar.clone(),
            lidar_mount: self.lidar_mount,
            camera: self.camera,
            camera_mount: self.camera_mount,
            imu_mount: self.imu_mount,
            gnss_mount: self.gnss_mount,
            noise: self.noise,
        }
    }
}
