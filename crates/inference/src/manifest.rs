use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::ModelError;
use crate::provider::ExecutionProvider;

/// What a model's folder says of it: its `manifest.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The ONNX file, relative to the folder.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What it computes in: `fp32`, `int8`.
    pub precision: String,
    /// Execution providers in order of preference.
    pub execution_providers: Vec<String>,
    /// Tensors that go in.
    pub inputs: Vec<TensorSpec>,
    /// Tensors that come out.
    pub outputs: Vec<TensorSpec>,
    /// Constants of pre- and post-processing: what the node that runs the model needs to know.
    #[serde(default)]
    pub processing: toml::Table,
    /// What a run may cost.
    pub budget: Budget,
    /// Least accuracy on the test set that `metrics.json` names, by measure.
    #[serde(default)]
    pub least_accuracy: BTreeMap<String, f64>,
}

/// A tensor as a manifest describes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Its name in the file.
    pub name: String,
    /// What its elements are.
    #[serde(rename = "type")]
    pub element: ElementType,
    /// Its shape: static.
    pub shape: Vec<usize>,
    /// What each axis means, for people.
    pub axes: String,
}

impl TensorSpec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a tensor's elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// IEEE 754 single precision.
    Float32,
}

/// What a run may cost.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Median latency of one run on one thread of a 2020s x86-64 core, ms.
    pub latency_p50_ms: f64,
    /// Memory of the session, MB.
    pub memory_mb: f64,
}

impl Manifest {
    /// Reads the manifest of a model's folder.
    ///
    /// # Errors
    /// [`ModelError`] naming the file, the line and what is wrong.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("manifest.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| ModelError::Read {
            path: path.clone(),
            source,
            hint: "name a folder that holds a manifest.toml, or make the model with its script in training/",
        })?;
        toml::from_str(&text).map_err(|e| ModelError::Manifest { path, reason: e.to_string() })
    }

    /// Constants of pre- and post-processing as the node needs them.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] naming the key that is missing, unknown or of another type.
    pub fn processing<P: DeserializeOwned>(&self, folder: &Path) -> Result<P, ModelError> {
        self.processing.clone().try_into().map_err(|e: toml::de::Error| ModelError::Manifest {
            path: folder.join("manifest.toml"),
            reason: format!("[processing]: {e}"),
        })
    }

    /// The first execution provider; every one named must be known.
    pub(crate) fn provider(&self, folder: &Path) -> Result<ExecutionProvider, ModelError> {
        let refused = |got: &str| ModelError::Provider {
            path: folder.join("manifest.toml"),
            got: got.into(),
            known: ExecutionProvider::ALL.map(ExecutionProvider::name).join(", "),
        };
        let mut providers = Vec::new();
        for name in &self.execution_providers {
            providers.push(ExecutionProvider::from_name(name).ok_or_else(|| refused(name))?);
        }
        providers.first().copied().ok_or_else(|| refused(""))
    }
}
