use carla_rig::SteeringCurve;
use node::NodeError;
use serde::Deserialize;

use crate::answer::Patience;
use crate::contract::ContractChoice;
use crate::georeference::GeoReferenceChoice;
use crate::longitudinal::Calibration;

/// What the car is commanded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandChoice {
    /// Pedals and steering: carla_msgs/CarlaEgoVehicleControl.
    Control,
    /// Speed, acceleration and tyre angle: ackermann_msgs/AckermannDrive.
    Ackermann,
}

/// Where the car's pose comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OdometryChoice {
    /// From the simulator where it offers it, else from the localizer.
    Auto,
    /// From the localizer, always.
    Localizer,
}

/// Who reads traffic lights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LightsChoice {
    /// The recognizer, in the camera's images.
    Camera,
    /// The simulator tells them.
    Bridge,
}

/// Parameters, as `params/carla_bridge.param.yaml` explains them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    pub(crate) contract: ContractChoice,
    pub(crate) role_name: String,
    pub(crate) sensors_file: String,
    pub(crate) lidar: String,
    pub(crate) camera: String,
    pub(crate) gnss: String,
    pub(crate) imu: String,
    pub(crate) base_link_x_m: f64,
    pub(crate) max_steer_rad: f64,
    pub(crate) steering_curve: SteeringCurve,
    pub(crate) command: CommandChoice,
    pub(crate) odometry: OdometryChoice,
    pub(crate) traffic_lights: LightsChoice,
    pub(crate) traffic_light_reach_m: f64,
    pub(crate) georeference: GeoReferenceChoice,
    pub(crate) gnss_sigma_m: f64,
    pub(crate) compass_sigma_rad: f64,
    pub(crate) longitudinal: Calibration,
    pub(crate) sensor_timeout_s: f64,
    pub(crate) standing_warn_s: f64,
    pub(crate) control_timeout_s: f64,
    pub(crate) trajectory_age_s: f64,
    pub(crate) answer_limit_s: f64,
    pub(crate) idle_answer_s: f64,
    pub(crate) hold_deceleration_mps2: f64,
}

impl Parameters {
    /// Checks every range.
    pub(crate) fn check(&self) -> Result<(), NodeError> {
        for (name, value, range) in [
            ("base_link_x_m", self.base_link_x_m, -5.0..=5.0),
            ("max_steer_rad", self.max_steer_rad, 0.1..=1.6),
            ("traffic_light_reach_m", self.traffic_light_reach_m, 0.1..=20.0),
            ("gnss_sigma_m", self.gnss_sigma_m, 0.01..=20.0),
            ("compass_sigma_rad", self.compass_sigma_rad, 0.001..=1.0),
            ("sensor_timeout_s", self.sensor_timeout_s, 0.1..=10.0),
            ("standing_warn_s", self.standing_warn_s, 0.2..=60.0),
            ("control_timeout_s", self.control_timeout_s, 0.05..=5.0),
            ("trajectory_age_s", self.trajectory_age_s, 0.0..=1.0),
            ("answer_limit_s", self.answer_limit_s, 0.01..=10.0),
            ("idle_answer_s", self.idle_answer_s, 0.0..=1.0),
            ("hold_deceleration_mps2", self.hold_deceleration_mps2, 0.5..=9.0),
        ] {
            NodeError::check_range(name, value, range)?;
        }
        self.steering_curve.check().map_err(|reason| NodeError::new(format!("parameter steering_curve: {reason}")))?;
        let named = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        for (parameter, name) in [
            ("role_name", &self.role_name),
            ("lidar", &self.lidar),
            ("camera", &self.camera),
            ("gnss", &self.gnss),
            ("imu", &self.imu),
        ] {
            if !named(name) {
                let expected = "letters, digits and underscores, as it is part of topics";
                return Err(NodeError::new(format!("parameter {parameter}: expected {expected}, got `{name}`")));
            }
        }
        self.longitudinal.check()
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience {
            control_timeout_s: self.control_timeout_s,
            trajectory_age_s: self.trajectory_age_s,
            answer_limit_s: self.answer_limit_s,
            idle_answer_s: self.idle_answer_s,
        }
    }
}
