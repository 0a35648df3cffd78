use std::sync::Arc;
use std::time::Duration;

use carla_rig::Rig;
use msgs::ackermann_msgs::msg::{AckermannDrive, AckermannDriveStamped};
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_vehicle_msgs::msg::SteeringReport;
use msgs::carla_msgs::msg::{CarlaEgoVehicleControl, CarlaEgoVehicleInfo, CarlaEgoVehicleStatus};
use msgs::nav_msgs::msg::Odometry;
use msgs::sensor_msgs::msg::{Image, Imu, NavSatFix, NavSatStatus, PointCloud2};
use msgs::tf2_msgs::msg::TFMessage;
use nalgebra::{Isometry3, Translation3};
use node::{ClockTrack, Context, Definition, Event, Node, NodeError, Outputs, Ports, Status, Tick, Time, Timer};

use crate::answer::{Answer, Answers};
use crate::contract::{Contract, Quirks};
use crate::convert;
use crate::lights::Lights;
use crate::longitudinal::Pedals;
use crate::odometry;
use crate::parameters::{CommandChoice, LightsChoice, OdometryChoice, Parameters};
use crate::ports::{Inputs, Out};
use crate::watch::{self, SensorWatch, digest, digest_of};

const LIDAR_FRAME: &str = "lidar_top";
const CAMERA_FRAME: &str = "camera_front_optical";
/// Not `imu` and `gnss`: native CARLA has frames of its own under the sensors' bare names.
const IMU_FRAME: &str = "imu_link";
const GNSS_FRAME: &str = "gnss_link";
/// Silent for this long, of simulated time, the localizer is told where to start, s.
const UNPLACED_S: f64 = 0.5;
/// And again after this long, s.
const START_AGAIN_S: f64 = 1.0;
/// A car that is braked and localized as slower than this stands, m/s.
const STANDING_MPS: f64 = 0.2;
/// An AckermannDrive's speed is the one that its acceleration leads to after this, s.
const ACKERMANN_AHEAD_S: f64 = 1.0;
/// How often the status is looked at, in timer events.
const STATUS_EVERY: u32 = 20;

/// Where the sensors sit on the vehicle (its own frame), and the camera's focal length.
struct Mounts {
    lidar: Isometry3<f64>,
    camera: Isometry3<f64>,
    imu: Isometry3<f64>,
    gnss: Isometry3<f64>,
    rig: Rig,
}

/// The sensors' topics.
struct Watches {
    lidar: SensorWatch,
    image: SensorWatch,
    gnss: SensorWatch,
    imu: SensorWatch,
}

impl Watches {
    fn all(&self) -> [&SensorWatch; 4] {
        [&self.imu, &self.gnss, &self.lidar, &self.image]
    }

    fn all_mut(&mut self) -> [&mut SensorWatch; 4] {
        [&mut self.imu, &mut self.gnss, &mut self.lidar, &mut self.image]
    }
}

/// Speed, m/s, of an AckermannDrive that is to give an acceleration, m/s². carla_ackermann_control follows moderate
/// accelerations only toward this speed, and takes 0 for the hardest braking.
fn ackermann_speed(acceleration: f64, speed: f64) -> f64 {
    if acceleration <= 0.0 && speed < STANDING_MPS {
        return 0.0;
    }
    (speed + acceleration * ACKERMANN_AHEAD_S).max(STANDING_MPS)
}

/// The node: see the crate's documentation.
pub struct CarlaBridge {
    parameters: Parameters,
    inputs: Inputs,
    out: Out,
    timer: Timer,
    map: Option<Arc<road_map::LaneGraph>>,
    mounts: Mounts,
    contract: Option<Contract>,
    /// The rear axle ahead of the vehicle's middle, m.
    base_x: f64,
    max_steer_rad: f64,
    clock: ClockTrack,
    watches: Watches,
    answers: Answers,
    pedals: Pedals,
    lights: Lights,
    /// The car's pose that went out last.
    placed: Option<Odometry>,
    /// Stamp of the localizer's odometry that came last.
    localized: Option<Time>,
    /// Stamp of the simulator's own odometry that came last.
    simulator_odometry: Option<Time>,
    fix: Option<(Time, [f64; 2])>,
    yaw: Option<(Time, f64)>,
    start_told: Option<Time>,
    frames_told: bool,
    last_steer: f32,
    /// Whether the last command braked.
    brakes: bool,
    late: u64,
    ticks: u32,
    wall: Time,
    /// The first event, by the wall clock.
    since: Option<Time>,
    told: String,
}

