//! What goes wrong on CARLA's side ends in waiting with a reason or with the brake, and ends when it is over.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use msgs::autoware_control_msgs::msg::Control;
use msgs::carla_msgs::msg::{CarlaEgoVehicleControl, CarlaEgoVehicleInfo, CarlaEgoVehicleInfoWheel};
use msgs::nav_msgs::msg::Odometry;
use msgs::rosgraph_msgs::msg::Clock;
use msgs::sensor_msgs::msg::{CameraInfo, Image, Imu, NavSatFix, PointCloud2, PointField};
use node::{Level, Shared, Status, Time};
use support::{Bridge, context, last};

const COMMAND: &str = "/carla/hero/vehicle_control_cmd";

fn at(seconds: f64) -> Time {
    Time::from_seconds(seconds)
}

fn cloud(stamp: Time) -> PointCloud2 {
    let field = |name: &str, offset| PointField { name: name.into(), offset, datatype: PointField::FLOAT32, count: 1 };
    let mut cloud = PointCloud2 {
        height: 1,
        width: 2,
        point_step: 12,
        row_step: 24,
        fields: vec![field("x", 0), field("y", 4), field("z", 8)],
        data: vec![0; 24],
        ..PointCloud2::default()
    };
    (cloud.header.stamp, cloud.header.frame_id) = (stamp.to_message(), "lidar".into());
    cloud
}

fn imu(stamp: Time, turn: f64) -> Imu {
    let mut imu = Imu::default();
    (imu.header.stamp, imu.header.frame_id) = (stamp.to_message(), "imu".into());
    (imu.angular_velocity.z, imu.linear_acceleration.z, imu.orientation.w) = (turn, 9.8, 1.0);
    imu
}

/// A world in lockstep with a stack that drives, by simulated time `sim` and the wall clock `wall`, s.
struct Drive {
    bridge: Bridge,
    sim: f64,
    wall: f64,
    status: Status,
    said: Vec<(String, Shared)>,
    silent: Vec<&'static str>,
}

impl Drive {
    fn new() -> Self {
        let (bridge, said) = (Bridge::new(&context(), &[]), Vec::new());
        let mut drive = Self { bridge, sim: 0.0, wall: 1e6, status: Status::ok(), said, silent: Vec::new() };
        drive.run(3.0);
        assert_eq!(drive.status.level, Level::Ok, "{:?}", drive.status);
        drive
    }

    fn now(&self) -> Time {
        at(self.wall)
    }

    fn hear<M: msgs::Message>(&mut self, topic: &str, message: M) {
        if !self.silent.contains(&topic) {
            let now = self.now();
            self.bridge.hear_message(now, topic, message);
        }
    }

    /// Wall time goes by.
    fn wait(&mut self, seconds: f64) {
        for _ in 0..(seconds / 0.005).round() as u32 {
            self.wall += 0.005;
            let now = self.now();
            self.bridge.timer(now);
            if let Some(status) = self.bridge.status() {
                self.status = status;
            }
            self.said.extend(self.bridge.said());
        }
    }

    /// The world's tick and its sensors.
    fn tick(&mut self) {
        self.sim += 0.05;
        let stamp = at(self.sim);
        self.hear("/clock", Clock { clock: stamp.to_message() });
        self.hear("/carla/hero/imu", imu(stamp, 0.01));
        let mut fix = NavSatFix { latitude: 48.1, longitude: 11.5, ..NavSatFix::default() };
        (fix.header.stamp, fix.header.frame_id) = (stamp.to_message(), "gnss".into());
        self.hear("/carla/hero/gnss", fix);
        self.hear("/carla/hero/lidar", cloud(stamp));
        let mut info = CameraInfo { width: 1152, height: 600, ..CameraInfo::default() };
        info.header.frame_id = "front".into();
        self.hear("/carla/hero/front/camera_info", info);
        let mut image = Image::default();
        image.header.stamp = stamp.to_message();
        self.hear("/carla/hero/front/image", image);
    }

    /// What the stack does with it.
    fn drive(&mut self) {
        let stamp = at(self.sim);
        let mut odometry = Odometry::default();
        (odometry.header.stamp, odometry.twist.twist.linear.x) = (stamp.to_message(), 8.0);
        odometry.pose.pose.orientation.w = 1.0;
        self.hear("~/input/localized", odometry);
        let mut control = Control { control_time: stamp.to_message(), ..Control::default() };
        control.longitudinal.acceleration = 0.5;
        self.hear("~/input/control_cmd", control);
    }

    fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds / 0.05).round() as u32 {
            self.tick();
            self.drive();
            self.wait(0.02);
        }
    }

    /// The last command, and whether it answers the newest frame.
    fn command(&mut self) -> CarlaEgoVehicleControl {
        let command = last::<CarlaEgoVehicleControl>(&self.said, COMMAND).expect("no command");
        assert_eq!(Time::from(&command.header.stamp), at(self.sim), "the newest frame has no answer");
        command
    }

    fn drives(&mut self) -> bool {
        let command = self.command();
        command.throttle > 0.0 && command.brake == 0.0
    }
}

#[test]
fn every_frame_gets_one_command_with_its_stamp() {
    let mut drive = Drive::new();
    drive.said.clear();
    drive.run(1.0);
    assert!(drive.drives());
    let stamps = drive.said.iter().filter(|(topic, _)| topic == COMMAND).count();
    assert_eq!(stamps, 20);
}

#[test]
fn a_stack_that_falls_silent_gives_the_brake_and_no_frame_waits_long() {
    let mut drive = Drive::new();
    for _ in 0..10 {
        drive.tick();
        drive.wait(0.6);
    }
    let command = drive.command();
    assert!(command.brake > 0.0 && command.throttle == 0.0, "{command:?}");
    drive.run(1.0);
    assert!(drive.drives());
}

#[test]
fn a_vanished_topic_is_told_and_so_is_its_return() {
    let mut drive = Drive::new();
    for topic in ["/carla/hero/lidar", "/carla/hero/imu", "/carla/hero/gnss"] {
        drive.silent = vec![topic];
        drive.run(1.0);
        assert_eq!(drive.status.level, Level::Error);
        assert!(drive.status.message.contains(&format!("no {topic} for")), "{}", drive.status.message);
        drive.silent.clear();
        drive.run(1.0);
        assert_eq!(drive.status.level, Level::Ok, "{:?}", drive.status);
    }
}

#[test]
fn a_paused_world_is_waited_for() {
    let mut drive = Drive::new();
    drive.wait(3.0);
    assert!(drive.status.message.contains("the world stands at"), "{}", drive.status.message);
    drive.run(1.0);
    assert!(drive.status.level == Level::Ok && drive.drives(), "{:?}", drive.status);
}

#[test]
fn a_restarted_server_begins_anew() {
    let mut drive = Drive::new();
    drive.run(2.0);
    // It takes a server longer than this to begin.
    drive.wait(2.5);
    drive.sim = 0.0;
    drive.said.clear();
    // Nobody has placed the car in the new world yet: the localizer is told where to start.
    for _ in 0..4 {
        drive.tick();
        drive.wait(0.1);
    }
    assert!(drive.said.iter().any(|(topic, _)| topic == "~/output/initial_pose"));
    assert!(drive.said.iter().any(|(topic, _)| topic == "~/output/tf_static"));
    assert!(drive.command().brake > 0.0);
    drive.run(2.0);
    assert!(drive.status.level == Level::Ok && drive.drives(), "{:?}", drive.status);
}

#[test]
fn a_second_vehicle_of_the_same_name_gives_the_brake_until_it_is_gone() {
    let mut drive = Drive::new();
    for _ in 0..20 {
        drive.tick();
        let stamp = at(drive.sim);
        drive.hear("/carla/hero/imu", imu(stamp, -0.4));
        drive.drive();
        drive.wait(0.02);
    }
    assert!(drive.status.level == Level::Error && drive.status.message.contains("two senders on /carla/hero/imu"));
    assert!(drive.command().brake > 0.0);
    drive.run(10.0);
    assert!(drive.status.level == Level::Ok && drive.drives(), "{:?}", drive.status);
}

