//! A bench: the simulated car is driven along lanes by its true state, and the localizer hears its sensors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geometry::{BaseLink, Map, Point2, Polyline, Pose2, angle_difference};
use localizer::Localizer;
use msgs::autoware_control_msgs::msg::Control;
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, EventKind, Node, Outputs, Ports, Shared, Status, Time};
use road_map::{LaneGraph, LaneKind};
use simulation::{Fault, Place, Scenario, TrafficConfig};
use simulator::Simulator;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn town() -> Arc<LaneGraph> {
    Arc::new(LaneGraph::from_opendrive_file(&root().join("maps/town.xodr")).unwrap())
}

/// CARLA's town, where the data folder has it.
pub fn town01() -> Option<Arc<LaneGraph>> {
    let data = std::env::var_os("FERRODRIVE_TEST_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let path = data.join("opendrive/Town01.xodr");
    if !path.exists() {
        println!("skipped: {} is missing", path.display());
        return None;
    }
    Some(Arc::new(LaneGraph::from_opendrive_file(&path).unwrap()))
}

fn parameters<N: Definition>() -> N::Parameters {
    parameters_with::<N>(&[])
}

fn parameters_with<N: Definition>(set: &[(&str, &str)]) -> N::Parameters {
    let file = root().join(format!("params/{}.param.yaml", N::NAME));
    let mut parameters = node::Parameters::from_file(&file, N::NAME).unwrap();
    set.iter().for_each(|(name, value)| parameters.set(name, value));
    parameters.parse(N::NAME).unwrap()
}

/// Estimate against truth at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub time_s: f64,
    /// Across and along the car, m.
    pub lateral_m: f64,
    pub along_m: f64,
    pub heading_rad: f64,
    pub speed_mps: f64,
    /// What the estimate says of its lateral error, m.
    pub sigma_m: f64,
    /// Normalised estimation error squared of x, y and yaw: 3 on average where the covariance is honest.
    pub nees: f64,
}

/// What a test does to a message before the localizer gets it; `None` keeps it back.
pub type Tamper = Box<dyn FnMut(f64, &str, Shared) -> Option<Shared>>;

pub struct Bench {
    simulator: Simulator,
    simulator_ports: Ports,
    localizer: Localizer,
    context: Context,
    inputs: BTreeMap<String, usize>,
    path: Polyline<Map>,
    matched_s: f64,
    tick: i64,
    standstill: bool,
    pub tamper: Tamper,
    pub samples: Vec<Sample>,
    pub status: Status,
    pub stamps: Vec<Time>,
}

impl Bench {
    /// On a lane chosen by the seed, without traffic.
    pub fn new(map: &Arc<LaneGraph>, seed: u64, faults: Vec<Fault>) -> Self {
        Self::equipped(map, seed, faults, |_| {})
    }

    /// The same for a car that reports neither wheel speed nor steering angle.
    pub fn without_wheels(map: &Arc<LaneGraph>, seed: u64, faults: Vec<Fault>) -> Self {
        let mut bench = Self::new(map, seed, faults);
        let parameters = parameters_with::<Localizer>(&[("wheels", "false")]);
        bench.localizer = Localizer::new(parameters, &mut Ports::default(), &bench.context).unwrap();
        bench
    }

