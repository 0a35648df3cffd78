use std::time::Duration;

use carla_rig::{Rig, Sensor};
use msgs::ackermann_msgs::msg::AckermannDrive;
use msgs::carla_msgs::msg::{
    CarlaCollisionEvent, CarlaControl, CarlaEgoVehicleControl, CarlaLaneInvasionEvent, CarlaStatus,
    CarlaTrafficLightStatusList, CarlaWorldInfo,
};
use msgs::geometry_msgs::msg::PoseStamped;
use msgs::rosgraph_msgs::msg::Clock;
use msgs::std_msgs::msg::{Float32, String as Text};
use msgs::tf2_msgs::msg::TFMessage;
use nalgebra::{Isometry3, Translation3};
use node::{Context, Definition, Event, Node, NodeError, Outputs, Ports, Status, Time, Timer};
use simulation::camera::Darkroom;
use simulation::{
    Command, EventKind, GRADE_COMPENSATION, GRAVITY, Mount, STEP_S, Scenario, World, drive_scenario, smoke_scenario,
};
use simulator::ScenarioChoice;

use crate::ackermann::Ackermann;
use crate::carla::Rotation;
use crate::lanes::Markings;
use crate::objects;
use crate::parameters::{Contract, Parameters, Peculiarity};
use crate::pedals;
use crate::ports::{BridgeEnds, Sensors, Truth};
use crate::sensors::{self, Namer};

/// How often the wall clock is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// The node: see the crate's documentation.
pub struct CarlaStandIn {
    parameters: Parameters,
    world: World,
    darkroom: Darkroom,
    rig: Rig,
    lidar_mount: Isometry3<f64>,
    imu_mount: Isometry3<f64>,
    image_size: [u32; 2],
    map_text: Option<String>,
    timer: Timer,
    sensors: Sensors,
    bridge: Option<BridgeEnds>,
    truth: Truth,
    frame: u64,
    /// Looks at the wall clock since the last frame.
    looks: u32,
    /// The command in force.
    control: CarlaEgoVehicleControl,
    /// And where it came as AckermannDrive, that: it is newer than `control`.
    ackermann: Option<(AckermannDrive, Ackermann)>,
    heard: bool,
    /// Whether the command of the last frame has come.
    answered: bool,
    misses: u64,
    told_misses: u64,
    events_told: usize,
    lights_told: CarlaTrafficLightStatusList,
    markings: Markings,
    /// Frames that are still made; for ever where nobody paused the world.
    frames_left: Option<u32>,
}

impl Definition for CarlaStandIn {
    const NAME: &'static str = "carla_stand_in";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        let p = &parameters;
        let map = context.require_map(Self::NAME)?;
        let file = context.resolve(&p.simulator_file);
        let read = node::Parameters::from_file(&file, "simulator").and_then(|read| read.parse("simulator"));
        let mut world: simulator::Parameters = read.map_err(|e| NodeError::new(e.to_string()))?;
        let rig = Rig::from_file(&context.resolve(&p.sensors_file)).map_err(|e| NodeError::new(e.to_string()))?;
        let sensor = |id: &str, kind: &str| rig.require(id, kind).map_err(NodeError::new);
        let (lidar, camera) = (sensor("lidar", "sensor.lidar")?, sensor("front", "sensor.camera")?);
        let (gnss, imu) = (sensor("gnss", "sensor.other.gnss")?, sensor("imu", "sensor.other.imu")?);
        let on_car = |sensor: &Sensor| Translation3::new(-p.base_link_x_m, 0.0, 0.0) * sensor.mount;
        world.lidar_mount = mount(&on_car(lidar));
        world.camera_mount = mount(&on_car(camera));
        (world.gnss_mount, world.imu_mount) = (mount(&on_car(gnss)), mount(&on_car(imu)));
        let rate = |sensor: &Sensor| 1.0 / sensor.number("sensor_tick").unwrap_or(0.1).max(p.step_s);
        world.lidar.rate_hz = rate(lidar);
        let size = |name: &str, default: f64| camera.number(name).unwrap_or(default) as u32;
        let image_size = [size("image_size_x", 800.0), size("image_size_y", 600.0)];
        let [width, height] = image_size;
        world.camera.width = width as usize;
        world.camera.height = height as usize;
        world.camera.rate_hz = rate(camera);
        world.camera.focal_px = camera.focal_px(width).ok_or_else(|| NodeError::new("the camera has no fov"))?;
        (world.camera.center_x_px, world.camera.center_y_px) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
        world.camera.distortion = [0.0; 5];
        world.check()?;
        let made = if !p.scenario.is_empty() {
            Scenario::from_file(&context.resolve(&p.scenario))
        } else if p.suite == ScenarioChoice::Smoke {
            smoke_scenario(&map, p.seed)
        } else {
            drive_scenario(&map, p.seed, p.min_route_m)
        };
        let scenario = made.map_err(|e| NodeError::new(e.to_string()))?;
        let suite = world.suite_of_sensors();
        let darkroom = Darkroom::new(suite.camera).map_err(|e| NodeError::new(e.to_string()))?;
        let world = World::new(map, context.vehicle, suite, scenario).map_err(|e| NodeError::new(e.to_string()))?;
        let map_text = (!p.map_file.is_empty()).then(|| std::fs::read_to_string(context.resolve(&p.map_file)));
        let map_text = map_text.transpose().map_err(|e| NodeError::new(format!("map_file {}: {e}", p.map_file)))?;
        Ok(Self {
            lidar_mount: on_car(lidar),
            imu_mount: on_car(imu),
            timer: ports.timer(LOOK),
            sensors: Sensors::new(p, ports),
            bridge: (p.contract == Contract::CarlaRosBridge).then(|| BridgeEnds::new(p, ports)),
            truth: Truth::new(ports),
            world,
            darkroom,
            rig,
            image_size,
            map_text,
            frame: 0,
            looks: 0,
            control: CarlaEgoVehicleControl { brake: 1.0, ..CarlaEgoVehicleControl::default() },
            ackermann: None,
            heard: false,
            answered: false,
            misses: 0,
            told_misses: 0,
            events_told: 0,
            lights_told: CarlaTrafficLightStatusList::default(),
            markings: Markings::default(),
            frames_left: parameters.paused.then_some(1),
            parameters,
        })
    }
}

