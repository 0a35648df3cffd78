//! The stand-in, written from the contracts' sources alone, publishes; the bridge converts; what comes out is held against
//! the world's truth. Each peculiarity that the stand-in leaves out must be noticed.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::collections::BTreeMap;

use carla_bridge::GeoReference;
use carla_stand_in::{CarlaStandIn, Location};
use msgs::autoware_control_msgs::msg::Control;
use msgs::nav_msgs::msg::Odometry;
use msgs::sensor_msgs::msg::{CameraInfo, Imu, NavSatFix, PointCloud2};
use node::Time;
use support::{Bridge, Made, context, last};

/// Largest errors that noise explains.
const LIMITS: [(&str, f64); 7] = [
    ("turn_rate", 0.03),
    ("lateral", 0.25),
    ("yaw", 0.02),
    ("place", 1.0),
    ("focal", 1e-6),
    ("points", 0.0),
    ("tyre_angle", 0.01),
];
/// Of the front tyres, left positive, rad.
const ASKED_ANGLE: f64 = 0.25;

/// Drives a left turn through both; the errors of what the bridge makes of the sensors, and whether the car turned left.
fn errors(contract: &str, without: &str) -> (BTreeMap<&'static str, f64>, bool) {
    let context = context();
    let without = format!("[{without}]");
    let set = [("contract", contract), ("lockstep", "false"), ("seed", "2001"), ("without", without.as_str())];
    let mut world = Made::<CarlaStandIn>::new(&context, &set);
    let mut bridge = Bridge::new(&context, &[]);
    let map = context.map.as_ref().unwrap();
    let mut errors: BTreeMap<&'static str, f64> = LIMITS.iter().map(|(name, _)| (*name, f64::INFINITY)).collect();
    for frame in 1..=60 {
        let now = Time::from_seconds(f64::from(frame) * 0.05);
        (0..25).for_each(|_| world.timer(now));
        for (topic, message) in world.said() {
            bridge.hear(now, &topic, &message);
        }
        let ego = *world.node.world().ego();
        let mut localized = Odometry::default();
        (localized.header.stamp, localized.pose.pose.orientation.w) = (now.to_message(), 1.0);
        localized.twist.twist.linear.x = ego.vehicle.speed_mps;
        bridge.hear_message(now, "~/input/localized", localized);
        let mut control = Control { control_time: now.to_message(), ..Control::default() };
        (control.lateral.steering_tire_angle, control.longitudinal.acceleration) = (ASKED_ANGLE as f32, 2.0);
        bridge.hear_message(now, "~/input/control_cmd", control);
        let said = bridge.said();
        for (topic, message) in &said {
            world.hear(now, topic, message);
        }
        if frame < 50 {
            continue;
        }
        let mut note = |what: &'static str, error: f64| {
            let entry = errors.entry(what).or_insert(f64::INFINITY);
            *entry = if entry.is_finite() { entry.max(error) } else { error };
        };
        note("tyre_angle", (ego.vehicle.steering_rad - ASKED_ANGLE).abs());
        if let Some(imu) = last::<Imu>(&said, "~/output/imu") {
            note("turn_rate", (imu.angular_velocity.z - ego.yaw_rate_radps).abs());
            note("lateral", (imu.linear_acceleration.y - ego.lateral_acceleration_mps2).abs());
            let yaw = 2.0 * imu.orientation.z.atan2(imu.orientation.w);
            note("yaw", geometry::angle_difference(yaw, ego.vehicle.pose.yaw).abs());
            assert_eq!(imu.header.frame_id, "imu_link");
        }
        if let Some(fix) = last::<NavSatFix>(&said, "~/output/gnss") {
            let antenna = ego.vehicle.pose.transform(geometry::Point2::<geometry::BaseLink>::new(0.6, 0.0));
            note("place", map.geo().to_map(fix.latitude, fix.longitude).distance(antenna));
            assert!(fix.position_covariance[0] > 0.0 && fix.status.status == 0 && fix.header.frame_id == "gnss_link");
        }
        if let Some(info) = last::<CameraInfo>(&said, "~/output/camera_info") {
            let focal = f64::from(info.width) / (2.0 * 43.0_f64.to_radians().tan());
            note("focal", (info.k[0] / focal - 1.0).abs());
        }
        if let Some(cloud) = last::<PointCloud2>(&said, "~/output/pointcloud") {
            let fields: Vec<&str> = cloud.fields.iter().map(|f| f.name.as_str()).collect();
            let sound = fields == ["x", "y", "z", "intensity"] && cloud.header.frame_id == "lidar_top";
            note("points", if sound && cloud.width > 1000 { 0.0 } else { 1.0 });
        }
    }
    (errors, world.node.world().ego().yaw_rate_radps > 0.1)
}

/// Names of those beyond their limits.
fn wrong(errors: &BTreeMap<&'static str, f64>) -> Vec<&'static str> {
    LIMITS.iter().filter(|(name, limit)| !(errors[name] <= *limit)).map(|(name, _)| *name).collect()
}

#[test]
fn what_the_bridge_makes_of_either_contract_is_the_worlds_truth() {
    for contract in ["native", "carla_ros_bridge"] {
        let (errors, left) = errors(contract, "");
        assert!(wrong(&errors).is_empty() && left, "{contract}: {errors:?}, left {left}");
    }
}

#[test]
fn each_peculiarity_of_the_server_that_is_missing_shows() {
    for (without, expected) in [
        ("imu_axes", vec!["turn_rate", "lateral"]),
        ("imu_yaw", vec!["yaw"]),
        ("georeference", vec!["place"]),
        ("steering_curve", vec!["tyre_angle"]),
        ("frames", vec!["turn_rate", "lateral", "yaw", "place", "focal"]),
    ] {
        let (errors, left) = errors("native", without);
        assert_eq!(wrong(&errors), expected, "without {without}: {errors:?}");
        assert!(left);
    }
    assert!(!errors("native", "steer_sign").1, "a steer of the other sign still turns the car left");
}

#[test]
fn each_peculiarity_of_the_ros_bridge_that_is_missing_shows() {
    let (frames, _) = errors("carla_ros_bridge", "frames");
    assert!(wrong(&frames).contains(&"turn_rate") && wrong(&frames).contains(&"place"), "{frames:?}");
    assert!(!errors("carla_ros_bridge", "steer_sign").1);
    assert_eq!(wrong(&errors("carla_ros_bridge", "steering_curve").0), ["tyre_angle"]);
}

/// Two kilometres from the origin the two versions and the true projection lie metres apart.
#[test]
fn a_fix_of_one_version_read_as_another_is_elsewhere() {
    let map = context().map.unwrap();
    let at = geometry::Point2::new(1800.0, -1500.0);
    let location = Location::of_map(at, 0.0);
    let (old, new) = (location.mercator(map.origin), location.transverse_mercator(map.origin));
    let read = |reference: GeoReference, fix: (f64, f64)| reference.to_map(map.origin, fix.0, fix.1).distance(at);
    assert!(read(GeoReference::Carla0_9_13, old) < 1e-3 && read(GeoReference::Carla0_9_16, new) < 1e-3);
    assert!(read(GeoReference::Carla0_9_13, new) > 1000.0 && read(GeoReference::Carla0_9_16, old) > 1000.0);
    assert!(map.geo().to_map(old.0, old.1).distance(at) > 1.0);
}
