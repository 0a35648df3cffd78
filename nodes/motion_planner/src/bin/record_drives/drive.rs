//! One drive without sensors: the world, the planner, the follower and what the car knows of others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use geometry::{BaseLink, Map, Point2, Pose2};
use motion_planner::features::{EGO, Features, OBJECT, OBJECTS, ROUTE_POINT, ROUTE_POINTS, RULES};
use motion_planner::{MotionPlanner, STEP_S, STEPS};
use msgs::Message;
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{
    PredictedObjects, TrafficLightElement, TrafficLightGroup, TrafficLightGroupArray,
};
use msgs::autoware_planning_msgs::msg::{LaneletRoute, Trajectory};
use msgs::autoware_vehicle_msgs::msg::SteeringReport;
use msgs::geometry_msgs::msg::PoseStamped;
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, EventKind, Node, NodeError, Output, Outputs, Ports, Qos, Time};
use route_planner::RoutePlanner;
use serde::Serialize;
use simulation::{Command, SignalColor, World};
use trajectory_follower::TrajectoryFollower;

use crate::perceived::{Perceived, pose, truth};
use crate::rehearsal::futures;

/// Numbers of one sample: ego, route, rules, objects, then where the expert was at each step (x, y in `base_link`, m).
pub const ROW: usize = EGO + ROUTE_POINTS * ROUTE_POINT + RULES + OBJECTS * OBJECT + STEPS * 2;

/// Time between cycles, s.
const CYCLE_S: f64 = 0.1;
/// Cycles between samples.
const EVERY: usize = 2;
/// Cycles between looks into the future.
const REHEARSE_EVERY: usize = 10;

/// A node with what its ports are called.
struct Wired<N> {
    node: N,
    ports: Ports,
}

impl<N: Definition> Wired<N> {
    fn new(context: &Context, learned_proposals: bool) -> Result<Self, NodeError> {
        let file = context.share.join(format!("params/{}.param.yaml", N::NAME));
        let failed = |e: node::ParameterError| NodeError::caused_by(e.to_string(), e);
        let mut parameters = node::Parameters::from_file(&file, N::NAME).map_err(failed)?;
        if N::NAME == MotionPlanner::NAME {
            parameters.set("learned_proposals", &learned_proposals.to_string());
        }
        let mut ports = Ports::default();
        let node = N::new(parameters.parse(N::NAME).map_err(failed)?, &mut ports, context)?;
        Ok(Self { node, ports })
    }

    fn send<M: Message>(&mut self, now: Time, name: &str, message: M, outputs: &mut Outputs) {
        if let Some(index) = self.ports.inputs().iter().position(|port| port.name == name) {
            self.node.on_event(&Event { now, kind: EventKind::Message(index, Arc::new(message)) }, outputs);
        }
    }
}

/// Who drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The planner with what no car has: where everybody truly is and will be. It follows lanes only, for the network is not to
    /// imitate itself.
    Expert,
    /// The planner with what a car knows, with the network's proposals or without.
    Car { learned_proposals: bool },
}

/// A car on its way.
pub struct Drive {
    driver: Driver,
    world: World,
    router: Wired<RoutePlanner>,
    planner: Wired<MotionPlanner>,
    follower: Wired<TrajectoryFollower>,
    perceived: Perceived,
    plan: Option<Arc<Trajectory>>,
    futures: BTreeMap<u32, Vec<Pose2<Map>>>,
}

/// What a drive was like.
#[derive(Default)]
struct Log {
    poses: Vec<Pose2<Map>>,
    features: Vec<(usize, Features)>,
    distance_m: f64,
    /// Each cycle, m/s.
    speeds: Vec<f64>,
    /// Cycles that drove a proposal of the network.
    learned: usize,
}

/// How a drive went.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    seed: u64,
    route_completion: f64,
    collisions_caused: u32,
    red_lights_run: u32,
    stop_signs_run: u32,
    duration_s: f64,
    distance_m: f64,
    mean_speed_mps: f64,
    /// Root of the mean square, m/s³, of speed differenced twice over 0.5 s.
    jerk_mps3: f64,
    /// Braking harder than 4 m/s², each time once.
    hard_brakings: usize,
    /// Share of cycles that drove a proposal of the network.
    learned_share: f64,
}