/// As the world wants it.
fn mount(on_car: &Isometry3<f64>) -> Mount {
    let (at, (roll_rad, pitch_rad, yaw_rad)) = (on_car.translation.vector, on_car.rotation.euler_angles());
    Mount { x_m: at.x, y_m: at.y, z_m: at.z, roll_rad, pitch_rad, yaw_rad }
}

impl Node for CarlaStandIn {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(control) = event.message(self.sensors.control) {
            self.take_control(control);
        } else if let Some(message) = self.bridge.as_ref().and_then(|bridge| event.message(bridge.ackermann)) {
            self.take_ackermann(message);
        } else if let Some(message) = self.bridge.as_ref().and_then(|bridge| event.message(bridge.world_control)) {
            self.take_world_control(message.command);
        } else if event.is(self.timer) {
            self.looks = self.looks.saturating_add(1);
        }
        if self.is_due() {
            self.tick(outputs);
        }
    }
}

impl CarlaStandIn {
    /// The world inside, for tests.
    pub fn world(&self) -> &World {
        &self.world
    }

    fn now(&self) -> Time {
        Time::from_seconds(self.frame as f64 * self.parameters.step_s)
    }

    /// As the server takes one: the newest counts, whatever its stamp. Values that are not finite are dropped.
    fn take_control(&mut self, control: &CarlaEgoVehicleControl) {
        if [control.throttle, control.steer, control.brake].iter().all(|v| v.is_finite()) {
            self.control = control.clone();
            (self.ackermann, self.heard) = (None, true);
            self.answered |= Time::from(&control.header.stamp) == self.now();
        }
    }

    /// It has no stamp: any is the frame's.
    fn take_ackermann(&mut self, drive: &AckermannDrive) {
        if [drive.speed, drive.acceleration, drive.steering_angle].iter().all(|v| v.is_finite()) {
            let state = self.ackermann.take().map(|(_, state)| state).unwrap_or_default();
            self.ackermann = Some((drive.clone(), state));
            (self.heard, self.answered) = (true, true);
        }
    }

    fn take_world_control(&mut self, command: i8) {
        match command {
            CarlaControl::PLAY => self.frames_left = None,
            CarlaControl::PAUSE => self.frames_left = Some(0),
            CarlaControl::STEP_ONCE => self.frames_left = self.frames_left.map(|left| left.saturating_add(1)),
            _ => {}
        }
    }

    /// Whether the next frame is due: the command of this one is there, or was waited for long enough.
    fn is_due(&mut self) -> bool {
        if self.frames_left == Some(0) {
            self.looks = 0;
            return false;
        }
        let waited_s = f64::from(self.looks) * LOOK.as_secs_f64();
        let p = &self.parameters;
        let paced = waited_s + 1e-9 >= p.step_s / p.speed;
        if !p.lockstep || !self.heard || self.answered {
            return paced;
        }
        let missed = waited_s >= p.wait_limit_s;
        self.misses += u64::from(missed);
        missed
    }

