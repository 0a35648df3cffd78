use std::path::PathBuf;
use std::sync::Arc;

use vehicle::Vehicle;

/// What a node may know of the installation that it runs in, beside its own parameters.
#[derive(Debug, Clone)]
pub struct Context {
    /// The car (`params/vehicle_info.param.yaml`).
    pub vehicle: Vehicle,
    /// The map, read once and shared by all nodes of a process; `None` where none was given.
    pub map: Option<Arc<road_map::LaneGraph>>,
    /// Root that relative paths in parameters start from (the package's share folder).
    pub share: PathBuf,
    /// The ONNX Runtime library.
    pub onnxruntime: Option<PathBuf>,
}

impl Context {
    /// The map.
    ///
    /// # Errors
    /// [`NodeError`] that tells `node` needs one and how to give it.
    pub fn require_map(&self, node: &str) -> Result<Arc<road_map::LaneGraph>, NodeError> {
        self.map.clone().ok_or_else(|| {
            NodeError::new(format!("{node} needs a map and none was given: pass --map FILE or set map_path to an OpenDRIVE or Lanelet2 file"))
        })
    }

    /// A path from a parameter: absolute as it is, relative to the share folder otherwise.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.share.join(path)
    }
}

/// Why a node could not be made: one text that says what was expected, what came and what to do, with its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NodeError {
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl NodeError {
    /// From a text.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// From a text and the error that caused it.
    pub fn caused_by(message: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { message: message.into(), source: Some(source.into()) }
    }

    /// Checks that a parameter lies in a closed range; NaN does not.
    ///
    /// # Errors
    /// [`NodeError`] naming parameter, range and value.
    pub fn check_range(name: &str, value: f64, range: std::ops::RangeInclusive<f64>) -> Result<(), Self> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(Self::new(format!("parameter {name}: expected {}..={}, got {value}", range.start(), range.end())))
    }
}