impl Drive {
    /// At its start, with its goal known; `root` holds parameters and models.
    pub fn new(world: World, root: &Path, driver: Driver) -> Result<Self, NodeError> {
        let seed = world.scenario().seed;
        let learned = driver == (Driver::Car { learned_proposals: true });
        let onnxruntime = inference::find_library(root);
        let (vehicle, map) = (*world.vehicle(), Some(Arc::clone(world.map())));
        let context = Context { vehicle, map, share: root.into(), onnxruntime };
        let mut router = Wired::<RoutePlanner>::new(&context, false)?;
        let mut goal = PoseStamped::default();
        goal.header.frame_id = "map".into();
        goal.pose = pose(world.goal());
        router.send(Time(0), "~/input/goal", goal, &mut Outputs::default());
        Ok(Self {
            driver,
            router,
            planner: Wired::new(&context, learned)?,
            follower: Wired::new(&context, false)?,
            perceived: Perceived::new(&world, root, seed)?,
            world,
            plan: None,
            futures: BTreeMap::new(),
        })
    }

    /// Drives for so long, or until the goal; gives [`ROW`] numbers for each sample, and how it went.
    ///
    /// # Errors
    /// What the predictor's network says.
    pub fn run(mut self, duration_s: f64) -> Result<(Vec<f32>, Outcome), String> {
        let mut log = Log::default();
        // Samples want to know what was after the goal.
        let after_goal = if self.driver == Driver::Expert { (STEPS as f64 * STEP_S / CYCLE_S) as usize } else { 0 };
        let mut left = (duration_s / CYCLE_S) as usize;
        let mut arrived = false;
        for cycle in 0.. {
            if self.world.goal_reached() && !arrived {
                (arrived, left) = (true, left.min(after_goal));
            }
            if left == 0 {
                break;
            }
            left -= 1;
            self.cycle(cycle, &mut log)?;
        }
        let outcome = self.outcome(&log);
        Ok((rows(&log), outcome))
    }

    fn outcome(&self, log: &Log) -> Outcome {
        let (counts, duration_s) = (self.world.counts(), self.world.time_s());
        let half = (0.5 / CYCLE_S).round() as usize;
        let changes: Vec<f64> = log.speeds.windows(half + 1).map(|w| (w[half] - w[0]) / 0.5).collect();
        let jerks = changes.windows(half + 1).map(|w| ((w[half] - w[0]) / 0.5).powi(2));
        let hard = changes.windows(2).filter(|w| w[0] >= -4.0 && w[1] < -4.0).count();
        Outcome {
            seed: self.world.scenario().seed,
            route_completion: self.world.progress(),
            collisions_caused: counts.collisions_caused,
            red_lights_run: counts.red_lights_run,
            stop_signs_run: counts.stop_signs_run,
            duration_s,
            distance_m: log.distance_m,
            mean_speed_mps: log.distance_m / duration_s.max(CYCLE_S),
            jerk_mps3: (jerks.sum::<f64>() / changes.len().saturating_sub(half).max(1) as f64).sqrt(),
            hard_brakings: hard,
            learned_share: log.learned as f64 / log.speeds.len().max(1) as f64,
        }
    }

    fn cycle(&mut self, cycle: usize, log: &mut Log) -> Result<(), String> {
        for tick in 0..10 {
            let now = Time::from_seconds(self.world.time_s());
            if tick % 2 == 0 {
                self.localize(now);
            }
            if tick == 0 {
                self.plan(now, cycle, log)?;
            }
            if tick % 2 == 0 {
                self.control(now);
            }
            self.world.step();
        }
        Ok(())
    }

    fn localize(&mut self, now: Time) {
        let ego = *self.world.ego();
        let mut odometry = Odometry::default();
        odometry.header.stamp = now.to_message();
        odometry.header.frame_id = "map".into();
        odometry.child_frame_id = "base_link".into();
        odometry.pose.pose = pose(ego.vehicle.pose);
        odometry.twist.twist.linear.x = ego.vehicle.speed_mps;
        odometry.twist.twist.angular.z = ego.yaw_rate_radps;
        let mut outputs = Outputs::default();
        self.router.send(now, "~/input/kinematic_state", odometry.clone(), &mut outputs);
        if let Some(route) = outputs.take::<LaneletRoute>(output()) {
            self.planner.send(now, "~/input/route", (*route).clone(), &mut outputs);
        }
        self.follower.send(now, "~/input/kinematic_state", odometry.clone(), &mut outputs);
        self.planner.send(now, "~/input/kinematic_state", odometry, &mut outputs);
        if let Some(steering) = self.world.take_steering() {
            let stamp = Time::from_seconds(steering.stamp_s).to_message();
            let report = SteeringReport { stamp, steering_tire_angle: steering.value as f32 };
            self.follower.send(now, "~/input/steering_status", report, &mut outputs);
        }
    }

