//! ONNX Runtime for the nodes: model folders checked before use, one environment a process, and what each run costs.
//!
//! A [`Model`] is loaded from a folder with a `manifest.toml` and the files it names. Loading fails rather than running
//! anything other than what the manifest says, and says per model which execution provider runs it. [`usage`] tells for
//! the whole process which models were loaded and how long their runs took.

mod environment;
mod error;
pub mod manifest;
mod model;
mod options;
mod provider;
mod usage;

pub use environment::{EnvironmentError, environment, find_library};
pub use error::{ModelError, TensorMismatch};
pub use manifest::{Budget, ElementType, Manifest, Precision, TensorSpec};
pub use model::{Model, Signature};
pub use options::LoadOptions;
pub use provider::{ExecutionProvider, Fallback};
pub use usage::{Usage, usage};
