use std::collections::VecDeque;
use std::time::Duration;

use geometry::{Map, Point2, Polyline, Pose2, angle_difference};
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::autoware_vehicle_msgs::msg::SteeringReport;
use msgs::builtin_interfaces::msg::Time as Stamp;
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time, Timer};
use serde::Deserialize;
use vehicle::{Vehicle, VehicleState};

use crate::lateral::{self, Deviation, STEP_S, STEPS};

const PERIOD_S: f64 = 0.02;

/// Parameters, as `params/trajectory_follower.param.yaml` explains them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    lateral_weight: f64,
    heading_weight: f64,
    steering_weight: f64,
    steering_change_weight: f64,
    speed_preview_s: f64,
    stale_limit_s: f64,
    hold_acceleration_mps2: f64,
    jerk_limit_mps3: f64,
    disturbance_time_constant_s: f64,
    disturbance_limit_mps2: f64,
}

struct Plan {
    stamp: Stamp,
    received: Time,
    line: Option<Polyline<Map>>,
    /// Time from start (s), arc length (m), speed (m/s) and curvature (1/m) of each point.
    samples: Vec<[f64; 4]>,
    matched_s: Option<f64>,
}

/// The node: see the crate's documentation.
pub struct TrajectoryFollower {
    trajectory: Input<Trajectory>,
    odometry: Input<Odometry>,
    steering: Input<SteeringReport>,
    control: Output<Control>,
    timer: Timer,
    parameters: Parameters,
    vehicle: Vehicle,
    settings: lateral::Settings,
    plan: Option<Plan>,
    ego: Option<(Time, Pose2<Map>, f64)>,
    steering_rad: Option<(Time, f64)>,
    /// Time sent, steering (rad), acceleration (m/s²).
    sent: VecDeque<(Time, f64, f64)>,
    acceleration_mps2: f64,
    /// Where the commands have brought the wheels, rad, for cars that do not report it.
    modelled_steering_rad: f64,
    /// Acceleration that the commands do not explain: slopes, wind, a worn engine, m/s².
    disturbance_mps2: f64,
    /// Why the newest trajectory, odometry or steering report was refused.
    refused: [Option<String>; 3],
    told: String,
}

impl Definition for TrajectoryFollower {
    const NAME: &'static str = "trajectory_follower";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        let p = &parameters;
        NodeError::check_range("lateral_weight", p.lateral_weight, 0.01..=100.0)?;
        NodeError::check_range("heading_weight", p.heading_weight, 0.0..=100.0)?;
        NodeError::check_range("steering_weight", p.steering_weight, 0.001..=100.0)?;
        NodeError::check_range("steering_change_weight", p.steering_change_weight, 0.001..=1000.0)?;
        NodeError::check_range("speed_preview_s", p.speed_preview_s, 0.2..=3.0)?;
        NodeError::check_range("stale_limit_s", p.stale_limit_s, 0.1..=2.0)?;
        NodeError::check_range("hold_acceleration_mps2", p.hold_acceleration_mps2, -5.0..=-0.1)?;
        NodeError::check_range("jerk_limit_mps3", p.jerk_limit_mps3, 0.5..=50.0)?;
        NodeError::check_range("disturbance_time_constant_s", p.disturbance_time_constant_s, 0.1..=10.0)?;
        NodeError::check_range("disturbance_limit_mps2", p.disturbance_limit_mps2, 0.0..=3.0)?;
        let vehicle = context.vehicle;
        let settings = lateral::Settings {
            lateral: p.lateral_weight,
            heading: p.heading_weight,
            steering: p.steering_weight,
            steering_change: p.steering_change_weight,
            wheelbase_m: vehicle.wheelbase_m,
            time_constant_s: vehicle.steering_time_constant_s,
            max_steering_rad: vehicle.max_steering_rad,
            max_rate_radps: vehicle.max_steering_rate_radps,
        };
        Ok(Self {
            trajectory: ports.input("~/input/trajectory", Qos::reliable(1)),
            odometry: ports.input("~/input/kinematic_state", Qos::reliable(1)),
            steering: ports.input("~/input/steering_status", Qos::reliable(1)),
            control: ports.output("~/output/control_cmd", Qos::reliable(1)),
            timer: ports.timer(Duration::from_millis(20)),
            parameters,
            vehicle,
            settings,
            plan: None,
            ego: None,
            steering_rad: None,
            sent: VecDeque::new(),
            acceleration_mps2: 0.0,
            modelled_steering_rad: 0.0,
            disturbance_mps2: 0.0,
            refused: [const { None }; 3],
            told: String::new(),
        })
    }
}

