//! What a model's folder says of it: `manifest.toml`.
//!
//! ```toml
//! name = "lidar_detector"
//! version = "0.1.0"
//! # Operator set of the files: checked.
//! opset = 17
//! # What the parameter `precision: auto` takes.
//! default_precision = "fp32"
//! # In order of preference: tensorrt, cuda, openvino, cpu, or the name that ONNX Runtime has for another.
//! execution_providers = ["tensorrt", "cuda", "cpu"]
//! # refuse (the default): every node of the graph runs on the first of them, or the model does not load.
//! # allow: a provider that does not load is left out with a warning, and nodes run where ONNX Runtime puts them.
//! fallback = "refuse"
//!
//! # One for each precision: fp32, fp16 or int8. All have the same inputs and outputs.
//! [[variants]]
//! precision = "fp32"
//! file = "lidar_detector.onnx"
//! sha256 = "3d95…"
//! budget = { latency_p50_ms = 30.0, memory_mb = 128 }   # one thread of a 2020s x86-64 core
//!
//! [[variants]]
//! precision = "int8"
//! file = "lidar_detector.int8.onnx"
//! sha256 = "77a1…"
//! budget = { latency_p50_ms = 15.0, memory_mb = 64 }
//!
//! [[inputs]]
//! name = "grid"
//! type = "float32"                    # float32, int32, int64 or uint8
//! shape = [1, 32, 176, 128]           # static
//! axes = "one scan; feature; x forward; y left"
//!
//! [[outputs]]
//! name = "heat"
//! type = "float32"
//! shape = [1, 5, 176, 128]
//! axes = "one scan; class; x forward; y left"
//! range = [0.0, 1.0]                  # optional: a run that gives anything else is refused
//!
//! # How sensor data becomes the inputs, and how outputs become objects: a kind and its constants, as the node has them.
//! [encoder]
//! kind = "height_slices"
//! [decoder]
//! kind = "center_point"
//!
//! # Constants of a node that has no choice of kinds.
//! [processing]
//!
//! # Options of providers: typed for tensorrt, as ONNX Runtime names them for the others.
//! [provider_options.tensorrt]
//! fp16 = true
//!
//! # Least accuracy of every variant on the test set that metrics.json names.
//! [least_accuracy]
//! car = 0.85
//! ```
//!
//! A model of several files (an encoder and a head, run one after the other) has `[[stages]]` in place of `[[inputs]]` and
//! `[[outputs]]`, and `files` in place of `file` and `sha256`:
//!
//! ```toml
//! [[variants]]
//! precision = "fp32"
//! files = [
//!     { stage = "encoder", file = "encoder.onnx", sha256 = "51…" },
//!     { stage = "head", file = "head.onnx", sha256 = "c0…" },
//! ]
//! budget = { latency_p50_ms = 30.0, memory_mb = 128 }
//!
//! [[stages]]
//! name = "encoder"
//! inputs = [{ name = "input_features", type = "float32", shape = [40000, 32, 9], axes = "pillar; point; feature" }]
//! outputs = [{ name = "pillar_features", type = "float32", shape = [40000, 1, 32], axes = "pillar; one; feature" }]
//! ```

mod check;
mod tensor;
mod variant;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::ModelError;
use crate::provider::Fallback;

pub use tensor::{ElementType, TensorSpec};
pub use variant::{Budget, Precision, StageFile, Variant};

/// What a model's folder says of it: its `manifest.toml`, as the [module](self) describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The ONNX operator set of its files.
    pub opset: u32,
    /// The variant that runs where nobody asks for another.
    pub default_precision: Precision,
    /// Execution providers in order of preference.
    pub execution_providers: Vec<String>,
    /// Whether nodes may run on another provider than the first.
    #[serde(default)]
    pub fallback: Fallback,
    /// Options by provider.
    #[serde(default)]
    pub provider_options: BTreeMap<String, toml::Table>,
    /// The same network in one or more precisions.
    pub variants: Vec<Variant>,
    /// Tensors that go in; none where there are [`stages`](Self::stages).
    #[serde(default)]
    pub inputs: Vec<TensorSpec>,
    /// Tensors that come out; none where there are [`stages`](Self::stages).
    #[serde(default)]
    pub outputs: Vec<TensorSpec>,
    /// The parts of a model of several files, in the order in which they run.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// How sensor data becomes the inputs: a `kind` and its constants.
    pub encoder: Option<toml::Table>,
    /// How outputs become objects: a `kind` and its constants.
    pub decoder: Option<toml::Table>,
    /// Constants of pre- and post-processing of a node that has no choice of kinds.
    #[serde(default)]
    pub processing: toml::Table,
    /// Least accuracy of every variant on the test set that `metrics.json` names, by measure.
    #[serde(default)]
    pub least_accuracy: BTreeMap<String, f64>,
}

