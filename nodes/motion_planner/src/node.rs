use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time, Timer};
use geometry::{Map, Pose2};
use inference::LoadOptions;
use msgs::autoware_perception_msgs::msg::{PredictedObjects, TrafficLightElement, TrafficLightGroupArray};
use msgs::autoware_planning_msgs::msg::{LaneletRoute, Trajectory};
use msgs::nav_msgs::msg::Odometry;
use msgs::visualization_msgs::msg::MarkerArray;
use road_map::{LaneId, SignalGroupId};

use crate::learner::Learner;
use crate::message::{read_object, read_pose, to_trajectory};
use crate::network::{Network, OnnxNetwork};
use crate::parameters::Parameters;
use crate::planner::{Plan, Planner, Situation};
use crate::reference_path::RouteLanes;
use crate::road_user::{Future, RoadUser};
use crate::traffic_rules::Light;

/// Objects farther than this are left out, m.
const RANGE_M: f64 = 90.0;

/// The last odometry.
#[derive(Clone, Copy)]
struct Ego {
    stamp: Time,
    pose: Pose2<Map>,
    z: f64,
    speed: f64,
    yaw_rate: f64,
}

/// Cycles so far, and those that drove a proposal of the network.
#[derive(Default, Clone, Copy)]
struct Tally {
    cycles: usize,
    learned: usize,
}

/// The node: plans on each `PredictedObjects`; a timer stops the car when they stay away.
pub struct MotionPlanner {
    objects: Input<PredictedObjects>,
    odometry: Input<Odometry>,
    route_input: Input<LaneletRoute>,
    signals: Input<TrafficLightGroupArray>,
    trajectory: Output<Trajectory>,
    markers: Output<MarkerArray>,
    fallback: Timer,
    planner: Planner,
    ego: Option<Ego>,
    last_objects: Option<(Time, Arc<PredictedObjects>)>,
    lights: Option<(Time, BTreeMap<SignalGroupId, Light>)>,
    standing: BTreeMap<u128, f64>,
    verdicts: String,
    told: (Time, String),
    tally: Tally,
}

impl Definition for MotionPlanner {
    const NAME: &'static str = "motion_planner";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        // Wrong values are told whether or not they have an effect.
        let (library, precision) = (context.onnxruntime.clone(), &parameters.precision);
        let options = LoadOptions::from_parameters(library, precision, &parameters.inference);
        let options = options.map_err(NodeError::new)?;
        let network: Option<Box<dyn Network>> = if parameters.learned_proposals {
            Some(Box::new(OnnxNetwork::load(&context.resolve(&parameters.model), &options)?))
        } else {
            None
        };
        Self::with_network(parameters, ports, context, network)
    }
}

impl MotionPlanner {
    /// With a network of one's own, or without any.
    ///
    /// # Errors
    /// [`NodeError`] where there is no map or a parameter is out of its range.
    pub fn with_network(
        parameters: Parameters,
        ports: &mut Ports,
        context: &Context,
        network: Option<Box<dyn Network>>,
    ) -> Result<Self, NodeError> {
        parameters.check()?;
        let mut planner = Planner::new(context.require_map(Self::NAME)?, context.vehicle, parameters);
        planner.learner = network.map(Learner::new);
        Ok(Self {
            objects: ports.input("~/input/objects", Qos::reliable(1)),
            odometry: ports.input("~/input/kinematic_state", Qos::reliable(1)),
            route_input: ports.input("~/input/route", Qos::transient_local()),
            signals: ports.input("~/input/traffic_signals", Qos::reliable(1)),
            trajectory: ports.output("~/output/trajectory", Qos::reliable(1)),
            markers: ports.debug_output("~/debug/markers", Qos::reliable(1)),
            fallback: ports.timer(Duration::from_millis(100)),
            planner,
            ego: None,
            last_objects: None,
            lights: None,
            standing: BTreeMap::new(),
            verdicts: String::new(),
            told: (Time(0), String::new()),
            tally: Tally::default(),
        })
    }
}

impl Node for MotionPlanner {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(odometry) = event.message(self.odometry) {
            let speed = odometry.twist.twist.linear.x;
            match read_pose(&odometry.pose.pose).filter(|_| odometry.header.frame_id == "map" && speed.is_finite()) {
                Some(pose) => {
                    let z = odometry.pose.pose.position.z;
                    let stamp = Time::from(&odometry.header.stamp);
                    let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
                    let yaw_rate = finite(odometry.twist.twist.angular.z);
                    self.ego = Some(Ego { stamp, pose, z: finite(z), speed, yaw_rate });
                }
                None => self.tell(
                    event.now,
                    Status::error("kinematic_state: expected a finite pose in frame map with a unit quaternion"),
                    outputs,
                ),
            }
        } else if let Some(signals) = event.message(self.signals) {
            self.lights = Some((event.now, read_lights(signals)));
        } else if let Some(route) = event.message(self.route_input) {
            self.take_route(event.now, route, outputs);
        } else if let Some(objects) = event.shared(self.objects) {
            if objects.header.frame_id != "map" {
                let came = &objects.header.frame_id;
                let status = Status::error(format!("objects: expected frame map, got `{came}`"));
                self.tell(event.now, status, outputs);
                return;
            }
            self.last_objects = Some((event.now, objects));
            self.cycle(event.now, false, outputs);
        } else if event.is(self.fallback) {
            let timeout = self.planner.parameters.objects_timeout_s;
            if self.last_objects.as_ref().is_none_or(|(at, _)| event.now.since(*at) > timeout) {
                self.cycle(event.now, true, outputs);
            }
        }
    }
}

