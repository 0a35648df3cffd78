//! A closed loop without the neural networks: the simulated world, detections made from the truth with a detector's
//! errors, the real tracker, constant-velocity futures (or the real predictor's), and the real planners, follower and
//! supervisor, with the stack's latency.

mod sensing;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geometry::{Map, Pose2};
use motion_planner::MotionPlanner;
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{
    DetectedObjects, PredictedObject, PredictedObjects, PredictedPath, TrackedObject, TrackedObjects,
    TrafficLightElement, TrafficLightGroup, TrafficLightGroupArray,
};
use msgs::autoware_planning_msgs::msg::{LaneletRoute, Trajectory};
use msgs::autoware_vehicle_msgs::msg::SteeringReport;
use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus};
use msgs::geometry_msgs::msg::{Pose, PoseStamped};
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, Level, Node, Outputs, Ports, Qos, Status, Time};
use object_tracker::ObjectTracker;
use road_map::LaneGraph;
use route_planner::RoutePlanner;
use safety_supervisor::SafetySupervisor;
use simulation::{Command, Random, SensorSuite, SignalColor, SignalState, World};
use trajectory_follower::TrajectoryFollower;
use trajectory_predictor::TrajectoryPredictor;
use vehicle::Vehicle;

use sensing::{Localizing, Sensing};

/// The nodes of planning and control in a loop with a world.
pub struct Loop {
    pub world: World,
    router: RoutePlanner,
    tracker: ObjectTracker,
    planner: MotionPlanner,
    predictor: Option<TrajectoryPredictor>,
    follower: TrajectoryFollower,
    supervisor: Option<SafetySupervisor>,
    sensing: Sensing,
    localizing: Localizing,
    latency: Random,
    detections: VecDeque<(f64, DetectedObjects)>,
    objects: Option<PredictedObjects>,
    trajectories: VecDeque<(f64, Arc<Trajectory>)>,
    pub trajectory: Option<Arc<Trajectory>>,
    pub control: Option<Arc<Control>>,
    pub status: Option<Status>,
    /// What the supervisor said last.
    pub supervision: Option<Status>,
    /// Wall-clock time of each planning cycle, s.
    pub cycles_s: Vec<f64>,
}

/// A handle with the index that the node's own declaration gave.
pub fn input<M: msgs::Message>(index: usize) -> node::Input<M> {
    let mut ports = Ports::default();
    let mut last = ports.input("", Qos::reliable(1));
    for _ in 0..index {
        last = ports.input("", Qos::reliable(1));
    }
    last
}

pub fn output<M: msgs::Message>() -> node::Output<M> {
    Ports::default().output("", Qos::reliable(1))
}

pub fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn parameters<N: Definition>(networks: bool) -> N::Parameters {
    let mut parameters =
        node::Parameters::from_file(&package().join(format!("params/{}.param.yaml", N::NAME)), N::NAME).unwrap();
    if N::NAME == MotionPlanner::NAME && !networks {
        parameters.set("learned_proposals", "false");
    }
    parameters.parse(N::NAME).unwrap()
}

pub fn make<N: Definition>(context: &Context) -> N {
    N::new(parameters::<N>(context.onnxruntime.is_some()), &mut Ports::default(), context).unwrap()
}

pub fn pose_message<F: geometry::Frame>(pose: Pose2<F>) -> Pose {
    let mut message = Pose::default();
    (message.position.x, message.position.y) = (pose.position.x, pose.position.y);
    let q = pose.quaternion();
    (message.orientation.z, message.orientation.w) = (q.k, q.w);
    message
}

impl Loop {
    /// With the ONNX Runtime library the real predictor gives the futures.
    pub fn new(
        map: Arc<LaneGraph>,
        scenario: simulation::Scenario,
        onnxruntime: Option<PathBuf>,
        supervised: bool,
    ) -> Self {
        let vehicle = Vehicle::default();
        let mut sensors = SensorSuite::default();
        sensors.lidar.columns = 512;
        let seed = scenario.seed;
        let world = World::new(Arc::clone(&map), vehicle, sensors, scenario).unwrap();
        let context = Context { vehicle, map: Some(map), share: package(), onnxruntime };
        let mut router: RoutePlanner = make(&context);
        let mut goal = PoseStamped::default();
        goal.header.frame_id = "map".into();
        goal.pose = pose_message(world.goal());
        router.on_event(&Event::from_message(Time(0), input(1), goal), &mut Outputs::default());
        Self {
            world,
            router,
            tracker: make(&context),
            planner: make(&context),
            predictor: context.onnxruntime.is_some().then(|| make(&context)),
            follower: make(&context),
            supervisor: supervised.then(|| make(&context)),
            sensing: Sensing::new(seed),
            localizing: Localizing::new(seed),
            latency: Random::new(seed ^ 0x1a7e),
            detections: VecDeque::new(),
            objects: None,
            trajectories: VecDeque::new(),
            trajectory: None,
            control: None,
            status: None,
            supervision: None,
            cycles_s: Vec::new(),
        }
    }

