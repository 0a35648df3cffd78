use std::path::Path;

use inference::{Model, Signature};
use node::NodeError;
use serde::Deserialize;

use crate::detection::{BOX, Class, LeastDistance, PLACES};
use crate::grid::{CELL_M, INPUT, ORIGIN_M, SLICES_M};

const SIGNATURE: Signature = Signature {
    inputs: &[("grid", &[1, INPUT[0], INPUT[1], INPUT[2]])],
    outputs: &[("heat", &[1, Class::ALL.len(), PLACES[0], PLACES[1]]), ("box", &[1, BOX, PLACES[0], PLACES[1]])],
};

/// The network, as the node needs it.
pub trait Network: Send {
    /// Runs on one grid ([`crate::Grid::tensor`]) and gives `read` heat and boxes ([`crate::detection::decode`]).
    ///
    /// # Errors
    /// A text for the node's status: what failed and what to do.
    fn run(&mut self, grid: &[f32], read: &mut dyn FnMut(&[f32], &[f32])) -> Result<(), String>;

    /// Facts for the node's status: which model, what runs it.
    fn facts(&self) -> Vec<(String, String)>;

    /// Nearer to each other than this two detections are one thing.
    fn least_distance(&self) -> LeastDistance;
}

/// A model of this node, run by ONNX Runtime on one thread.
pub struct OnnxNetwork {
    model: Model,
    least_distance: LeastDistance,
}

/// The manifest's constants: those that the grid is made with must be this version's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Processing {
    cell_m: f64,
    origin_m: [f64; 2],
    slices_m: Vec<f64>,
    classes: Vec<Class>,
    least_distance_m: LeastDistance,
}

impl OnnxNetwork {
    /// Loads a model folder: checks the manifest, the file's hash and the tensors, and runs to warm up.
    ///
    /// # Errors
    /// [`NodeError`] naming the file, what was expected, what came and what to do.
    pub fn load(folder: &Path, onnxruntime: Option<&Path>) -> Result<Self, NodeError> {
        let failed = |e: inference::ModelError| {
            NodeError::caused_by(format!("{e} (parameter `model`; training/lidar_detector.sh makes one)"), e)
        };
        let model = Model::load(folder, onnxruntime, SIGNATURE).map_err(failed)?;
        let processing: Processing = model.manifest().processing(folder).map_err(failed)?;
        let expected = (CELL_M, ORIGIN_M, SLICES_M.to_vec(), Class::ALL.to_vec());
        let got = (processing.cell_m, processing.origin_m, processing.slices_m, processing.classes);
        if got != expected {
            return Err(NodeError::new(format!(
                "model {}: [processing]: this version makes grids of (cell_m, origin_m, slices_m, classes) = {expected:?}, \
                 the model takes {got:?}; use a model made for this version",
                folder.display()
            )));
        }
        Ok(Self { model, least_distance: processing.least_distance_m })
    }
}

impl Network for OnnxNetwork {
    fn run(&mut self, grid: &[f32], read: &mut dyn FnMut(&[f32], &[f32])) -> Result<(), String> {
        self.model.run(&[grid], |outputs| read(outputs[0], outputs[1])).map_err(|e| e.to_string())
    }

    fn facts(&self) -> Vec<(String, String)> {
        let manifest = self.model.manifest();
        let fact = |key: &str, value: &str| (key.to_string(), value.to_string());
        vec![
            fact("model", &format!("{} {}", manifest.name, manifest.version)),
            fact("precision", &manifest.precision),
            fact("execution_provider", self.model.execution_provider().name()),
        ]
    }

    fn least_distance(&self) -> LeastDistance {
        self.least_distance
    }
}
