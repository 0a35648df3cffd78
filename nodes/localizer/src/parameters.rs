use node::NodeError;
use serde::Deserialize;

use crate::Noise;

/// Parameters, as `params/localizer.param.yaml` explains them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    pub(crate) wheels: bool,
    pub(crate) gnss_antenna_x_m: f64,
    pub(crate) gnss_antenna_y_m: f64,
    pub(crate) gnss_antenna_z_m: f64,
    pub(crate) gnss_slow_share: f64,
    pub(crate) gnss_slow_s: f64,
    pub(crate) gnss_outage_warn_s: f64,
    pub(crate) gnss_outage_stop_s: f64,
    pub(crate) gate_sigma: f64,
    pub(crate) max_rejections: u32,
    pub(crate) max_lateral_sigma_m: f64,
    pub(crate) heading_walk_rad_per_sqrt_s: f64,
    pub(crate) steering_heading_walk_rad_per_sqrt_s: f64,
    pub(crate) speed_walk_mps_per_sqrt_s: f64,
    pub(crate) position_walk_m_per_sqrt_s: f64,
    pub(crate) gyro_bias_walk_radps_per_sqrt_s: f64,
    pub(crate) accelerometer_bias_walk_mps2_per_sqrt_s: f64,
    pub(crate) gyro_bias_sigma_radps: f64,
    pub(crate) accelerometer_bias_sigma_mps2: f64,
    pub(crate) wheel_scale_sigma: f64,
    pub(crate) wheel_speed_sigma_mps: f64,
    pub(crate) sideslip_rad_per_mps2: f64,
    pub(crate) imu_timeout_s: f64,
    pub(crate) wheels_timeout_s: f64,
}

impl Parameters {
    /// Checks every range.
    pub(crate) fn check(&self) -> Result<(), NodeError> {
        let ranges = [
            ("gnss_antenna_x_m", self.gnss_antenna_x_m, -5.0..=5.0),
            ("gnss_antenna_y_m", self.gnss_antenna_y_m, -3.0..=3.0),
            ("gnss_antenna_z_m", self.gnss_antenna_z_m, 0.0..=5.0),
            ("gnss_slow_share", self.gnss_slow_share, 0.0..=0.99),
            ("gnss_slow_s", self.gnss_slow_s, 1.0..=3600.0),
            ("gnss_outage_warn_s", self.gnss_outage_warn_s, 0.2..=60.0),
            ("gnss_outage_stop_s", self.gnss_outage_stop_s, 0.2..=60.0),
            ("gate_sigma", self.gate_sigma, 2.0..=10.0),
            ("max_rejections", f64::from(self.max_rejections), 3.0..=1000.0),
            ("max_lateral_sigma_m", self.max_lateral_sigma_m, 0.1..=10.0),
            ("heading_walk_rad_per_sqrt_s", self.heading_walk_rad_per_sqrt_s, 1e-5..=0.1),
            ("steering_heading_walk_rad_per_sqrt_s", self.steering_heading_walk_rad_per_sqrt_s, 1e-4..=0.5),
            ("speed_walk_mps_per_sqrt_s", self.speed_walk_mps_per_sqrt_s, 0.001..=10.0),
            ("position_walk_m_per_sqrt_s", self.position_walk_m_per_sqrt_s, 0.0..=1.0),
            ("gyro_bias_walk_radps_per_sqrt_s", self.gyro_bias_walk_radps_per_sqrt_s, 0.0..=0.01),
            ("accelerometer_bias_walk_mps2_per_sqrt_s", self.accelerometer_bias_walk_mps2_per_sqrt_s, 0.0..=0.1),
            ("gyro_bias_sigma_radps", self.gyro_bias_sigma_radps, 0.0..=0.1),
            ("accelerometer_bias_sigma_mps2", self.accelerometer_bias_sigma_mps2, 0.0..=2.0),
            ("wheel_scale_sigma", self.wheel_scale_sigma, 0.0..=0.2),
            ("wheel_speed_sigma_mps", self.wheel_speed_sigma_mps, 0.001..=2.0),
            ("sideslip_rad_per_mps2", self.sideslip_rad_per_mps2, 0.0..=0.05),
            ("imu_timeout_s", self.imu_timeout_s, 0.03..=1.0),
            ("wheels_timeout_s", self.wheels_timeout_s, 0.05..=2.0),
        ];
        ranges.into_iter().try_for_each(|(name, value, range)| NodeError::check_range(name, value, range))
    }

    pub(crate) fn noise(&self) -> Noise {
        Noise {
            heading: self.heading_walk_rad_per_sqrt_s,
            speed: self.speed_walk_mps_per_sqrt_s,
            position: self.position_walk_m_per_sqrt_s,
            gyro_bias_walk: self.gyro_bias_walk_radps_per_sqrt_s,
            force_bias_walk: self.accelerometer_bias_walk_mps2_per_sqrt_s,
            gyro_bias: self.gyro_bias_sigma_radps,
            force_bias: self.accelerometer_bias_sigma_mps2,
            wheel_scale: self.wheel_scale_sigma,
            gnss_slow_s: self.gnss_slow_s,
            sideslip: self.sideslip_rad_per_mps2,
        }
    }
}
