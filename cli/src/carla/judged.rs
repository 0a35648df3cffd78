//! A drive's observations, judged and kept for the report.

use std::sync::Arc;

use evaluation::leaderboard::{End, InfractionKind, Judge, Observation, RouteOutcome, ScoredRoute};
use evaluation::{Evaluation, Event, Record, RunFacts};
use geometry::{Map, Pose2};
use msgs::autoware_perception_msgs::msg::{ObjectClassification, TrackedObject, TrackedObjects};
use msgs::nav_msgs::msg::Odometry;
use node::{Shared, Time};
use road_map::LaneGraph;
use vehicle::Vehicle;

use super::operator::quaternion;
use super::place::to_map;
use super::protocol::{Car, Facts};

const ODOMETRY: &str = "/simulation/ground_truth/odometry";
const OBJECTS: &str = "/simulation/ground_truth/objects";

/// Judges a route, and draws it.
pub struct Judged {
    judge: Judge,
    evaluation: Evaluation,
    vehicle: Vehicle,
    car: Car,
    first_s: Option<f64>,
}

impl Judged {
    /// For a route on a map. The report's car has the size that CARLA says.
    pub fn new(route: ScoredRoute, facts: &Facts, map: Arc<LaneGraph>, shipped: Vehicle) -> Self {
        let car = facts.vehicle.clone();
        let overhang = ((car.length - shipped.wheelbase_m) / 2.0).max(0.1);
        let vehicle = Vehicle {
            rear_overhang_m: overhang,
            front_overhang_m: overhang,
            width_m: car.width,
            height_m: car.height,
            ..shipped
        };
        let judge = Judge::new(route, facts.world.clone());
        Self { judge, evaluation: Evaluation::new(Some(map), vehicle), vehicle, car, first_s: None }
    }

    /// Takes the world at a tick; gives why the route ended, once it has.
    pub fn observe(&mut self, now: &Observation) -> Option<End> {
        let since = now.time - *self.first_s.get_or_insert(now.time);
        let time = Time::from_seconds(since);
        let at = to_map(&now.ego);
        // `base_link` lies behind the middle of the box by half of the wheelbase.
        let behind = self.car.center_x - self.vehicle.wheelbase_m / 2.0;
        let [cos, sin] = [at.yaw.cos(), at.yaw.sin()];
        let base: Pose2<Map> = Pose2::new(at.position.x + behind * cos, at.position.y + behind * sin, at.yaw);
        let mut odometry = Odometry::default();
        let pose = &mut odometry.pose.pose;
        (pose.position.x, pose.position.y, pose.orientation) = (base.position.x, base.position.y, quaternion(base.yaw));
        odometry.twist.twist.linear.x = now.velocity[0] * cos - now.velocity[1] * sin;
        let odometry: Shared = Arc::new(odometry);
        let objects: Shared = Arc::new(objects(now));
        self.evaluation.on_message(time, ODOMETRY, &odometry);
        self.evaluation.on_message(time, OBJECTS, &objects);
        self.judge.observe(now)
    }

    /// Share of the route driven, %.
    pub fn completion(&self) -> f64 {
        self.judge.completion()
    }

    /// How many infractions so far.
    pub fn infractions(&self) -> usize {
        self.judge.infractions().len()
    }

    /// What the route came to, the metrics, and what draws them.
    pub fn finish(self, route_id: String, facts: RunFacts) -> (RouteOutcome, Record, Evaluation) {
        let wall_time_s = facts.wall_time_s;
        let first = self.first_s.unwrap_or(0.0);
        let outcome = self.judge.finish(route_id, wall_time_s);
        let mut record = self.evaluation.finish(facts);
        let count = |kinds: &[InfractionKind]| {
            outcome.infractions.iter().filter(|found| kinds.contains(&found.kind)).count() as u32
        };
        use InfractionKind as Kind;
        record.route_completion = outcome.completion / 100.0;
        record.route_length_m = outcome.length_m;
        record.collisions = count(&[Kind::CollisionsLayout, Kind::CollisionsVehicle, Kind::CollisionsPedestrian]);
        // CARLA does not count what happens to a car that stands.
        record.ego_caused_collisions = record.collisions;
        record.red_lights_run = count(&[Kind::RedLight]);
        record.stop_signs_run = count(&[Kind::StopInfraction]);
        let events = outcome.infractions.iter().map(|found| Event {
            time_s: found.time_s - first,
            kind: found.kind.name().into(),
            message: found.message.clone(),
        });
        record.events.extend(events);
        (outcome, record, self.evaluation)
    }
}

fn objects(now: &Observation) -> TrackedObjects {
    let objects = now.actors.iter().map(|actor| {
        let mut object = TrackedObject::default();
        let at = to_map(&actor.place);
        object.object_id.uuid[..8].copy_from_slice(&actor.id.to_le_bytes());
        let label = if actor.walker { ObjectClassification::PEDESTRIAN } else { ObjectClassification::CAR };
        object.classification = vec![ObjectClassification { label, probability: 1.0 }];
        let pose = &mut object.kinematics.pose_with_covariance.pose;
        (pose.position.x, pose.position.y, pose.orientation) = (at.position.x, at.position.y, quaternion(at.yaw));
        let [vx, vy] = [actor.velocity[0], -actor.velocity[1]];
        let twist = &mut object.kinematics.twist_with_covariance.twist.linear;
        (twist.x, twist.y) = (vx * at.yaw.cos() + vy * at.yaw.sin(), vy * at.yaw.cos() - vx * at.yaw.sin());
        (object.shape.dimensions.x, object.shape.dimensions.y) = (actor.size[0], actor.size[1]);
        object
    });
    TrackedObjects { objects: objects.collect(), ..TrackedObjects::default() }
}