#[test]
fn a_second_server_gives_the_brake_until_it_is_gone_and_nothing_of_it_counts() {
    for other in [0.5, 300.0] {
        let mut drive = Drive::new();
        drive.run(5.0);
        drive.said.clear();
        for n in 0..40 {
            let stamp = at(other + f64::from(n) * 0.05);
            drive.tick();
            drive.hear("/clock", Clock { clock: stamp.to_message() });
            drive.hear("/carla/hero/imu", imu(stamp, -0.4));
            drive.hear("/carla/hero/lidar", cloud(stamp));
            drive.drive();
            drive.wait(0.02);
        }
        assert!(drive.status.message.contains("two senders on /clock"), "{other}: {:?}", drive.status);
        assert!(drive.command().brake > 0.0, "{other}");
        drive.said.clear();
        // It is gone, and what it measured has made nothing of this world's old.
        drive.run(1.0);
        let count = |topic: &str| drive.said.iter().filter(|(name, _)| name == topic).count();
        assert_eq!((count("~/output/imu"), count("~/output/pointcloud"), count(COMMAND)), (20, 20, 20), "{other}");
        drive.run(30.0);
        assert!(drive.status.level == Level::Ok && drive.drives(), "{other}: {:?}", drive.status);
    }
}

#[test]
fn doubled_and_reordered_messages_do_not_go_on() {
    let mut drive = Drive::new();
    drive.said.clear();
    for _ in 0..20 {
        drive.tick();
        let stamp = at(drive.sim);
        drive.hear("/carla/hero/imu", imu(stamp, 0.01));
        drive.hear("/carla/hero/imu", imu(at(drive.sim - 0.05), 0.01));
        drive.hear("/carla/hero/lidar", cloud(stamp));
        drive.hear("/clock", Clock { clock: at(drive.sim - 0.05).to_message() });
        drive.drive();
        drive.wait(0.02);
    }
    let count = |topic: &str| drive.said.iter().filter(|(name, _)| name == topic).count();
    assert_eq!((count("~/output/imu"), count("~/output/pointcloud"), count(COMMAND)), (20, 20, 20));
    assert!(drive.drives());
}

#[test]
fn messages_that_make_no_sense_are_refused_with_the_reason() {
    let mut drive = Drive::new();
    for _ in 0..10 {
        drive.tick();
        let mut broken = cloud(at(drive.sim + 0.01));
        broken.data.pop();
        drive.hear("/carla/hero/lidar", broken);
        drive.drive();
        drive.wait(0.02);
    }
    assert!(drive.status.message.contains("do not fit 23 bytes"), "{}", drive.status.message);
    drive.run(1.0);
    assert_eq!(drive.status.level, Level::Ok);
}

#[test]
fn without_any_clock_it_says_what_to_look_at() {
    let mut bridge = Bridge::new(&context(), &[]);
    let mut told = None;
    for step in 0..1000 {
        bridge.timer(at(1e6 + f64::from(step) * 0.005));
        told = bridge.status().or(told);
    }
    assert!(told.unwrap().message.contains("waiting for /clock"));
}

#[test]
fn full_steer_and_rear_axle_are_taken_from_vehicle_info() {
    let mut drive = Drive::new();
    let wheel = |x: f64, steer: f32| {
        let mut wheel = CarlaEgoVehicleInfoWheel { max_steer_angle: steer, ..CarlaEgoVehicleInfoWheel::default() };
        wheel.position.x = x;
        wheel
    };
    let wheels = vec![wheel(1.5, 0.5), wheel(1.5, 0.5), wheel(-1.3, 0.0), wheel(-1.3, 0.0)];
    drive.hear("/carla/hero/vehicle_info", CarlaEgoVehicleInfo { wheels, ..CarlaEgoVehicleInfo::default() });
    drive.tick();
    let stamp = at(drive.sim);
    let mut control = Control { control_time: stamp.to_message(), ..Control::default() };
    control.lateral.steering_tire_angle = 0.25;
    drive.hear("~/input/control_cmd", control);
    drive.wait(0.02);
    // Half of full steer, and more at 8 m/s, where full steer is less: the curve between 5.56 and 16.67 m/s.
    let share = 0.9 - 0.1 * (8.0 - 5.56) / (16.67 - 5.56);
    assert!((drive.command().steer + 0.5 / share).abs() < 1e-5, "{}", drive.command().steer);
    let frames = last::<msgs::tf2_msgs::msg::TFMessage>(&drive.said, "~/output/tf_static").unwrap();
    let lidar = frames.transforms.iter().find(|t| t.child_frame_id == "lidar_top").unwrap();
    assert!((lidar.transform.translation.x - (-0.2 + 1.3)).abs() < 1e-9);
}
