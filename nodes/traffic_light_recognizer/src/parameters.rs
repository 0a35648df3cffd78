use inference::InferenceParameters;
use node::NodeError;
use serde::Deserialize;

/// Parameters of `traffic_light_recognizer`; units and meaning stand in `params/traffic_light_recognizer.param.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Folder of the model: a manifest and its ONNX files.
    pub model: String,
    /// Which variant of it.
    pub precision: String,
    /// What runs it.
    pub inference: InferenceParameters,
    /// Lights farther than this are not looked at, m.
    pub range_m: f64,
    /// A state that the network is less sure of is none.
    pub least_confidence: f64,
    /// Images in a row that show amber or green before it is believed.
    pub images_to_believe: usize,
    /// A state that is no longer seen is kept for this long, s.
    pub hold_s: f64,
    /// Without an image for this long the camera is taken to be dead, s.
    pub timeout_s: f64,
    /// An image's pose may lie this far beyond the last one known, s.
    pub max_pose_age_s: f64,
}

impl Parameters {
    /// Checks every range.
    ///
    /// # Errors
    /// [`NodeError`] naming the parameter, its range and the value.
    pub fn check(&self) -> Result<(), NodeError> {
        NodeError::check_range("range_m", self.range_m, 10.0..=200.0)?;
        NodeError::check_range("least_confidence", self.least_confidence, 0.3..=1.0)?;
        NodeError::check_range("images_to_believe", self.images_to_believe as f64, 1.0..=10.0)?;
        NodeError::check_range("hold_s", self.hold_s, 0.0..=2.0)?;
        NodeError::check_range("timeout_s", self.timeout_s, 0.1..=10.0)?;
        NodeError::check_range("max_pose_age_s", self.max_pose_age_s, 0.0..=0.5)
    }
}