/// One file of a model of several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name; empty where the model is one file.
    pub name: String,
    /// Tensors that go in.
    pub inputs: Vec<TensorSpec>,
    /// Tensors that come out.
    pub outputs: Vec<TensorSpec>,
}

impl Manifest {
    /// Reads the manifest of a model's folder and checks that it does not contradict itself.
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
        let wrong = |reason: String| ModelError::Manifest { path: path.clone(), reason };
        let mut manifest: Self = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        manifest.check().map_err(wrong)?;
        if manifest.stages.is_empty() {
            let (inputs, outputs) = (manifest.inputs.clone(), manifest.outputs.clone());
            manifest.stages.push(Stage { name: String::new(), inputs, outputs });
        }
        Ok(manifest)
    }

    /// The variant of a precision; of the default one where none is asked for.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] naming the precisions that there are.
    pub fn variant(&self, folder: &Path, precision: Option<Precision>) -> Result<&Variant, ModelError> {
        let asked = precision.unwrap_or(self.default_precision);
        self.variants.iter().find(|variant| variant.precision == asked).ok_or_else(|| {
            let known: Vec<&str> = self.variants.iter().map(|variant| variant.precision.name()).collect();
            let reason = format!(
                "precision {asked}: expected one that it has: {}; set `precision` to one of them or to auto",
                known.join(", ")
            );
            ModelError::Manifest { path: folder.join("manifest.toml"), reason }
        })
    }

    /// A stage by its name; the only one of a model of one file has the empty name.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] naming the stages that there are.
    pub fn stage(&self, folder: &Path, name: &str) -> Result<&Stage, ModelError> {
        self.stages.iter().find(|stage| stage.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.stages.iter().map(|stage| stage.name.as_str()).collect();
            let reason = format!("the node expects a stage `{name}`, got the stages {known:?}");
            ModelError::Manifest { path: folder.join("manifest.toml"), reason }
        })
    }

    /// Constants of pre- and post-processing as the node needs them.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] naming the key that is missing, unknown or of another type.
    pub fn processing<P: DeserializeOwned>(&self, folder: &Path) -> Result<P, ModelError> {
        section(folder, "processing", self.processing.clone())
    }

    /// The section `[encoder]` as the node needs it.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] where there is none, and naming the key that is missing, unknown or of another type.
    pub fn encoder<P: DeserializeOwned>(&self, folder: &Path) -> Result<P, ModelError> {
        present(folder, "encoder", self.encoder.as_ref())
    }

    /// The section `[decoder]` as the node needs it.
    ///
    /// # Errors
    /// As [`Self::encoder`].
    pub fn decoder<P: DeserializeOwned>(&self, folder: &Path) -> Result<P, ModelError> {
        present(folder, "decoder", self.decoder.as_ref())
    }
}

fn present<P: DeserializeOwned>(folder: &Path, name: &str, table: Option<&toml::Table>) -> Result<P, ModelError> {
    let table = table.cloned().ok_or_else(|| ModelError::Manifest {
        path: folder.join("manifest.toml"),
        reason: format!("expected a section [{name}], got none; see docs/bring-your-own-model.md"),
    })?;
    section(folder, name, table)
}

fn section<P: DeserializeOwned>(folder: &Path, name: &str, table: toml::Table) -> Result<P, ModelError> {
    table.try_into().map_err(|e: toml::de::Error| ModelError::Manifest {
        path: folder.join("manifest.toml"),
        reason: format!("[{name}]: {e}"),
    })
}
