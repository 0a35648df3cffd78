use std::collections::BTreeMap;
use std::time::Duration;

use geometry::{Map, Point2, Polyline, Pose2};
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::TrackedObjects;
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::autoware_vehicle_msgs::msg::SteeringReport;
use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus};
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time, Timer};
use vehicle::{Vehicle, VehicleState};

use crate::Parameters;
use crate::collision::{Obstacle, time_to_collision};
use crate::limits::gate;

const PERIOD_S: f64 = 0.02;

/// A stop in force.
struct Stop {
    reason: String,
    collision: bool,
    seen: Time,
}

/// The node: see the crate's documentation.
pub struct SafetySupervisor {
    control_input: Input<Control>,
    trajectory_input: Input<Trajectory>,
    odometry_input: Input<Odometry>,
    objects_input: Input<TrackedObjects>,
    steering_input: Input<SteeringReport>,
    diagnostics: Input<DiagnosticArray>,
    output: Output<Control>,
    timer: Timer,
    parameters: Parameters,
    vehicle: Vehicle,
    control: Option<(Time, Control)>,
    path: Option<(Time, Polyline<Map>)>,
    trajectory_at: Option<Time>,
    odometry: Option<(Time, Pose2<Map>, f64)>,
    objects: Option<(Time, Vec<Obstacle>)>,
    steering_rad: f64,
    /// When each required node was last heard and its error, if it is in one.
    heard: BTreeMap<String, (Time, Option<String>)>,
    started: bool,
    last: (f64, f64),
    stop: Option<Stop>,
    on_course: u32,
    interventions: u64,
    told: String,
}

impl Definition for SafetySupervisor {
    const NAME: &'static str = "safety_supervisor";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        Ok(Self {
            control_input: ports.input("~/input/control_cmd", Qos::reliable(1)),
            trajectory_input: ports.input("~/input/trajectory", Qos::reliable(1)),
            odometry_input: ports.input("~/input/kinematic_state", Qos::reliable(1)),
            objects_input: ports.input("~/input/objects", Qos::reliable(1)),
            steering_input: ports.input("~/input/steering_status", Qos::reliable(1)),
            diagnostics: ports.input("~/input/diagnostics", Qos::reliable(50)),
            output: ports.output("~/output/control_cmd", Qos::reliable(1)),
            timer: ports.timer(Duration::from_millis(20)),
            parameters,
            vehicle: context.vehicle,
            control: None,
            path: None,
            trajectory_at: None,
            odometry: None,
            objects: None,
            steering_rad: 0.0,
            heard: BTreeMap::new(),
            started: false,
            last: (0.0, -1.0),
            stop: None,
            on_course: 0,
            interventions: 0,
            told: String::new(),
        })
    }
}

impl Node for SafetySupervisor {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        let now = event.now;
        if let Some(control) = event.message(self.control_input) {
            // What is not finite counts as not sent: the stop comes when the last good one is stale.
            if control.lateral.steering_tire_angle.is_finite() && control.longitudinal.acceleration.is_finite() {
                self.control = Some((now, control.clone()));
            }
        } else if let Some(trajectory) = event.message(self.trajectory_input) {
            let poses: Option<Vec<Pose2<Map>>> = trajectory.points.iter().map(|p| read_pose(&p.pose)).collect();
            if let Some(poses) = poses.filter(|p| !p.is_empty() && trajectory.header.frame_id == "map") {
                self.trajectory_at = Some(Time::from(&trajectory.header.stamp));
                if let Ok(line) = Polyline::new(poses.into_iter().map(|pose| pose.position)) {
                    self.path = Some((now, line));
                }
            }
        } else if let Some(odometry) = event.message(self.odometry_input) {
            let speed = odometry.twist.twist.linear.x;
            if let Some(pose) = read_pose(&odometry.pose.pose).filter(|_| speed.is_finite()) {
                self.odometry = Some((Time::from(&odometry.header.stamp), pose, speed));
            }
        } else if let Some(objects) = event.message(self.objects_input) {
            self.objects = Some((Time::from(&objects.header.stamp), self.read_objects(objects)));
        } else if let Some(steering) = event.message(self.steering_input) {
            if steering.steering_tire_angle.is_finite() {
                self.steering_rad = f64::from(steering.steering_tire_angle);
            }
        } else if let Some(array) = event.message(self.diagnostics) {
            for status in &array.status {
                if self.parameters.required_nodes.contains(&status.name) {
                    let error = (status.level >= DiagnosticStatus::ERROR).then(|| status.message.clone());
                    self.heard.insert(status.name.clone(), (now, error));
                }
            }
        } else if event.is(self.timer) {
            self.tick(now, outputs);
        }
    }
}

