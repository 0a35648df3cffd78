//! A bench: the simulated car with its delays, told where it is by the truth, follows plans made along a path.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use geometry::{Map, Point2, Polyline, Pose2};
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_planning_msgs::msg::{Trajectory, TrajectoryPoint};
use msgs::autoware_vehicle_msgs::msg::SteeringReport;
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, Input, Node, Output, Outputs, Ports, Qos, Status, Time, Timer};
use road_map::LaneGraph;
use simulation::{Command, Place, Scenario, SensorSuite, TrafficConfig, World};
use trajectory_follower::TrajectoryFollower;

/// From the odometry that a plan begins at to its coming in, s; its stamp is older still.
const PLAN_AGE_S: f64 = 0.06;
const STAMP_AGE_S: f64 = 0.12;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A straight road eastwards that climbs by `grade`.
fn road(grade: f64) -> Arc<LaneGraph> {
    let lane = "<lane id=\"-1\" type=\"driving\"><width sOffset=\"0\" a=\"8\" b=\"0\" c=\"0\" d=\"0\"/></lane>";
    let text = format!(
        "<OpenDRIVE><header revMajor=\"1\" revMinor=\"7\"/><road id=\"1\" length=\"400\" junction=\"-1\"><planView>\
         <geometry s=\"0\" x=\"0\" y=\"4\" hdg=\"0\" length=\"400\"><line/></geometry></planView><elevationProfile>\
         <elevation s=\"0\" a=\"0\" b=\"{grade}\" c=\"0\" d=\"0\"/></elevationProfile><lanes><laneSection s=\"0\">\
         <center><lane id=\"0\" type=\"none\"/></center><right>{lane}</right></laneSection></lanes></road></OpenDRIVE>"
    );
    Arc::new(LaneGraph::from_opendrive(&text, "road").unwrap())
}

/// A path from the origin made of arcs: length (m) and curvature (1/m) of each, joined by clothoids of `joint` metres.
pub fn path(arcs: &[(f64, f64)], joint: f64) -> Polyline<Map> {
    let (mut pose, mut curvature, mut points) = (Pose2::<Map>::new(100.0, 0.0, 0.0), 0.0, Vec::new());
    let step = 0.1;
    for &(length, wanted) in arcs {
        for _ in 0..(length / step) as usize {
            points.push(pose.position);
            let most = 0.1 * step / joint;
            curvature += f64::clamp(wanted - curvature, -most, most);
            let middle = Pose2 { yaw: pose.yaw + curvature * step / 2.0, ..pose };
            pose = Pose2 { position: pose.position + middle.forward() * step, yaw: pose.yaw + curvature * step };
        }
    }
    Polyline::new(points).unwrap()
}

/// What the car did at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub time_s: f64,
    pub s: f64,
    pub lateral_m: f64,
    pub speed_mps: f64,
    pub acceleration_mps2: f64,
    pub steering_rad: f64,
    /// Commands: steering (rad) and acceleration (m/s²).
    pub command: Option<(f64, f64)>,
}

/// Changes a plan at a time (s); `false` keeps it back.
pub type Tamper = Box<dyn FnMut(f64, &mut Trajectory) -> bool>;

pub struct Bench {
    pub node: TrajectoryFollower,
    pub inputs: (Input<Trajectory>, Input<Odometry>, Input<SteeringReport>),
    control: Output<Control>,
    timer: Timer,
    pub world: World,
    pub path: Polyline<Map>,
    /// Wished speed at an arc length.
    pub speed: Box<dyn Fn(f64) -> f64>,
    /// Where plans end standing, m.
    pub stop_s: f64,
    pub tamper: Tamper,
    /// Whether the car reports its steering angle.
    pub reports_steering: bool,
    plans: VecDeque<(f64, Trajectory)>,
    planned: (f64, f64),
    pub status: Status,
    pub samples: Vec<Sample>,
    pub slowest: Vec<Duration>,
}

