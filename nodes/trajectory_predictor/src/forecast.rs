use geometry::{Map, Pose2};

use crate::agent::Agent;
use crate::path::{Kind, Path, SLOTS};

/// Future steps.
pub const STEPS: usize = 10;
/// Time between them, s.
pub const STEP_S: f64 = 0.5;

/// Futures this near to each other at every step are one, m.
const SAME_M: f64 = 0.8;

/// One future of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Future {
    /// Now and each [`STEP_S`] to 5 s.
    pub poses: [Pose2<Map>; STEPS + 1],
    /// Its probability.
    pub probability: f64,
}

/// Offset (m) from a way after `t` seconds when nothing else is known: ways are joined within 4 s.
pub fn expected_offset(way: &Path, t: f64) -> f64 {
    if way.kind == Kind::Free { way.offset } else { way.offset * (1.0 - t / 4.0).max(0.0) }
}

/// Futures from the network's answer for one agent: `motion` is `[SLOTS, STEPS, 2]`, what each step adds to constant
/// speed along the way and to [`expected_offset`], in metres; `logits` is `[SLOTS]`.
///
/// Probabilities sum to 1; likeliest first. `None` where the answer has a number that is not finite.
pub fn decode(agent: &Agent, ways: &[Path; SLOTS], motion: &[f32], logits: &[f32]) -> Option<Vec<Future>> {
    let sound = motion.iter().chain(logits).all(|n| n.is_finite());
    if !sound || motion.len() != SLOTS * STEPS * 2 || logits.len() != SLOTS {
        return None;
    }
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|l| f64::from(l - highest).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut futures: Vec<Future> = ways
        .iter()
        .enumerate()
        .map(|(slot, way)| {
            let steps = &motion[slot * STEPS * 2..(slot + 1) * STEPS * 2];
            let place = |i: usize| {
                let t = (i + 1) as f64 * STEP_S;
                let s = way.speed * t + f64::from(steps[2 * i]);
                way.at(s, expected_offset(way, t) + f64::from(steps[2 * i + 1]))
            };
            Future { poses: with_headings(agent.pose, place), probability: weights[slot] / total }
        })
        .collect();
    futures.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    Some(merged(futures))
}

/// Futures that stay within [`SAME_M`] of a likelier one are one with it.
fn merged(futures: Vec<Future>) -> Vec<Future> {
    let mut kept: Vec<Future> = Vec::new();
    for future in futures {
        let same = |other: &Future| {
            future.poses.iter().zip(&other.poses).all(|(a, b)| a.position.distance(b.position) < SAME_M)
        };
        match kept.iter().position(same) {
            Some(i) => kept[i].probability += future.probability,
            None => kept.push(future),
        }
    }
    kept.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    kept
}

/// The future of an agent that the network was not asked about: on along its way at constant speed.
pub fn constant_speed(agent: &Agent, way: &Path) -> Future {
    let poses = with_headings(agent.pose, |i| {
        let t = (i + 1) as f64 * STEP_S;
        way.at(
            if agent.stationary { 0.0 } else { way.speed * t },
            expected_offset(way, if agent.stationary { 0.0 } else { t }),
        )
    });
    Future { poses, probability: 1.0 }
}

fn with_headings(now: Pose2<Map>, place: impl Fn(usize) -> geometry::Point2<Map>) -> [Pose2<Map>; STEPS + 1] {
    let mut poses = [now; STEPS + 1];
    for i in 0..STEPS {
        let position = place(i);
        let step = position - poses[i].position;
        // Steps this short say nothing of the heading.
        let forward = step.norm() > 0.3 && step.dot(poses[i].forward()) > 0.0;
        poses[i + 1] = Pose2 { position, yaw: if forward { step.angle() } else { poses[i].yaw } };
    }
    poses
}
