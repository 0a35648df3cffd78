mod register;
mod tensorrt;

use std::fmt;

use serde::Deserialize;

pub(crate) use register::{options as provider_options, register};
pub use tensorrt::TensorRtOptions;

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

    /// The name that ONNX Runtime has for it.
    pub fn runtime_name(&self) -> &str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
            Self::TensorRt => "TensorrtExecutionProvider",
            Self::OpenVino => "OpenVINOExecutionProvider",
            Self::Other(name) => name,
        }
    }

    /// By the name that ONNX Runtime has for it.
    pub(crate) fn from_runtime_name(name: &str) -> Self {
        let known = [Self::Cpu, Self::Cuda, Self::TensorRt, Self::OpenVino];
        known.into_iter().find(|one| one.runtime_name() == name).unwrap_or_else(|| Self::Other(name.into()))
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
