//! What the worker answers.

use evaluation::leaderboard::{Place, World};
use serde::{Deserialize, Serialize};

/// A world as it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Connected {
    /// The server's version.
    #[serde(default)]
    pub server_version: String,
    /// Name of the town.
    pub town: String,
    /// Whether the world waits for a client's tick.
    pub synchronous: bool,
    /// Step, s; 0 where it varies.
    pub fixed_delta_s: f64,
    /// Frame of the server.
    pub frame: u64,
    /// Simulated time, s.
    pub time: f64,
    /// How many.
    pub vehicles: usize,
    /// How many.
    pub walkers: usize,
    /// How many.
    pub sensors: usize,
    /// Vehicles whose role name says that they are an ego.
    pub egos: Vec<FoundEgo>,
}

/// An ego that is there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FoundEgo {
    /// CARLA's id.
    pub id: u64,
    /// Its role name.
    pub role_name: String,
    /// Its blueprint.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
}

/// A town that was loaded.
#[derive(Debug, Clone, Deserialize)]
pub struct Loaded {
    /// Its name.
    pub town: String,
    /// Where vehicles can be put.
    pub spawn_points: Vec<Place>,
}

/// The clock that was taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Clocked {
    /// Whether somebody had it before.
    pub was_synchronous: bool,
}

/// Weather that was set.
#[derive(Debug, Clone, Deserialize)]
pub struct Weathered {
    /// Keys that the server's weather has not.
    pub unknown: Vec<String>,
}

/// The car that was put into the world.
#[derive(Debug, Clone, Deserialize)]
pub struct Ego {
    /// Its blueprint.
    #[serde(rename = "type")]
    pub kind: String,
    /// Ids of its sensors.
    pub sensors: Vec<String>,
    /// Where it stands.
    pub start: Place,
    /// What had to be done otherwise than asked.
    pub note: Option<String>,
}

/// Road users that found room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Traffic {
    /// Cars.
    pub vehicles: usize,
    /// Pedestrians.
    pub walkers: usize,
}

/// What does not change while it is driven.
#[derive(Debug, Clone, Deserialize)]
pub struct Facts {
    /// For the judge.
    pub world: World,
    /// The car.
    pub vehicle: Car,
}

/// The car as CARLA has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Car {
    /// Length, m.
    pub length: f64,
    /// Width, m.
    pub width: f64,
    /// Height, m.
    pub height: f64,
    /// From the car's origin to the middle of its box, m ahead.
    pub center_x: f64,
    /// Largest angle of the front wheels, degrees.
    pub max_steer_deg: f64,
    /// Speeds, m/s, rising, and the share of that angle which full steer is at each.
    #[serde(default)]
    pub steering_curve: Vec<[f64; 2]>,
}

/// What was taken away.
#[derive(Debug, Clone, Deserialize)]
pub struct Cleaned {
    /// How many actors.
    pub destroyed: usize,
    /// Whether the world waited for ticks.
    pub was_synchronous: bool,
    /// The town.
    pub town: String,
}
