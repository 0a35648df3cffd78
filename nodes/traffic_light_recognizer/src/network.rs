use std::path::Path;

use inference::{LoadOptions, Model, Signature};
use node::NodeError;
use road_map::LampShape;
use serde::Deserialize;

use crate::crop::{CROP, CROP_LEN};

/// Lights that one run reads; the nearest where there are more.
pub const BATCH: usize = 16;

const SIGNATURE: Signature = Signature {
    inputs: &[("crops", &[BATCH, CROP[0], CROP[1], CROP[2]])],
    outputs: &[("states", &[BATCH, State::ALL.len()]), ("shapes", &[BATCH, SHAPES.len()])],
};

/// What a light shows, or why that cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The red lamp is lit.
    Red,
    /// The amber lamp is lit.
    Amber,
    /// The green lamp is lit.
    Green,
    /// No lamp is lit.
    Unlit,
    /// Something stands before it.
    Occluded,
    /// The sun or another light drowns it.
    Glare,
}

impl State {
    /// In the order of the network's output.
    pub const ALL: [Self; 6] = [Self::Red, Self::Amber, Self::Green, Self::Unlit, Self::Occluded, Self::Glare];

    /// Whether it is a colour.
    pub fn is_lit(self) -> bool {
        matches!(self, Self::Red | Self::Amber | Self::Green)
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Amber => "amber",
            Self::Green => "green",
            Self::Unlit => "unlit",
            Self::Occluded => "occluded",
            Self::Glare => "glare",
        }
    }
}

/// In the order of the network's output.
pub const SHAPES: [LampShape; 4] = [LampShape::Circle, LampShape::LeftArrow, LampShape::RightArrow, LampShape::UpArrow];

/// What the network says of one piece.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Probability of each state, in the order of [`State::ALL`].
    pub states: [f32; 6],
    /// The likeliest shape of the lit lamp.
    pub shape: LampShape,
}

impl Reading {
    /// From logits.
    pub fn new(states: &[f32], shapes: &[f32]) -> Self {
        let most = states.iter().copied().fold(f32::MIN, f32::max);
        let mut probability: [f32; 6] =
            std::array::from_fn(|i| states.get(i).map_or(0.0, |logit| (logit - most).exp()));
        let sum: f32 = probability.iter().sum();
        probability.iter_mut().for_each(|p| *p /= sum);
        let best = shapes.iter().take(SHAPES.len()).enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        Self { states: probability, shape: best.map_or(LampShape::Circle, |(index, _)| SHAPES[index]) }
    }

    /// The likeliest state and its probability.
    pub fn likeliest(&self) -> (State, f32) {
        let best = self.states.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or((State::Occluded, 0.0), |(index, p)| (State::ALL[index], *p))
    }
}

/// The network, as the node needs it.
pub trait Network: Send {
    /// Reads [`BATCH`] pieces ([`CROP`]), of which the first `count` hold a light.
    ///
    /// # Errors
    /// A text for the node's status: what failed and what to do.
    fn read(&mut self, crops: &[f32], count: usize) -> Result<Vec<Reading>, String>;

    /// Facts for the node's status: which model, what runs it.
    fn facts(&self) -> Vec<(String, String)>;
}

/// A model of this node, run by ONNX Runtime on one thread.
pub struct OnnxNetwork {
    model: Model,
}

/// The manifest's constants: those that pieces are cut with must be this version's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Processing {
    states: Vec<State>,
    shapes: Vec<String>,
}

impl OnnxNetwork {
    /// Loads a model folder: checks the manifest, the file's hash and the tensors, and runs to warm up.
    ///
    /// # Errors
    /// [`NodeError`] naming the file, what was expected, what came and what to do.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<Self, NodeError> {
        let failed = |e: inference::ModelError| {
            NodeError::caused_by(format!("{e} (parameter `model`; training/traffic_light_recognizer.sh makes one)"), e)
        };
        let model = Model::load_stage(folder, "", options, SIGNATURE).map_err(failed)?;
        let processing: Processing = model.manifest().processing(folder).map_err(failed)?;
        let shapes = ["circle", "left_arrow", "right_arrow", "up_arrow"];
        if processing.states != State::ALL || processing.shapes != shapes {
            return Err(NodeError::new(format!(
                "model {}: [processing]: this version reads states {:?} and shapes {shapes:?}, the model gives {:?} and {:?}; use a model made for this version",
                folder.display(),
                State::ALL.map(State::name),
                processing.states,
                processing.shapes
            )));
        }
        Ok(Self { model })
    }
}

impl Network for OnnxNetwork {
    fn read(&mut self, crops: &[f32], count: usize) -> Result<Vec<Reading>, String> {
        let (states, shapes) = (State::ALL.len(), SHAPES.len());
        let read = |outputs: &[&[f32]]| {
            let rows = outputs[0].chunks_exact(states).zip(outputs[1].chunks_exact(shapes));
            rows.take(count).map(|(states, shapes)| Reading::new(states, shapes)).collect()
        };
        self.model.run(&[&crops[..BATCH * CROP_LEN]], read).map_err(|e| e.to_string())
    }

    fn facts(&self) -> Vec<(String, String)> {
        self.model.facts()
    }
}
