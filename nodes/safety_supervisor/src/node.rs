use std::time::Duration;

use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::TrackedObjects;
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::autoware_vehicle_msgs::msg::{SteeringReport, VelocityReport};
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::geometry_msgs::msg::PoseWithCovarianceStamped;
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time, Timer};
use vehicle::{Vehicle, VehicleState};

use crate::Parameters;
use crate::collision::{Look, Threat, worst_threat};
use crate::inputs::Inputs;
use crate::limits::gate;
use crate::reckoning::{LONGEST_STEP_S, Reckoning};
use crate::stopping::steer_along;

const PERIOD_S: f64 = 0.02;
/// Braking that holds the car once it stands, m/s².
const HOLD_MPS2: f64 = 1.5;

/// A stop in force.
struct Stop {
    reason: String,
    emergency: bool,
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
    velocity_input: Input<VelocityReport>,
    output: Output<Control>,
    reckoned_output: Output<PoseWithCovarianceStamped>,
    timer: Timer,
    parameters: Parameters,
    vehicle: Vehicle,
    inputs: Inputs,
    /// The car at the last tick: the newest odometry moved on, and dead reckoning where there is none.
    state: Option<(Time, VehicleState)>,
    reckoning: Reckoning,
    steering_rad: f64,
    /// Whether all input was there once: before that the car stands and waits.
    started: bool,
    /// Steering (rad) and acceleration (m/s²) sent last.
    last: (f64, f64),
    stop: Option<Stop>,
    /// Frames of objects in a row with a threat, and the stamp of the last one.
    frames: (u32, Option<Time>),
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
            velocity_input: ports.input("~/input/velocity_status", Qos::reliable(1)),
            output: ports.output("~/output/control_cmd", Qos::reliable(1)),
            reckoned_output: ports.output("~/output/reckoned_pose", Qos::reliable(1)),
            timer: ports.timer(Duration::from_millis(20)),
            parameters,
            vehicle: context.vehicle,
            inputs: Inputs::default(),
            state: None,
            reckoning: Reckoning::default(),
            steering_rad: 0.0,
            started: false,
            last: (0.0, -HOLD_MPS2),
            stop: None,
            frames: (0, None),
            interventions: 0,
            told: String::new(),
        })
    }
}

impl Node for SafetySupervisor {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        let p = &self.parameters;
        if let Some(control) = event.message(self.control_input) {
            self.inputs.take_control(event.now, control, &self.vehicle);
        } else if let Some(trajectory) = event.message(self.trajectory_input) {
            let ego = self.state.map(|(_, state)| state.pose);
            self.inputs.take_trajectory(trajectory, ego, p.trajectory_offset_m);
        } else if let Some(odometry) = event.message(self.odometry_input) {
            self.inputs.take_odometry(odometry);
        } else if let Some(objects) = event.message(self.objects_input) {
            self.inputs.take_objects(objects, p.min_existence_probability);
        } else if let Some(steering) = event.message(self.steering_input) {
            let angle = f64::from(steering.steering_tire_angle);
            if angle.is_finite() {
                self.steering_rad = angle.clamp(-self.vehicle.max_steering_rad, self.vehicle.max_steering_rad);
            }
        } else if let Some(report) = event.message(self.velocity_input) {
            self.reckoning.take_wheels(Time::from(&report.header.stamp), f64::from(report.longitudinal_velocity));
        } else if let Some(array) = event.message(self.diagnostics) {
            self.inputs.take_diagnostics(event.now, array, &p.required_nodes);
        } else if event.is(self.timer) {
            self.tick(event.now, outputs);
        }
    }
}

impl SafetySupervisor {
    /// Where the car is now.
    fn reckon(&mut self, now: Time, outputs: &mut Outputs) {
        let newest = self.inputs.odometry.filter(|(at, ..)| now.since(*at) <= self.parameters.odometry_limit_s);
        let (at, mut state) = match (newest, self.state) {
            (Some((at, pose, speed_mps, _)), _) => {
                (at, VehicleState { pose, speed_mps, acceleration_mps2: self.last.1, steering_rad: self.steering_rad })
            }
            (None, Some(last)) => last,
            (None, None) => return,
        };
        (state.acceleration_mps2, state.steering_rad) = (self.last.1, self.steering_rad);
        let elapsed = now.since(at);
        match newest {
            Some((.., doubt)) => self.reckoning.begin(doubt),
            None => {
                self.reckoning.move_on(now, elapsed);
                // What the wheels do, not what they were told to.
                if let Some(speed) = self.reckoning.wheel_speed(now) {
                    (state.speed_mps, state.acceleration_mps2) = (speed, 0.0);
                }
            }
        }
        if !(state.speed_mps > 0.0 || state.acceleration_mps2 > 0.0) {
            state.acceleration_mps2 = 0.0;
        }
        let state = self.vehicle.step_kinematic(&state, elapsed.clamp(0.0, LONGEST_STEP_S));
        self.state = Some((now, state));
        if newest.is_none()
            && let Some(message) = self.reckoning.message(now, state.pose)
        {
            outputs.publish(self.reckoned_output, message);
        }
    }