impl Bench {
    pub fn new(path: Polyline<Map>, speed: impl Fn(f64) -> f64 + 'static, grade: f64) -> Self {
        let map = road(grade);
        let alone = TrafficConfig {
            cars: 0,
            trucks: 0,
            cyclists: 0,
            pedestrians: 0,
            parked: 0,
            obstacles: 0,
            ..TrafficConfig::default()
        };
        let lane = map.lanes().find(|l| l.kind == road_map::LaneKind::Driving).unwrap().id;
        let (start, goal) = (Place { lane, s_m: 100.0 }, Place { lane, s_m: 300.0 });
        let scenario = Scenario {
            seed: 1,
            start,
            goal,
            duration_s: 600.0,
            traffic: alone,
            sky: simulation::Sky::default(),
            faults: Vec::new(),
        };
        let vehicle = node::Parameters::from_file(&root().join("params/vehicle_info.param.yaml"), "vehicle").unwrap();
        let vehicle: vehicle::Vehicle = vehicle.parse("vehicle").unwrap();
        let mut sensors = SensorSuite::default();
        (sensors.lidar.beams, sensors.lidar.columns, sensors.lidar.rate_hz) = (1, 16, 1.0);
        let world = World::new(map, vehicle, sensors, scenario).unwrap();
        let context = Context { vehicle, map: None, share: root(), onnxruntime: None };
        let file = root().join("params/trajectory_follower.param.yaml");
        let parameters = node::Parameters::from_file(&file, TrajectoryFollower::NAME).unwrap();
        let parameters = parameters.parse(TrajectoryFollower::NAME).unwrap();
        let node = TrajectoryFollower::new(parameters, &mut Ports::default(), &context).unwrap();
        // The same ports again give the same handles.
        let mut handles = Ports::default();
        let inputs = (
            handles.input("~/input/trajectory", Qos::reliable(1)),
            handles.input("~/input/kinematic_state", Qos::reliable(1)),
            handles.input("~/input/steering_status", Qos::reliable(1)),
        );
        Self {
            node,
            inputs,
            control: handles.output("~/output/control_cmd", Qos::reliable(1)),
            timer: handles.timer(Duration::from_millis(20)),
            world,
            path,
            speed: Box::new(speed),
            stop_s: f64::INFINITY,
            tamper: Box::new(|_, _| true),
            reports_steering: true,
            plans: VecDeque::new(),
            planned: (0.0, 0.0),
            status: Status::ok(),
            samples: Vec::new(),
            slowest: Vec::new(),
        }
    }

    pub fn now(&self) -> Time {
        Time::from_seconds(self.world.time_s())
    }

    pub fn send<M: msgs::Message>(&mut self, input: Input<M>, message: M) {
        let mut outputs = Outputs::default();
        self.node.on_event(&Event::from_message(self.now(), input, message), &mut outputs);
        self.status = outputs.take_status().unwrap_or_else(|| self.status.clone());
    }