    fn plan(&mut self, now: Time, cycle: usize, log: &mut Log) -> Result<(), String> {
        let mut outputs = Outputs::default();
        let signals = signals(&self.world);
        self.planner.send(now, "~/input/traffic_signals", signals, &mut outputs);
        let expert = self.driver == Driver::Expert;
        let samples = cycle.is_multiple_of(EVERY);
        self.perceived.look(&self.world);
        let seen = if samples || !expert { self.perceived.objects(&self.world)? } else { PredictedObjects::default() };
        if expert
            && samples
            && let Some(features) = self.planner.node.features(now, &seen)
        {
            log.features.push((log.poses.len(), features));
        }
        let here = self.world.ego().vehicle.pose;
        log.distance_m += log.poses.last().map_or(0.0, |last| last.position.distance(here.position));
        log.poses.push(here);
        if expert && cycle.is_multiple_of(REHEARSE_EVERY) {
            self.futures = futures(&self.world, self.plan.as_deref());
        }
        let age_s = (cycle % REHEARSE_EVERY) as f64 * CYCLE_S;
        let objects = if expert { truth(&self.world, &self.futures, age_s) } else { seen };
        self.planner.send(now, "~/input/objects", objects, &mut outputs);
        log.learned += usize::from(self.planner.node.verdicts().contains("chosen: learned"));
        log.speeds.push(self.world.ego().vehicle.speed_mps);
        if let Some(plan) = outputs.take::<Trajectory>(output()) {
            self.follower.send(now, "~/input/trajectory", (*plan).clone(), &mut outputs);
            self.plan = Some(plan);
        }
        Ok(())
    }

    fn control(&mut self, now: Time) {
        let mut outputs = Outputs::default();
        self.follower.node.on_event(&Event { now, kind: EventKind::Timer(0) }, &mut outputs);
        let Some(control) = outputs.take::<Control>(output()) else { return };
        let lateral = &control.lateral;
        let rate = f64::from(lateral.steering_tire_rotation_rate);
        self.world.set_command(Command {
            steering_rad: f64::from(lateral.steering_tire_angle),
            steering_rate_radps: if lateral.is_defined_steering_tire_rotation_rate { rate } else { 0.0 },
            acceleration_mps2: f64::from(control.longitudinal.acceleration),
            stamp_s: now.seconds(),
        });
    }
}

/// The first output of a node.
fn output<M: Message>() -> Output<M> {
    Ports::default().output("", Qos::reliable(1))
}

fn signals(world: &World) -> TrafficLightGroupArray {
    let groups = world.signal_states().iter().map(|(id, state)| {
        let color = match state.color {
            SignalColor::Green => TrafficLightElement::GREEN,
            SignalColor::Yellow => TrafficLightElement::AMBER,
            SignalColor::Red => TrafficLightElement::RED,
        };
        let element = TrafficLightElement { color, ..TrafficLightElement::default() };
        TrafficLightGroup { traffic_light_group_id: id.0, elements: vec![element], ..TrafficLightGroup::default() }
    });
    TrafficLightGroupArray { traffic_light_groups: groups.collect(), ..TrafficLightGroupArray::default() }
}

/// The samples whose future is known to its end.
fn rows(log: &Log) -> Vec<f32> {
    let ahead = (STEP_S / CYCLE_S).round() as usize;
    let mut rows = Vec::new();
    for (at, features) in log.features.iter().filter(|(at, _)| at + STEPS * ahead < log.poses.len()) {
        for part in [&features.ego, &features.route, &features.rules, &features.objects] {
            rows.extend(part);
        }
        for step in 1..=STEPS {
            let place: Point2<BaseLink> = log.poses[*at].inverse_transform(log.poses[at + step * ahead].position);
            rows.extend([place.x as f32, place.y as f32]);
        }
    }
    rows
}