    /// The objects that the planner saw last.
    pub fn objects(&self) -> Option<&PredictedObjects> {
        self.objects.as_ref()
    }

    /// What the planner thought last.
    pub fn verdicts(&self) -> &str {
        self.planner.verdicts()
    }

    /// A tenth of a second.
    pub fn step(&mut self) {
        for tick in 0..10 {
            let now_s = self.world.time_s();
            let now = Time::from_seconds(now_s);
            let mut outputs = Outputs::default();
            if tick % 2 == 0 {
                self.localize(now, &mut outputs);
            }
            if tick == 0 {
                let heartbeats = self.heartbeats();
                self.supervise(&Event::from_message(now, input(5), heartbeats), &mut outputs);
                let signals = signals(self.world.signal_states());
                self.planner.on_event(&Event::from_message(now, input(3), signals), &mut outputs);
            }
            if let Some(detections) = self.sensing.detect(&mut self.world) {
                let due = now_s + self.latency.uniform(0.13, 0.19);
                self.detections.push_back((due, detections));
            }
            if self.detections.front().is_some_and(|(due, _)| *due <= now_s) {
                self.perceive(now);
            }
            if self.trajectories.front().is_some_and(|(due, _)| *due <= now_s) {
                let (_, trajectory) = self.trajectories.pop_front().unwrap();
                self.follower.on_event(&Event::from_message(now, input(0), (*trajectory).clone()), &mut outputs);
                self.supervise(&Event::from_message(now, input(1), (*trajectory).clone()), &mut outputs);
                self.trajectory = Some(trajectory);
            }
            if tick % 2 == 0 {
                self.control(now, &mut outputs);
            }
            self.world.step();
        }
    }

    fn localize(&mut self, now: Time, outputs: &mut Outputs) {
        let ego = *self.world.ego();
        let (pose, speed) = self.localizing.estimate(ego.vehicle.pose, ego.vehicle.speed_mps);
        let mut odometry = Odometry::default();
        odometry.header.stamp = now.to_message();
        odometry.header.frame_id = "map".into();
        odometry.child_frame_id = "base_link".into();
        odometry.pose.pose = pose_message(pose);
        odometry.pose.pose.position.z = ego.z;
        odometry.twist.twist.linear.x = speed;
        odometry.twist.twist.angular.z = ego.yaw_rate_radps;
        self.router.on_event(&Event::from_message(now, input(0), odometry.clone()), outputs);
        if let Some(route) = outputs.take::<LaneletRoute>(output()) {
            self.planner.on_event(&Event::from_message(now, input(2), (*route).clone()), outputs);
        }
        self.tracker.on_event(&Event::from_message(now, input(1), odometry.clone()), outputs);
        self.follower.on_event(&Event::from_message(now, input(1), odometry.clone()), outputs);
        self.supervise(&Event::from_message(now, input(2), odometry.clone()), outputs);
        if let Some(predictor) = &mut self.predictor {
            predictor.on_event(&Event::from_message(now, input(1), odometry.clone()), outputs);
        }
        self.planner.on_event(&Event::from_message(now, input(1), odometry), outputs);
        if let Some(steering) = self.world.take_steering() {
            let report = SteeringReport {
                stamp: Time::from_seconds(steering.stamp_s).to_message(),
                steering_tire_angle: steering.value as f32,
            };
            self.follower.on_event(&Event::from_message(now, input(2), report.clone()), outputs);
            self.supervise(&Event::from_message(now, input(4), report), outputs);
        }
    }

    fn perceive(&mut self, now: Time) {
        let mut outputs = Outputs::default();
        let Some((_, detections)) = self.detections.pop_front() else { return };
        self.tracker.on_event(&Event::from_message(now, input(0), detections), &mut outputs);
        let Some(tracked) = outputs.take::<TrackedObjects>(output()) else { return };
        self.supervise(&Event::from_message(now, input(3), (*tracked).clone()), &mut outputs);
        let constant_velocity = || PredictedObjects {
            header: tracked.header.clone(),
            objects: tracked.objects.iter().map(predicted).collect(),
        };
        let objects = self.predictor.as_mut().and_then(|predictor| {
            predictor.on_event(&Event::from_message(now, input(0), (*tracked).clone()), &mut outputs);
            outputs.take::<PredictedObjects>(output()).map(|objects| (*objects).clone())
        });
        let objects = objects.unwrap_or_else(constant_velocity);
        self.objects = Some(objects.clone());
        let mut outputs = Outputs::default();
        let begun = std::time::Instant::now();
        self.planner.on_event(&Event::from_message(now, input(0), objects), &mut outputs);
        self.cycles_s.push(begun.elapsed().as_secs_f64());
        if let Some(trajectory) = outputs.take::<Trajectory>(output()) {
            self.trajectories.push_back((now.seconds() + 0.015, trajectory));
        }
        if let Some(status) = outputs.take_status() {
            self.status = Some(status);
        }
    }