    pub fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds * 100.0).round() as usize {
            let tick = (self.world.time_s() * 100.0).round() as u64;
            self.world.take_lidar();
            if tick.is_multiple_of(10) {
                self.plan();
            }
            if self.plans.front().is_some_and(|(due, _)| *due <= self.world.time_s() + 1e-6) {
                let (_, mut plan) = self.plans.pop_front().unwrap();
                if (self.tamper)(self.world.time_s(), &mut plan) {
                    self.send(self.inputs.0, plan);
                }
            }
            if tick.is_multiple_of(2) {
                let odometry = odometry(&self.world, self.now());
                self.send(self.inputs.1, odometry);
                if let Some(reading) = self.world.take_steering().filter(|_| self.reports_steering) {
                    let stamp = Time::from_seconds(reading.stamp_s).to_message();
                    let report = SteeringReport { stamp, steering_tire_angle: reading.value as f32 };
                    self.send(self.inputs.2, report);
                }
                self.control();
            }
            self.world.step();
        }
    }

    fn control(&mut self) {
        let (mut outputs, begun) = (Outputs::default(), std::time::Instant::now());
        self.node.on_event(&Event::from_timer(self.now(), self.timer), &mut outputs);
        self.slowest.push(begun.elapsed());
        self.status = outputs.take_status().unwrap_or_else(|| self.status.clone());
        let command = outputs.take(self.control).map(|control| {
            let command = Command {
                steering_rad: f64::from(control.lateral.steering_tire_angle),
                steering_rate_radps: 0.0,
                acceleration_mps2: f64::from(control.longitudinal.acceleration),
                stamp_s: self.world.time_s(),
            };
            self.world.set_command(command);
            (command.steering_rad, command.acceleration_mps2)
        });
        let state = self.world.ego().vehicle;
        let foot = self.path.project(state.pose.position);
        self.samples.push(Sample {
            time_s: self.world.time_s(),
            s: foot.s,
            lateral_m: foot.d,
            speed_mps: state.speed_mps,
            acceleration_mps2: state.acceleration_mps2,
            steering_rad: state.steering_rad,
            command,
        });
    }

    /// A plan like the motion planner's: from where the car is along the path, its speed moved to the wished one.
    fn plan(&mut self) {
        let state = self.world.ego().vehicle;
        let mut s = self.path.project(state.pose.position).s;
        // Speed and acceleration go on from the last plan, as long as the car is near to it.
        let (mut speed, mut acceleration) = (state.speed_mps, self.planned.1);
        let mut plan = Trajectory::default();
        plan.header.frame_id = "map".into();
        plan.header.stamp = Time::from_seconds(self.world.time_s() + PLAN_AGE_S - STAMP_AGE_S).to_message();
        for i in 0..70 {
            let mut point = TrajectoryPoint::default();
            (point.time_from_start.sec, point.time_from_start.nanosec) = (i / 10, (i % 10) as u32 * 100_000_000);
            point.pose = pose_message(self.path.pose_at(s));
            point.longitudinal_velocity_mps = speed as f32;
            point.acceleration_mps2 = acceleration as f32;
            plan.points.push(point);
            if i == 1 {
                self.planned = (speed, acceleration);
            }
            // The fastest from which one can still slow down comfortably to all that is wished ahead.
            let wished = (0..40)
                .map(|k| ((self.speed)(s + f64::from(k) * 0.5).powi(2) + 2.0 * 1.4 * f64::from(k) * 0.5).sqrt())
                .fold(f64::INFINITY, f64::min);
            let mut wanted = ((wished - speed) * 2.0).clamp(-2.0, 1.5);
            // To a stop with the deceleration that ends there.
            let left = self.stop_s - s;
            let needed = speed * speed / (2.0 * left.max(0.02));
            if needed > 0.7 || left < 0.02 {
                wanted = wanted.min(-needed.clamp(0.5, 4.0));
            }
            acceleration = wanted.clamp(acceleration - 0.4, acceleration + 0.3);
            let next = (speed + acceleration * 0.1).max(0.0);
            s += (speed + next) / 2.0 * 0.1;
            speed = next;
        }
        self.plans.push_back((self.world.time_s() + PLAN_AGE_S, plan));
    }

    /// Largest lateral error at arc lengths from and to, m.
    pub fn worst_lateral(&self, from: f64, to: f64) -> f64 {
        self.samples.iter().filter(|p| p.s >= from && p.s <= to).map(|p| p.lateral_m.abs()).fold(0.0, f64::max)
    }

    /// Largest change of the true acceleration, smoothed over a tenth of a second, m/s³.
    pub fn worst_jerk(&self, from_s: f64) -> f64 {
        let late: Vec<f64> = self.samples.iter().filter(|p| p.time_s >= from_s).map(|p| p.acceleration_mps2).collect();
        late.windows(6).map(|w| ((w[5] - w[0]) / 0.1).abs()).fold(0.0, f64::max)
    }
}

pub fn pose_message(pose: Pose2<Map>) -> Pose {
    let mut message = Pose::default();
    (message.position.x, message.position.y) = (pose.position.x, pose.position.y);
    let q = pose.quaternion();
    (message.orientation.z, message.orientation.w) = (q.k, q.w);
    message
}

pub fn odometry(world: &World, now: Time) -> Odometry {
    let ego = world.ego();
    let mut message = Odometry { child_frame_id: "base_link".into(), ..Odometry::default() };
    message.header.stamp = now.to_message();
    message.header.frame_id = "map".into();
    message.pose.pose = pose_message(ego.vehicle.pose);
    message.twist.twist.linear.x = ego.vehicle.speed_mps;
    message.twist.twist.angular.z = ego.yaw_rate_radps;
    message
}

/// A point beside a path, for paths that jump.
pub fn beside(pose: &Pose, d: f64) -> Point2<Map> {
    let yaw = 2.0 * pose.orientation.z.atan2(pose.orientation.w);
    Point2::new(pose.position.x - d * yaw.sin(), pose.position.y + d * yaw.cos())
}