    fn tick(&mut self, outputs: &mut Outputs) {
        if self.frame == 0 {
            self.introduce(outputs);
        }
        self.frames_left = self.frames_left.map(|left| left.saturating_sub(1));
        let speed = self.world.ego().vehicle.speed_mps;
        let asked = self.ackermann.as_mut().map(|(drive, state)| (state.cycle(drive, speed), drive.steering_angle));
        if let Some((_, angle)) = asked {
            // What that program would send on, which is told as the vehicle's status.
            self.control.steer = (-angle / self.parameters.max_steer_deg.to_radians() as f32).clamp(-1.0, 1.0);
        }
        for _ in 0..(self.parameters.step_s / STEP_S).round() as u32 {
            self.drive(asked.map(|(acceleration, _)| acceleration));
            self.world.step();
        }
        self.frame += 1;
        (self.looks, self.answered) = (0, false);
        outputs.publish(self.sensors.clock, Clock { clock: self.now().to_message() });
        self.publish_sensors(outputs);
        self.publish_bridge(outputs);
        self.publish_truth(outputs);
        if self.misses != self.told_misses || self.frame == 1 {
            self.told_misses = self.misses;
            let what = match self.parameters.contract {
                Contract::Native => "CARLA's native ROS 2 interface",
                Contract::CarlaRosBridge => "carla_ros_bridge",
            };
            let status = if self.misses == 0 {
                Status { message: format!("a stand-in for {what}: no CARLA"), ..Status::ok() }
            } else {
                Status::warn(format!("a stand-in for {what}: no CARLA; frames without their command in time"))
            };
            outputs.report(status.with("missed_commands", self.misses));
        }
    }

    /// `asked`: acceleration, m/s², where no pedals are.
    fn drive(&mut self, asked: Option<f64>) {
        let (control, ego) = (&self.control, self.world.ego());
        let speed = ego.vehicle.speed_mps;
        let most = self.parameters.max_steer_deg.to_radians();
        let pedal = |value: f32| f64::from(value).clamp(0.0, 1.0);
        let brake = if control.hand_brake { 1.0 } else { pedal(control.brake) };
        let level = match asked {
            Some(acceleration) => acceleration,
            None => pedals::acceleration(pedal(control.throttle), brake, speed),
        };
        let sign = if self.parameters.has(Peculiarity::SteerSign) { -1.0 } else { 1.0 };
        let follows = if self.parameters.has(Peculiarity::SteeringCurve) {
            self.parameters.steering_curve.share(speed)
        } else {
            1.0
        };
        let command = Command {
            steering_rad: sign * f64::from(control.steer).clamp(-1.0, 1.0) * most * follows,
            steering_rate_radps: 0.0,
            // The world's car takes most of a slope out by itself; CARLA's takes nothing out.
            acceleration_mps2: level + GRAVITY * ego.pitch_rad.sin() * GRADE_COMPENSATION,
            stamp_s: Time::from(&control.header.stamp).seconds(),
        };
        self.world.set_command(command);
    }

    /// The operator's goal, and what the bridge latches.
    fn introduce(&mut self, outputs: &mut Outputs) {
        let namer = Namer { parameters: &self.parameters, stamp: self.now().to_message() };
        let goal = self.world.goal();
        let pose = simulator::pose(goal, self.world.ground_height(goal.position));
        outputs.publish(self.truth.goal, PoseStamped { header: namer.header("map".into()), pose });
        let Some(bridge) = &self.bridge else { return };
        let p = &self.parameters;
        if let Some(text) = &self.map_text {
            outputs.publish(bridge.map, Text { data: text.clone() });
            let map_name = self.world.map().name.clone();
            outputs.publish(bridge.world_info, CarlaWorldInfo { map_name, opendrive: text.clone() });
        }
        let most = p.max_steer_deg.to_radians();
        let info = objects::vehicle_info(self.world.vehicle(), p.base_link_x_m, most, &p.role_name);
        outputs.publish(bridge.vehicle_info, info);
        outputs.publish(bridge.lights_info, objects::lights_info(&self.world));
    }

