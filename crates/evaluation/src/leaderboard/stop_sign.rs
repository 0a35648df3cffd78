//! `RunningStopTest`: a stop sign's box is left without a stop in it.

use super::infraction::{Infraction, InfractionKind};
use super::observation::{Observation, StopSign, World};

/// A sign is met from this near, m.
const NEAR_M: f64 = 4.0;
/// Slower is a stop, m/s.
const STOP_MPS: f64 = 0.1;
/// The box is taken this much larger.
const LARGER: f64 = 1.2;
/// Cosine of about 100 degrees: beyond, the ego goes backwards or against the lane.
const AGAINST: f64 = -0.17;

#[derive(Debug, Default)]
pub(super) struct StopSigns {
    /// Index of the sign that holds.
    target: Option<usize>,
    stopped: bool,
    last_failed: Option<u64>,
}

impl StopSigns {
    pub fn update(&mut self, world: &World, now: &Observation, out: &mut Vec<Infraction>) {
        let Some(target) = self.target else {
            self.target = scan(world, now);
            return;
        };
        self.stopped |= now.speed() < STOP_MPS;
        let Some(sign) = world.stops.get(target) else { return };
        if affected(sign, now) {
            return;
        }
        if !self.stopped && self.last_failed != Some(sign.id) {
            let at = sign.place;
            let message =
                format!("Agent ran a stop with id={} at (x={:.3}, y={:.3}, z={:.3})", sign.id, at.x, at.y, at.z);
            out.push(Infraction::new(InfractionKind::StopInfraction, now.time, message));
            self.last_failed = Some(sign.id);
        }
        self.target = None;
        self.stopped = false;
    }
}

fn scan(world: &World, now: &Observation) -> Option<usize> {
    let first = now.onward.first()?;
    let ([ex, ey], [lx, ly]) = (now.ego.forward(), first.forward());
    let backwards = now.velocity[0] * ex + now.velocity[1] * ey < AGAINST;
    if backwards || ex * lx + ey * ly < AGAINST {
        return None;
    }
    world.stops.iter().position(|sign| affected(sign, now))
}

fn affected(sign: &StopSign, now: &Observation) -> bool {
    let Some(first) = now.onward.first() else { return false };
    sign.center.distance(first) <= NEAR_M
        && now.onward.iter().any(|place| {
            (place.x - sign.center.x).abs() < LARGER * sign.extent[0]
                && (place.y - sign.center.y).abs() < LARGER * sign.extent[1]
        })
}
