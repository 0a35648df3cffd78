use std::fmt;

use ort::session::builder::SessionBuilder;
use serde::Deserialize;

/// What runs a model. Each is asked for by name, proves that it runs, and is never swapped for another in silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionProvider {
    /// ONNX Runtime's own kernels, one thread.
    Cpu,
    /// NVIDIA's CUDA kernels.
    Cuda,
    /// NVIDIA TensorRT engines.
    TensorRt,
    /// Intel OpenVINO.
    OpenVino,
    /// Another of ONNX Runtime's, by the name that it has there.
    Other(String),
}

impl ExecutionProvider {
    /// By its name in manifests.
    ///
    /// # Errors
    /// The names that there are.
    pub fn from_name(name: &str) -> Result<Self, String> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "tensorrt" => Ok(Self::TensorRt),
            "openvino" => Ok(Self::OpenVino),
            other if other.ends_with("ExecutionProvider") => Ok(Self::Other(other.into())),
            other => Err(format!(
                "execution provider `{other}`: expected cpu, cuda, tensorrt, openvino, or a name of ONNX Runtime's like QNNExecutionProvider"
            )),
        }
    }

    /// Its name in manifests and metrics.
    pub fn name(&self) -> &str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::OpenVino => "openvino",
            Self::Other(name) => name,
        }
    }

    /// Sets a session up for it.
    pub(crate) fn apply(&self, builder: SessionBuilder) -> Result<SessionBuilder, String> {
        match self {
            // One thread that sleeps between runs: cores are shared with everything else that drives the car.
            Self::Cpu => {
                let builder = builder.with_intra_threads(1).map_err(|e| e.to_string())?;
                builder.with_intra_op_spinning(false).map_err(|e| e.to_string())
            }
            other => Err(format!("execution provider {other} is not in this build")),
        }
    }
}

impl fmt::Display for ExecutionProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happens where a provider cannot run a model, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// The model does not load.
    #[default]
    Refuse,
    /// It runs on the next provider, and says so.
    Allow,
}
