//! The network that proposes trajectories.

use std::path::Path;

use decoders::{Decoder, Trajectory, TrajectoryHead};
use inference::{LoadOptions, Model, Signature, TensorView};
use node::NodeError;

use crate::features::{EGO, Features, OBJECT, OBJECTS, ROUTE_POINT, ROUTE_POINTS, RULES};

/// Trajectories of one answer.
pub const MODES: usize = 6;
/// Points of a trajectory.
pub const STEPS: usize = 12;
/// Time between them, s.
pub const STEP_S: f64 = 0.5;

const SIGNATURE: Signature = Signature {
    inputs: &[
        ("ego", &[1, EGO]),
        ("route", &[1, ROUTE_POINTS, ROUTE_POINT]),
        ("rules", &[1, RULES]),
        ("objects", &[1, OBJECTS, OBJECT]),
    ],
    outputs: &[("trajectories", &[1, MODES, STEPS, 2]), ("scores", &[1, MODES])],
};

/// The network, as the planner needs it.
pub trait Network: Send {
    /// Trajectories likeliest first, their points in `base_link` each [`STEP_S`], the first after one step.
    ///
    /// # Errors
    /// A text for the node's status: what failed.
    fn propose(&mut self, features: &Features) -> Result<Vec<Trajectory>, String>;

    /// Facts for the node's status: which model, what runs it.
    fn facts(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// A model of this node, run by ONNX Runtime.
pub struct OnnxNetwork {
    model: Model,
    head: TrajectoryHead,
}

impl OnnxNetwork {
    /// Loads a model folder: checks the manifest, the file's hash, the tensors and the decoder, and runs to warm up.
    ///
    /// # Errors
    /// [`NodeError`] naming the file, what was expected, what came and what to do.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<Self, NodeError> {
        let told = |error: &dyn std::fmt::Display| {
            format!(
                "{error} (parameter `model`; training/motion_planner.sh makes one; learned_proposals: false needs none)"
            )
        };
        let model = Model::load_stage(folder, "", options, SIGNATURE).map_err(|e| NodeError::caused_by(told(&e), e))?;
        let decoder = Decoder::read(model.manifest(), folder).map_err(|e| NodeError::caused_by(told(&e), e))?;
        let Decoder::TrajectoryHead(head) = decoder else {
            let wrong = format!("{}: [decoder]: expected kind = \"trajectory_head\"", folder.display());
            return Err(NodeError::new(told(&wrong)));
        };
        let head = head.check(model.outputs()).map_err(|e| NodeError::caused_by(told(&e), e))?;
        Ok(Self { model, head })
    }
}

impl Network for OnnxNetwork {
    fn propose(&mut self, features: &Features) -> Result<Vec<Trajectory>, String> {
        let inputs = [&features.ego, &features.route, &features.rules, &features.objects];
        let inputs = inputs.map(|tensor| TensorView::Float32(tensor));
        let head = &self.head;
        self.model.run_tensors(&inputs, |outputs| head.decode(outputs, 0)).map_err(|e| e.to_string())
    }

    fn facts(&self) -> Vec<(String, String)> {
        self.model.facts()
    }
}
