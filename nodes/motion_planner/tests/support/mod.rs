//! A closed loop for the planner alone: the simulated world, true road users with constant-velocity futures, a simple follower.

use std::collections::BTreeMap;
use std::sync::Arc;

use geometry::{BaseLink, Map, Pose2, angle_difference};
use motion_planner::MotionPlanner;
use msgs::autoware_perception_msgs::msg::{
    ObjectClassification, PredictedObject, PredictedObjects, PredictedPath, TrafficLightElement, TrafficLightGroup,
    TrafficLightGroupArray,
};
use msgs::autoware_planning_msgs::msg::{LaneletRoute, Trajectory};
use msgs::geometry_msgs::msg::{Pose, PoseStamped};
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, Node, Outputs, Ports, Qos, Status, Time};
use road_map::LaneGraph;
use route_planner::RoutePlanner;
use simulation::{Actor, ActorClass, Command, EgoState, SensorSuite, SignalState, World};
use vehicle::Vehicle;

/// How far road users are seen, m.
const SEEN_M: f64 = 60.0;

/// Both planners in a loop with a world.
pub struct Loop {
    pub world: World,
    router: RoutePlanner,
    planner: MotionPlanner,
    pub trajectory: Option<Arc<Trajectory>>,
    pub status: Option<Status>,
    pub slowest_cycle_s: f64,
}

/// A handle with the index that the node's own declaration gave.
fn input<M: msgs::Message>(index: usize) -> node::Input<M> {
    let mut ports = Ports::default();
    let mut last = ports.input("", Qos::reliable(1));
    for _ in 0..index {
        last = ports.input("", Qos::reliable(1));
    }
    last
}

fn output<M: msgs::Message>() -> node::Output<M> {
    Ports::default().output("", Qos::reliable(1))
}

fn parameters<N: Definition>() -> N::Parameters {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../params");
    node::Parameters::from_file(&folder.join(format!("{}.param.yaml", N::NAME)), N::NAME)
        .unwrap()
        .parse(N::NAME)
        .unwrap()
}

pub fn pose_message(pose: Pose2<Map>) -> Pose {
    let mut message = Pose::default();
    (message.position.x, message.position.y) = (pose.position.x, pose.position.y);
    let q = pose.quaternion();
    (message.orientation.z, message.orientation.w) = (q.k, q.w);
    message
}

impl Loop {
    pub fn new(map: Arc<LaneGraph>, scenario: simulation::Scenario) -> Self {
        let vehicle = Vehicle::default();
        let mut sensors = SensorSuite::default();
        sensors.lidar.columns = 36;
        let world = World::new(Arc::clone(&map), vehicle, sensors, scenario).unwrap();
        let context = Context { vehicle, map: Some(map), share: ".".into(), onnxruntime: None };
        let mut router = RoutePlanner::new(parameters::<RoutePlanner>(), &mut Ports::default(), &context).unwrap();
        let planner = MotionPlanner::new(parameters::<MotionPlanner>(), &mut Ports::default(), &context).unwrap();
        let mut goal = PoseStamped::default();
        goal.header.frame_id = "map".into();
        goal.pose = pose_message(world.goal());
        router.on_event(&Event::from_message(Time(0), input(1), goal), &mut Outputs::default());
        Self { world, router, planner, trajectory: None, status: None, slowest_cycle_s: 0.0 }
    }

    /// A tenth of a second.
    pub fn step(&mut self) {
        let now = Time::from_seconds(self.world.time_s());
        let ego = *self.world.ego();
        let odometry = odometry(&ego, now);
        let mut outputs = Outputs::default();
        self.router.on_event(&Event::from_message(now, input(0), odometry.clone()), &mut outputs);
        if let Some(route) = outputs.take::<LaneletRoute>(output()) {
            self.planner.on_event(&Event::from_message(now, input(2), (*route).clone()), &mut outputs);
        }
        self.planner.on_event(&Event::from_message(now, input(1), odometry), &mut outputs);
        let signals = signals(self.world.signal_states());
        self.planner.on_event(&Event::from_message(now, input(3), signals), &mut outputs);
        let mut objects = PredictedObjects::default();
        objects.header.stamp = now.to_message();
        objects.header.frame_id = "map".into();
        let here = ego.vehicle.pose.position;
        objects.objects = self
            .world
            .actors()
            .iter()
            .filter(|actor| actor.pose.position.distance(here) < SEEN_M)
            .map(predicted)
            .collect();
        let begun = std::time::Instant::now();
        self.planner.on_event(&Event::from_message(now, input(0), objects), &mut outputs);
        self.slowest_cycle_s = self.slowest_cycle_s.max(begun.elapsed().as_secs_f64());
        if let Some(trajectory) = outputs.take::<Trajectory>(output()) {
            self.trajectory = Some(trajectory);
        }
        if let Some(status) = outputs.take_status() {
            self.status = Some(status);
        }
        for _ in 0..10 {
            let command =
                self.trajectory.as_ref().map(|t| follow(self.world.ego(), t, self.world.time_s(), now.seconds()));
            if let Some(command) = command {
                self.world.set_command(command);
            }
            self.world.step();
            self.world.take_lidar();
        }
    }
}

