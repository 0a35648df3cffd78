use std::path::PathBuf;

use crate::manifest::Precision;

/// How a model is to be run, beyond what its manifest says.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The ONNX Runtime library.
    pub library: Option<PathBuf>,
    /// The variant; the manifest's default where none is asked for.
    pub precision: Option<Precision>,
}

impl LoadOptions {
    /// As the parameters of a node say it: `precision` is a [`Precision`] or `auto`.
    ///
    /// # Errors
    /// Naming the parameter, what was expected and what came.
    pub fn from_parameters(library: Option<PathBuf>, precision: &str) -> Result<Self, String> {
        let precision = if precision == "auto" { None } else { Some(precision.parse()?) };
        Ok(Self { library, precision })
    }
}