impl SafetySupervisor {
    fn read_objects(&self, message: &TrackedObjects) -> Vec<Obstacle> {
        let likely = |p: f32| f64::from(p) >= self.parameters.min_existence_probability;
        let read = |object: &msgs::autoware_perception_msgs::msg::TrackedObject| {
            let (kinematics, size) = (&object.kinematics, &object.shape.dimensions);
            let twist = &kinematics.twist_with_covariance.twist;
            let obstacle = Obstacle {
                pose: read_pose(&kinematics.pose_with_covariance.pose)?,
                speed_mps: twist.linear.x,
                yaw_rate_radps: twist.angular.z,
                size_m: (size.x, size.y),
            };
            let numbers = [obstacle.speed_mps, obstacle.yaw_rate_radps, size.x, size.y];
            numbers.iter().all(|number| number.is_finite()).then_some(obstacle)
        };
        message.objects.iter().filter(|o| likely(o.existence_probability)).filter_map(read).collect()
    }

    /// What of the input is missing or too old, as a sentence.
    fn fault(&self, now: Time) -> Option<String> {
        let p = &self.parameters;
        let ages = [
            ("kinematic_state", self.odometry.as_ref().map(|o| o.0), p.odometry_limit_s),
            ("objects", self.objects.as_ref().map(|o| o.0), p.objects_limit_s),
            ("trajectory", self.trajectory_at, p.trajectory_limit_s),
            ("control_cmd", self.control.as_ref().map(|c| c.0), p.control_limit_s),
        ];
        for (name, stamp, limit) in ages {
            let Some(stamp) = stamp else { return Some(format!("waiting for {name}")) };
            let age = now.since(stamp);
            if !(age <= limit) {
                return Some(format!("{name} is {age:.2} s old, limit {limit} s"));
            }
        }
        for name in &p.required_nodes {
            let Some((at, error)) = self.heard.get(name) else { return Some(format!("waiting for node {name}")) };
            let age = now.since(*at);
            if !(age <= p.heartbeat_limit_s) {
                return Some(format!("no heartbeat of {name} for {age:.2} s, limit {} s", p.heartbeat_limit_s));
            }
            if let Some(error) = error {
                return Some(format!("{name} reports an error: {error}"));
            }
        }
        None
    }

    /// The nearest collision, once two cycles in a row have found one.
    fn collision(&mut self) -> Option<String> {
        let found = match (&self.odometry, &self.objects) {
            (Some((_, pose, speed)), Some((_, obstacles))) => {
                let acceleration_mps2 = self.last.1;
                let ego =
                    VehicleState { pose: *pose, speed_mps: *speed, acceleration_mps2, steering_rad: self.steering_rad };
                let p = &self.parameters;
                time_to_collision(&self.vehicle, &ego, obstacles, p.collision_horizon_s, p.collision_margin_m)
            }
            _ => None,
        };
        self.on_course = if found.is_some() { self.on_course + 1 } else { 0 };
        let (time, index) = found.filter(|_| self.on_course >= 2)?;
        Some(format!("collision course: object {index} in {time:.1} s"))
    }

