use inference::InferenceParameters;
use node::NodeError;
use serde::Deserialize;

/// Parameters of `motion_planner`; units and meaning stand in `params/motion_planner.param.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// When speeding up, m/s².
    pub max_acceleration_mps2: f64,
    /// When slowing for what is known ahead of time, m/s², positive.
    pub comfort_deceleration_mps2: f64,
    /// Sets the speed in curves, m/s².
    pub max_lateral_acceleration_mps2: f64,
    /// To the road user ahead, s.
    pub time_headway_s: f64,
    /// To a road user that stands, m.
    pub standstill_gap_m: f64,
    /// Front bumper to stop line, m.
    pub stop_line_margin_m: f64,
    /// Lights are looked for within this of straight ahead, rad; 0 where they come by radio.
    pub light_view_angle_rad: f64,
    /// From `base_link` to the camera that reads the lights, m.
    pub camera_x_m: f64,
    /// Wished for to the side of cars and obstacles, m.
    pub car_clearance_m: f64,
    /// Wished for to the side of pedestrians and cyclists, m.
    pub person_clearance_m: f64,
    /// A proposal that collides with a larger probability is refused.
    pub accepted_collision_probability: f64,
    /// Without objects for this long the car stops, s.
    pub objects_timeout_s: f64,
    /// Without odometry for this long nothing is planned, s.
    pub odometry_timeout_s: f64,
    /// Without signal states for this long all lights count as red, s.
    pub signals_timeout_s: f64,
    /// Whether a network proposes trajectories beside the lane-following ones; without it no model is loaded.
    pub learned_proposals: bool,
    /// What a proposal of the network costs beside what any costs.
    pub learned_proposal_cost: f64,
    /// Folder of the network: a manifest and its ONNX file.
    pub model: String,
    /// Which of its variants: fp32, fp16, int8, or auto for the manifest's default.
    pub precision: String,
    /// What runs it, and how long that may take.
    pub inference: InferenceParameters,
}

impl Parameters {
    /// Checks every range.
    ///
    /// # Errors
    /// [`NodeError`] naming the parameter, its range and the value.
    pub fn check(&self) -> Result<(), NodeError> {
        let ranges = [
            ("max_acceleration_mps2", self.max_acceleration_mps2, 0.3..=4.0),
            ("comfort_deceleration_mps2", self.comfort_deceleration_mps2, 0.5..=4.0),
            ("max_lateral_acceleration_mps2", self.max_lateral_acceleration_mps2, 0.5..=5.0),
            ("time_headway_s", self.time_headway_s, 0.5..=4.0),
            ("standstill_gap_m", self.standstill_gap_m, 1.0..=10.0),
            ("stop_line_margin_m", self.stop_line_margin_m, 0.2..=3.0),
            ("light_view_angle_rad", self.light_view_angle_rad, 0.0..=1.2),
            ("camera_x_m", self.camera_x_m, -5.0..=5.0),
            ("car_clearance_m", self.car_clearance_m, 0.1..=3.0),
            ("person_clearance_m", self.person_clearance_m, 0.3..=3.0),
            ("accepted_collision_probability", self.accepted_collision_probability, 0.01..=0.9),
            ("objects_timeout_s", self.objects_timeout_s, 0.15..=3.0),
            ("odometry_timeout_s", self.odometry_timeout_s, 0.05..=2.0),
            ("signals_timeout_s", self.signals_timeout_s, 0.2..=5.0),
            ("learned_proposal_cost", self.learned_proposal_cost, 0.0..=50.0),
        ];
        ranges.into_iter().try_for_each(|(name, value, range)| NodeError::check_range(name, value, range))
    }
}
