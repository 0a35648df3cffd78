use node::NodeError;
use serde::Deserialize;

/// Parameters, as `params/safety_supervisor.param.yaml` explains them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    pub(crate) control_limit_s: f64,
    pub(crate) odometry_limit_s: f64,
    pub(crate) objects_limit_s: f64,
    pub(crate) trajectory_limit_s: f64,
    pub(crate) heartbeat_limit_s: f64,
    pub(crate) required_nodes: Vec<String>,
    pub(crate) max_lateral_acceleration_mps2: f64,
    pub(crate) max_jerk_mps3: f64,
    pub(crate) comfort_deceleration_mps2: f64,
    pub(crate) emergency_deceleration_mps2: f64,
    pub(crate) collision_horizon_s: f64,
    pub(crate) collision_margin_m: f64,
    pub(crate) min_existence_probability: f64,
    pub(crate) release_delay_s: f64,
    pub(crate) release_speed_mps: f64,
}

impl Parameters {
    pub(crate) fn check(&self) -> Result<(), NodeError> {
        let range = NodeError::check_range;
        range("control_limit_s", self.control_limit_s, 0.05..=2.0)?;
        range("odometry_limit_s", self.odometry_limit_s, 0.05..=2.0)?;
        range("objects_limit_s", self.objects_limit_s, 0.1..=3.0)?;
        range("trajectory_limit_s", self.trajectory_limit_s, 0.1..=3.0)?;
        range("heartbeat_limit_s", self.heartbeat_limit_s, 0.6..=10.0)?;
        range("max_lateral_acceleration_mps2", self.max_lateral_acceleration_mps2, 1.0..=10.0)?;
        range("max_jerk_mps3", self.max_jerk_mps3, 1.0..=50.0)?;
        range("comfort_deceleration_mps2", self.comfort_deceleration_mps2, 0.5..=5.0)?;
        range("emergency_deceleration_mps2", self.emergency_deceleration_mps2, 3.0..=9.0)?;
        range("collision_horizon_s", self.collision_horizon_s, 0.5..=4.0)?;
        range("collision_margin_m", self.collision_margin_m, 0.0..=1.0)?;
        range("min_existence_probability", self.min_existence_probability, 0.0..=1.0)?;
        range("release_delay_s", self.release_delay_s, 0.0..=10.0)?;
        range("release_speed_mps", self.release_speed_mps, 0.0..=5.0)
    }
}
