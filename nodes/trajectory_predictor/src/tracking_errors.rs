//! The simulator's road users as the tracker would give them, for what is recorded to learn from.

use geometry::{Pose2, Vector2, normalize_angle};
use simulation::{Actor, ActorClass, Random};

use crate::agent::{Agent, Class};

/// Time between frames, s, as the tracker gives them.
pub const FRAME_S: f64 = 0.1;

/// How the tracker errs about one road user: slowly, so that histories look smooth.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrackingErrors {
    position: [f64; 2],
    velocity: [f64; 2],
    yaw: f64,
    standing_s: f64,
    /// Frames for which it is not tracked.
    absent: u32,
}

impl TrackingErrors {
    /// A frame later; `speed` is the road user's, m/s.
    pub fn step(&mut self, random: &mut Random, speed: f64) {
        let mut walk = |value: &mut f64, sigma: f64| {
            const MEMORY: f64 = 0.85;
            *value = MEMORY * *value + random.normal(0.0, sigma * (1.0 - MEMORY * MEMORY).sqrt());
        };
        self.position.iter_mut().for_each(|v| walk(v, 0.13));
        self.velocity.iter_mut().for_each(|v| walk(v, 0.22));
        walk(&mut self.yaw, 0.03);
        self.standing_s = if speed < 0.15 { self.standing_s + FRAME_S } else { 0.0 };
        self.absent = self.absent.saturating_sub(1);
        if self.absent == 0 && random.chance(0.004) {
            // Lost from sight for a while; long absences come back as young tracks.
            self.absent = 2 + random.index(40) as u32;
        }
    }

    /// The road user as it is tracked; `None` while it is lost from sight.
    pub fn seen(&self, truth: &Agent) -> Option<Agent> {
        (self.absent == 0).then(|| self.apply(truth))
    }

    fn apply(&self, truth: &Agent) -> Agent {
        let stationary = self.standing_s >= 1.0;
        let along = Vector2::new(self.velocity[0], 0.3 * self.velocity[1]).rotated(truth.pose.yaw);
        let p = truth.pose.position;
        let place =
            Pose2::new(p.x + self.position[0], p.y + self.position[1], normalize_angle(truth.pose.yaw + self.yaw));
        let velocity = if stationary { Vector2::ZERO } else { truth.velocity + along };
        Agent { pose: place, velocity, stationary, ..*truth }
    }
}

/// An actor of the world as it truly is.
pub fn agent(actor: &Actor) -> Agent {
    let class = match actor.class {
        ActorClass::Car => Class::Car,
        ActorClass::Truck => Class::Truck,
        ActorClass::Cyclist => Class::Cyclist,
        ActorClass::Pedestrian => Class::Pedestrian,
        ActorClass::Obstacle => Class::Unknown,
    };
    Agent {
        id: u128::from(actor.id) + 1,
        class,
        pose: actor.pose,
        velocity: actor.velocity,
        yaw_rate: actor.yaw_rate,
        length: actor.length,
        width: actor.width,
        stationary: false,
    }
}
