//! ONNX Runtime for the nodes: model folders checked before use, one environment a process, and what each run costs.
//!
//! A [`Model`] is loaded from a folder with a `manifest.toml` and the files it names. Loading fails rather than running
//! anything other than what the manifest says, and says per model which execution provider runs it. [`usage`] tells for
//! the whole process which models were loaded and how long their runs took.

mod accelerator;
mod binding;
mod capture;
mod checks;
mod engine_cache;
mod environment;
mod error;
mod inspect;
pub mod manifest;
mod model;
mod options;
mod placement;
mod provider;
mod session;
mod tensor;
mod usage;
mod watchdog;

pub use accelerator::Accelerator;
pub use capture::capture_inputs;
pub use engine_cache::{EngineCache, EngineKey};
pub use environment::{EnvironmentError, environment, find_library};
pub use error::{ModelError, TensorMismatch};
pub use inspect::{TensorFacts, tensor_shapes};
pub use manifest::{Budget, ElementType, Manifest, Precision, TensorSpec};
pub use model::{Model, Signature};
pub use options::{InferenceParameters, LoadOptions, engine_cache_folder, hold_run_limits, parse_providers};
pub use placement::Placement;
pub use provider::{ExecutionProvider, Fallback, TensorRtOptions};
pub use tensor::{TensorData, TensorView};
pub use usage::{Usage, usage};