impl Definition for CarlaBridge {
    const NAME: &'static str = "carla_bridge";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        let p = &parameters;
        let rig = Rig::from_file(&context.resolve(&p.sensors_file)).map_err(|e| NodeError::new(e.to_string()))?;
        let mount = |id: &str, kind: &str| rig.require(id, kind).map(|sensor| sensor.mount).map_err(NodeError::new);
        let mounts = Mounts {
            lidar: mount(&p.lidar, "sensor.lidar")?,
            camera: mount(&p.camera, "sensor.camera")?,
            imu: mount(&p.imu, "sensor.other.imu")?,
            gnss: mount(&p.gnss, "sensor.other.gnss")?,
            rig,
        };
        let watch = |id: &str| SensorWatch::new(format!("/carla/{}/{id}", p.role_name));
        Ok(Self {
            inputs: Inputs::new(p, ports),
            out: Out::new(p, ports),
            timer: ports.timer(Duration::from_millis(5)),
            map: context.map.clone(),
            mounts,
            contract: p.contract.chosen(),
            base_x: p.base_link_x_m,
            max_steer_rad: p.max_steer_rad,
            clock: ClockTrack::default(),
            watches: Watches {
                lidar: watch(&p.lidar),
                image: watch(&format!("{}/image", p.camera)),
                gnss: watch(&p.gnss),
                imu: watch(&p.imu),
            },
            answers: Answers::default(),
            pedals: Pedals::new(p.longitudinal.clone(), context.vehicle),
            lights: Lights::default(),
            placed: None,
            localized: None,
            simulator_odometry: None,
            fix: None,
            yaw: None,
            start_told: None,
            frames_told: false,
            last_steer: 0.0,
            brakes: false,
            late: 0,
            ticks: 0,
            wall: Time(0),
            since: None,
            told: String::new(),
            parameters,
        })
    }
}

impl Node for CarlaBridge {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        self.wall = event.now;
        self.since.get_or_insert(event.now);
        if let Some(clock) = event.message(self.inputs.clock) {
            self.on_clock(Time::from(&clock.clock), outputs);
        } else if let Some(message) = event.message(self.inputs.imu) {
            self.on_imu(message, outputs);
        } else if let Some(message) = event.message(self.inputs.gnss) {
            self.on_gnss(message, outputs);
        } else if let Some(message) = event.message(self.inputs.lidar) {
            self.on_lidar(message, outputs);
        } else if let Some(message) = event.message(self.inputs.image) {
            self.on_image(message, outputs);
        } else if let Some(message) = event.message(self.inputs.camera_info) {
            if let Some(quirks) = self.quirks(&message.header.frame_id, &self.parameters.camera.clone()) {
                let focal = self.mounts.rig.sensors.get(&self.parameters.camera);
                let focal = focal.and_then(|camera| camera.focal_px(message.width));
                match convert::camera_info(message, quirks, focal, CAMERA_FRAME) {
                    Ok(info) => outputs.publish(self.out.camera_info, info),
                    Err(reason) => self.watches.image.refuse(format!("camera_info: {reason}")),
                }
            }
        } else if let Some(message) = event.message(self.inputs.odometry) {
            self.on_simulator_odometry(message, outputs);
        } else if let Some(message) = event.message(self.inputs.localized) {
            self.localized = Some(Time::from(&message.header.stamp));
            if !self.has_simulator_odometry() {
                self.place(message.clone(), true, outputs);
            }
        } else if let Some(message) = event.message(self.inputs.status) {
            self.on_vehicle_status(message, outputs);
        } else if let Some(message) = event.message(self.inputs.info) {
            self.on_vehicle_info(message);
        } else if let Some(message) = event.message(self.inputs.lights_info) {
            if let Some(map) = &self.map {
                self.lights.take_info(message, map, self.parameters.traffic_light_reach_m);
            }
        } else if let Some(message) = event.message(self.inputs.lights_status) {
            self.lights.take_status(message);
        } else if let Some(control) = event.message(self.inputs.control) {
            self.answers.control(control);
        } else if let Some(trajectory) = event.message(self.inputs.trajectory) {
            self.answers.trajectory(Time::from(&trajectory.header.stamp));
        } else if event.is(self.timer) {
            self.ticks = self.ticks.wrapping_add(1);
            if self.ticks.is_multiple_of(STATUS_EVERY) {
                self.tell(outputs);
            }
        }
        self.answer(outputs);
    }
}

