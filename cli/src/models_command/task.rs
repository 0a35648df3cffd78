//! What a difference of tensors means for the node that reads them.

use inference::{Manifest, TensorData};
use lidar_detector::Terrain;
use lidar_detector::detection::{BOX, Class, Detection, PLACES, decode};
use serde::{Deserialize, Serialize};

/// Detections of the same class this near are of the same thing, m.
const SAME_M: f64 = 1.0;
/// What is less likely than this is no detection here.
const LEAST_SCORE: f64 = 0.3;

/// Summed over frames.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct DetectionError {
    /// Found by both.
    pub matched: usize,
    /// Found by A alone.
    pub missed: usize,
    /// Found by B alone.
    pub extra: usize,
    /// Greatest distance between two that match, m.
    pub max_center_error_m: f64,
}

/// Summed over frames.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct TrajectoryError {
    /// Agents of all frames.
    pub agents: usize,
    /// Of them those whose likeliest way is another.
    pub other_way: usize,
    /// Mean distance between the likeliest ways' points where the way is the same, m.
    pub mean_displacement_m: f64,
    /// Greatest such distance, m.
    pub max_displacement_m: f64,
}

/// What the difference means, by the kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TaskError {
    Detections(DetectionError),
    Trajectories(TrajectoryError),
}

#[derive(Deserialize)]
struct CenterPoint {
    least_distance_m: [f64; 5],
}

/// Reads outputs as the model's node does; `None` for models that no node here reads.
pub enum Task {
    Detections { least_distance: [f64; 5], error: DetectionError },
    Trajectories { agents: usize, error: TrajectoryError, sum: f64, points: usize },
}

impl Task {
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let outputs: Vec<&str> = manifest.outputs.iter().map(|spec| spec.name.as_str()).collect();
        let sizes: Vec<usize> = manifest.outputs.iter().map(inference::TensorSpec::len).collect();
        let places = PLACES[0] * PLACES[1];
        match outputs[..] {
            ["heat", "box"] if sizes == [Class::ALL.len() * places, BOX * places] => {
                let table = manifest.decoder.clone()?;
                let least_distance = table.try_into::<CenterPoint>().ok()?.least_distance_m;
                Some(Self::Detections { least_distance, error: DetectionError::default() })
            }
            ["motion", "logits"] | ["trajectories", "scores"] if manifest.inputs.len() == 4 => {
                let agents = manifest.outputs[1].shape[0];
                Some(Self::Trajectories { agents, error: TrajectoryError::default(), sum: 0.0, points: 0 })
            }
            _ => None,
        }
    }

    /// Adds a frame.
    pub fn add(&mut self, inputs: &[TensorData], a: &[TensorData], b: &[TensorData]) {
        match self {
            Self::Detections { least_distance, error } => {
                let read = |of: &[TensorData]| {
                    let [heat, boxes] = [0, 1].map(|i| of[i].view().as_f32());
                    decode(heat, boxes, &Terrain::default(), &[LEAST_SCORE; 5], least_distance)
                };
                compare_detections(&read(a), &read(b), error);
            }
            Self::Trajectories { agents, error, sum, points } => {
                // Agents that are not there have nothing but zeros.
                let state = inputs[1].view().as_f32();
                let each = state.len() / *agents;
                let there = |agent: usize| state[agent * each..(agent + 1) * each].iter().any(|value| *value != 0.0);
                for agent in (0..*agents).filter(|agent| there(*agent)) {
                    error.agents += 1;
                    let Some(distances) = displacements(agent, *agents, a, b) else {
                        error.other_way += 1;
                        continue;
                    };
                    *sum += distances.iter().sum::<f64>();
                    *points += distances.len();
                    error.max_displacement_m = distances.into_iter().fold(error.max_displacement_m, f64::max);
                }
            }
        }
    }

    pub fn error(&self) -> TaskError {
        match self {
            Self::Detections { error, .. } => TaskError::Detections(*error),
            Self::Trajectories { error, sum, points, .. } => {
                let mean_displacement_m = sum / (*points).max(1) as f64;
                TaskError::Trajectories(TrajectoryError { mean_displacement_m, ..*error })
            }
        }
    }
}

fn compare_detections(a: &[Detection], b: &[Detection], error: &mut DetectionError) {
    let mut free: Vec<&Detection> = b.iter().collect();
    for one in a {
        let distance = |other: &Detection| (one.center[0] - other.center[0]).hypot(one.center[1] - other.center[1]);
        let nearest = free
            .iter()
            .enumerate()
            .filter(|(_, other)| other.class == one.class && distance(other) < SAME_M)
            .min_by(|(_, x), (_, y)| distance(x).total_cmp(&distance(y)))
            .map(|(i, _)| i);
        match nearest {
            Some(i) => {
                error.matched += 1;
                error.max_center_error_m = error.max_center_error_m.max(distance(free.swap_remove(i)));
            }
            None => error.missed += 1,
        }
    }
    error.extra += free.len();
}

/// How far the points of an agent's likeliest way are apart, m; `None` where it is another way.
fn displacements(agent: usize, agents: usize, a: &[TensorData], b: &[TensorData]) -> Option<Vec<f64>> {
    let [motion, logits] = [0, 1].map(|i| [a[i].view().as_f32(), b[i].view().as_f32()]);
    let ways = logits[0].len() / agents;
    let best = logits.map(|all| {
        let of = &all[agent * ways..(agent + 1) * ways];
        (0..ways).max_by(|x, y| of[*x].total_cmp(&of[*y])).unwrap_or(0)
    });
    if best[0] != best[1] {
        return None;
    }
    let each = motion[0].len() / (agents * ways);
    let start = (agent * ways + best[0]) * each;
    let [p, q] = motion.map(|all| all[start..start + each].chunks_exact(2));
    Some(p.zip(q).map(|(p, q)| f64::from((p[0] - q[0]).hypot(p[1] - q[1]))).collect())
}