    fn tick(&mut self, now: Time, outputs: &mut Outputs) {
        let fault = self.fault(now);
        let collision = self.collision();
        let speed = self.odometry.as_ref().map_or(0.0, |o| o.2);
        if fault.is_none() {
            self.started = true;
        }
        if let Some((reason, collision)) = collision.map(|r| (r, true)).or(fault.map(|r| (r, false))) {
            if self.stop.is_none() && self.started {
                self.interventions += 1;
            }
            self.stop = Some(Stop { reason, collision, seen: now });
        } else if let Some(stop) = &self.stop {
            let gone = now.since(stop.seen) >= self.parameters.release_delay_s;
            // Nothing had started to move before the first go: no wait then.
            if gone && (stop.collision || speed < self.parameters.release_speed_mps) {
                self.stop = None;
            }
        }
        let wish = match (&self.stop, &self.control) {
            (None, Some((_, control))) => {
                (f64::from(control.lateral.steering_tire_angle), f64::from(control.longitudinal.acceleration))
            }
            (stop, _) => self.stopping(stop.as_ref().is_some_and(|s| s.collision), speed),
        };
        let p = &self.parameters;
        let emergency = self.stop.as_ref().is_some_and(|s| s.collision);
        let jerk = if emergency { p.max_jerk_mps3.max(self.vehicle.max_jerk_mps3) } else { p.max_jerk_mps3 };
        let before = self.last;
        self.last = gate(&self.vehicle, p.max_lateral_acceleration_mps2, jerk, speed, before, wish, PERIOD_S);
        let mut command = self.control.as_ref().map_or_else(Control::default, |c| c.1.clone());
        command.control_time = now.to_message();
        if self.control.is_none() {
            command.stamp = now.to_message();
        }
        command.lateral.steering_tire_angle = self.last.0 as f32;
        command.lateral.steering_tire_rotation_rate = ((self.last.0 - before.0) / PERIOD_S) as f32;
        command.longitudinal.acceleration = self.last.1 as f32;
        command.longitudinal.jerk = ((self.last.1 - before.1) / PERIOD_S) as f32;
        command.longitudinal.is_defined_acceleration = true;
        if self.stop.is_some() || !command.longitudinal.velocity.is_finite() {
            command.longitudinal.velocity = 0.0;
        }
        outputs.publish(self.output, command);
        self.tell(outputs);
    }

    /// Steering along the last trajectory by pure pursuit (Coulter 1992) and the deceleration of a stop.
    fn stopping(&self, collision: bool, speed: f64) -> (f64, f64) {
        let p = &self.parameters;
        let braking = if collision { p.emergency_deceleration_mps2 } else { p.comfort_deceleration_mps2 };
        let braking = if speed < 0.1 { braking.min(1.5) } else { braking };
        let steering = match (&self.path, &self.odometry) {
            (Some((_, line)), Some((_, pose, _))) if speed > 0.3 => {
                let foot = line.project(pose.position);
                let ahead = line.pose_at(foot.s + (0.8 * speed).max(3.0)).position;
                let local: Point2<geometry::BaseLink> = pose.inverse_transform(ahead);
                let square = local.x * local.x + local.y * local.y;
                if local.x > 0.5 { self.vehicle.steering_for_curvature(2.0 * local.y / square) } else { self.last.0 }
            }
            _ => self.last.0,
        };
        (steering, -braking)
    }

    fn tell(&mut self, outputs: &mut Outputs) {
        let status = match &self.stop {
            None => Status::ok(),
            Some(stop) if !self.started => Status::warn(format!("standing: {}", stop.reason)),
            Some(stop) if stop.collision => Status::error(format!("emergency stop: {}", stop.reason)),
            Some(stop) => Status::error(format!("controlled stop: {}", stop.reason)),
        };
        // The ages in a text grow at each tick: told again only when the kind of reason changes.
        let kind: String = status.message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if kind != self.told {
            self.told = kind;
            outputs.report(status.with("interventions", self.interventions));
        }
    }
}

fn read_pose(pose: &Pose) -> Option<Pose2<Map>> {
    let q = &pose.orientation;
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    Some(Pose2::new(pose.position.x, pose.position.y, yaw)).filter(Pose2::is_finite)
}
