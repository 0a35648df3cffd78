//! What CARLA says of the world, for the judge alone.

use serde::{Deserialize, Serialize};

/// A place and heading: m and degrees.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Forward, m.
    pub x: f64,
    /// To the right, m.
    pub y: f64,
    /// Up, m.
    pub z: f64,
    /// Clockwise seen from above, degrees.
    pub yaw: f64,
}

impl Place {
    /// Distance in space, m.
    pub fn distance(&self, other: &Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y).hypot(self.z - other.z)
    }

    /// Distance seen from above, m.
    pub fn flat_distance(&self, other: &Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The unit vector of the heading.
    pub fn forward(&self) -> [f64; 2] {
        let yaw = self.yaw.to_radians();
        [yaw.cos(), yaw.sin()]
    }

    /// The point that lies so far along the heading, in the plane.
    pub fn ahead(&self, distance_m: f64) -> [f64; 2] {
        let [dx, dy] = self.forward();
        [self.x + distance_m * dx, self.y + distance_m * dy]
    }
}

/// Lane that CARLA's map finds nearest to the ego's origin.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EgoLane {
    /// OpenDRIVE's road.
    pub road: i64,
    /// OpenDRIVE's lane.
    pub lane: i64,
    /// Heading of the lane, degrees.
    pub yaw: f64,
    /// Whether it lies in a junction.
    pub junction: bool,
    /// Width, m.
    pub width: f64,
    /// From the ego's origin to the lane's centre, m.
    pub distance: f64,
}

/// A lane by its width and distance.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct NearLane {
    /// Width, m.
    pub width: f64,
    /// From the ego's origin to the lane's centre, m.
    pub distance: f64,
}

/// What a traffic light shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LightState {
    /// Stop.
    Red,
    /// Red comes.
    Yellow,
    /// Go.
    Green,
    /// Dark.
    Off,
    /// CARLA does not say.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A touch that the collision sensor told of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Collision {
    /// The other actor; 0 for what is no actor.
    pub id: u64,
    /// The other actor's blueprint, e.g. `vehicle.audi.tt`, `static.road`.
    pub kind: String,
}

/// A road user as it is, for the report.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// CARLA's id.
    pub id: u64,
    /// Centre of its box.
    pub place: Place,
    /// Velocity in the world's x and y, m/s.
    pub velocity: [f64; 2],
    /// Length and width, m.
    pub size: [f64; 2],
    /// Whether it is a pedestrian.
    #[serde(default)]
    pub walker: bool,
}

/// The world at one tick.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Observation {
    /// Server's frame.
    pub frame: u64,
    /// Simulated time, s.
    pub time: f64,
    /// The ego's origin.
    pub ego: Place,
    /// Its velocity in the world's x, y and z, m/s.
    pub velocity: [f64; 3],
    /// Speed limit that holds for it, km/h; 0 where CARLA knows none.
    pub speed_limit: f64,
    /// Nearest driving lane; absent where the map finds none.
    pub lane: Option<EgoLane>,
    /// Nearest parking lane, if the town has any.
    pub parking: Option<NearLane>,
    /// Road and lane of the point that is a metre behind the ego's rear.
    pub tail: Option<(i64, i64)>,
    /// Lights within 50 m and what they show.
    #[serde(default)]
    pub lights: Vec<(u64, LightState)>,
    /// The ego's lane from its place 4 m onward in steps of 0.5 m; empty where no stop sign is near.
    #[serde(default)]
    pub onward: Vec<Place>,
    /// Touches since the last tick.
    #[serde(default)]
    pub collisions: Vec<Collision>,
    /// Lane markings crossed since the last tick, as CARLA names them. Told, not scored.
    #[serde(default)]
    pub crossed: Vec<String>,
    /// Mean speed of the traffic, m/s; absent without traffic.
    pub traffic_speed: Option<f64>,
    /// Other road users around.
    #[serde(default)]
    pub actors: Vec<Actor>,
}

impl Observation {
    /// Speed over ground, m/s, as CARLA's data provider has it: without the vertical part.
    pub fn speed(&self) -> f64 {
        self.velocity[0].hypot(self.velocity[1])
    }
}

/// A traffic light and the lanes it holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Light {
    /// CARLA's id.
    pub id: u64,
    /// Where the post stands.
    pub place: Place,
    /// Middle of the box in which vehicles are held.
    pub center: Place,
    /// Last places of its lanes before the junction: road, lane, place with the lane's heading, width in m.
    pub lines: Vec<(i64, i64, Place, f64)>,
}

/// A stop sign's box.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StopSign {
    /// CARLA's id.
    pub id: u64,
    /// Where the sign stands.
    pub place: Place,
    /// Middle of its box.
    pub center: Place,
    /// Half of the box's sides along the world's x and y, m.
    pub extent: [f64; 2],
}

/// What of the world does not change while a route is driven.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct World {
    /// Traffic lights.
    pub lights: Vec<Light>,
    /// Stop signs.
    pub stops: Vec<StopSign>,
    /// Half of the ego's length, m.
    pub ego_half_length: f64,
}
