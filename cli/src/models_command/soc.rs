use std::path::Path;

use anyhow::{Context as _, bail};
use inference::Precision;
use serde::{Deserialize, Serialize};

/// A system-on-chip as its sources describe it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Soc {
    /// What it is.
    pub name: String,
    /// Operations in eight bits, 10^12/s; a multiplication with its addition is two.
    pub int8_tops: Figure,
    /// The same in half precision.
    pub fp16_tops: Figure,
    /// The same in single precision.
    pub fp32_tops: Figure,
    /// Of the memory, GB/s.
    pub bandwidth_gb_per_s: Figure,
    /// Memory, GB.
    pub memory_gb: Figure,
    /// Greatest power, W.
    pub power_w: Figure,
}

/// A number with where it is from; no number where no source has one.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    pub value: Option<f64>,
    pub source: String,
}

impl Soc {
    /// By a name of `models/soc/` or a file.
    pub fn read(share: &Path, name: &str) -> anyhow::Result<Self> {
        let shipped = share.join("models/soc").join(format!("{name}.toml"));
        let file = if shipped.is_file() { shipped } else { name.into() };
        let text = std::fs::read_to_string(&file).with_context(|| {
            format!("{}: expected thor, orin, eyeq6h or a file like models/soc/orin.toml", file.display())
        })?;
        let soc: Self = toml::from_str(&text).with_context(|| file.display().to_string())?;
        for (key, figure) in soc.figures() {
            if figure.source.trim().is_empty() {
                bail!("{}: {key}: expected a source", file.display());
            }
            if figure.value.is_some_and(|value| !(value > 0.0 && value.is_finite())) {
                bail!("{}: {key}: expected a number above 0, or none", file.display());
            }
        }
        Ok(soc)
    }

    pub fn figures(&self) -> [(&'static str, &Figure); 6] {
        [
            ("int8_tops", &self.int8_tops),
            ("fp16_tops", &self.fp16_tops),
            ("fp32_tops", &self.fp32_tops),
            ("bandwidth_gb_per_s", &self.bandwidth_gb_per_s),
            ("memory_gb", &self.memory_gb),
            ("power_w", &self.power_w),
        ]
    }

    /// Operations in a precision, 10^12/s.
    pub fn tops(&self, precision: Precision) -> Option<f64> {
        match precision {
            Precision::Int8 => self.int8_tops.value,
            Precision::Fp16 => self.fp16_tops.value,
            Precision::Fp32 => self.fp32_tops.value,
        }
    }
}