impl MotionPlanner {
    /// The plain drive along the lane and the drive chosen in the last cycle with what they cost, for a person.
    pub fn verdicts(&self) -> &str {
        &self.verdicts
    }

    /// Reports what is new at once, and what goes on once a second.
    fn tell(&mut self, now: Time, status: Status, outputs: &mut Outputs) {
        let (at, told) = &self.told;
        if status.message != *told || now.since(*at) >= 1.0 {
            self.told = (now, status.message.clone());
            outputs.report(status);
        }
    }

    fn take_route(&mut self, now: Time, route: &LaneletRoute, outputs: &mut Outputs) {
        let segments: Vec<_> = route
            .segments
            .iter()
            .map(|segment| {
                let preferred = LaneId(segment.preferred_primitive.id);
                (preferred, std::iter::once(preferred).chain(segment.primitives.iter().map(|p| LaneId(p.id))).collect())
            })
            .collect();
        let known = segments.iter().all(|(id, _)| self.planner.map.lane(*id).is_some());
        match read_pose(&route.goal_pose).filter(|_| known && !segments.is_empty()) {
            Some(goal) => {
                let lanes = segments.iter().map(|(id, _)| *id);
                let unseen = self.planner.views.unseen_on(&self.planner.map, lanes);
                self.planner.set_route(RouteLanes { segments, goal });
                if !unseen.is_empty() {
                    let status = Status::warn(format!(
                        "the camera cannot see the traffic lights of groups {unseen:?} from before their stop lines and the car will wait there: let their states come by radio (v2i:=true)"
                    ));
                    self.tell(now, status, outputs);
                }
            }
            None => self.tell(
                now,
                Status::error("route: expected at least one segment, lanes of this map and a finite goal pose"),
                outputs,
            ),
        }
    }

    fn cycle(&mut self, now: Time, blind: bool, outputs: &mut Outputs) {
        let Some(ego) = self.ego else {
            self.tell(now, Status::warn("no odometry yet: expected it on ~/input/kinematic_state"), outputs);
            return;
        };
        if now.since(ego.stamp) > self.planner.parameters.odometry_timeout_s {
            let status = Status::error(format!("odometry is stale: the last one is of {}", ego.stamp));
            self.tell(now, status, outputs);
            return;
        }
        if self.planner.route.segments.is_empty() {
            self.tell(now, Status::warn("no route yet: expected one on ~/input/route"), outputs);
            return;
        }
        let seen = match self.last_objects.as_ref().filter(|_| !blind) {
            Some((_, objects)) => Seen::read(objects, ego, &self.standing),
            None => Seen { stamp: ego.stamp.to_message(), ..Seen::default() },
        };
        if !blind {
            self.standing = seen.standing;
        }
        let fresh = self.fresh_lights(now).cloned();
        let signals_missing = fresh.is_none();
        let situation = situation(ego, seen.users, fresh.unwrap_or_default(), blind);
        match self.planner.plan(&situation) {
            Ok(plan) => {
                self.verdicts.clone_from(&plan.verdicts);
                let status = if blind && self.last_objects.is_none() {
                    Status::warn("waiting for ~/input/objects: standing until they come")
                } else if blind {
                    Status::error("no predicted objects: stopping in the lane until they come again")
                } else if !plan.safe {
                    Status::warn("no proposal is free of conflict: braking as well as can be")
                        .with("proposals", &self.verdicts)
                } else if signals_missing {
                    Status::warn("no traffic signal states: all lights count as red")
                } else if seen.refused > 0 {
                    Status::warn("objects refused: expected finite poses and boxes of 0.05 to 40 m")
                } else if let Some(fault) = plan.opinion.as_ref().and_then(|opinion| opinion.fault.as_ref()) {
                    Status::warn(format!("following the lane only, the network proposes nothing: {fault}"))
                } else if plan.reason.is_empty() {
                    Status::ok()
                } else {
                    Status { message: format!("stopping: {}", plan.reason), ..Status::ok() }
                };
                let trajectory = to_trajectory(&plan.points, seen.stamp, ego.z, &self.planner.vehicle);
                let said = if status == Status::ok() { "" } else { &status.message };
                let learned = plan.opinion.as_ref().is_some_and(|opinion| opinion.chosen.is_some());
                outputs.publish_if_heard(self.markers, || {
                    let said = match (learned, said) {
                        (false, said) => said.to_owned(),
                        (true, "") => "learned".to_owned(),
                        (true, said) => format!("learned; {said}"),
                    };
                    markers::trajectory(&trajectory, &said)
                });
                outputs.publish(self.trajectory, trajectory);
                let standing = self.planner.stood(&situation) > 2.0 && status.values.is_empty();
                let status = if standing { status.with("proposals", &self.verdicts) } else { status };
                let status = self.with_opinion(status, &plan);
                self.tell(now, status, outputs);
            }
            Err(reason) => self.tell(now, Status::error(reason), outputs),
        }
    }

