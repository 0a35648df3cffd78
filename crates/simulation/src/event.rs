use serde::{Deserialize, Serialize};

use road_map::SignalGroupId;

use crate::actor::ActorClass;

/// Something that the world saw the car do, or that was done to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorldEvent {
    /// When, s.
    pub time_s: f64,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// The car touched a road user or obstacle. Contact changes nobody's motion; one touch is one event.
    Collision {
        /// Whom.
        actor: u32,
        /// What that is.
        class: ActorClass,
        /// Speed of the one relative to the other, m/s.
        relative_speed_mps: f64,
        /// Whether the car caused it.
        ego_caused: bool,
        /// Why it is thought so.
        reason: String,
    },
    /// The car touched something fixed beside the road.
    FixtureCollision {
        /// The car's speed, m/s.
        speed_mps: f64,
    },
    /// The car's front crossed a stop line at red.
    RedLightRun {
        /// The group that showed red.
        group: SignalGroupId,
    },
    /// The car passed a stop sign without having stopped.
    StopSignRun,
    /// The car reached its goal.
    GoalReached,
}

/// What the world has counted.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Touches of road users, obstacles and fixtures.
    pub collisions: u32,
    /// Those the car caused.
    pub collisions_caused: u32,
    /// Stop lines crossed at red.
    pub red_lights_run: u32,
    /// Stop signs passed without a stop.
    pub stop_signs_run: u32,
    /// Time off the road, s.
    pub off_road_s: f64,
    /// Time across a solid line, s.
    pub lane_departure_s: f64,
}