impl CarlaBridge {
    /// What is peculiar in the contract, which the first sensor message may tell.
    fn quirks(&mut self, frame: &str, sensor: &str) -> Option<&'static Quirks> {
        if self.contract.is_none() {
            self.contract = Contract::of_frame(frame, &self.parameters.role_name, sensor);
        }
        self.contract.map(Contract::quirks)
    }

    fn on_clock(&mut self, clock: Time, outputs: &mut Outputs) {
        match self.clock.take(clock, self.wall) {
            Tick::Old | Tick::Foreign => return,
            Tick::Restart => self.restart(),
            Tick::Frame => {}
        }
        if !self.frames_told {
            self.tell_frames(clock, outputs);
        }
        self.answers.frame(clock, self.wall, &self.parameters.patience());
        self.tell_start(clock, outputs);
        if self.parameters.traffic_lights == LightsChoice::Bridge
            && let Some(message) = self.lights.message(clock)
        {
            outputs.publish(self.out.lights, message);
        }
    }

    /// Another world begins: nothing that was heard of the old one counts.
    fn restart(&mut self) {
        self.watches.all_mut().into_iter().for_each(SensorWatch::restart);
        self.answers.restart();
        self.pedals.restart();
        self.lights.restart();
        self.contract = self.parameters.contract.chosen();
        (self.placed, self.localized, self.simulator_odometry) = (None, None, None);
        (self.fix, self.yaw, self.start_told) = (None, None, None);
        self.frames_told = false;
    }

    fn tell_frames(&mut self, stamp: Time, outputs: &mut Outputs) {
        let on = |mount: &Isometry3<f64>| odometry::on_base_link(mount, self.base_x);
        let m = &self.mounts;
        let base = frames::BASE_LINK;
        let mut transforms = vec![
            odometry::fixed(base, LIDAR_FRAME, &on(&m.lidar), stamp),
            odometry::fixed(base, CAMERA_FRAME, &odometry::optical(&on(&m.camera)), stamp),
            odometry::fixed(base, IMU_FRAME, &on(&m.imu), stamp),
            odometry::fixed(base, GNSS_FRAME, &on(&m.gnss), stamp),
        ];
        if self.contract == Some(Contract::Native) {
            // The server hangs its sensors on a frame that hangs nowhere.
            let middle = Isometry3::from(Translation3::new(-self.base_x, 0.0, 0.0));
            transforms.push(odometry::fixed(base, &self.parameters.role_name, &middle, stamp));
        }
        outputs.publish(self.out.tf_static, TFMessage { transforms });
        self.frames_told = self.contract.is_some();
    }

    /// Tells the localizer where to start, by fix and compass, while it does not know where the car is.
    fn tell_start(&mut self, clock: Time, outputs: &mut Outputs) {
        let placed = self.localized.is_some_and(|at| clock.since(at) < UNPLACED_S);
        let told = self.start_told.is_some_and(|at| clock.since(at) < START_AGAIN_S);
        let (Some((fix_at, fix)), Some((yaw_at, yaw))) = (self.fix, self.yaw) else { return };
        if placed || told || clock.since(fix_at) > 0.2 || clock.since(yaw_at) > 0.2 {
            return;
        }
        let p = &self.parameters;
        let antenna = odometry::on_base_link(&self.mounts.gnss, self.base_x);
        let start = odometry::start(fix_at, fix, yaw, &antenna, [p.gnss_sigma_m, p.compass_sigma_rad]);
        outputs.publish(self.out.initial_pose, start);
        self.start_told = Some(clock);
    }

    fn on_imu(&mut self, message: &Imu, outputs: &mut Outputs) {
        let Some(quirks) = self.quirks(&message.header.frame_id, &self.parameters.imu.clone()) else {
            return self.watches.imu.refuse(self.unknown_frame(&message.header.frame_id));
        };
        let stamp = Time::from(&message.header.stamp);
        let (w, a, q) = (&message.angular_velocity, &message.linear_acceleration, &message.orientation);
        let content = digest_of(&[w.x, w.y, w.z, a.x, a.y, a.z, q.z, q.w]);
        if !self.watches.imu.accept(stamp, self.clock.now(), content, self.wall) {
            return;
        }
        match convert::imu(message, quirks, IMU_FRAME) {
            Ok(imu) => {
                if let Some(on_car) = convert::rotation(&imu.orientation) {
                    let car = on_car * self.mounts.imu.rotation.inverse();
                    self.yaw = Some((stamp, car.euler_angles().2));
                }
                self.watches.imu.sound();
                outputs.publish(self.out.imu, imu);
            }
            Err(reason) => self.watches.imu.refuse(reason),
        }
    }

    fn on_gnss(&mut self, message: &NavSatFix, outputs: &mut Outputs) {
        let Some(quirks) = self.quirks(&message.header.frame_id, &self.parameters.gnss.clone()) else {
            return self.watches.gnss.refuse(self.unknown_frame(&message.header.frame_id));
        };
        let stamp = Time::from(&message.header.stamp);
        let content = digest_of(&[message.latitude, message.longitude, message.altitude]);
        if !self.watches.gnss.accept(stamp, self.clock.now(), content, self.wall) {
            return;
        }
        let Some(map) = &self.map else {
            return self.watches.gnss.refuse("no map to place the fix in: set map_path".into());
        };
        let reference = self.parameters.georeference.resolve(quirks.georeference);
        let origin = reference.origin_for(map.origin, message.latitude, message.longitude);
        let at = reference.to_map(origin, message.latitude, message.longitude);
        if !at.is_finite() {
            return self.watches.gnss.refuse("latitude or longitude is not finite".into());
        }
        let mut fix = message.clone();
        fix.header.frame_id = GNSS_FRAME.into();
        (fix.latitude, fix.longitude) = map.geo().to_geographic(at);
        // Neither contract fills it in: what the type has by default says, since ROS 2 Jazzy, that nothing is known.
        if fix.status.status == NavSatStatus::STATUS_UNKNOWN {
            fix.status.status = NavSatStatus::STATUS_FIX;
        }
        if fix.position_covariance_type == NavSatFix::COVARIANCE_TYPE_UNKNOWN {
            let variance = self.parameters.gnss_sigma_m.powi(2);
            fix.position_covariance_type = NavSatFix::COVARIANCE_TYPE_APPROXIMATED;
            for (axis, share) in [(0, 1.0), (4, 1.0), (8, 4.0)] {
                fix.position_covariance[axis] = variance * share;
            }
        }
        self.fix = Some((stamp, [at.x, at.y]));
        self.watches.gnss.sound();
        outputs.publish(self.out.gnss, fix);
    }

    fn on_lidar(&mut self, message: &PointCloud2, outputs: &mut Outputs) {
        if self.quirks(&message.header.frame_id, &self.parameters.lidar.clone()).is_none() {
            return self.watches.lidar.refuse(self.unknown_frame(&message.header.frame_id));
        }
        let stamp = Time::from(&message.header.stamp);
        if !self.watches.lidar.accept(stamp, self.clock.now(), digest(&message.data), self.wall) {
            return;
        }
        match convert::cloud(message, LIDAR_FRAME) {
            Ok(cloud) => {
                self.watches.lidar.sound();
                outputs.publish(self.out.lidar, cloud);
            }
            Err(reason) => self.watches.lidar.refuse(reason),
        }
    }

    fn on_image(&mut self, message: &Image, outputs: &mut Outputs) {
        let stamp = Time::from(&message.header.stamp);
        if !self.watches.image.accept(stamp, self.clock.now(), digest(&message.data), self.wall)
            || !outputs.is_heard(self.out.image)
        {
            return;
        }
        match convert::image(message, CAMERA_FRAME) {
            Ok(image) => {
                self.watches.image.sound();
                outputs.publish(self.out.image, image);
            }
            Err(reason) => self.watches.image.refuse(reason),
        }
    }

    fn unknown_frame(&self, frame: &str) -> String {
        format!(
            "its frame `{frame}` is of neither contract: expected the sensor's name, or {}/ and it",
            self.parameters.role_name
        )
    }

    fn has_simulator_odometry(&self) -> bool {
        let Some((at, clock)) = self.simulator_odometry.zip(self.clock.now()) else { return false };
        clock.since(at) < self.parameters.sensor_timeout_s
    }

    fn on_simulator_odometry(&mut self, message: &Odometry, outputs: &mut Outputs) {
        let stamp = Time::from(&message.header.stamp);
        let clock = self.clock.now();
        self.simulator_odometry = self.simulator_odometry.filter(|at| !watch::is_ahead(*at, clock));
        if self.parameters.odometry == OdometryChoice::Localizer
            || self.simulator_odometry >= Some(stamp)
            || watch::is_ahead(stamp, clock)
        {
            return;
        }
        // One that cannot be used is as none: the localizer's is taken.
        if let Ok(odometry) = odometry::of_simulator(message, self.base_x) {
            self.simulator_odometry = Some(stamp);
            self.place(odometry, false, outputs);
        }
    }

    /// The car's pose goes out. `speedless`: nobody else reports its speed.
    fn place(&mut self, mut odometry: Odometry, speedless: bool, outputs: &mut Outputs) {
        // No wheel says that it stands, and GNSS and accelerometer never quite do.
        if speedless && self.brakes && odometry.twist.twist.linear.x.abs() < STANDING_MPS {
            odometry.twist.twist.linear.x = 0.0;
        }
        self.pedals.observe(Time::from(&odometry.header.stamp), odometry.twist.twist.linear.x);
        outputs.publish(self.out.tf, odometry::transform(&odometry));
        if speedless {
            outputs.publish(self.out.velocity, odometry::speed_report(&odometry));
        }
        outputs.publish(self.out.kinematic_state, odometry.clone());
        self.placed = Some(odometry);
    }

    fn on_vehicle_status(&mut self, message: &CarlaEgoVehicleStatus, outputs: &mut Outputs) {
        let (speed, steer) = (message.velocity, message.control.steer);
        if !speed.is_finite() || !steer.is_finite() || !self.has_simulator_odometry() {
            return;
        }
        // CARLA's is the amount of the velocity.
        let speed = if message.control.reverse { -speed } else { speed };
        let mut report = msgs::autoware_vehicle_msgs::msg::VelocityReport::default();
        (report.header.stamp, report.header.frame_id) = (message.header.stamp.clone(), frames::BASE_LINK.into());
        report.longitudinal_velocity = speed;
        outputs.publish(self.out.velocity, report);
        let angle = self.angle(steer, f64::from(speed));
        let stamp = message.header.stamp.clone();
        outputs.publish(self.out.steering, SteeringReport { stamp, steering_tire_angle: angle as f32 });
    }

    fn on_vehicle_info(&mut self, message: &CarlaEgoVehicleInfo) {
        let sound = |angle: f64| (0.05..=1.6).contains(&angle);
        let steered = message.wheels.iter().map(|w| f64::from(w.max_steer_angle)).filter(|angle| sound(*angle));
        if let Some(most) = steered.max_by(f64::total_cmp) {
            self.max_steer_rad = most;
        }
        // The rear wheels are those that do not steer.
        let rear: Vec<f64> =
            message.wheels.iter().filter(|w| w.max_steer_angle.abs() < 0.01).map(|w| w.position.x).collect();
        let base_x = rear.iter().sum::<f64>() / rear.len() as f64;
        if (-5.0..=5.0).contains(&base_x) && (base_x - self.base_x).abs() > 1e-3 {
            (self.base_x, self.frames_told) = (base_x, false);
        }
    }

    /// Why the car must not be driven, whatever the stack says.
    fn forbidden(&self) -> Option<String> {
        if self.clock.has_two_worlds(self.wall) {
            return Some("two senders on /clock, and the first is followed: end one of the two servers".into());
        }
        let double = self.watches.all().into_iter().find(|watch| watch.has_second_sender(self.wall))?;
        Some(format!(
            "two senders on {}: a second vehicle of the role name `{}`?",
            double.topic, self.parameters.role_name
        ))
    }

    fn answer(&mut self, outputs: &mut Outputs) {
        let Some((clock, answer)) = self.answers.next(self.wall, &self.parameters.patience()) else { return };
        let answer = if answer != Answer::Wait && self.forbidden().is_some() { Answer::Hold } else { answer };
        let speed = self.placed.as_ref().map_or(0.0, |o| o.twist.twist.linear.x);
        let pitch = self.placed.as_ref().map_or(0.0, odometry::pitch_rad);
        match answer {
            Answer::Wait => {}
            Answer::Drive { control, late } => {
                self.late += u64::from(late);
                self.send(clock, &control, speed, pitch, outputs);
            }
            Answer::Hold => {
                let mut control = Control::default();
                control.lateral.steering_tire_angle = self.angle(self.last_steer, speed) as f32;
                control.longitudinal.acceleration = -self.parameters.hold_deceleration_mps2 as f32;
                self.send(clock, &control, speed, pitch, outputs);
            }
        }
    }

    fn send(&mut self, clock: Time, control: &Control, speed: f64, pitch: f64, outputs: &mut Outputs) {
        let mut header = msgs::std_msgs::msg::Header::default();
        (header.stamp, header.frame_id) = (clock.to_message(), self.parameters.role_name.clone());
        let asked = f64::from(control.longitudinal.acceleration);
        // NaN brakes.
        let asked = if asked.is_finite() { asked } else { -self.parameters.hold_deceleration_mps2 };
        let angle = f64::from(control.lateral.steering_tire_angle);
        let most = self.max_steer_rad * self.parameters.steering_curve.share(speed);
        let steer = (-angle / most).clamp(-1.0, 1.0) as f32;
        if steer.is_finite() {
            self.last_steer = steer;
        }
        if self.parameters.command == CommandChoice::Ackermann {
            let drive = AckermannDrive {
                // Who takes it divides it by the largest angle, and knows no curve.
                steering_angle: -self.last_steer * self.max_steer_rad as f32,
                steering_angle_velocity: 0.0,
                speed: ackermann_speed(asked, speed) as f32,
                acceleration: asked as f32,
                jerk: 0.0,
            };
            self.brakes = asked < 0.0;
            match self.contract {
                Some(Contract::Native) => {
                    outputs.publish(self.out.ackermann_stamped, AckermannDriveStamped { header, drive });
                }
                _ => outputs.publish(self.out.ackermann, drive),
            }
            return;
        }
        let (throttle, brake) = self.pedals.pedals(clock, asked, speed, pitch);
        self.brakes = brake > 0.0;
        let command = CarlaEgoVehicleControl {
            header,
            throttle: throttle as f32,
            steer: self.last_steer,
            brake: brake as f32,
            gear: 1,
            ..CarlaEgoVehicleControl::default()
        };
        outputs.publish(self.out.command, command);
    }

    /// Tyre angle, rad, left positive, of a steer at a speed, m/s.
    fn angle(&self, steer: f32, speed: f64) -> f64 {
        -f64::from(steer) * self.max_steer_rad * self.parameters.steering_curve.share(speed)
    }

    fn status(&self) -> Status {
        let p = &self.parameters;
        if let Some(reason) = self.forbidden() {
            return Status::error(format!("the brake holds: {reason}"));
        }
        let Some(clock) = self.clock.now() else {
            return Status::error(
                "waiting for /clock: is CARLA up with --ros2 (or carla_ros_bridge), and on this ROS_DOMAIN_ID? The server itself is on domain 0 only",
            );
        };
        let faults: Vec<String> = self
            .watches
            .all()
            .into_iter()
            .filter(|watch| p.traffic_lights == LightsChoice::Camera || watch.topic != self.watches.image.topic)
            .filter_map(|watch| watch.fault(clock, p.sensor_timeout_s))
            .collect();
        let stands_s = self.clock.stands_for_s(self.wall).unwrap_or_default();
        if stands_s > p.standing_warn_s {
            return Status::warn(format!("the world stands at {clock}: it is paused, or nobody ticks it"));
        }
        if !faults.is_empty() {
            return Status::error(faults.join("; "));
        }
        if self.placed.is_none() {
            return Status::warn("waiting for the car's pose: from the localizer, or from the simulator's odometry");
        }
        Status::ok()
    }

    fn tell(&mut self, outputs: &mut Outputs) {
        // What connects takes a moment.
        if self.since.is_some_and(|since| self.wall.since(since) < 2.0) && self.placed.is_none() {
            return;
        }
        let status = self.status();
        let kind: String = status.message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if kind == self.told {
            return;
        }
        self.told = kind;
        let sum = |count: fn(&SensorWatch) -> u64| self.watches.all().into_iter().map(count).sum::<u64>();
        let odometry = if self.has_simulator_odometry() { "simulator" } else { "localizer" };
        let status = status
            .with("contract", self.contract.map_or("not known yet", |contract| contract.quirks().name))
            .with("odometry", odometry)
            .with("doubled", sum(|watch| watch.doubled))
            .with("reordered", sum(|watch| watch.reordered) + self.clock.reordered())
            .with("of_another_time", sum(|watch| watch.ahead))
            .with("refused", sum(|watch| watch.refused))
            .with("late_answers", self.late)
            .with("learned_mps2", format!("{:.2}", self.pedals.learned_mps2()));
        outputs.report(status);
    }
}