    fn publish_sensors(&mut self, outputs: &mut Outputs) {
        let (stamp, ego) = (self.now().to_message(), *self.world.ego());
        let (imu, gnss, scan) = (self.world.take_imu(), self.world.take_gnss(), self.world.take_lidar());
        let p = &self.parameters;
        let namer = Namer { parameters: p, stamp };
        let place = |id: &str, outputs: &mut Outputs| {
            if let Some(sensor) = self.rig.sensors.get(id) {
                outputs.publish(self.sensors.tf, TFMessage { transforms: vec![sensors::transform(sensor, &namer)] });
            }
        };
        if let Some(sample) = imu {
            let car = nalgebra::UnitQuaternion::from_euler_angles(ego.roll_rad, ego.pitch_rad, ego.vehicle.pose.yaw);
            let (roll, pitch, yaw) = (car * self.imu_mount.rotation).euler_angles();
            let attitude = Rotation::of_rpy(roll, pitch, yaw);
            outputs.publish(self.sensors.imu, sensors::imu(&sample, attitude, p, namer.of("imu")));
            place("imu", outputs);
        }
        if let Some(sample) = gnss {
            outputs.publish(self.sensors.gnss, sensors::fix(&sample, self.world.map(), p, namer.of("gnss")));
            place("gnss", outputs);
        }
        if let Some(scan) = scan {
            let cloud = sensors::cloud(&scan, &ego, &self.lidar_mount, namer.of("lidar"));
            outputs.publish(self.sensors.lidar, cloud);
            place("lidar", outputs);
        }
        if self.world.camera_due()
            && let Some(camera) = self.rig.sensors.get("front")
        {
            let info = sensors::camera_info(camera, self.image_size, p, namer.of("front"));
            outputs.publish(self.sensors.camera_info, info);
            place("front", outputs);
            if outputs.is_heard(self.sensors.image)
                && let Some(shot) = self.world.camera_shot()
            {
                let frame = self.darkroom.develop(&shot);
                outputs.publish(self.sensors.image, sensors::image(&frame, self.image_size, namer.of("front")));
            }
        }
    }

    fn publish_bridge(&mut self, outputs: &mut Outputs) {
        let Some(bridge) = &self.bridge else { return };
        let p = &self.parameters;
        let (world, base_x) = (&self.world, p.base_link_x_m);
        let namer = Namer { parameters: p, stamp: self.now().to_message() };
        let status = CarlaStatus {
            frame: self.frame,
            fixed_delta_seconds: p.step_s as f32,
            synchronous_mode: p.lockstep,
            synchronous_mode_running: true,
        };
        outputs.publish(bridge.status, status);
        let odometry = objects::odometry(world.ego(), base_x, &namer);
        outputs.publish(self.sensors.tf, TFMessage { transforms: vec![objects::transform(&odometry)] });
        outputs.publish(bridge.odometry, odometry);
        outputs.publish(bridge.vehicle_status, objects::vehicle_status(world.ego(), &self.control, &namer));
        outputs.publish(bridge.speedometer, Float32 { data: world.ego().vehicle.speed_mps as f32 });
        outputs.publish(bridge.objects, objects::objects(world, base_x, true, &namer));
        outputs.publish(bridge.own_objects, objects::objects(world, base_x, false, &namer));
        outputs.publish(bridge.actors, objects::actors(world, &p.role_name));
        let lights = objects::lights_status(world);
        if lights != self.lights_told {
            outputs.publish(bridge.lights_status, lights.clone());
            self.lights_told = lights;
        }
    }

    fn publish_truth(&mut self, outputs: &mut Outputs) {
        let stamp = self.now().to_message();
        let new = &self.world.events()[self.events_told..];
        if !new.is_empty() {
            let namer = Namer { parameters: &self.parameters, stamp: stamp.clone() };
            for event in new {
                let other = match &event.kind {
                    EventKind::Collision { actor, .. } => *actor,
                    EventKind::FixtureCollision { .. } => 0,
                    _ => continue,
                };
                let event =
                    CarlaCollisionEvent { header: namer.of("collision"), other_actor_id: other, ..Default::default() };
                outputs.publish(self.sensors.collision, event);
            }
            outputs.publish(self.truth.events, simulator::events(new, stamp.clone()));
            self.events_told = self.world.events().len();
        }
        let footprint = self.world.vehicle().footprint(self.world.ego().vehicle.pose);
        let crossed_lane_markings = self.markings.crossed(self.world.map(), &footprint);
        if !crossed_lane_markings.is_empty() {
            let namer = Namer { parameters: &self.parameters, stamp: stamp.clone() };
            let event = CarlaLaneInvasionEvent { header: namer.of("lane_invasion"), crossed_lane_markings };
            outputs.publish(self.sensors.lane_invasion, event);
        }
        outputs.publish(self.truth.odometry, simulator::odometry(self.world.ego(), stamp.clone()));
        if self.frame.is_multiple_of(2) {
            outputs.publish(self.truth.objects, simulator::objects(self.world.actors(), stamp.clone()));
        }
        outputs.publish(self.truth.score, simulator::score(&self.world, stamp));
    }
}
