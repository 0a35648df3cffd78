//! `CollisionTest`.

use super::infraction::{Infraction, InfractionKind};
use super::observation::{Observation, Place};

/// Touches nearer to each other than this are one, m.
const RADIUS_M: f64 = 5.0;
/// Touches of one actor within this are one, s.
const SAME_ACTOR_S: f64 = 5.0;
/// A slower ego is not at fault, m/s.
const STANDING_MPS: f64 = 0.1;

#[derive(Debug, Default)]
pub(super) struct Collisions {
    actor: Option<(u64, f64)>,
    place: Option<Place>,
}

impl Collisions {
    pub fn update(&mut self, now: &Observation, out: &mut Vec<Infraction>) {
        self.place = self.place.filter(|place| place.distance(&now.ego) <= RADIUS_M);
        self.actor = self.actor.filter(|(_, since)| now.time - since <= SAME_ACTOR_S);
        for touch in &now.collisions {
            let again = self.actor.is_some_and(|(id, _)| id == touch.id) || self.place.is_some();
            if again || now.speed() < STANDING_MPS {
                continue;
            }
            self.place = Some(now.ego);
            // What is no actor has no identity.
            if touch.id != 0 {
                self.actor = Some((touch.id, now.time));
            }
            let town = touch.kind.contains("static") || touch.kind.contains("traffic");
            let kind = if town && !touch.kind.contains("sidewalk") {
                InfractionKind::CollisionsLayout
            } else if touch.kind.contains("vehicle") {
                InfractionKind::CollisionsVehicle
            } else if touch.kind.contains("walker") {
                InfractionKind::CollisionsPedestrian
            } else {
                continue;
            };
            let message = format!(
                "Agent collided against object with type={} and id={} at (x={:.3}, y={:.3}, z={:.3})",
                touch.kind, touch.id, now.ego.x, now.ego.y, now.ego.z
            );
            out.push(Infraction::new(kind, now.time, message));
        }
    }
}
