use std::time::Duration;

use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{TrackedObjects, TrafficLightGroupArray};
use msgs::autoware_vehicle_msgs::msg::{SteeringReport, VelocityReport};
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::geometry_msgs::msg::{PoseStamped, PoseWithCovarianceStamped};
use msgs::nav_msgs::msg::Odometry;
use msgs::rosgraph_msgs::msg::Clock;
use msgs::sensor_msgs::msg::{CameraInfo, Image, Imu, NavSatFix, PointCloud2};
use msgs::tf2_msgs::msg::TFMessage;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time, Timer};
use simulation::{Command, Random, STEP_S, Scenario, World, drive_scenario, smoke_scenario};

use crate::camera_thread::CameraThread;
use crate::convert;
use crate::parameters::{Parameters, ScenarioChoice};

/// Braking of a car that nobody commands any more, m/s².
const FALLBACK_BRAKING_MPS2: f64 = -3.0;

/// Steps between two times that the operator says where the car stands: a second.
const STEPS_BETWEEN_POSES: u64 = 100;
/// The camera's optical frame.
const CAMERA_FRAME: &str = "camera_front_optical";

struct Out {
    image: Output<Image>,
    camera_info: Output<CameraInfo>,
    points: Output<PointCloud2>,
    imu: Output<Imu>,
    gnss: Output<NavSatFix>,
    velocity: Output<VelocityReport>,
    steering: Output<SteeringReport>,
    clock: Output<Clock>,
    signals: Output<TrafficLightGroupArray>,
    tf_static: Output<TFMessage>,
    goal: Output<PoseStamped>,
    initial_pose: Output<PoseWithCovarianceStamped>,
    true_odometry: Output<Odometry>,
    true_objects: Output<TrackedObjects>,
    true_events: Output<DiagnosticArray>,
    true_score: Output<DiagnosticArray>,
}

/// The node: steps the world by 10 ms a timer event, publishes what its sensors measure, obeys control commands.
pub struct Simulator {
    parameters: Parameters,
    world: World,
    camera: CameraThread,
    timer: Timer,
    control: Input<Control>,
    out: Out,
    /// The graph's time at the world's time 0.
    epoch: Option<Time>,
    steps: u64,
    /// What the operator says of the car's place, until it is told to go: who hears it later knows by its age.
    operator: Option<PoseWithCovarianceStamped>,
    last_command_s: Option<f64>,
    last: Command,
    events_told: usize,
    was_lost: bool,
}

impl Definition for Simulator {
    const NAME: &'static str = "simulator";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        let map = context.require_map(Self::NAME)?;
        let made = if !parameters.scenario.is_empty() {
            Scenario::from_file(&context.resolve(&parameters.scenario))
        } else if parameters.suite == ScenarioChoice::Smoke {
            smoke_scenario(&map, parameters.seed)
        } else {
            drive_scenario(&map, parameters.seed, parameters.min_route_m)
        };
        let scenario = made.map_err(|e| NodeError::new(e.to_string()))?;
        Self::with_scenario(parameters, scenario, ports, context)
    }
}

impl Simulator {
    /// The node with a scenario that the caller made.
    ///
    /// # Errors
    /// [`NodeError`] where a parameter is out of range, no map is given, or the scenario does not fit it.
    pub fn with_scenario(
        parameters: Parameters,
        scenario: Scenario,
        ports: &mut Ports,
        context: &Context,
    ) -> Result<Self, NodeError> {
        parameters.check()?;
        let map = context.require_map(Self::NAME)?;
        let world = World::new(map, context.vehicle, parameters.suite_of_sensors(), scenario)
            .map_err(|e| NodeError::new(e.to_string()))?;
        let camera = CameraThread::new(parameters.camera)?;
        let out = Out {
            image: ports.output_on_demand("~/output/image", Qos::sensor_data()),
            camera_info: ports.output("~/output/camera_info", Qos::sensor_data()),
            points: ports.output("~/output/pointcloud", Qos::sensor_data()),
            imu: ports.output("~/output/imu", Qos::sensor_data().with_depth(20)),
            gnss: ports.output("~/output/gnss", Qos::sensor_data().with_depth(5)),
            velocity: ports.output("~/output/velocity_status", Qos::reliable(1)),
            steering: ports.output("~/output/steering_status", Qos::reliable(1)),
            clock: ports.output("~/output/clock", Qos::reliable(1)),
            signals: ports.output("~/output/v2i_traffic_signals", Qos::reliable(1)),
            tf_static: ports.output("~/output/tf_static", Qos::transient_local()),
            goal: ports.output("~/output/goal", Qos::transient_local()),
            initial_pose: ports.output("~/output/initial_pose", Qos::transient_local()),
            true_odometry: ports.output("~/output/ground_truth/odometry", Qos::reliable(1)),
            true_objects: ports.output("~/output/ground_truth/objects", Qos::reliable(1)),
            true_events: ports.output("~/output/ground_truth/events", Qos::reliable(10)),
            true_score: ports.output("~/output/ground_truth/score", Qos::reliable(1)),
        };
        Ok(Self {
            world,
            camera,
            timer: ports.timer(Duration::from_millis(10)),
            control: ports.input("~/input/control_cmd", Qos::reliable(1)),
            out,
            epoch: None,
            steps: 0,
            operator: None,
            last_command_s: None,
            last: Command::default(),
            events_told: 0,
            was_lost: false,
            parameters,
        })
    }

