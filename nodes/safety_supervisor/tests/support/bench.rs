//! TEST ONLY: the supervisor alone, fed with sound inputs that a test may spoil; a kinematic car obeys it.

use geometry::{Map, Point2, Polyline, Pose2};
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{ObjectClassification, TrackedObject, TrackedObjects};
use msgs::autoware_planning_msgs::msg::{Trajectory, TrajectoryPoint};
use msgs::autoware_vehicle_msgs::msg::{SteeringReport, VelocityReport};
use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus};
use msgs::geometry_msgs::msg::{Pose, PoseWithCovarianceStamped};
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, EventKind, Level, Node, Outputs, Ports, Status, Time};
use safety_supervisor::SafetySupervisor;
use std::sync::Arc;
use vehicle::{Vehicle, VehicleState};

use super::root;

pub const NODES: [&str; 7] = [
    "localizer",
    "lidar_detector",
    "object_tracker",
    "trajectory_predictor",
    "route_planner",
    "motion_planner",
    "trajectory_follower",
];

/// What is sent at each tick; a test changes it. `None` keeps the message back.
pub struct Feed {
    pub odometry: Option<Odometry>,
    pub objects: Option<TrackedObjects>,
    pub trajectory: Option<Trajectory>,
    pub control: Option<Control>,
    pub diagnostics: Vec<DiagnosticStatus>,
    /// Of the wheels; not sent unless a test does.
    pub velocity: Option<VelocityReport>,
}

pub struct Bench {
    node: SafetySupervisor,
    pub vehicle: Vehicle,
    pub car: VehicleState,
    /// Followed by plans: 8 m/s along it.
    pub path: Polyline<Map>,
    pub tick: i64,
    pub status: Status,
    pub reports: Vec<Status>,
    /// Time (s), steering (rad) and acceleration (m/s²) sent.
    pub sent: Vec<(f64, f64, f64)>,
    pub obstacles: Vec<TrackedObject>,
    /// Time (s) of each reckoned pose, the pose, and the car's then.
    pub reckoned: Vec<(f64, PoseWithCovarianceStamped, Pose2<Map>)>,
}

impl Bench {
    /// On a straight path eastwards, at a speed.
    pub fn new(speed_mps: f64) -> Self {
        Self::on([(-50.0, 0.0), (400.0, 0.0)].map(|(x, y)| Point2::new(x, y)), speed_mps)
    }

    pub fn on(path: impl IntoIterator<Item = Point2<Map>>, speed_mps: f64) -> Self {
        let vehicle = Vehicle::default();
        let context = Context { vehicle, map: None, share: root(), onnxruntime: None };
        let file = root().join("params/safety_supervisor.param.yaml");
        let parameters = node::Parameters::from_file(&file, SafetySupervisor::NAME).unwrap();
        let node =
            SafetySupervisor::new(parameters.parse(SafetySupervisor::NAME).unwrap(), &mut Ports::default(), &context)
                .unwrap();
        let car = VehicleState { pose: Pose2::default(), speed_mps, acceleration_mps2: 0.0, steering_rad: 0.0 };
        let path = Polyline::new(path).unwrap();
        Self {
            node,
            vehicle,
            car,
            path,
            tick: 0,
            status: Status::ok(),
            reports: Vec::new(),
            sent: Vec::new(),
            obstacles: Vec::new(),
            reckoned: Vec::new(),
        }
    }

    pub fn now(&self) -> Time {
        Time(self.tick * 20_000_000)
    }

    /// Half a second of sound input, after which the car is let go.
    pub fn started(mut self) -> Self {
        self.run(0.5, |_, _| {});
        assert_eq!(self.status.message, "ok");
        self
    }

    /// Runs for a time; `spoil` gets the time since the call (s) and what is about to be sent.
    pub fn run(&mut self, seconds: f64, mut spoil: impl FnMut(f64, &mut Feed)) {
        for step in 0..(seconds * 50.0).round() as i64 {
            self.tick += 1;
            let mut feed = self.feed();
            spoil(step as f64 * 0.02, &mut feed);
            let now = self.now();
            let steering =
                SteeringReport { stamp: now.to_message(), steering_tire_angle: self.car.steering_rad as f32 };
            self.hear(4, Some(steering));
            self.hear(2, feed.odometry);
            self.hear(3, feed.objects);
            self.hear(1, feed.trajectory);
            self.hear(0, feed.control);
            if !feed.diagnostics.is_empty() {
                self.hear(5, Some(DiagnosticArray { status: feed.diagnostics, ..DiagnosticArray::default() }));
            }
            self.hear(6, feed.velocity);
            let mut outputs = Outputs::default();
            self.node.on_event(&Event { now, kind: EventKind::Timer(0) }, &mut outputs);
            if let Some(status) = outputs.take_status() {
                self.reports.push(status.clone());
                self.status = status;
            }
            let (commands, others): (Vec<_>, Vec<_>) =
                outputs.take_published().into_iter().partition(|published| published.message.as_any().is::<Control>());
            for pose in others.iter().filter_map(|o| o.message.as_any().downcast_ref::<PoseWithCovarianceStamped>()) {
                self.reckoned.push((now.seconds(), pose.clone(), self.car.pose));
            }
            assert_eq!(commands.len(), 1, "a command at each tick, whatever comes in");
            let control: &Control = commands[0].message.as_any().downcast_ref().unwrap();
            let (steering, acceleration) =
                (f64::from(control.lateral.steering_tire_angle), f64::from(control.longitudinal.acceleration));
            assert!(steering.abs() <= self.vehicle.max_steering_rad + 1e-6);
            assert!((-self.vehicle.max_deceleration_mps2..=self.vehicle.max_acceleration_mps2).contains(&acceleration));
            self.sent.push((now.seconds(), steering, acceleration));
            (self.car.steering_rad, self.car.acceleration_mps2) = (steering, acceleration);
            let held = self.car.speed_mps < 0.01 && acceleration < 0.0;
            self.car = if held {
                VehicleState { speed_mps: 0.0, ..self.car }
            } else {
                self.vehicle.step_kinematic(&self.car, 0.02)
            };
        }
    }