impl Node for TrajectoryFollower {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        let (input, read) = if let Some(message) = event.message(self.trajectory) {
            (0, read_plan(message, event.now).map(|plan| self.plan = Some(plan)))
        } else if let Some(message) = event.message(self.odometry) {
            (1, self.read_odometry(message))
        } else if let Some(message) = event.message(self.steering) {
            (2, self.read_steering(message))
        } else {
            if event.is(self.timer) {
                self.drive(event.now, outputs);
            }
            return;
        };
        self.refused[input] = read.err();
        if let Some(reason) = &self.refused[input] {
            // What came before it is used, as long as it is fresh.
            self.tell(Status::warn(format!("refused {reason}")), outputs);
        }
    }
}

impl TrajectoryFollower {
    fn drive(&mut self, now: Time, outputs: &mut Outputs) {
        let refused = self.refused.iter().flatten().next().cloned();
        match self.command(now) {
            Ok(command) => {
                outputs.publish(self.control, command);
                if refused.is_none() {
                    self.tell(Status::ok(), outputs);
                }
            }
            Err(reason) => {
                self.sent.clear();
                let status = match refused {
                    // Nothing is wrong where nothing has begun.
                    None if self.plan.is_none() => Status::warn(reason),
                    None => Status::error(reason),
                    Some(refused) => Status::error(format!("{reason} (newest refused: {refused})")),
                };
                self.tell(status, outputs);
            }
        }
    }

    fn tell(&mut self, status: Status, outputs: &mut Outputs) {
        // The ages in a text grow: told again only when the kind of reason changes.
        let kind: String = status.message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if kind != self.told {
            self.told = kind;
            outputs.report(status);
        }
    }

    fn read_odometry(&mut self, message: &Odometry) -> Result<(), String> {
        let pose = read_pose("kinematic_state", &message.header.frame_id, &message.pose.pose)?;
        let (speed, stamp) = (message.twist.twist.linear.x, Time::from(&message.header.stamp));
        if !speed.is_finite() {
            return Err(format!("kinematic_state: expected a finite speed, got {speed}"));
        }
        if let Some((last, ..)) = self.ego.filter(|(last, ..)| *last > stamp) {
            return Err(format!("kinematic_state: expected a stamp after {last}, got {stamp}"));
        }
        if let Some((last, _, last_speed)) = self.ego {
            self.observe_disturbance(speed, last_speed, stamp.since(last));
        }
        self.ego = Some((stamp, pose, speed));
        Ok(())
    }

    /// Learns what accelerates the car beside its commands.
    fn observe_disturbance(&mut self, speed: f64, last_speed: f64, dt: f64) {
        let p = &self.parameters;
        if !(0.001..0.2).contains(&dt) || self.sent.is_empty() {
            return;
        }
        let share = (dt / p.disturbance_time_constant_s).min(1.0);
        let residual = (speed - last_speed) / dt - self.acceleration_mps2;
        if speed.abs() < 0.3 {
            self.disturbance_mps2 *= 1.0 - share;
        } else if (residual - self.disturbance_mps2).abs() < 2.5 {
            // Far more is no slope: somebody else brakes, and that is not learned.
            let limit = p.disturbance_limit_mps2;
            self.disturbance_mps2 =
                (self.disturbance_mps2 + share * (residual - self.disturbance_mps2)).clamp(-limit, limit);
        }
    }

    fn read_steering(&mut self, message: &SteeringReport) -> Result<(), String> {
        let angle = f64::from(message.steering_tire_angle);
        if !angle.is_finite() {
            return Err(format!("steering_status: expected a finite angle, got {angle}"));
        }
        self.steering_rad = Some((Time::from(&message.stamp), angle));
        Ok(())
    }