    fn supervise(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.on_event(event, outputs);
        }
    }

    fn heartbeats(&self) -> DiagnosticArray {
        let names = [
            "localizer",
            "lidar_detector",
            "object_tracker",
            "trajectory_predictor",
            "route_planner",
            "motion_planner",
            "trajectory_follower",
        ];
        let failed = self.status.as_ref().is_some_and(|status| status.level == Level::Error);
        let status = names.map(|name| DiagnosticStatus {
            level: if failed && name == "motion_planner" { DiagnosticStatus::ERROR } else { DiagnosticStatus::OK },
            name: name.into(),
            ..DiagnosticStatus::default()
        });
        DiagnosticArray { status: status.to_vec(), ..DiagnosticArray::default() }
    }

    fn control(&mut self, now: Time, outputs: &mut Outputs) {
        let timer = Ports::default().timer(std::time::Duration::from_millis(20));
        self.follower.on_event(&Event::from_timer(now, timer), outputs);
        let mut control = outputs.take::<Control>(output());
        if self.supervisor.is_some() {
            if let Some(wish) = control.take() {
                self.supervise(&Event::from_message(now, input(0), (*wish).clone()), outputs);
            }
            outputs.take_status();
            self.supervise(&Event::from_timer(now, timer), outputs);
            self.supervision = outputs.take_status().or(self.supervision.take());
            control = outputs.take::<Control>(output());
        }
        if let Some(control) = control {
            let lateral = &control.lateral;
            let rate = f64::from(lateral.steering_tire_rotation_rate);
            self.world.set_command(Command {
                steering_rad: f64::from(lateral.steering_tire_angle),
                steering_rate_radps: if lateral.is_defined_steering_tire_rotation_rate { rate } else { 0.0 },
                acceleration_mps2: f64::from(control.longitudinal.acceleration),
                stamp_s: now.seconds(),
            });
            self.control = Some(control);
        }
    }
}

pub fn signals(states: &BTreeMap<road_map::SignalGroupId, SignalState>) -> TrafficLightGroupArray {
    let group = |(id, state): (&road_map::SignalGroupId, &SignalState)| {
        let color = match state.color {
            SignalColor::Green => TrafficLightElement::GREEN,
            SignalColor::Yellow => TrafficLightElement::AMBER,
            SignalColor::Red => TrafficLightElement::RED,
        };
        let element = TrafficLightElement { color, ..TrafficLightElement::default() };
        TrafficLightGroup { traffic_light_group_id: id.0, elements: vec![element], ..TrafficLightGroup::default() }
    };
    TrafficLightGroupArray { traffic_light_groups: states.iter().map(group).collect(), ..Default::default() }
}

/// The object at constant velocity and turn rate.
pub fn predicted(tracked: &TrackedObject) -> PredictedObject {
    let mut object = PredictedObject {
        object_id: tracked.object_id.clone(),
        existence_probability: tracked.existence_probability,
        classification: tracked.classification.clone(),
        shape: tracked.shape.clone(),
        ..PredictedObject::default()
    };
    let kinematics = &mut object.kinematics;
    kinematics.initial_pose_with_covariance = tracked.kinematics.pose_with_covariance.clone();
    kinematics.initial_twist_with_covariance = tracked.kinematics.twist_with_covariance.clone();
    let pose = &tracked.kinematics.pose_with_covariance.pose;
    let twist = &tracked.kinematics.twist_with_covariance.twist;
    let yaw = 2.0 * pose.orientation.z.atan2(pose.orientation.w);
    let mut at = Pose2::<Map>::new(pose.position.x, pose.position.y, yaw);
    let own = geometry::Vector2::<Map>::new(twist.linear.x, twist.linear.y);
    let mut path = PredictedPath { confidence: 1.0, ..PredictedPath::default() };
    path.time_step.nanosec = 500_000_000;
    for k in 0..11 {
        path.path.push(pose_message(at));
        // A turn does not go on for long.
        let turn = if own.norm() > 1.0 && k < 5 { twist.angular.z * 0.5 } else { 0.0 };
        at = Pose2 { position: at.position + own.rotated(at.yaw + turn / 2.0) * 0.5, yaw: at.yaw + turn };
    }
    kinematics.predicted_paths = vec![path];
    object
}
