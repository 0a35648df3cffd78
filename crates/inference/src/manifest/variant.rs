use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A model's network in one precision.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What it computes in.
    pub precision: Precision,
    /// The ONNX file of a model of one file, relative to the folder.
    pub file: Option<String>,
    /// SHA-256 of that file, hexadecimal.
    pub sha256: Option<String>,
    /// The files of a model of several stages.
    #[serde(default)]
    pub files: Vec<StageFile>,
    /// What a run of all its files may cost.
    pub budget: Budget,
}

impl Variant {
    /// Its files; the only one of a model of one file belongs to the stage with the empty name.
    pub fn files(&self) -> Vec<StageFile> {
        match (&self.file, &self.sha256) {
            (Some(file), Some(sha256)) => {
                vec![StageFile { stage: String::new(), file: file.clone(), sha256: sha256.clone() }]
            }
            _ => self.files.clone(),
        }
    }
}

/// The file of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageFile {
    /// The stage.
    pub stage: String,
    /// The ONNX file, relative to the folder.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// What a variant computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE 754 single precision.
    Fp32,
    /// IEEE 754 half precision.
    Fp16,
    /// Eight-bit integers between quantize and dequantize operators (QDQ).
    Int8,
}

impl Precision {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Fp32, Self::Fp16, Self::Int8];

    /// Its name in manifests, parameters and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == text);
        found.ok_or_else(|| format!("precision: expected fp32, fp16 or int8, got `{text}`"))
    }
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