    /// The world inside, for tests and recorders.
    pub fn world(&self) -> &World {
        &self.world
    }

    fn stamp(&self, world_s: f64) -> Time {
        Time(self.epoch.unwrap_or_default().0 + Time::from_seconds(world_s).0)
    }

    fn take_command(&mut self, control: &Control, outputs: &mut Outputs) {
        let command = Command {
            steering_rad: f64::from(control.lateral.steering_tire_angle),
            steering_rate_radps: f64::from(control.lateral.steering_tire_rotation_rate),
            acceleration_mps2: f64::from(control.longitudinal.acceleration),
            stamp_s: Time::from(&control.stamp).since(self.epoch.unwrap_or_default()),
        };
        let finite = [command.steering_rad, command.steering_rate_radps, command.acceleration_mps2];
        if finite.iter().any(|v| !v.is_finite()) {
            outputs.report(Status::warn("control command refused: expected finite steering and acceleration, got NaN"));
            return;
        }
        // The rate is a limit only where the sender says so.
        let rate =
            if control.lateral.is_defined_steering_tire_rotation_rate { command.steering_rate_radps } else { 0.0 };
        self.last = Command { steering_rate_radps: rate, ..command };
        self.last_command_s = Some(self.world.time_s());
        if command.acceleration_mps2 > 0.0 {
            self.operator = None;
        }
        self.world.set_command(self.last);
    }

