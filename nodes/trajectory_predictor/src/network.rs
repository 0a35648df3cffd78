use std::path::Path;

use inference::{LoadOptions, Model, Signature};
use node::NodeError;

use crate::features::{AGENTS, Features, NEIGHBOR, NEIGHBORS, PATH, SAMPLE, SAMPLES, STATE};
use crate::forecast::STEPS;
use crate::path::SLOTS;
use crate::predictor::{Answer, Network};

const SIGNATURE: Signature = Signature {
    inputs: &[
        ("history", &[AGENTS, SAMPLES * SAMPLE]),
        ("state", &[AGENTS, STATE]),
        ("neighbors", &[AGENTS, NEIGHBORS, NEIGHBOR]),
        ("paths", &[AGENTS, SLOTS, PATH]),
    ],
    outputs: &[("motion", &[AGENTS, SLOTS, STEPS, 2]), ("logits", &[AGENTS, SLOTS])],
};

/// A model of this node, run by ONNX Runtime on one thread.
pub struct OnnxNetwork {
    model: Model,
}

impl OnnxNetwork {
    /// Loads a model folder: checks the manifest, the file's hash and the tensors, and runs to warm up.
    ///
    /// # Errors
    /// [`NodeError`] naming the file, what was expected, what came and what to do.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<Self, NodeError> {
        let model = Model::load_stage(folder, "", options, SIGNATURE).map_err(|e| {
            NodeError::caused_by(format!("{e} (parameter `model`; training/trajectory_predictor.sh makes one)"), e)
        })?;
        Ok(Self { model })
    }
}

impl Network for OnnxNetwork {
    fn run(&mut self, features: &Features) -> Result<Answer, String> {
        let inputs = [&features.history[..], &features.state, &features.neighbors, &features.paths];
        let read = |outputs: &[&[f32]]| Answer { motion: outputs[0].to_vec(), logits: outputs[1].to_vec() };
        self.model.run(&inputs, read).map_err(|e| e.to_string())
    }

    fn facts(&self) -> Vec<(String, String)> {
        self.model.facts()
    }
}
