//! `RunningRedLightTest`: the ego's tail crosses the stop line of its lane while the light is red.

use super::infraction::{Infraction, InfractionKind};
use super::observation::{LightState, Observation, World};

/// Lights farther than this are not looked at, m.
const REACH_M: f64 = 15.0;
/// Half of the stop line, in lane widths.
const LINE: f64 = 0.6;

#[derive(Debug, Default)]
pub(super) struct RedLights {
    last: Option<u64>,
}

impl RedLights {
    pub fn update(&mut self, world: &World, now: &Observation, out: &mut Vec<Infraction>) {
        let near = now.ego.ahead(-0.8 * world.ego_half_length);
        let far = now.ego.ahead(-world.ego_half_length - 1.0);
        for light in &world.lights {
            let red = now.lights.iter().any(|(id, state)| *id == light.id && *state == LightState::Red);
            if self.last == Some(light.id) || !red || light.center.distance(&now.ego) > REACH_M {
                continue;
            }
            let ran = light.lines.iter().any(|(road, lane, place, width)| {
                let ([ex, ey], [lx, ly]) = (now.ego.forward(), place.forward());
                let half = LINE * width;
                let (left, right) =
                    ([place.x - ly * half, place.y + lx * half], [place.x + ly * half, place.y - lx * half]);
                now.tail == Some((*road, *lane)) && ex * lx + ey * ly > 0.0 && cross((near, far), (left, right))
            });
            if ran {
                self.last = Some(light.id);
                let at = light.place;
                let message =
                    format!("Agent ran a red light {} at (x={:.3}, y={:.3}, z={:.3})", light.id, at.x, at.y, at.z);
                out.push(Infraction::new(InfractionKind::RedLight, now.time, message));
            }
        }
    }
}

type Segment = ([f64; 2], [f64; 2]);

/// Whether two segments meet; touching counts.
fn cross((a, b): Segment, (c, d): Segment) -> bool {
    let side = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
    let within = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| {
        r[0] >= p[0].min(q[0]) && r[0] <= p[0].max(q[0]) && r[1] >= p[1].min(q[1]) && r[1] <= p[1].max(q[1])
    };
    let (s1, s2, s3, s4) = (side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b));
    if ((s1 > 0.0 && s2 < 0.0) || (s1 < 0.0 && s2 > 0.0)) && ((s3 > 0.0 && s4 < 0.0) || (s3 < 0.0 && s4 > 0.0)) {
        return true;
    }
    (s1 == 0.0 && within(a, b, c))
        || (s2 == 0.0 && within(a, b, d))
        || (s3 == 0.0 && within(c, d, a))
        || (s4 == 0.0 && within(c, d, b))
}

#[cfg(test)]
mod tests {
    use super::cross;

    #[test]
    fn segments_cross_touch_or_miss() {
        assert!(cross(([0.0, 0.0], [2.0, 0.0]), ([1.0, -1.0], [1.0, 1.0])));
        assert!(cross(([0.0, 0.0], [2.0, 0.0]), ([2.0, 0.0], [2.0, 1.0])));
        assert!(!cross(([0.0, 0.0], [2.0, 0.0]), ([3.0, -1.0], [3.0, 1.0])));
        assert!(!cross(([0.0, 0.0], [2.0, 0.0]), ([0.0, 1.0], [2.0, 1.0])));
    }
}