    /// The same with other sensors.
    pub fn equipped(
        map: &Arc<LaneGraph>,
        seed: u64,
        faults: Vec<Fault>,
        equip: impl FnOnce(&mut simulator::Parameters),
    ) -> Self {
        let (start, path) = path(map, seed, 4000.0);
        let vehicle = node::Parameters::from_file(&root().join("params/vehicle_info.param.yaml"), "vehicle").unwrap();
        let vehicle = vehicle.parse("vehicle").unwrap();
        let context = Context { vehicle, map: Some(Arc::clone(map)), share: root(), onnxruntime: None };
        let mut parameters_of_simulator = parameters::<Simulator>();
        parameters_of_simulator.lidar.columns = 16;
        parameters_of_simulator.lidar.beams = 1;
        parameters_of_simulator.lidar.rate_hz = 1.0;
        equip(&mut parameters_of_simulator);
        let alone = TrafficConfig {
            cars: 0,
            trucks: 0,
            cyclists: 0,
            pedestrians: 0,
            parked: 0,
            obstacles: 0,
            ..TrafficConfig::default()
        };
        let goal = Place { lane: start, s_m: 1.5 };
        let start = Place { lane: start, s_m: 1.0 };
        let scenario =
            Scenario { seed, start, goal, duration_s: 7200.0, traffic: alone, sky: simulation::Sky::default(), faults };
        let mut simulator_ports = Ports::default();
        let simulator =
            Simulator::with_scenario(parameters_of_simulator, scenario, &mut simulator_ports, &context).unwrap();
        let mut ports = Ports::default();
        let localizer = Localizer::new(parameters::<Localizer>(), &mut ports, &context).unwrap();
        let inputs = ports.inputs().iter().enumerate().map(|(i, port)| (tail(&port.name), i)).collect();
        Self {
            simulator,
            simulator_ports,
            localizer,
            context,
            inputs,
            path,
            matched_s: 0.0,
            tick: 0,
            standstill: false,
            tamper: Box::new(|_, _, message| Some(message)),
            samples: Vec::new(),
            status: Status::ok(),
            stamps: Vec::new(),
        }
    }

    /// Another localizer in the place of the one that was killed: it knows nothing.
    pub fn restart(&mut self) {
        let mut ports = Ports::default();
        self.localizer = Localizer::new(parameters::<Localizer>(), &mut ports, &self.context).unwrap();
        self.status = Status::ok();
        self.samples.clear();
    }

    pub fn now(&self) -> Time {
        Time(self.tick * 10_000_000)
    }

    /// Where the car truly is.
    pub fn pose(&self) -> Pose2<Map> {
        self.simulator.world().ego().vehicle.pose
    }

    /// m/s.
    pub fn speed(&self) -> f64 {
        self.simulator.world().ego().vehicle.speed_mps
    }

    /// The localizer gets this on an input.
    pub fn tell(&mut self, name: &str, message: Shared) {
        let input = self.inputs[name];
        self.hear(self.now(), EventKind::Message(input, message));
    }

