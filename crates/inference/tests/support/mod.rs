//! The shipped predictor and changed copies of it.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};

use inference::{LoadOptions, Model, Signature};

pub const SIGNATURE: Signature = Signature {
    inputs: &[("history", &[32, 66]), ("state", &[32, 14]), ("neighbors", &[32, 8, 10]), ("paths", &[32, 6, 72])],
    outputs: &[("motion", &[32, 6, 10, 2]), ("logits", &[32, 6])],
};

pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

pub fn onnxruntime() -> Option<PathBuf> {
    let path = inference::find_library(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    if path.is_none() {
        println!("skipped: no ONNX Runtime library: run `make setup` once");
    }
    path
}

/// Options with the library, where there is one.
pub fn options() -> Option<LoadOptions> {
    Some(LoadOptions { library: Some(onnxruntime()?), ..LoadOptions::default() })
}

/// Inputs of the predictor, all of one value.
pub fn inputs(value: f32) -> Vec<Vec<f32>> {
    [32 * 66, 32 * 14, 32 * 80, 32 * 432].iter().map(|n| vec![value; *n]).collect()
}

/// A copy of the shipped predictor with its manifest changed by `edit`.
pub struct Copy(pub PathBuf);

impl Copy {
    pub fn new(name: &str, edit: impl Fn(String) -> String) -> Self {
        let folder = std::env::temp_dir().join(format!("ferrodrive_inference_{}_{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let from = models().join("trajectory_predictor");
        let text = std::fs::read_to_string(from.join("manifest.toml")).unwrap();
        let edited = edit(text.clone());
        assert!(name == "same" || edited != text, "the edit must change something");
        std::fs::write(folder.join("manifest.toml"), edited).unwrap();
        for file in ["trajectory_predictor.onnx", "trajectory_predictor_int8.onnx"] {
            std::fs::copy(from.join(file), folder.join(file)).unwrap();
        }
        Self(folder)
    }

    pub fn refusal(&self, library: Option<&Path>) -> String {
        Model::load(&self.0, library, SIGNATURE).err().expect("a refusal").to_string()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
