//! What a detector on the car's LiDAR would see of the true world, with its errors; seeded.

use std::collections::BTreeMap;

use geometry::{BaseLink, Map, Pose2, Vector2};
use msgs::autoware_perception_msgs::msg::{
    DetectedObject, DetectedObjectKinematics, DetectedObjects, ObjectClassification, Shape,
};
use node::Time;
use simulation::lidar::Target;
use simulation::{Actor, ActorClass, Random, World};

use super::pose_message;

/// How far road users are seen, m.
const SEEN_M: f64 = 60.0;

/// Errors that stay with one road user for a while.
struct Bias {
    position: Vector2<Map>,
    yaw: f64,
    length: f64,
    width: f64,
}

/// A noisy detector: who has too few returns is not seen, some are missed, sizes and places are wrong.
pub struct Sensing {
    random: Random,
    biases: BTreeMap<u32, Bias>,
}

impl Sensing {
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed ^ 0x5e_e115), biases: BTreeMap::new() }
    }

    /// Detections of the scan that came last, in `base_link` at its time.
    pub fn detect(&mut self, world: &mut World) -> Option<DetectedObjects> {
        let scan = world.take_lidar()?;
        let mut returns: BTreeMap<u32, usize> = BTreeMap::new();
        for target in &scan.targets {
            if let Target::Actor(id) = target {
                *returns.entry(*id).or_default() += 1;
            }
        }
        let ego = world.ego().vehicle.pose;
        let mut message = DetectedObjects::default();
        message.header.stamp = Time::from_seconds(scan.stamp_s).to_message();
        message.header.frame_id = "base_link".into();
        for actor in world.actors() {
            let distance = actor.pose.position.distance(ego.position);
            let seen = returns.get(&actor.id).copied().unwrap_or(0);
            if distance > SEEN_M || seen < 2 {
                continue;
            }
            let missed = (0.02 + 0.15 * (distance / SEEN_M).powi(2) + 0.3 / seen as f64).min(0.6);
            let object = self.object(actor, ego);
            if !self.random.chance(missed) {
                message.objects.push(object);
            }
        }
        Some(message)
    }

    fn object(&mut self, actor: &Actor, ego: Pose2<Map>) -> DetectedObject {
        let random = &mut self.random;
        let bias = self.biases.entry(actor.id).or_insert_with(|| Bias {
            position: Vector2::new(random.normal(0.0, 0.12), random.normal(0.0, 0.12)),
            yaw: random.normal(0.0, 0.04),
            length: random.normal(1.0, 0.06).clamp(0.85, 1.15),
            width: random.normal(1.0, 0.06).clamp(0.85, 1.15),
        });
        let drift = Vector2::new(random.normal(0.0, 0.04), random.normal(0.0, 0.04));
        bias.position = bias.position * 0.94 + drift;
        bias.yaw = bias.yaw * 0.9 + random.normal(0.0, 0.015);
        let white = Vector2::new(random.normal(0.0, 0.08), random.normal(0.0, 0.08));
        let mut yaw = actor.pose.yaw + bias.yaw + random.normal(0.0, 0.04);
        if actor.class == ActorClass::Pedestrian {
            yaw += random.normal(0.0, 0.4);
        } else if random.chance(0.02) {
            yaw += std::f64::consts::PI;
        }
        let seen = Pose2 { position: actor.pose.position + bias.position + white, yaw };
        let label = match actor.class {
            ActorClass::Car => ObjectClassification::CAR,
            ActorClass::Truck => ObjectClassification::TRUCK,
            ActorClass::Cyclist => ObjectClassification::BICYCLE,
            ActorClass::Pedestrian => ObjectClassification::PEDESTRIAN,
            ActorClass::Obstacle => ObjectClassification::UNKNOWN,
        };
        let mut object = DetectedObject { existence_probability: 0.8, ..DetectedObject::default() };
        object.classification = vec![ObjectClassification { label, probability: 0.9 }];
        object.shape.type_ = Shape::BOUNDING_BOX;
        object.shape.dimensions.x = (actor.length * bias.length).max(0.2);
        object.shape.dimensions.y = (actor.width * bias.width).max(0.2);
        object.shape.dimensions.z = actor.height;
        let kinematics = &mut object.kinematics;
        kinematics.orientation_availability = if actor.class == ActorClass::Pedestrian {
            DetectedObjectKinematics::UNAVAILABLE
        } else {
            DetectedObjectKinematics::SIGN_UNKNOWN
        };
        let own: Pose2<BaseLink> = ego.relative(seen);
        kinematics.pose_with_covariance.pose = pose_message(own);
        kinematics.pose_with_covariance.pose.position.z = actor.height / 2.0;
        object
    }
}

/// A localizer's slow errors.
pub struct Localizing {
    random: Random,
    error: Pose2<Map>,
    speed: f64,
}

impl Localizing {
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed ^ 0x10_ca1e), error: Pose2::default(), speed: 0.0 }
    }

    /// Pose and speed as estimated, each 0.02 s.
    pub fn estimate(&mut self, pose: Pose2<Map>, speed: f64) -> (Pose2<Map>, f64) {
        let random = &mut self.random;
        self.error.position.x = self.error.position.x * 0.99 + random.normal(0.0, 0.008);
        self.error.position.y = self.error.position.y * 0.99 + random.normal(0.0, 0.008);
        self.error.yaw = self.error.yaw * 0.98 + random.normal(0.0, 0.0006);
        self.speed = self.speed * 0.95 + random.normal(0.0, 0.006);
        let seen = Pose2 {
            position: geometry::Point2::new(
                pose.position.x + self.error.position.x,
                pose.position.y + self.error.position.y,
            ),
            yaw: pose.yaw + self.error.yaw,
        };
        (seen, speed + if speed > 0.05 { self.speed } else { 0.0 })
    }
}
