//! ONNX Runtime for the nodes: one environment a process, loaded from a library that the user names.

mod environment;

pub use environment::{EnvironmentError, environment};
