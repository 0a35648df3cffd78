//! ONNX Runtime for the nodes: model folders checked before use, one environment a process, and what each run costs.
//!
//! A [`Model`] is loaded from a folder with a `manifest.toml` and the files it names. Loading fails rather than running
//! anything other than what the manifest says, and says per model which execution provider runs it. [`usage`] tells for
//! the whole process which models were loaded and how long their runs took.

mod environment;
mod error;
mod manifest;
mod model;
mod provider;
mod usage;

pub use environment::{EnvironmentError, environment, find_library};
pub use error::{ModelError, TensorMismatch};
pub use manifest::{Budget, ElementType, Manifest, TensorSpec};
pub use model::{Model, Signature};
pub use provider::ExecutionProvider;
pub use usage::{Usage, usage};