    /// Drives for a time; each minute the car stops for five seconds.
    pub fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds * 100.0) as usize {
            self.tick += 1;
            let now = self.now();
            self.standstill = now.seconds() % 60.0 > 50.0;
            let mut outputs = Outputs::default();
            let command = self.follow(now);
            self.simulator.on_event(&Event { now, kind: EventKind::Message(0, Arc::new(command)) }, &mut outputs);
            self.simulator.on_event(&Event { now, kind: EventKind::Timer(0) }, &mut outputs);
            for published in outputs.take_published() {
                let name = tail(&self.simulator_ports.outputs()[published.output].name);
                let Some(&input) = self.inputs.get(&name) else { continue };
                if let Some(message) = (self.tamper)(now.seconds(), &name, published.message) {
                    self.hear(now, EventKind::Message(input, message));
                }
            }
            if self.tick % 10 == 0 {
                self.hear(now, EventKind::Timer(0));
            }
        }
    }

    fn hear(&mut self, now: Time, kind: EventKind) {
        let mut outputs = Outputs::default();
        self.localizer.on_event(&Event { now, kind }, &mut outputs);
        self.status = outputs.take_status().unwrap_or_else(|| self.status.clone());
        for published in outputs.take_published() {
            if let Ok(odometry) = published.message.into_any().downcast::<Odometry>() {
                self.compare(now, &odometry);
            }
        }
    }

    fn compare(&mut self, now: Time, odometry: &Odometry) {
        let stamp = Time::from(&odometry.header.stamp);
        assert!(self.stamps.last().is_none_or(|last| stamp > *last), "stamps grow");
        assert_eq!((odometry.header.frame_id.as_str(), odometry.child_frame_id.as_str()), ("map", "base_link"));
        self.stamps.push(stamp);
        let truth = self.simulator.world().ego();
        let (p, q) = (&odometry.pose.pose.position, &odometry.pose.pose.orientation);
        let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
        let own: Point2<BaseLink> = truth.vehicle.pose.inverse_transform(Point2::new(p.x, p.y));
        let c = &odometry.pose.covariance;
        let covariance = nalgebra::Matrix3::new(c[0], c[1], c[5], c[6], c[7], c[11], c[30], c[31], c[35]);
        let place = truth.vehicle.pose.position;
        let error = nalgebra::Vector3::new(p.x - place.x, p.y - place.y, angle_difference(yaw, truth.vehicle.pose.yaw));
        let across = nalgebra::Vector3::new(-yaw.sin(), yaw.cos(), 0.0);
        assert!((p.z - truth.z).abs() < 0.5, "height {} for {}", p.z, truth.z);
        self.samples.push(Sample {
            time_s: now.seconds(),
            lateral_m: own.y,
            along_m: own.x,
            heading_rad: error.z,
            speed_mps: odometry.twist.twist.linear.x - truth.vehicle.speed_mps,
            sigma_m: (across.transpose() * covariance * across)[0].sqrt(),
            nees: (error.transpose() * covariance.try_inverse().unwrap() * error)[0],
        });
    }

    /// Pure pursuit on the true state.
    fn follow(&mut self, now: Time) -> Control {
        let state = self.simulator.world().ego().vehicle;
        let s = self.path.project_between(state.pose.position, self.matched_s - 2.0, self.matched_s + 10.0).s;
        self.matched_s = s;
        let ahead = (0.7 * state.speed_mps).max(3.0);
        let aim: Point2<BaseLink> = state.pose.inverse_transform(self.path.pose_at(s + ahead).position);
        let steering = (2.0 * aim.y / (aim.x * aim.x + aim.y * aim.y) * 2.8).atan();
        let wanted = (0..15)
            .map(|k| {
                let distance = f64::from(k) * 2.0;
                let curvature = self.path.curvature_at(s + distance, 4.0).abs().max(1e-3);
                let curve = (2.0 / curvature).sqrt().min(11.0);
                (curve * curve + 3.0 * distance).sqrt()
            })
            .fold(11.0, f64::min);
        let wanted = if self.standstill || s > self.path.length() - 40.0 { 0.0 } else { wanted };
        let mut acceleration = (wanted - state.speed_mps).clamp(-2.0, 1.5);
        if wanted == 0.0 && state.speed_mps < 0.5 {
            acceleration = -1.0;
        }
        let mut control = Control { stamp: now.to_message(), ..Control::default() };
        control.lateral.steering_tire_angle = steering as f32;
        control.longitudinal.acceleration = acceleration as f32;
        control
    }
}

fn tail(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).into()
}

/// A lane to start on and a way of lanes from there, turning as the seed says.
fn path(map: &LaneGraph, seed: u64, length: f64) -> (road_map::LaneId, Polyline<Map>) {
    let mut random = simulation::Random::new(seed);
    let lanes: Vec<_> =
        map.lanes().filter(|l| l.kind == LaneKind::Driving && l.junction.is_none() && l.length() > 30.0).collect();
    let first = lanes[random.index(lanes.len())];
    let (mut lane, mut points, mut driven) = (first, Vec::new(), 0.0);
    while driven < length {
        points.extend(lane.center.points().iter().copied());
        driven += lane.length();
        if lane.successors.is_empty() {
            break;
        }
        lane = map.lane(lane.successors[random.index(lane.successors.len())]).unwrap();
    }
    (first.id, Polyline::new(points).unwrap())
}

/// Root mean square and largest absolute value.
pub fn rms_and_max(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut sum, mut count, mut most) = (0.0, 0.0, 0.0_f64);
    for value in values {
        (sum, count, most) = (sum + value * value, count + 1.0, most.max(value.abs()));
    }
    (f64::sqrt(sum / f64::max(count, 1.0)), most)
}
