use std::path::PathBuf;
use std::time::Duration;

use crate::environment::EnvironmentError;
use crate::manifest::ElementType;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model's folder cannot be read.
    #[error("model {path}: {source}; {hint}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The manifest is no manifest.
    #[error("model manifest {path}: {reason}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// The file is another than the manifest's.
    #[error("model {path}: expected sha256 {expected}, got {got}; restore the file or export it again")]
    Hash {
        /// The file.
        path: PathBuf,
        /// The manifest's.
        expected: String,
        /// The file's.
        got: String,
    },
    /// A tensor is missing or of another type or shape than its reader needs.
    #[error(transparent)]
    Tensor(#[from] Box<TensorMismatch>),
    /// An execution provider cannot run the model, or not all of it.
    #[error("model {name}: execution provider {provider}: {reason}")]
    Provider {
        /// The model.
        name: String,
        /// The provider.
        provider: String,
        /// What is missing and what to do.
        reason: String,
    },
    /// No library was named.
    #[error("model {path} needs the ONNX Runtime library and none was given: run `make drive` once, or name one")]
    NoLibrary {
        /// The model's folder.
        path: PathBuf,
    },
    /// The library cannot be used.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The file's operator set is another than the manifest's.
    #[error(
        "model {path}: the manifest expects opset {expected}, got {got}; make the manifest say what the file holds"
    )]
    Opset {
        /// The file.
        path: PathBuf,
        /// The manifest's.
        expected: u32,
        /// The file's.
        got: u32,
    },
    /// ONNX Runtime refuses the model or a run.
    #[error("model {name}: ONNX Runtime: {reason}")]
    Runtime {
        /// The model.
        name: String,
        /// What it says.
        reason: String,
    },
    /// An input of a run has the wrong number of values.
    #[error("model {name}: input `{tensor}`: expected {expected} values, got {got}")]
    Input {
        /// The model.
        name: String,
        /// The tensor; empty where the number of inputs is wrong.
        tensor: String,
        /// How many it takes.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// An input of a run has the wrong type.
    #[error("model {name}: input `{tensor}`: expected {expected} values, got {got} ones")]
    InputType {
        /// The model.
        name: String,
        /// The tensor.
        tensor: String,
        /// What it takes.
        expected: ElementType,
        /// What came.
        got: ElementType,
    },
    /// A run took too long and was ended.
    #[error("model {name}: a run took {:.3} s, expected at most {:.3} s: is the machine overloaded?", took.as_secs_f64(), limit.as_secs_f64())]
    Late {
        /// The model.
        name: String,
        /// The limit.
        limit: Duration,
        /// How long it took.
        took: Duration,
    },
    /// An output holds a number that is not finite or out of the manifest's range.
    #[error(
        "model {name}: output `{tensor}` holds {value} at {at}, expected {expected}: its inputs or its weights are broken; nothing of this run is used"
    )]
    Output {
        /// The model.
        name: String,
        /// The tensor.
        tensor: String,
        /// What it may hold.
        expected: String,
        /// The first such value.
        value: f32,
        /// Its index.
        at: usize,
    },
}

/// A tensor that is missing or of another type or shape than its reader needs.
#[derive(Debug, thiserror::Error)]
#[error("model {path}: {side} `{tensor}`: {whose} expects {expected}, got {got}; {hint}")]
pub struct TensorMismatch {
    /// The manifest or the model's file.
    pub path: PathBuf,
    /// `input` or `output`.
    pub side: &'static str,
    /// The tensor.
    pub tensor: String,
    /// Who expects it: the node, or the manifest.
    pub whose: &'static str,
    /// What is expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// What to do.
    pub hint: &'static str,
}