    fn hear<M: msgs::Message>(&mut self, input: usize, message: Option<M>) {
        let Some(message) = message else { return };
        let event = Event { now: self.now(), kind: EventKind::Message(input, Arc::new(message)) };
        let mut outputs = Outputs::default();
        self.node.on_event(&event, &mut outputs);
        assert!(outputs.take_published().is_empty());
    }

    /// All that a sound stack sends now.
    fn feed(&self) -> Feed {
        let now = self.now().to_message();
        let mut odometry = Odometry { child_frame_id: "base_link".into(), ..Odometry::default() };
        (odometry.header.stamp, odometry.header.frame_id) = (now.clone(), "map".into());
        odometry.pose.pose = pose(self.car.pose);
        odometry.twist.twist.linear.x = self.car.speed_mps;
        let tenth = self.tick % 5 == 0;
        let mut objects = TrackedObjects { objects: self.obstacles.clone(), ..TrackedObjects::default() };
        (objects.header.stamp, objects.header.frame_id) = (now.clone(), "map".into());
        let mut trajectory = Trajectory::default();
        (trajectory.header.stamp, trajectory.header.frame_id) = (now.clone(), "map".into());
        let s = self.path.project(self.car.pose.position).s;
        trajectory.points = (0..50)
            .map(|i| TrajectoryPoint {
                pose: pose(self.path.pose_at(s + 0.8 * f64::from(i))),
                longitudinal_velocity_mps: 8.0,
                ..TrajectoryPoint::default()
            })
            .collect();
        let mut control = Control { stamp: now.clone(), ..Control::default() };
        // A follower that does what it can.
        let aim: Point2<geometry::BaseLink> = self.car.pose.inverse_transform(self.path.pose_at(s + 5.0).position);
        let curvature = 2.0 * aim.y / (aim.x * aim.x + aim.y * aim.y);
        control.lateral.steering_tire_angle = self.vehicle.steering_for_curvature(curvature) as f32;
        control.longitudinal.acceleration = (8.0 - self.car.speed_mps).clamp(-1.0, 1.0) as f32;
        let diagnostics = if self.tick % 25 == 1 { NODES.map(|n| status(n, Level::Ok, "ok")).to_vec() } else { vec![] };
        Feed {
            odometry: Some(odometry),
            objects: tenth.then_some(objects),
            trajectory: tenth.then_some(trajectory),
            control: Some(control),
            diagnostics,
            velocity: None,
        }
    }

    /// What the wheels report of a speed.
    pub fn wheels(now: Time, speed_mps: f64) -> VelocityReport {
        let mut report = VelocityReport { longitudinal_velocity: speed_mps as f32, ..VelocityReport::default() };
        (report.header.stamp, report.header.frame_id) = (now.to_message(), "base_link".into());
        report
    }

    pub fn interventions(&self) -> u64 {
        let of = |s: &Status| s.values.iter().find(|(key, _)| key == "interventions").and_then(|(_, v)| v.parse().ok());
        self.reports.iter().filter_map(of).max().unwrap_or(0)
    }

    /// Strongest braking and largest steering sent from a time on.
    pub fn strongest(&self, from_s: f64) -> (f64, f64) {
        let late = self.sent.iter().filter(|(t, ..)| *t >= from_s);
        late.fold((0.0, 0.0), |(a, b), (_, steering, acceleration)| {
            (f64::max(a, -acceleration), f64::max(b, steering.abs()))
        })
    }
}

pub fn status(node: &str, level: Level, message: &str) -> DiagnosticStatus {
    let level = match level {
        Level::Ok => DiagnosticStatus::OK,
        Level::Warn => DiagnosticStatus::WARN,
        Level::Error => DiagnosticStatus::ERROR,
    };
    DiagnosticStatus { level, name: node.into(), message: message.into(), ..DiagnosticStatus::default() }
}

pub fn pose(pose: Pose2<Map>) -> Pose {
    let mut message = Pose::default();
    (message.position.x, message.position.y) = (pose.position.x, pose.position.y);
    let q = pose.quaternion();
    (message.orientation.z, message.orientation.w) = (q.k, q.w);
    message
}

pub fn object(at: Pose2<Map>, speed_mps: f64, size: (f64, f64), label: u8) -> TrackedObject {
    let mut object = TrackedObject { existence_probability: 0.9, ..TrackedObject::default() };
    object.classification = vec![ObjectClassification { label, probability: 1.0 }];
    object.kinematics.pose_with_covariance.pose = pose(at);
    object.kinematics.twist_with_covariance.twist.linear.x = speed_mps;
    (object.shape.dimensions.x, object.shape.dimensions.y, object.shape.dimensions.z) = (size.0, size.1, 1.6);
    object
}
