use std::path::Path;

use node::NodeError;
use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::features::{AGENTS, Features, NEIGHBOR, NEIGHBORS, PATH, SAMPLE, SAMPLES, STATE};
use crate::forecast::STEPS;
use crate::path::SLOTS;
use crate::predictor::{Answer, Network};

/// A model of this node, run by ONNX Runtime on one thread.
pub struct OnnxNetwork {
    session: Session,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    file: String,
    sha256: String,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

#[derive(Debug, Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
}

impl OnnxNetwork {
    /// Loads a model folder: checks the manifest, the file's hash and the tensors' shapes, and runs once to warm up.
    ///
    /// # Errors
    /// [`NodeError`] naming the file, what was expected, what came and what to do.
    pub fn load(folder: &Path, onnxruntime: Option<&Path>) -> Result<Self, NodeError> {
        let path = folder.join("manifest.toml");
        let text = std::fs::read_to_string(&path).map_err(|e| {
            NodeError::caused_by(
                format!(
                    "model manifest {}: {e}; train one with training/trajectory_predictor.sh or set `model`",
                    path.display()
                ),
                e,
            )
        })?;
        let manifest: Manifest = toml::from_str(&text)
            .map_err(|e| NodeError::caused_by(format!("model manifest {}: {e}", path.display()), e))?;
        manifest.check(&path)?;
        let file = folder.join(&manifest.file);
        let bytes = std::fs::read(&file)
            .map_err(|e| NodeError::caused_by(format!("model {}: {e}; its manifest names it", file.display()), e))?;
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        if hash != manifest.sha256 {
            return Err(NodeError::new(format!(
                "model {}: expected sha256 {}, got {hash}; restore the file or export it again",
                file.display(),
                manifest.sha256
            )));
        }
        let library = onnxruntime.ok_or_else(|| {
            NodeError::new("trajectory_predictor needs the ONNX Runtime library and none was given: run `make drive` once, or name one")
        })?;
        let environment = inference::environment(library).map_err(|e| NodeError::new(e.to_string()))?;
        let session = open(&environment, &bytes)
            .map_err(|e| NodeError::new(format!("model {}: ONNX Runtime does not take it: {e}", file.display())))?;
        let mut network = Self { session };
        network
            .run(&Features::batch(&[]))
            .map_err(|e| NodeError::new(format!("model {}: the first run failed: {e}", file.display())))?;
        Ok(network)
    }
}

impl Manifest {
    fn check(&self, path: &Path) -> Result<(), NodeError> {
        let expected: [(&str, Vec<usize>, &[Tensor]); 6] = [
            ("history", vec![AGENTS, SAMPLES * SAMPLE], &self.inputs),
            ("state", vec![AGENTS, STATE], &self.inputs),
            ("neighbors", vec![AGENTS, NEIGHBORS, NEIGHBOR], &self.inputs),
            ("paths", vec![AGENTS, SLOTS, PATH], &self.inputs),
            ("motion", vec![AGENTS, SLOTS, STEPS, 2], &self.outputs),
            ("logits", vec![AGENTS, SLOTS], &self.outputs),
        ];
        for (name, shape, tensors) in expected {
            let came = tensors.iter().find(|t| t.name == name).map(|t| &t.shape);
            if came != Some(&shape) {
                return Err(NodeError::new(format!(
                    "model manifest {}: tensor `{name}`: expected shape {shape:?}, got {came:?}",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

fn open(environment: &Environment, bytes: &[u8]) -> Result<Session, String> {
    let builder = Session::builder(environment).map_err(|e| e.to_string())?;
    let builder = builder.with_intra_threads(1).map_err(|e| e.to_string())?;
    let mut builder = builder.with_intra_op_spinning(false).map_err(|e| e.to_string())?;
    builder.commit_from_memory(bytes).map_err(|e| e.to_string())
}

impl Network for OnnxNetwork {
    fn run(&mut self, features: &Features) -> Result<Answer, String> {
        let failed = |e: ort::Error| format!("ONNX Runtime: {e}");
        let history = TensorRef::from_array_view(([AGENTS, SAMPLES * SAMPLE], features.history.as_slice()));
        let state = TensorRef::from_array_view(([AGENTS, STATE], features.state.as_slice()));
        let neighbors = TensorRef::from_array_view(([AGENTS, NEIGHBORS, NEIGHBOR], features.neighbors.as_slice()));
        let paths = TensorRef::from_array_view(([AGENTS, SLOTS, PATH], features.paths.as_slice()));
        let inputs = ort::inputs![
            "history" => history.map_err(failed)?,
            "state" => state.map_err(failed)?,
            "neighbors" => neighbors.map_err(failed)?,
            "paths" => paths.map_err(failed)?,
        ];
        let outputs = self.session.run(inputs).map_err(failed)?;
        let numbers = |name: &str| -> Result<Vec<f32>, String> {
            let value = outputs.get(name).ok_or_else(|| format!("the model has no output `{name}`"))?;
            let (_, data) = value.try_extract_tensor::<f32>().map_err(failed)?;
            Ok(data.to_vec())
        };
        Ok(Answer { motion: numbers("motion")?, logits: numbers("logits")? })
    }
}
