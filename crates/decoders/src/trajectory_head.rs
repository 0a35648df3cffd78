use inference::{TensorSpec, TensorView};
use serde::Deserialize;

use crate::error::DecoderError;
use crate::layout::Layout;

const SECTION: &str = "[decoder]";

/// `kind = "trajectory_head"`: several futures of each agent: `trajectories` `[agents, modes, steps, 2]` in m, and how likely
/// each is, `scores` `[agents, modes]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrajectoryHead {
    /// The output with the points.
    pub trajectories: String,
    /// The output with the scores.
    pub scores: String,
    /// What the points are.
    pub points: Points,
    /// Whether scores go through a softmax to be probabilities.
    pub softmax: bool,
    /// Agents, modes and steps.
    pub size: [usize; 3],
    #[serde(skip)]
    order: [usize; 2],
}

/// What a trajectory's points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Points {
    /// Places in the agent's frame.
    Absolute,
    /// Steps from the point before; the first from the agent.
    Relative,
}

/// One future.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Its probability; those of an agent sum to 1.
    pub probability: f32,
    /// Places in the agent's frame, m.
    pub points: Vec<[f32; 2]>,
}

impl TrajectoryHead {
    /// Holds the layout against a model's outputs.
    ///
    /// # Errors
    /// [`DecoderError`] naming the tensor, what is expected and what there is.
    pub fn check(mut self, outputs: &[TensorSpec]) -> Result<Self, DecoderError> {
        let [agents, modes, steps] = self.size;
        let name = format!("trajectory_head of {agents} agents, {modes} modes, {steps} steps");
        let layout = Layout { section: SECTION, side: "output", name };
        self.order[0] = layout.find(outputs, &self.trajectories, &[agents, modes, steps, 2])?;
        self.order[1] = layout.find(outputs, &self.scores, &[agents, modes])?;
        Ok(self)
    }

    /// Futures of an agent, likeliest first.
    pub fn decode(&self, outputs: &[TensorView], agent: usize) -> Vec<Trajectory> {
        let [_, modes, steps] = self.size;
        let [points, scores] = self.order.map(|at| outputs[at].as_f32());
        let scores = &scores[agent * modes..(agent + 1) * modes];
        let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |score: f32| if self.softmax { (score - highest).exp() } else { score.max(0.0) };
        let total: f32 = scores.iter().map(|score| weight(*score)).sum::<f32>().max(f32::MIN_POSITIVE);
        let mode = |i: usize| {
            let start = (agent * modes + i) * steps * 2;
            let mut at = [0.0, 0.0];
            let place = |step: &[f32]| {
                at = match self.points {
                    Points::Absolute => [step[0], step[1]],
                    Points::Relative => [at[0] + step[0], at[1] + step[1]],
                };
                at
            };
            let points = points[start..start + steps * 2].chunks_exact(2).map(place).collect();
            Trajectory { probability: weight(scores[i]) / total, points }
        };
        let mut futures: Vec<Trajectory> = (0..modes).map(mode).collect();
        futures.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        futures
    }
}