/// Pure pursuit with the plan's speed and acceleration.
fn follow(ego: &EgoState, trajectory: &Trajectory, now_s: f64, planned_at_s: f64) -> Command {
    let pose = ego.vehicle.pose;
    let i = (((now_s - planned_at_s) * 10.0) as usize + 2).min(trajectory.points.len() - 1);
    let wanted = &trajectory.points[i];
    let speed = ego.vehicle.speed_mps;
    let ahead = (0.6 * speed).max(3.0);
    let at = |i: usize| {
        let p = &trajectory.points[i].pose.position;
        geometry::Point2::<Map>::new(p.x, p.y)
    };
    let target = (0..trajectory.points.len())
        .find(|i| at(*i).distance(pose.position) > ahead && pose.inverse_transform::<BaseLink>(at(*i)).x > 0.0);
    let steering = target.map_or(ego.vehicle.steering_rad, |i| {
        let aim = pose.inverse_transform::<BaseLink>(at(i));
        let distance = aim.x.hypot(aim.y);
        (2.0 * aim.y / (distance * distance) * 2.8).atan()
    });
    let mut acceleration =
        f64::from(wanted.acceleration_mps2) + 0.8 * (f64::from(wanted.longitudinal_velocity_mps) - speed);
    if f64::from(wanted.longitudinal_velocity_mps) < 0.05 && speed < 0.3 {
        acceleration = acceleration.min(-1.0);
    }
    Command { steering_rad: steering, steering_rate_radps: 0.0, acceleration_mps2: acceleration, stamp_s: now_s }
}

fn odometry(ego: &EgoState, now: Time) -> Odometry {
    let mut message = Odometry::default();
    message.header.stamp = now.to_message();
    message.header.frame_id = "map".into();
    message.pose.pose = pose_message(ego.vehicle.pose);
    message.twist.twist.linear.x = ego.vehicle.speed_mps;
    message
}

fn signals(states: &BTreeMap<road_map::SignalGroupId, SignalState>) -> TrafficLightGroupArray {
    let group = |(id, state): (&road_map::SignalGroupId, &SignalState)| {
        let name = format!("{state:?}");
        let color = if name.contains("Green") {
            TrafficLightElement::GREEN
        } else if name.contains("Red") {
            TrafficLightElement::RED
        } else {
            TrafficLightElement::AMBER
        };
        let element = TrafficLightElement { color, ..TrafficLightElement::default() };
        TrafficLightGroup { traffic_light_group_id: id.0, elements: vec![element], ..TrafficLightGroup::default() }
    };
    TrafficLightGroupArray { traffic_light_groups: states.iter().map(group).collect(), ..Default::default() }
}

fn predicted(actor: &Actor) -> PredictedObject {
    let mut object = PredictedObject::default();
    object.object_id.uuid[8..].copy_from_slice(&u64::from(actor.id).to_be_bytes());
    let label = match actor.class {
        ActorClass::Truck => ObjectClassification::TRUCK,
        ActorClass::Cyclist => ObjectClassification::BICYCLE,
        ActorClass::Pedestrian => ObjectClassification::PEDESTRIAN,
        _ => ObjectClassification::CAR,
    };
    object.classification = vec![ObjectClassification { label, probability: 1.0 }];
    (object.shape.dimensions.x, object.shape.dimensions.y) = (actor.length, actor.width);
    object.kinematics.initial_pose_with_covariance.pose = pose_message(actor.pose);
    let own = actor.velocity.rotated(-actor.pose.yaw);
    let twist = &mut object.kinematics.initial_twist_with_covariance.twist.linear;
    (twist.x, twist.y) = (own.x, own.y);
    let mut path = PredictedPath { confidence: 1.0, ..PredictedPath::default() };
    path.time_step.nanosec = 500_000_000;
    let mut pose = actor.pose;
    for _ in 0..11 {
        path.path.push(pose_message(pose));
        let turn = if actor.speed_mps() > 1.0 { actor.yaw_rate * 0.5 } else { 0.0 };
        let velocity = actor.velocity.rotated(angle_difference(pose.yaw, actor.pose.yaw) + turn / 2.0);
        pose = Pose2 { position: pose.position + velocity * 0.5, yaw: pose.yaw + turn };
    }
    object.kinematics.predicted_paths = vec![path];
    object
}
