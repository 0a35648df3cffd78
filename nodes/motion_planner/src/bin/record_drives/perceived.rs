//! Road users as messages: as the car would know them, and as they truly are.

use std::collections::BTreeMap;

use geometry::{Map, Point2, Pose2, angle_difference};
use inference::LoadOptions;
use msgs::autoware_perception_msgs::msg::{ObjectClassification, PredictedObject, PredictedObjects, PredictedPath};
use msgs::geometry_msgs::msg::Pose;
use node::{NodeError, Time};
use simulation::{Random, World};
use trajectory_predictor::agent::{Agent, Class};
use trajectory_predictor::forecast::STEP_S;
use trajectory_predictor::road::Road;
use trajectory_predictor::tracking_errors::{TrackingErrors, agent};
use trajectory_predictor::{OnnxNetwork, Predictor, ego_agent};

/// How far the car sees, m.
const SEEN_M: f64 = 60.0;

/// What the car knows of others: with the tracker's errors and the deployed predictor's futures.
pub struct Perceived {
    predictor: Predictor,
    errors: BTreeMap<u128, TrackingErrors>,
    random: Random,
}

impl Perceived {
    /// With the predictor that is deployed.
    pub fn new(world: &World, root: &std::path::Path, seed: u64) -> Result<Self, NodeError> {
        let options = LoadOptions { library: inference::find_library(root), ..LoadOptions::default() };
        let network = OnnxNetwork::load(&root.join("models/trajectory_predictor"), &options)?;
        let road = Road::new(world.map().lanes(), &world.map().crosswalks);
        let predictor = Predictor::new(road, Box::new(network));
        Ok(Self { predictor, errors: BTreeMap::new(), random: Random::new(seed ^ 0x9e4c_e17e) })
    }

    /// Lets a frame pass.
    pub fn look(&mut self, world: &World) {
        for truth in world.actors().iter().map(agent) {
            self.errors.entry(truth.id).or_default().step(&mut self.random, truth.velocity.norm());
        }
    }

    /// What is known in a frame.
    pub fn objects(&mut self, world: &World) -> Result<PredictedObjects, String> {
        let ego = world.ego();
        let own = ego_agent(world.vehicle(), ego.vehicle.pose, ego.vehicle.speed_mps, ego.yaw_rate_radps);
        let near = world.actors().iter().map(agent).filter(|a| a.pose.position.distance(own.pose.position) < SEEN_M);
        let seen: Vec<Agent> = near.filter_map(|truth| self.errors.get(&truth.id)?.seen(&truth)).collect();
        let now = Time::from_seconds(world.time_s());
        let frame = self.predictor.predict(now, &seen, Some(&own))?;
        let objects = seen.iter().zip(&frame.futures).map(|(one, futures)| {
            let paths = futures.iter().map(|future| (future.probability, future.poses.to_vec()));
            message(one, paths)
        });
        Ok(PredictedObjects { objects: objects.collect(), ..header(now) })
    }
}

/// Everybody as they are and will be; the futures were seen `age_s` ago.
pub fn truth(world: &World, futures: &BTreeMap<u32, Vec<Pose2<Map>>>, age_s: f64) -> PredictedObjects {
    let objects = world.actors().iter().map(|actor| {
        let path = futures.get(&actor.id).map_or_else(|| vec![actor.pose; 2], |path| later(path, age_s / STEP_S));
        message(&agent(actor), std::iter::once((1.0, path)))
    });
    PredictedObjects { objects: objects.collect(), ..header(Time::from_seconds(world.time_s())) }
}

/// The places of a path so many steps later, as many whole ones as are left.
fn later(path: &[Pose2<Map>], steps: f64) -> Vec<Pose2<Map>> {
    let (whole, share) = ((steps + 1e-6).floor(), (steps + 1e-6).fract());
    path.windows(2)
        .skip(whole as usize)
        .map(|w| Pose2 {
            position: w[0].position.lerp(w[1].position, share),
            yaw: w[0].yaw + angle_difference(w[1].yaw, w[0].yaw) * share,
        })
        .collect()
}

fn header(now: Time) -> PredictedObjects {
    let mut message = PredictedObjects::default();
    message.header.stamp = now.to_message();
    message.header.frame_id = "map".into();
    message
}

/// Futures are poses each [`STEP_S`], the first now, with their probabilities.
fn message(one: &Agent, futures: impl Iterator<Item = (f64, Vec<Pose2<Map>>)>) -> PredictedObject {
    let label = match one.class {
        Class::Car => ObjectClassification::CAR,
        Class::Truck => ObjectClassification::TRUCK,
        Class::Cyclist => ObjectClassification::BICYCLE,
        Class::Pedestrian => ObjectClassification::PEDESTRIAN,
        Class::Unknown => ObjectClassification::UNKNOWN,
    };
    let mut object = PredictedObject { existence_probability: 1.0, ..PredictedObject::default() };
    object.object_id.uuid = one.id.to_be_bytes();
    object.classification = vec![ObjectClassification { label, probability: 1.0 }];
    (object.shape.dimensions.x, object.shape.dimensions.y) = (one.length, one.width);
    object.kinematics.initial_pose_with_covariance.pose = pose(one.pose);
    let own = one.velocity.rotated(-one.pose.yaw);
    let twist = &mut object.kinematics.initial_twist_with_covariance.twist.linear;
    (twist.x, twist.y) = (own.x, own.y);
    object.kinematics.predicted_paths = futures
        .map(|(probability, poses)| {
            let mut path = PredictedPath { confidence: probability as f32, ..PredictedPath::default() };
            path.time_step.nanosec = (STEP_S * 1e9) as u32;
            path.path = poses.into_iter().map(pose).collect();
            path
        })
        .collect();
    object
}

/// A pose as a message.
pub fn pose(pose: Pose2<Map>) -> Pose {
    let mut message = Pose::default();
    let Point2 { x, y, .. } = pose.position;
    (message.position.x, message.position.y) = (x, y);
    let q = pose.quaternion();
    (message.orientation.z, message.orientation.w) = (q.k, q.w);
    message
}
