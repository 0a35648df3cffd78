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
    pub(crate) trajectory_offset_m: f64,
    pub(crate) heartbeat_limit_s: f64,
    pub(crate) error_limit_s: f64,
    pub(crate) required_nodes: Vec<String>,
    pub(crate) max_lateral_acceleration_mps2: f64,
    pub(crate) max_jerk_mps3: f64,
    pub(crate) comfort_deceleration_mps2: f64,
    pub(crate) emergency_deceleration_mps2: f64,
    pub(crate) emergency_from_mps2: f64,
    pub(crate) emergency_until_mps2: f64,
    pub(crate) collision_horizon_s: f64,
    pub(crate) collision_margin_m: f64,
    pub(crate) collision_frames: u32,
    pub(crate) reaction_s: f64,
    pub(crate) min_existence_probability: f64,
    pub(crate) release_delay_s: f64,
    pub(crate) release_speed_mps: f64,
}

impl Parameters {
    pub(crate) fn check(&self) -> Result<(), NodeError> {
        let ranges = [
            ("control_limit_s", self.control_limit_s, 0.05..=2.0),
            ("odometry_limit_s", self.odometry_limit_s, 0.05..=2.0),
            ("objects_limit_s", self.objects_limit_s, 0.1..=3.0),
            ("trajectory_limit_s", self.trajectory_limit_s, 0.1..=3.0),
            ("trajectory_offset_m", self.trajectory_offset_m, 0.5..=20.0),
            ("heartbeat_limit_s", self.heartbeat_limit_s, 0.6..=10.0),
            ("error_limit_s", self.error_limit_s, 0.0..=5.0),
            ("max_lateral_acceleration_mps2", self.max_lateral_acceleration_mps2, 1.0..=10.0),
            ("max_jerk_mps3", self.max_jerk_mps3, 1.0..=50.0),
            ("comfort_deceleration_mps2", self.comfort_deceleration_mps2, 0.5..=5.0),
            ("emergency_deceleration_mps2", self.emergency_deceleration_mps2, 3.0..=9.0),
            ("emergency_from_mps2", self.emergency_from_mps2, 2.0..=9.0),
            ("emergency_until_mps2", self.emergency_until_mps2, 0.5..=self.emergency_from_mps2),
            ("collision_horizon_s", self.collision_horizon_s, 0.5..=4.0),
            ("collision_margin_m", self.collision_margin_m, -0.5..=1.0),
            ("collision_frames", f64::from(self.collision_frames), 1.0..=10.0),
            ("reaction_s", self.reaction_s, 0.0..=1.0),
            ("min_existence_probability", self.min_existence_probability, 0.0..=1.0),
            ("release_delay_s", self.release_delay_s, 0.0..=10.0),
            ("release_speed_mps", self.release_speed_mps, 0.0..=5.0),
        ];
        ranges.into_iter().try_for_each(|(name, value, range)| NodeError::check_range(name, value, range))
    }
}