    fn command(&mut self, now: Time) -> Result<Control, String> {
        let limit = self.parameters.stale_limit_s;
        let (stamp, pose, speed) = self.ego.ok_or("waiting for ~/input/kinematic_state")?;
        let age = now.since(stamp);
        if !(-0.1..=limit).contains(&age) {
            return Err(format!("kinematic_state is {age:.2} s old, limit {limit} s"));
        }
        let plan_age =
            self.plan.as_ref().map(|plan| now.since(plan.received)).ok_or("waiting for ~/input/trajectory")?;
        if plan_age > limit {
            return Err(format!("trajectory is {plan_age:.2} s old, limit {limit} s"));
        }
        let state = self.predict(now, stamp, pose, speed);
        let plan = self.plan.as_mut().ok_or("waiting for ~/input/trajectory")?;
        let jerk_step = self.parameters.jerk_limit_mps3 * PERIOD_S;
        let (last_steering, last_acceleration) =
            self.sent.back().map_or((state.steering_rad, 0.0), |&(_, steering, acceleration)| (steering, acceleration));
        let deviation_and_s = plan.deviation(&state);
        let standing =
            state.speed_mps.abs() < 0.15 && plan.samples.iter().take_while(|p| p[0] <= 1.5).all(|p| p[2] < 0.1);
        let (Some((deviation, s)), false) = (deviation_and_s, standing) else {
            // Nothing to drive along or no wish to move: the wheels stay, the brake holds.
            let target = self.parameters.hold_acceleration_mps2 - state.speed_mps.max(0.0);
            let target = target.max(-self.vehicle.max_deceleration_mps2);
            let acceleration = last_acceleration + (target - last_acceleration).clamp(-jerk_step, jerk_step);
            let stamp = plan.stamp.clone();
            return Ok(self.send(now, stamp, last_steering, 0.0, acceleration));
        };
        let preview = self.parameters.speed_preview_s;
        let at = plan.time_at(s);
        let mut path = [(0.0, 0.0); STEPS];
        let mut along = s;
        for (k, step) in path.iter_mut().enumerate() {
            // Speed as planned, from the one driven to the planned one within the preview.
            let t = k as f64 * STEP_S;
            let blend = (t / preview).min(1.0);
            let speed = (state.speed_mps * (1.0 - blend) + plan.at_time(at + t)[2] * blend).max(0.5);
            *step = (speed, plan.at_arc(along + speed * STEP_S / 2.0)[3]);
            along += speed * STEP_S;
        }
        let steering = lateral::solve(&self.settings, deviation, &path, last_steering)?;
        let rate_step = self.vehicle.max_steering_rate_radps * PERIOD_S;
        let steering = (last_steering + (steering - last_steering).clamp(-rate_step, rate_step))
            .clamp(-self.vehicle.max_steering_rad, self.vehicle.max_steering_rad);
        let target_speed = plan.at_time(at + preview)[2];
        let lag = self.vehicle.acceleration_time_constant_s
            * (1.0 - (-preview / self.vehicle.acceleration_time_constant_s).exp());
        let coasted = state.speed_mps + state.acceleration_mps2 * lag + self.disturbance_mps2 * preview;
        let wished = (target_speed - coasted) / (preview - lag).max(0.05);
        let wished = wished.clamp(-self.vehicle.max_deceleration_mps2, self.vehicle.max_acceleration_mps2);
        let acceleration = last_acceleration + (wished - last_acceleration).clamp(-jerk_step, jerk_step);
        let stamp = plan.stamp.clone();
        Ok(self.send(now, stamp, steering, target_speed, acceleration))
    }

    /// The state when a command sent now takes effect.
    fn predict(&mut self, now: Time, stamp: Time, pose: Pose2<Map>, speed: f64) -> VehicleState {
        let v = &self.vehicle;
        // The command that the actuators follow at a time.
        let at = |time: f64| self.sent.iter().rev().find(|(sent, ..)| sent.seconds() + v.actuator_delay_s <= time);
        let current = at(now.seconds()).map_or(0.0, |c| c.2);
        let drive_keep = (-PERIOD_S / v.acceleration_time_constant_s).exp();
        self.acceleration_mps2 = drive_keep * self.acceleration_mps2 + (1.0 - drive_keep) * current;
        let steering = at(now.seconds()).map_or(self.modelled_steering_rad, |c| c.1);
        let steering_keep = (-PERIOD_S / v.steering_time_constant_s).exp();
        self.modelled_steering_rad = steering_keep * self.modelled_steering_rad + (1.0 - steering_keep) * steering;
        let (steered_at, steering_rad) = self.steering_rad.unwrap_or((now, self.modelled_steering_rad));
        let mut state =
            VehicleState { pose, speed_mps: speed, acceleration_mps2: self.acceleration_mps2, steering_rad };
        let (mut time, end, dt) = (stamp.seconds(), now.seconds() + v.actuator_delay_s, 0.01_f64);
        while time < end - 1e-6 {
            let dt = dt.min(end - time);
            if let Some(&(_, steering, acceleration)) = at(time) {
                if time >= steered_at.seconds() {
                    state.steering_rad +=
                        (1.0 - (-dt / v.steering_time_constant_s).exp()) * (steering - state.steering_rad);
                }
                if time >= now.seconds() {
                    state.acceleration_mps2 +=
                        (1.0 - (-dt / v.acceleration_time_constant_s).exp()) * (acceleration - state.acceleration_mps2);
                }
            }
            let felt = state.acceleration_mps2 + self.disturbance_mps2;
            let moved = v.step_kinematic(&VehicleState { acceleration_mps2: felt, ..state }, dt);
            state = VehicleState { acceleration_mps2: state.acceleration_mps2, ..moved };
            state.speed_mps = state.speed_mps.max(0.0);
            time += dt;
        }
        state
    }