    fn tick(&mut self, now: Time, outputs: &mut Outputs) {
        if self.epoch.is_none() {
            self.epoch = Some(Time(now.0 - 10_000_000));
            self.introduce(outputs);
            outputs.report(Status::ok());
        }
        let silent = self.last_command_s.is_some_and(|s| self.world.time_s() - s > self.parameters.command_timeout_s);
        if silent {
            let brake = Command { acceleration_mps2: FALLBACK_BRAKING_MPS2, ..self.last };
            self.world.set_command(brake);
        }
        if silent != self.was_lost {
            self.was_lost = silent;
            outputs.report(if silent {
                let limit = self.parameters.command_timeout_s;
                Status::error(format!("no control command for more than {limit} s: the car brakes by itself"))
            } else {
                Status::ok()
            });
        }
        self.world.step();
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_BETWEEN_POSES) {
            self.say_again(outputs);
        }
        self.publish_sensors(outputs);
        self.publish_truth(outputs);
    }

    /// What is said at the start: mountings, the goal, where the operator thinks the car stands.
    fn introduce(&mut self, outputs: &mut Outputs) {
        let stamp = self.stamp(0.0).to_message();
        let p = &self.parameters;
        let mounts = [(&p.lidar_mount, "lidar_top"), (&p.imu_mount, "imu"), (&p.gnss_mount, "gnss")];
        let mut transforms =
            mounts.map(|(mount, child)| convert::transform(&mount.isometry(), child, stamp.clone())).to_vec();
        transforms.push(convert::transform(&p.camera_mount.optical_isometry(), CAMERA_FRAME, stamp.clone()));
        outputs.publish(self.out.tf_static, TFMessage { transforms });
        let goal = self.world.goal();
        let height = self.world.ground_height(goal.position);
        let pose = convert::pose(goal, height);
        outputs.publish(self.out.goal, PoseStamped { header: convert::header(stamp.clone(), "map"), pose });
        let mut random = Random::new(self.world.scenario().seed ^ 0x0be_5a70);
        let (spread, turn) = (p.initial_position_deviation_m, p.initial_heading_deviation_rad);
        let mut guess = self.world.ego().vehicle.pose;
        guess.position.x += random.normal(0.0, spread).clamp(-2.0 * spread, 2.0 * spread);
        guess.position.y += random.normal(0.0, spread).clamp(-2.0 * spread, 2.0 * spread);
        guess.yaw += random.normal(0.0, turn).clamp(-2.0 * turn, 2.0 * turn);
        let mut message =
            PoseWithCovarianceStamped { header: convert::header(stamp, "map"), ..PoseWithCovarianceStamped::default() };
        message.pose.pose = convert::pose(guess, self.world.ego().z);
        message.pose.covariance[0] = spread * spread;
        message.pose.covariance[7] = spread * spread;
        message.pose.covariance[35] = turn * turn;
        self.operator = Some(message.clone());
        outputs.publish(self.out.initial_pose, message);
    }

    fn say_again(&mut self, outputs: &mut Outputs) {
        let stamp = self.stamp(self.world.time_s()).to_message();
        if let Some(message) = &mut self.operator {
            message.header.stamp = stamp;
            outputs.publish(self.out.initial_pose, message.clone());
        }
    }

    fn publish_sensors(&mut self, outputs: &mut Outputs) {
        let clock = self.stamp(self.world.time_s()).to_message();
        outputs.publish(self.out.clock, Clock { clock });
        if let Some(sample) = self.world.take_imu() {
            let header = convert::header(self.stamp(sample.stamp_s).to_message(), "imu");
            outputs.publish(self.out.imu, convert::imu(&sample, &self.parameters.noise, header));
        }
        if let Some(sample) = self.world.take_gnss() {
            let header = convert::header(self.stamp(sample.stamp_s).to_message(), "gnss");
            outputs.publish(self.out.gnss, convert::nav_sat_fix(&sample, header));
        }
        if let Some(reading) = self.world.take_wheel_speed() {
            let header = convert::header(self.stamp(reading.stamp_s).to_message(), "base_link");
            // Wheels give a speed and nothing else: the other fields stay 0.
            let report =
                VelocityReport { header, longitudinal_velocity: reading.value as f32, ..VelocityReport::default() };
            outputs.publish(self.out.velocity, report);
        }
        if let Some(reading) = self.world.take_steering() {
            let stamp = self.stamp(reading.stamp_s).to_message();
            let report = SteeringReport { stamp, steering_tire_angle: reading.value as f32 };
            outputs.publish(self.out.steering, report);
        }
        if let Some(scan) = self.world.take_lidar() {
            let header = convert::header(self.stamp(scan.stamp_s).to_message(), "lidar_top");
            outputs.publish(self.out.points, convert::point_cloud(&scan, header));
        }
        self.publish_camera(outputs);
        if self.steps.is_multiple_of(10) {
            let stamp = self.stamp(self.world.time_s()).to_message();
            outputs.publish(self.out.signals, convert::signals(&self.world, stamp));
        }
    }

    /// Images are drawn only where somebody hears them.
    fn publish_camera(&mut self, outputs: &mut Outputs) {
        if self.world.camera_due() {
            let shot = outputs.is_heard(self.out.image).then(|| self.world.camera_shot()).flatten();
            let latency = (self.parameters.camera_latency_s / STEP_S).round() as u64;
            self.camera.expose(self.world.time_s(), self.steps + latency, shot);
        }
        let config = self.parameters.camera;
        while let Some((stamp_s, image)) = self.camera.due(self.steps) {
            let header = convert::header(self.stamp(stamp_s).to_message(), CAMERA_FRAME);
            // First the calibration: whoever gets the image has it.
            outputs.publish(self.out.camera_info, convert::camera_info(&config, header.clone()));
            if let Some(frame) = image {
                outputs.publish(self.out.image, convert::image(frame, &config, header));
            }
        }
    }

    fn publish_truth(&mut self, outputs: &mut Outputs) {
        let stamp = self.stamp(self.world.time_s()).to_message();
        let events = self.world.events();
        let new = events.len() > self.events_told;
        if new {
            outputs.publish(self.out.true_events, convert::events(&events[self.events_told..], stamp.clone()));
            self.events_told = events.len();
        }
        if self.steps.is_multiple_of(2) {
            outputs.publish(self.out.true_odometry, convert::odometry(self.world.ego(), stamp.clone()));
        }
        if self.steps.is_multiple_of(10) {
            outputs.publish(self.out.true_objects, convert::objects(self.world.actors(), stamp.clone()));
        }
        if self.steps.is_multiple_of(10) || new {
            outputs.publish(self.out.true_score, convert::score(&self.world, stamp));
        }
    }
}

impl Node for Simulator {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(control) = event.message(self.control) {
            self.take_command(control, outputs);
        } else if event.is(self.timer) {
            self.tick(event.now, outputs);
        }
    }
}
