use std::fmt;

use ort::session::builder::SessionBuilder;

/// What runs a model. Each is asked for by name, proves that it runs, and is never swapped for another in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionProvider {
    /// ONNX Runtime's own kernels, one thread.
    Cpu,
}

impl ExecutionProvider {
    /// All that this build has.
    pub const ALL: [Self; 1] = [Self::Cpu];

    /// By its name in manifests.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// Its name in manifests and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
        }
    }

    /// Sets a session up for it.
    pub(crate) fn apply(self, builder: SessionBuilder) -> Result<SessionBuilder, String> {
        match self {
            // One thread that sleeps between runs: cores are shared with everything else that drives the car.
            Self::Cpu => {
                let builder = builder.with_intra_threads(1).map_err(|e| e.to_string())?;
                builder.with_intra_op_spinning(false).map_err(|e| e.to_string())
            }
        }
    }
}

impl fmt::Display for ExecutionProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
