use std::path::Path;

use serde::Deserialize;

use crate::manifest::Precision;

/// `[provider_options.tensorrt]` of a manifest. Source of the keys: ONNX Runtime documentation, "TensorRT Execution Provider".
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TensorRtOptions {
    /// Which GPU, by CUDA's number.
    pub device_id: u32,
    /// Whether kernels in half precision may be chosen; left out: where the variant is fp16 or int8.
    pub fp16: Option<bool>,
    /// Whether kernels in eight bits may be chosen; left out: where the variant is int8, whose file holds the scales (QDQ).
    pub int8: Option<bool>,
    /// Whether built engines are kept; without it every start builds anew, which takes minutes.
    pub engine_cache: bool,
    /// Whether kernel timings are kept, which makes later builds faster.
    pub timing_cache: bool,
    /// How hard the builder searches, 0 to 5.
    pub builder_optimization_level: u8,
    /// Memory that the builder may use, MB; 0: all of the device's.
    pub workspace_mb: u64,
    /// Deep Learning Accelerator core of a Jetson or DRIVE; left out: the GPU.
    pub dla_core: Option<u32>,
    /// Whether a run is captured and replayed as a CUDA graph.
    pub cuda_graph: bool,
}

impl Default for TensorRtOptions {
    fn default() -> Self {
        Self {
            device_id: 0,
            fp16: None,
            int8: None,
            engine_cache: true,
            timing_cache: true,
            builder_optimization_level: 3,
            workspace_mb: 0,
            dla_core: None,
            cuda_graph: false,
        }
    }
}

impl TensorRtOptions {
    /// From a manifest's table.
    ///
    /// # Errors
    /// The key that is unknown, of another type or out of its range.
    pub fn from_table(table: toml::Table) -> Result<Self, String> {
        let options: Self = table.try_into().map_err(|e: toml::de::Error| e.to_string())?;
        match options.builder_optimization_level {
            0..=5 => Ok(options),
            other => Err(format!("builder_optimization_level: expected 0 to 5, got {other}")),
        }
    }

    /// As ONNX Runtime takes them, for a variant of this precision with its caches in this folder.
    pub fn to_pairs(&self, precision: Precision, cache: Option<&Path>) -> Vec<(String, String)> {
        let flag = |on: bool| if on { "1" } else { "0" }.to_string();
        let int8 = self.int8.unwrap_or(precision == Precision::Int8);
        let fp16 = self.fp16.unwrap_or(precision != Precision::Fp32);
        let mut pairs = vec![
            ("device_id", self.device_id.to_string()),
            ("trt_fp16_enable", flag(fp16)),
            ("trt_int8_enable", flag(int8)),
            ("trt_builder_optimization_level", self.builder_optimization_level.to_string()),
            ("trt_cuda_graph_enable", flag(self.cuda_graph)),
        ];
        if self.workspace_mb > 0 {
            pairs.push(("trt_max_workspace_size", (self.workspace_mb << 20).to_string()));
        }
        if let Some(core) = self.dla_core {
            pairs.extend([("trt_dla_enable", flag(true)), ("trt_dla_core", core.to_string())]);
        }
        if let Some(folder) = cache {
            let folder = folder.display().to_string();
            if self.engine_cache {
                pairs.extend([("trt_engine_cache_enable", flag(true)), ("trt_engine_cache_path", folder.clone())]);
            }
            if self.timing_cache {
                pairs.extend([("trt_timing_cache_enable", flag(true)), ("trt_timing_cache_path", folder)]);
            }
        }
        pairs.into_iter().map(|(key, value)| (key.into(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TensorRtOptions, String> {
        TensorRtOptions::from_table(toml::from_str(text).unwrap())
    }

    fn pairs(text: &str, precision: Precision, cache: Option<&str>) -> Vec<String> {
        let pairs = parse(text).unwrap().to_pairs(precision, cache.map(Path::new));
        pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    #[test]
    fn precision_chooses_kernels_unless_the_manifest_does() {
        let has = |text: &str, precision: Precision, wanted: &str| {
            let pairs = pairs(text, precision, None);
            assert!(pairs.iter().any(|pair| pair == wanted), "{text} {precision}: {wanted} not in {pairs:?}");
        };
        has("", Precision::Fp32, "trt_fp16_enable=0");
        has("", Precision::Fp16, "trt_fp16_enable=1");
        has("", Precision::Fp16, "trt_int8_enable=0");
        has("", Precision::Int8, "trt_int8_enable=1");
        has("fp16 = true", Precision::Fp32, "trt_fp16_enable=1");
        has("int8 = false", Precision::Int8, "trt_int8_enable=0");
    }

    #[test]
    fn caches_dla_and_cuda_graph_reach_the_runtime_by_its_names() {
        let text = "dla_core = 1\ncuda_graph = true\nbuilder_optimization_level = 5\nworkspace_mb = 512\ndevice_id = 2";
        let got = pairs(text, Precision::Int8, Some("/cache/m"));
        for wanted in [
            "device_id=2",
            "trt_dla_enable=1",
            "trt_dla_core=1",
            "trt_cuda_graph_enable=1",
            "trt_builder_optimization_level=5",
            "trt_max_workspace_size=536870912",
            "trt_engine_cache_enable=1",
            "trt_engine_cache_path=/cache/m",
            "trt_timing_cache_enable=1",
            "trt_timing_cache_path=/cache/m",
        ] {
            assert!(got.iter().any(|pair| pair == wanted), "{wanted} not in {got:?}");
        }
        let off = pairs("engine_cache = false\ntiming_cache = false", Precision::Fp32, Some("/cache/m"));
        assert!(!off.iter().any(|pair| pair.contains("cache")), "{off:?}");
        assert!(!pairs("", Precision::Fp32, None).iter().any(|pair| pair.contains("dla") || pair.contains("cache")));
    }

    #[test]
    fn unknown_options_and_levels_out_of_range_are_refused() {
        assert!(parse("fp61 = true").unwrap_err().contains("fp61"));
        assert!(parse("builder_optimization_level = 9").unwrap_err().contains("0 to 5, got 9"));
    }
}