    /// A status with what the network had to do with it.
    fn with_opinion(&mut self, status: Status, plan: &Plan) -> Status {
        let (Some(opinion), Some(learner)) = (&plan.opinion, &self.planner.learner) else { return status };
        self.tally.cycles += 1;
        self.tally.learned += usize::from(opinion.chosen.is_some());
        let chosen = opinion.chosen.map_or_else(|| "lane-following".to_owned(), |mode| format!("learned {mode}"));
        let facts = learner.facts().into_iter().fold(status, |status, (key, value)| status.with(key, value));
        facts
            .with("chosen", chosen)
            .with("learned_tried", opinion.tried)
            .with("learned_undrivable", opinion.undrivable)
            .with("learned_cycles", self.tally.learned)
            .with("cycles", self.tally.cycles)
    }

    /// States of the lights, unless they are too old.
    fn fresh_lights(&self, now: Time) -> Option<&BTreeMap<SignalGroupId, Light>> {
        let timeout = self.planner.parameters.signals_timeout_s;
        self.lights.as_ref().filter(|(at, _)| now.since(*at) <= timeout).map(|(_, lights)| lights)
    }

    /// What the network would be told now if these were the objects: for what is recorded to learn from. Nothing is
    /// remembered of it; `None` where there is no odometry or route yet, or the car is off its route.
    #[cfg(feature = "recorder")]
    pub fn features(&self, now: Time, objects: &PredictedObjects) -> Option<crate::features::Features> {
        let ego = self.ego?;
        let users = Seen::read(objects, ego, &self.standing).users;
        self.planner.features(&situation(ego, users, self.fresh_lights(now).cloned().unwrap_or_default(), false))
    }
}

fn situation(ego: Ego, users: Vec<RoadUser>, lights: BTreeMap<SignalGroupId, Light>, blind: bool) -> Situation {
    let Ego { stamp, pose, speed, yaw_rate, .. } = ego;
    Situation { now_s: stamp.seconds(), pose, speed, yaw_rate, users, lights, blind }
}

/// Objects as the planner takes them.
#[derive(Default)]
struct Seen {
    stamp: msgs::builtin_interfaces::msg::Time,
    /// At the time of the odometry.
    users: Vec<RoadUser>,
    /// How many were refused.
    refused: usize,
    /// Since when those stand that do, s.
    standing: BTreeMap<u128, f64>,
}

impl Seen {
    /// Of a message; `stood` says since when those have been standing who did before.
    fn read(objects: &PredictedObjects, ego: Ego, stood: &BTreeMap<u128, f64>) -> Self {
        let stamp = Time::from(&objects.header.stamp);
        let offset = ego.stamp.since(stamp).clamp(0.0, 0.5);
        let mut refused = 0;
        let mut users = Vec::new();
        let mut standing = BTreeMap::new();
        for object in &objects.objects {
            let Some(mut user) = read_object(object, offset) else {
                refused += 1;
                continue;
            };
            if user.pose.position.distance(ego.pose.position) > RANGE_M {
                continue;
            }
            if user.speed() < 0.4 {
                let since = stood.get(&user.id).copied().unwrap_or(stamp.seconds());
                standing.insert(user.id, since);
                user.standing_s = stamp.seconds() - since;
                if user.standing_s > 1.0 {
                    // The longer it stands, the longer it will.
                    let moves = if user.standing_s > 8.0 { 0.1 } else { 0.3 };
                    for future in &mut user.futures {
                        future.probability *= moves;
                    }
                    let poses = RoadUser::resample(&[user.pose, user.pose], 1.0, 0.0);
                    user.futures.push(Future { probability: 1.0 - moves, poses });
                }
            }
            users.push(user);
        }
        Self { stamp: objects.header.stamp.clone(), users, refused, standing }
    }
}

fn read_lights(message: &TrafficLightGroupArray) -> BTreeMap<SignalGroupId, Light> {
    message
        .traffic_light_groups
        .iter()
        .map(|group| {
            let colours: Vec<u8> = group.elements.iter().map(|e| e.color).collect();
            let light = if colours.contains(&TrafficLightElement::RED) {
                Light::Red
            } else if colours.contains(&TrafficLightElement::AMBER) {
                Light::Amber
            } else if colours.contains(&TrafficLightElement::GREEN) {
                Light::Green
            } else {
                Light::Unknown
            };
            (SignalGroupId(group.traffic_light_group_id), light)
        })
        .collect()
}