    fn send(&mut self, now: Time, stamp: Stamp, steering: f64, speed: f64, acceleration: f64) -> Control {
        let last = self.sent.back().map_or((steering, acceleration), |c| (c.1, c.2));
        self.sent.push_back((now, steering, acceleration));
        while self.sent.len() > 64 {
            self.sent.pop_front();
        }
        let mut control = Control { stamp: stamp.clone(), control_time: now.to_message(), ..Control::default() };
        control.lateral.stamp = stamp.clone();
        control.lateral.steering_tire_angle = steering as f32;
        control.lateral.steering_tire_rotation_rate = ((steering - last.0) / PERIOD_S) as f32;
        control.lateral.is_defined_steering_tire_rotation_rate = true;
        control.longitudinal.stamp = stamp;
        control.longitudinal.velocity = speed as f32;
        control.longitudinal.acceleration = acceleration as f32;
        control.longitudinal.jerk = ((acceleration - last.1) / PERIOD_S) as f32;
        control.longitudinal.is_defined_acceleration = true;
        control.longitudinal.is_defined_jerk = true;
        control
    }
}

impl Plan {
    /// Deviation of a state from the path and the arc length it is matched to, near the last match.
    fn deviation(&mut self, state: &VehicleState) -> Option<(Deviation, f64)> {
        let line = self.line.as_ref()?;
        let foot = match self.matched_s {
            Some(s) => line.project_between(state.pose.position, s - 2.0, s + 5.0),
            None => line.project(state.pose.position),
        };
        self.matched_s = Some(foot.s);
        let (next, here) = (line.pose_at(foot.s + 0.5).yaw, line.pose_at(foot.s).yaw);
        let yaw = here + 0.5 * angle_difference(next, here);
        let heading_rad = angle_difference(state.pose.yaw, yaw);
        Some((Deviation { lateral_m: foot.d, heading_rad, steering_rad: state.steering_rad }, foot.s))
    }

    fn interpolate(&self, key: usize, value: f64) -> [f64; 4] {
        let i = self.samples.partition_point(|p| p[key] <= value).clamp(1, self.samples.len() - 1);
        let (a, b) = (self.samples[i - 1], self.samples[i]);
        let width = b[key] - a[key];
        let ratio = if width > 1e-9 { ((value - a[key]) / width).clamp(0.0, 1.0) } else { 0.0 };
        std::array::from_fn(|k| a[k] + ratio * (b[k] - a[k]))
    }

    fn at_time(&self, time: f64) -> [f64; 4] {
        self.interpolate(0, time)
    }

    fn at_arc(&self, s: f64) -> [f64; 4] {
        self.interpolate(1, s)
    }

    fn time_at(&self, s: f64) -> f64 {
        // While standing all points share an arc length: the plan counts from its first one.
        if s < 0.02 { 0.0 } else { self.at_arc(s)[0] }
    }
}

fn read_plan(message: &Trajectory, now: Time) -> Result<Plan, String> {
    if message.points.len() < 2 {
        return Err(format!("trajectory: expected at least 2 points, got {}", message.points.len()));
    }
    let mut samples: Vec<[f64; 4]> = Vec::with_capacity(message.points.len());
    let mut positions: Vec<Point2<Map>> = Vec::with_capacity(message.points.len());
    let mut last_yaw = 0.0;
    for point in &message.points {
        let pose = read_pose("trajectory", &message.header.frame_id, &point.pose)?;
        let time = f64::from(point.time_from_start.sec) + f64::from(point.time_from_start.nanosec) * 1e-9;
        let speed = f64::from(point.longitudinal_velocity_mps);
        if !speed.is_finite() || samples.last().is_some_and(|last| time <= last[0]) {
            return Err(format!("trajectory: expected finite speeds and growing times, got {speed} m/s at {time} s"));
        }
        let (mut s, mut curvature) = (0.0, 0.0);
        if let (Some(last), Some(position)) = (samples.last(), positions.last()) {
            let step = pose.position.distance(*position);
            s = last[1] + step;
            curvature = if step > 0.02 { angle_difference(pose.yaw, last_yaw) / step } else { last[3] };
        }
        samples.push([time, s, speed, curvature]);
        positions.push(pose.position);
        last_yaw = pose.yaw;
    }
    samples[0][3] = samples[1][3];
    let line = Polyline::new(positions).ok();
    Ok(Plan { stamp: message.header.stamp.clone(), received: now, line, samples, matched_s: None })
}

/// The planar pose of a message in frame `map`, or what is wrong with it.
fn read_pose(what: &str, frame: &str, pose: &Pose) -> Result<Pose2<Map>, String> {
    let q = &pose.orientation;
    let norm = (q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w).sqrt();
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    let planar = Pose2::new(pose.position.x, pose.position.y, yaw);
    if frame != "map" || !planar.is_finite() || !((norm - 1.0).abs() < 0.01) {
        return Err(format!(
            "{what}: expected a finite pose in frame map with a unit quaternion, got {pose:?} in `{frame}`"
        ));
    }
    Ok(planar)
}