    /// The worst threat, once it was seen in as many frames as the parameters ask for.
    fn emergency(&mut self, now: Time) -> Option<Threat> {
        let p = &self.parameters;
        let (at, (_, state)) = (self.inputs.obstacles_at?, self.state?);
        let age_s = now.since(at);
        if !(age_s <= p.objects_limit_s) {
            return None;
        }
        let look = Look {
            horizon_s: p.collision_horizon_s,
            margin_m: p.collision_margin_m,
            reaction_s: p.reaction_s,
            age_s: age_s.max(0.0),
        };
        let path = self.inputs.path.as_ref();
        let threat = worst_threat(&self.vehicle, &state, path, &self.inputs.obstacles, &look);
        if self.stop.as_ref().is_some_and(|stop| stop.emergency) {
            return threat.filter(|t| t.needed_mps2 >= p.emergency_until_mps2);
        }
        let threat = threat.filter(|t| t.needed_mps2 >= p.emergency_from_mps2);
        if threat.is_none() {
            self.frames = (0, None);
        } else if self.frames.1 != Some(at) {
            self.frames = (self.frames.0 + 1, Some(at));
        }
        threat.filter(|_| self.frames.0 >= p.collision_frames)
    }

    fn tick(&mut self, now: Time, outputs: &mut Outputs) {
        self.reckon(now, outputs);
        let fault = self.inputs.fault(now, &self.parameters);
        let threat = self.emergency(now);
        self.decide(now, fault, threat);
        let speed = self.state.map_or(0.0, |(_, state)| state.speed_mps);
        let wish = match (&self.stop, &self.inputs.control) {
            (None, Some(control)) => {
                (f64::from(control.lateral.steering_tire_angle), f64::from(control.longitudinal.acceleration))
            }
            (stop, _) => self.stopping(stop.as_ref().is_some_and(|s| s.emergency), speed),
        };
        let p = &self.parameters;
        let emergency = self.stop.as_ref().is_some_and(|s| s.emergency);
        let jerk = if emergency { p.max_jerk_mps3.max(self.vehicle.max_jerk_mps3) } else { p.max_jerk_mps3 };
        let before = self.last;
        self.last = gate(&self.vehicle, p.max_lateral_acceleration_mps2, jerk, speed, before, wish, PERIOD_S);
        outputs.publish(self.output, self.command(now, before));
        self.tell(outputs);
    }

    /// Begins, keeps or ends a stop.
    fn decide(&mut self, now: Time, fault: Option<String>, threat: Option<Threat>) {
        let reason = match threat {
            Some(threat) => {
                let id = self.inputs.obstacles.get(threat.index).map_or(0, |o| o.id);
                let needed = threat.needed_mps2.min(99.0);
                let time = threat.time_s;
                Some((format!("collision course with object {id} in {time:.1} s, needs {needed:.0} m/s²"), true))
            }
            None => fault.map(|reason| (reason, false)),
        };
        if let Some((reason, emergency)) = reason {
            if self.stop.is_none() && self.started {
                self.interventions += 1;
            }
            self.stop = Some(Stop { reason, emergency, seen: now });
            return;
        }
        let Some(stop) = &self.stop else {
            self.started = true;
            return;
        };
        let p = &self.parameters;
        let gone = now.since(stop.seen) >= p.release_delay_s;
        let slow = self.state.is_none_or(|(_, state)| state.speed_mps < p.release_speed_mps);
        // Nothing had moved before the first go: no wait then.
        if !self.started || (gone && (stop.emergency || slow)) {
            self.stop = None;
            self.started = true;
        }
    }

    /// Steering along the last good path and the deceleration of a stop.
    fn stopping(&self, emergency: bool, speed: f64) -> (f64, f64) {
        let p = &self.parameters;
        let braking = if emergency { p.emergency_deceleration_mps2 } else { p.comfort_deceleration_mps2 };
        let braking = if speed < 0.1 { braking.min(HOLD_MPS2) } else { braking };
        let steering = self
            .state
            .zip(self.inputs.path.as_ref())
            .and_then(|((_, state), path)| steer_along(&self.vehicle, &state, path));
        (steering.unwrap_or(self.last.0), -braking)
    }

    fn command(&self, now: Time, before: (f64, f64)) -> Control {
        let mut command = self.inputs.control.clone().unwrap_or_default();
        command.control_time = now.to_message();
        if self.stop.is_some() || self.inputs.control.is_none() {
            // A stop rests on where the car is, not on the command that it replaces.
            let stamp = self.inputs.odometry.map_or(now, |(at, ..)| at).to_message();
            command.stamp = stamp.clone();
            command.lateral.stamp = stamp.clone();
            command.longitudinal.stamp = stamp;
        }
        command.lateral.steering_tire_angle = self.last.0 as f32;
        command.lateral.steering_tire_rotation_rate = ((self.last.0 - before.0) / PERIOD_S) as f32;
        command.lateral.is_defined_steering_tire_rotation_rate = false;
        command.longitudinal.acceleration = self.last.1 as f32;
        command.longitudinal.jerk = ((self.last.1 - before.1) / PERIOD_S) as f32;
        command.longitudinal.is_defined_acceleration = true;
        command.longitudinal.is_defined_jerk = true;
        if self.stop.is_some() || !command.longitudinal.velocity.is_finite() {
            command.longitudinal.velocity = 0.0;
        }
        command
    }

    fn tell(&mut self, outputs: &mut Outputs) {
        let status = match &self.stop {
            None => Status::ok(),
            Some(stop) if !self.started => Status::warn(format!("standing: {}", stop.reason)),
            Some(stop) if stop.emergency => Status::error(format!("emergency stop: {}", stop.reason)),
            Some(stop) => Status::error(format!("controlled stop: {}", stop.reason)),
        };
        // The numbers in a text change at each tick: told again only when the kind of reason changes.
        let kind: String = status.message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if kind != self.told {
            self.told = kind;
            outputs.report(status.with("interventions", self.interventions));
        }
    }
}
