use std::sync::Arc;

use geometry::{Map, OrientedBox, Pose2, Vector2};
use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::lidar::body::{self, Body, CarStyle};
use crate::lidar::{Instance, Target, clutter};
use crate::random::Random;

/// What a road user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorClass {
    /// Passenger cars and vans.
    Car,
    /// Lorries and buses.
    Truck,
    /// A person on a bicycle, with it.
    Cyclist,
    /// A person on foot.
    Pedestrian,
    /// A thing on the road or its shoulder that does not move: cone, box.
    Obstacle,
}

/// The true state of a road user.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Unique in one world, stable.
    pub id: u32,
    /// What it is.
    pub class: ActorClass,
    /// Centre of its box and its heading.
    pub pose: Pose2<Map>,
    /// Height of the ground below it, m.
    pub z: f64,
    /// Extent along the heading, m.
    pub length: f64,
    /// Extent across, m.
    pub width: f64,
    /// Height of its box, m.
    pub height: f64,
    /// Velocity in the map, m/s.
    pub velocity: Vector2<Map>,
    /// Turn rate, rad/s.
    pub yaw_rate: f64,
    /// Phase of walking or pedalling, rad.
    pub gait: f64,
    /// What a laser sees of it.
    pub body: Arc<Body>,
}

impl Actor {
    /// One of this class, its size and looks drawn from `random`, standing at `pose`.
    pub fn random(id: u32, class: ActorClass, pose: Pose2<Map>, z: f64, random: &mut Random) -> Self {
        let ([length, width, height], body) = match class {
            ActorClass::Car => {
                let (style, size) = CarStyle::random(random);
                (size, body::car(style, size, random))
            }
            ActorClass::Truck => {
                let size = body::truck_size(random);
                (size, body::truck(size, random))
            }
            ActorClass::Cyclist => {
                let size = body::cyclist_size(random);
                (size, body::cyclist(size, random))
            }
            ActorClass::Pedestrian => {
                let size = body::pedestrian_size(random);
                (size, body::pedestrian(size, random))
            }
            ActorClass::Obstacle if random.chance(0.6) => ([0.4, 0.4, 0.75], clutter::cone()),
            ActorClass::Obstacle => {
                let size = [random.uniform(0.5, 1.2), random.uniform(0.5, 1.0), random.uniform(0.5, 1.1)];
                (size, clutter::block(size, 0.4))
            }
        };
        Self { id, class, pose, z, length, width, height, velocity: Vector2::ZERO, yaw_rate: 0.0, gait: 0.0, body }
    }

    /// What it covers of the ground.
    pub fn footprint(&self) -> OrientedBox<Map> {
        OrientedBox::new(self.pose, self.length, self.width)
    }

    /// Speed over ground, m/s.
    pub fn speed_mps(&self) -> f64 {
        self.velocity.norm()
    }

    /// As the LiDAR sees it; obstacles count as fixtures.
    pub fn instance(&self) -> Instance {
        Instance {
            position: Vector3::new(self.pose.position.x, self.pose.position.y, self.z),
            yaw: self.pose.yaw,
            velocity: [self.velocity.x, self.velocity.y],
            yaw_rate: self.yaw_rate,
            gait: self.gait,
            body: Arc::clone(&self.body),
            target: if self.class == ActorClass::Obstacle { Target::Fixture } else { Target::Actor(self.id) },
        }
    }
}
