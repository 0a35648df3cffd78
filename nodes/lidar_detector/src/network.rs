use std::path::Path;

use inference::{LoadOptions, Manifest, Model, Signature};
use node::NodeError;
use serde::Deserialize;

use crate::brought::BroughtNetwork;
use crate::cloud::Point;
use crate::detection::{BOX, Class, Detection, LeastDistance, PLACES};
use crate::grid::{CELL_M, INPUT, ORIGIN_M, SLICES_M};

const SIGNATURE: Signature = Signature {
    inputs: &[("grid", &[1, INPUT[0], INPUT[1], INPUT[2]])],
    outputs: &[("heat", &[1, Class::ALL.len(), PLACES[0], PLACES[1]]), ("box", &[1, BOX, PLACES[0], PLACES[1]])],
};

/// Boxes of one cloud, or a text for the node's status.
pub type Answer = Result<Vec<Detection>, String>;

/// The network that a model's manifest asks for.
///
/// # Errors
/// [`NodeError`] naming the file, what was expected, what came and what to do.
pub(crate) fn load(folder: &Path, options: &LoadOptions) -> Result<Box<dyn Network>, NodeError> {
    let kind =
        Manifest::read(folder).ok().and_then(|manifest| Some(manifest.encoder?.get("kind")?.as_str()?.to_owned()));
    match kind.as_deref() {
        Some("pillars") => Ok(Box::new(BroughtNetwork::load(folder, options)?)),
        // What is wrong with a manifest that cannot be read is told there.
        _ => Ok(Box::new(OnnxNetwork::load(folder, options)?)),
    }
}

/// The network, as the node needs it.
pub trait Network: Send {
    /// Runs on one grid ([`crate::Grid::tensor`]) and gives `read` heat and boxes ([`crate::detection::decode`]).
    ///
    /// # Errors
    /// A text for the node's status: what failed and what to do.
    fn run(&mut self, grid: &[f32], read: &mut dyn FnMut(&[f32], &[f32])) -> Result<(), String>;

    /// Boxes in `base_link` of points in `base_link`, best first, by a network that makes its own input of them; `None` where
    /// it takes the grid.
    fn detect(&mut self, _points: &[Point], _least_score: &[f64; 5]) -> Option<Answer> {
        None
    }

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

/// How the manifest has the grid made: this version's constants are the only ones.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
enum Encoder {
    HeightSlices { cell_m: f64, origin_m: [f64; 2], slices_m: Vec<f64> },
}

/// How the manifest has boxes read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
enum Decoder {
    CenterPoint { classes: Vec<Class>, least_distance_m: LeastDistance },
}
impl OnnxNetwork {
    /// Loads a model folder: checks the manifest, the file's hash and the tensors, and runs to warm up.
    ///
    /// # Errors
    /// [`NodeError`] naming the file, what was expected, what came and what to do.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<Self, NodeError> {
        let failed = |e: inference::ModelError| {
            NodeError::caused_by(format!("{e} (parameter `model`; training/lidar_detector.sh makes one)"), e)
        };
        let model = Model::load_stage(folder, "", options, SIGNATURE).map_err(failed)?;
        let Encoder::HeightSlices { cell_m, origin_m, slices_m } = model.manifest().encoder(folder).map_err(failed)?;
        let Decoder::CenterPoint { classes, least_distance_m } = model.manifest().decoder(folder).map_err(failed)?;
        let expected = (CELL_M, ORIGIN_M, SLICES_M.to_vec(), Class::ALL.to_vec());
        let got = (cell_m, origin_m, slices_m, classes);
        if got != expected {
            return Err(NodeError::new(format!(
                "model {}: this version makes grids of (cell_m, origin_m, slices_m, classes) = {expected:?}, \
                 the model takes {got:?}; use a model made for this version",
                folder.display()
            )));
        }
        Ok(Self { model, least_distance: least_distance_m })
    }
}

impl Network for OnnxNetwork {
    fn run(&mut self, grid: &[f32], read: &mut dyn FnMut(&[f32], &[f32])) -> Result<(), String> {
        self.model.run(&[grid], |outputs| read(outputs[0], outputs[1])).map_err(|e| e.to_string())
    }

    fn facts(&self) -> Vec<(String, String)> {
        self.model.facts()
    }

    fn least_distance(&self) -> LeastDistance {
        self.least_distance
    }
}
