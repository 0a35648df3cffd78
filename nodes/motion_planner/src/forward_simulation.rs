//! A proposal simulated forward: along its path under the intelligent driver model (Treiber, Hennecke, Helbing 2000),
//! stops and the limits of the car.

use crate::parameters::Parameters;
use crate::proposal_path::ProposalPath;
use crate::reference_path::{Axis, STEP};
use crate::road_user::{SAMPLE_S, SAMPLES};
use crate::track::Track;

/// Time step, s.
pub(crate) const DT: f64 = 0.1;
/// Steps: 7 s.
pub(crate) const STEPS: usize = 70;

/// The longitudinal state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    /// Of `base_link` on the axis, m.
    pub s: f64,
    pub speed: f64,
    pub acceleration: f64,
}

/// How to drive along a path.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Of the allowed speed.
    pub speed_factor: f64,
    /// Front bumper stops before these, m on the axis.
    pub stops: Vec<f64>,
    /// Deceleration that overrides all else, m/s², positive.
    pub brake: Option<f64>,
    /// Where to be when; whether that keeps the rules is for the scoring to see.
    pub track: Option<Track>,
}

impl Policy {
    /// At the allowed speed, with these stops.
    pub fn stopping(stops: Vec<f64>) -> Self {
        Self { speed_factor: 1.0, stops, brake: None, track: None }
    }

    /// Braking at once, m/s².
    pub fn braking(deceleration: f64) -> Self {
        Self { brake: Some(deceleration), ..Self::stopping(Vec::new()) }
    }
}

/// Somebody ahead in the corridor of a path at one sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leader {
    /// Rear end, m on the axis.
    pub rear: f64,
    /// Speed along the axis, m/s.
    pub speed: f64,
    pub who: u128,
}

/// Who is ahead at each sample.
pub(crate) type Leaders = Vec<Vec<Leader>>;

/// Speed allowed at each sample of the axis, from the limit, curves and extra caps (from, to, speed).
pub(crate) fn allowed_speed(axis: &Axis, path: &ProposalPath, caps: &[(f64, f64, f64)], p: &Parameters) -> Vec<f64> {
    let mut speed: Vec<f64> = (0..axis.poses.len())
        .map(|i| {
            let s = i as f64 * STEP;
            let curve = (p.max_lateral_acceleration_mps2 / path.curvature[i].abs().max(1e-4)).sqrt().max(1.5);
            caps.iter()
                .filter(|(from, to, _)| s >= *from && s <= *to)
                .fold(axis.limit_mps[i].min(curve), |v, c| v.min(c.2))
        })
        .collect();
    for i in (0..speed.len() - 1).rev() {
        speed[i] = speed[i].min((speed[i + 1].powi(2) + 2.0 * p.comfort_deceleration_mps2 * STEP).sqrt());
    }
    speed
}

/// Simulates; the first state is `start`.
pub(crate) fn simulate(
    start: State,
    allowed: &[f64],
    leaders: &Leaders,
    policy: &Policy,
    front_m: f64,
    max_deceleration: f64,
    p: &Parameters,
) -> Vec<State> {
    let mut states = Vec::with_capacity(STEPS + 1);
    let mut now = start;
    states.push(now);
    for step in 0..STEPS {
        let wanted = wanted_acceleration(now, step, allowed, leaders, policy, front_m, p);
        let (wanted, jerk) = match policy.brake {
            Some(brake) => (-brake, 12.0),
            None => (wanted.clamp(-max_deceleration, p.max_acceleration_mps2), if wanted < -3.0 { 10.0 } else { 3.0 }),
        };
        let mut a = wanted.clamp(now.acceleration - jerk * DT, now.acceleration + jerk.max(4.0) * DT);
        if wanted < 0.0 && now.acceleration > 0.5 {
            a = a.min(now.acceleration - 6.0 * DT).max(wanted);
        }
        let speed = now.speed + a * DT;
        if speed <= 0.02 && wanted <= 0.0 {
            let distance = if a < -0.05 { (now.speed * now.speed / (-2.0 * a)).min(now.speed * DT) } else { 0.0 };
            now = State { s: now.s + distance, speed: 0.0, acceleration: if now.speed > 0.0 { a } else { 0.0 } };
        } else {
            let speed = speed.max(0.0);
            now = State { s: now.s + (now.speed + speed) / 2.0 * DT, speed, acceleration: a };
        }
        states.push(now);
    }
    states
}

fn wanted_acceleration(
    now: State,
    step: usize,
    allowed: &[f64],
    leaders: &Leaders,
    policy: &Policy,
    front_m: f64,
    p: &Parameters,
) -> f64 {
    let v = now.speed;
    let target = Axis::at(allowed, now.s + 0.4 * v) * policy.speed_factor;
    let mut a = (1.0 * (target - v)).clamp(-3.0, p.max_acceleration_mps2);
    if let Some(track) = &policy.track {
        return a.min(track.wanted_acceleration(now, (step + 1) as f64 * DT));
    }
    let front = now.s + front_m;
    let b = p.comfort_deceleration_mps2;
    for stop in &policy.stops {
        let gap = stop - front;
        if gap < -3.0 {
            continue;
        }
        if gap <= 0.15 {
            a = a.min(-2.0);
            continue;
        }
        let curve = (2.0 * 0.8 * b * gap).sqrt();
        a = a.min(1.5 * (curve - v));
        let needed = v * v / (2.0 * gap);
        if needed > 0.7 * b {
            a = a.min(-needed * if needed > b { 1.1 } else { 1.0 });
        }
    }
    let sample = ((step as f64 * DT / SAMPLE_S) as usize).min(SAMPLES - 1);
    for Leader { rear, speed: leader_speed, .. } in &leaders[sample] {
        let gap = (rear - front).max(0.2);
        let closing = v - leader_speed;
        let wish = p.standstill_gap_m
            + (v * p.time_headway_s + v * closing / (2.0 * (p.max_acceleration_mps2 * b).sqrt())).max(0.0);
        let free = p.max_acceleration_mps2 * (1.0 - (v / target.max(0.5)).powi(4)).max(-1.0);
        a = a.min(free.min(p.max_acceleration_mps2) - p.max_acceleration_mps2 * (wish / gap).powi(2));
        if rear - front < p.standstill_gap_m * 0.8 && v < 0.5 && *leader_speed < 0.3 {
            a = a.min(-1.0);
        }
    }
    a
}
