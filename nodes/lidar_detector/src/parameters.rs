use inference::InferenceParameters;
use node::NodeError;
use serde::Deserialize;

/// Parameters of `lidar_detector`; units and meaning stand in `params/lidar_detector.param.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Folder of the model: a manifest and its ONNX file.
    pub model: String,
    /// Which of its variants: fp32, fp16, int8, or auto for the manifest's default.
    pub precision: String,
    /// What runs it, and how long that may take.
    pub inference: InferenceParameters,
    /// Detections that the network is less sure of are left out.
    pub least_score: LeastScore,
    /// A cloud of fewer points is refused.
    pub least_points: usize,
    /// A cloud of which more is not finite is refused, share.
    pub max_not_finite_share: f64,
    /// Without a cloud for this long the sensor is taken to be dead, s.
    pub timeout_s: f64,
    /// Speed and turn rate must be this near to a cloud's stamp, s.
    pub max_motion_age_s: f64,
}

/// Least score by class.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeastScore {
    /// Cars.
    pub car: f64,
    /// Lorries and buses.
    pub truck: f64,
    /// Cyclists.
    pub cyclist: f64,
    /// People on foot.
    pub pedestrian: f64,
    /// Cones, boxes, bins.
    pub obstacle: f64,
}

impl LeastScore {
    /// In the order of [`crate::detection::Class::ALL`].
    pub fn to_array(self) -> [f64; 5] {
        [self.car, self.truck, self.cyclist, self.pedestrian, self.obstacle]
    }
}

impl Parameters {
    /// Checks every range.
    ///
    /// # Errors
    /// [`NodeError`] naming the parameter, its range and the value.
    pub fn check(&self) -> Result<(), NodeError> {
        let names = ["car", "truck", "cyclist", "pedestrian", "obstacle"];
        for (name, score) in names.into_iter().zip(self.least_score.to_array()) {
            NodeError::check_range(&format!("least_score.{name}"), score, 0.01..=1.0)?;
        }
        NodeError::check_range("least_points", self.least_points as f64, 1.0..=1e6)?;
        NodeError::check_range("max_not_finite_share", self.max_not_finite_share, 0.0..=1.0)?;
        NodeError::check_range("timeout_s", self.timeout_s, 0.05..=10.0)?;
        NodeError::check_range("max_motion_age_s", self.max_motion_age_s, 0.0..=1.0)
    }
}
