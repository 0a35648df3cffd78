//! Sensors that fail, lie or come late.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::collections::VecDeque;
use std::sync::Arc;

use geometry::{Map, Pose2};
use msgs::autoware_vehicle_msgs::msg::VelocityReport;
use msgs::geometry_msgs::msg::PoseWithCovarianceStamped;
use msgs::sensor_msgs::msg::{Imu, NavSatFix};
use node::{Level, Shared, Time};
use simulation::{Fault, Mount};
use support::{Bench, rms_and_max, town};

/// A copy of a message, changed.
fn changed<M: msgs::Message + Clone>(message: &Shared, change: impl FnOnce(&mut M)) -> Shared {
    let mut copy = M::clone(message.as_any().downcast_ref().unwrap());
    change(&mut copy);
    Arc::new(copy)
}

/// Largest lateral error and largest speed error from a time on.
fn worst(bench: &Bench, from_s: f64) -> (f64, f64) {
    let late = || bench.samples.iter().filter(|s| s.time_s >= from_s);
    (rms_and_max(late().map(|s| s.lateral_m)).1, rms_and_max(late().map(|s| s.speed_mps)).1)
}

#[test]
fn without_imu_it_turns_by_the_steering_angle_and_warns() {
    let dead = Fault::ImuDead { from_s: 30.0, until_s: None };
    let mut bench = Bench::new(&town(), 2000, vec![dead]);
    bench.run(49.0);
    assert_eq!(bench.status.level, Level::Warn);
    assert!(bench.status.message.contains("no IMU"), "{:?}", bench.status);
    let (lateral, speed) = worst(&bench, 30.0);
    println!("no IMU: max lateral {lateral:.2} m, speed {speed:.2} m/s");
    assert!(lateral < 0.4 && speed < 0.5);
    let gap = bench.stamps.windows(2).map(|w| w[1].since(w[0])).fold(0.0, f64::max);
    assert!(gap < 0.2, "output paused for {gap} s");
}

#[test]
fn without_wheels_it_holds_the_speed_by_accelerometer_and_gnss_and_warns() {
    let mut bench = Bench::new(&town(), 2001, Vec::new());
    bench.tamper = Box::new(|t, name, message| (name != "velocity_status" || t < 30.0).then_some(message));
    bench.run(49.0);
    assert_eq!(bench.status.level, Level::Warn);
    assert!(bench.status.message.contains("no wheel speed"), "{:?}", bench.status);
    let (lateral, speed) = worst(&bench, 30.0);
    println!("no wheels: max lateral {lateral:.2} m, speed {speed:.2} m/s");
    assert!(lateral < 0.5 && speed < 0.6);
}

#[test]
fn a_car_without_wheels_on_the_graph_is_placed_by_gnss_and_imu_and_lost_without_gnss() {
    let outage = Fault::GnssOutage { from_s: 30.0, until_s: Some(40.0) };
    let mut bench = Bench::without_wheels(&town(), 2001, vec![outage]);
    bench.run(29.0);
    assert_eq!(bench.status.level, Level::Ok, "{:?}", bench.status);
    let (lateral, speed) = worst(&bench, 10.0);
    println!("no wheels on the graph: max lateral {lateral:.2} m, speed {speed:.2} m/s");
    assert!(lateral < 0.5 && speed < 0.6);
    let before = bench.samples.last().unwrap().sigma_m;
    bench.run(7.0);
    assert!(bench.samples.last().unwrap().sigma_m > before);
    assert_eq!(bench.status.level, Level::Error, "{:?}", bench.status);
    assert!(bench.status.message.contains("no GNSS fix for"), "{:?}", bench.status);
    bench.run(8.0);
    assert_eq!(bench.status.level, Level::Ok, "{:?}", bench.status);
}

#[test]
fn wheels_stuck_at_zero_are_not_believed() {
    let mut bench = Bench::new(&town(), 2001, Vec::new());
    bench.tamper = Box::new(|t, name, message| {
        let stuck = name == "velocity_status" && t > 30.0;
        Some(if stuck { changed::<VelocityReport>(&message, |m| m.longitudinal_velocity = 0.0) } else { message })
    });
    bench.run(45.0);
    assert!(bench.status.message.contains("wheel speed contradicts"), "{:?}", bench.status);
    assert!(worst(&bench, 30.0).1 < 0.8, "{:?}", worst(&bench, 30.0));
}

#[test]
fn without_imu_and_wheels_it_is_silent_and_in_error() {
    let dead = Fault::ImuDead { from_s: 30.0, until_s: None };
    let mut bench = Bench::new(&town(), 2000, vec![dead]);
    bench.tamper = Box::new(|t, name, message| (name != "velocity_status" || t < 30.0).then_some(message));
    bench.run(35.0);
    assert_eq!(bench.status.level, Level::Error);
    assert!(bench.status.message.contains("neither IMU nor wheel speed"), "{:?}", bench.status);
    assert!(bench.samples.last().unwrap().time_s < 30.3);
}

#[test]
fn far_fixes_are_gated_and_told() {
    let mut bench = Bench::new(&town(), 2002, Vec::new());
    bench.tamper = Box::new(|t, name, message| {
        let jump = name == "gnss" && (30.0..31.5).contains(&t);
        // Five metres north.
        Some(if jump { changed::<NavSatFix>(&message, |m| m.latitude += 5.0 / 111_200.0) } else { message })
    });
    bench.run(31.4);
    assert!(bench.status.message.contains("contradict"), "{:?}", bench.status);
    bench.run(10.0);
    assert_eq!(bench.status.message, "ok");
    assert!(worst(&bench, 30.0).0 < 0.4);
}

#[test]
fn a_new_place_of_gnss_that_lasts_is_an_error_and_is_taken_at_standstill() {
    let mut bench = Bench::new(&town(), 2002, Vec::new());
    bench.tamper = Box::new(|t, name, message| {
        let moved = name == "gnss" && t > 40.0;
        Some(if moved { changed::<NavSatFix>(&message, |m| m.latitude += 5.0 / 111_200.0) } else { message })
    });
    bench.run(45.0);
    assert_eq!(bench.status.level, Level::Error);
    // From 50 s on the car brakes and stands.
    bench.run(14.0);
    assert_ne!(bench.status.level, Level::Error, "{:?}", bench.status);
}

#[test]
fn nan_and_nonsense_are_refused_and_change_nothing() {
    let mut bench = Bench::new(&town(), 2003, Vec::new());
    let mut count = 0_u32;
    bench.tamper = Box::new(move |_, name, message| {
        count += 1;
        if !count.is_multiple_of(13) {
            return Some(message);
        }
        Some(match name {
            "imu" => changed::<Imu>(&message, |m| m.angular_velocity.z = f64::NAN),
            "gnss" => changed::<NavSatFix>(&message, |m| m.longitude = f64::INFINITY),
            "velocity_status" => changed::<VelocityReport>(&message, |m| m.longitudinal_velocity = f32::NAN),
            _ => message,
        })
    });
    bench.run(45.0);
    assert_eq!(bench.status.level, Level::Ok, "{:?}", bench.status);
    let refused: u64 = bench.status.values.iter().find(|(key, _)| key == "refused").unwrap().1.parse().unwrap();
    assert!(refused > 250, "{refused}");
    assert!(worst(&bench, 5.0).0 < 0.4);
}

#[test]
fn a_bad_initial_pose_is_refused_and_the_way_between_fixes_stands_in() {
    let mut bench = Bench::new(&town(), 2004, Vec::new());
    bench.tamper = Box::new(|_, name, message| {
        let bad = name == "initial_pose";
        let spoil = |m: &mut PoseWithCovarianceStamped| m.pose.pose.position.x = f64::NAN;
        Some(if bad { changed::<PoseWithCovarianceStamped>(&message, spoil) } else { message })
    });
    bench.run(1.0);
    assert!(bench.samples.is_empty());
    assert!(bench.status.message.contains("waiting for ~/input/initial_pose"), "{:?}", bench.status);
    bench.run(40.0);
    assert_eq!(bench.status.message, "ok");
    assert!(worst(&bench, 30.0).0 < 0.5, "{:?}", worst(&bench, 30.0));
}

/// What another node says of the car's place.
fn said(pose: Pose2<Map>, stamp: Time, deviations: (f64, f64)) -> Shared {
    let mut message = PoseWithCovarianceStamped::default();
    (message.header.stamp, message.header.frame_id) = (stamp.to_message(), "map".into());
    (message.pose.pose.position.x, message.pose.pose.position.y) = (pose.position.x, pose.position.y);
    let q = pose.quaternion();
    (message.pose.pose.orientation.z, message.pose.pose.orientation.w) = (q.k, q.w);
    message.pose.covariance[0] = deviations.0 * deviations.0;
    message.pose.covariance[35] = deviations.1 * deviations.1;
    Arc::new(message)
}

/// A bench whose car stands, with a localizer that was started a moment ago.
fn restarted_at_standstill(seed: u64) -> Bench {
    let mut bench = Bench::new(&town(), seed, Vec::new());
    bench.run(57.5);
    assert!(bench.speed() < 0.01, "{} m/s", bench.speed());
    assert!(bench.samples.last().unwrap().lateral_m.abs() < 0.4);
    bench.restart();
    bench
}

#[test]
fn a_localizer_that_was_killed_finds_the_standing_car_by_what_was_reckoned_meanwhile() {
    let mut bench = restarted_at_standstill(2008);
    bench.run(0.3);
    assert!(bench.samples.is_empty(), "no heading is known");
    for _ in 0..10 {
        let truth = bench.pose();
        let reckoned = Pose2::new(truth.position.x + 0.5, truth.position.y - 0.3, truth.yaw + 0.04);
        bench.tell("reckoned_pose", said(reckoned, bench.now(), (0.5, 0.06)));
        bench.run(0.1);
    }
    assert_eq!(bench.status.message, "ok");
    let last = bench.samples.last().unwrap();
    assert!(last.lateral_m.abs() < 0.4 && last.heading_rad.abs() < 0.06 && last.nees < 20.0, "{last:?}");
    // Nobody reckons any more, and the car goes on.
    bench.run(30.0);
    assert!(worst(&bench, 60.0).0 < 0.4, "{:?}", worst(&bench, 60.0));
}

#[test]
fn a_reckoned_pose_that_is_old_or_far_from_the_fix_is_not_believed_and_told() {
    let mut bench = restarted_at_standstill(2009);
    let truth = bench.pose();
    bench.tell("reckoned_pose", said(truth, Time(bench.now().0 - 1_000_000_000), (0.5, 0.06)));
    bench.run(0.5);
    assert!(bench.samples.is_empty());
    let far = Pose2::new(truth.position.x + 9.0, truth.position.y, truth.yaw);
    bench.tell("reckoned_pose", said(far, bench.now(), (0.5, 0.06)));
    bench.run(0.3);
    assert!(bench.samples.is_empty());
    assert_eq!(bench.status.level, Level::Error);
    assert!(bench.status.message.contains("the reckoned pose lies"), "{:?}", bench.status);
    assert!(bench.status.message.contains("m from the GNSS fix"), "{:?}", bench.status);
}

#[test]
fn an_initial_pose_kept_from_before_the_drive_is_not_believed_where_the_car_came_back_turned() {
    let mut bench = restarted_at_standstill(2010);
    let truth = bench.pose();
    let turned = Pose2::new(truth.position.x, truth.position.y, truth.yaw + 3.1);
    bench.tell("initial_pose", said(turned, Time(100_000_000), (0.3, 0.03)));
    bench.run(1.0);
    assert!(bench.samples.is_empty());
    assert!(bench.status.message.contains("the initial pose is 57 s old"), "{:?}", bench.status);
    // What an operator says now is believed, and said again it changes nothing.
    bench.tell("initial_pose", said(truth, bench.now(), (0.3, 0.03)));
    bench.run(2.0);
    assert_eq!(bench.status.message, "ok");
    let sigma = bench.samples.last().unwrap().sigma_m;
    bench.tell("initial_pose", said(truth, bench.now(), (0.3, 0.03)));
    bench.run(0.1);
    assert!(bench.samples.last().unwrap().sigma_m < 1.1 * sigma);
}

#[test]
fn fixes_that_come_late_do_not_drag_the_car_behind() {
    let mut bench = Bench::new(&town(), 2005, Vec::new());
    let mut queue: VecDeque<Shared> = VecDeque::new();
    bench.tamper = Box::new(move |_, name, message| {
        if name != "gnss" {
            return Some(message);
        }
        queue.push_back(message);
        // Three tenths of a second.
        if queue.len() > 3 { queue.pop_front() } else { None }
    });
    bench.run(49.0);
    let along = rms_and_max(bench.samples.iter().filter(|s| s.time_s > 10.0).map(|s| s.along_m)).0;
    assert!(along < 0.2, "{along} m along the way");
}

#[test]
fn mountings_are_taken_from_tf_static() {
    let mut bench = Bench::equipped(&town(), 2006, Vec::new(), |p| {
        p.gnss_mount = Mount::level(-0.6, 0.7, 1.8);
        p.imu_mount = Mount { yaw_rad: 1.5, ..Mount::level(1.4, 0.3, 0.5) };
    });
    bench.run(49.0);
    let (rms, _) = rms_and_max(bench.samples.iter().filter(|s| s.time_s > 5.0).map(|s| s.lateral_m));
    assert!(rms < 0.2, "{rms} m");
    assert_eq!(bench.status.message, "ok");
}

#[test]
fn two_runs_give_the_same() {
    let run = || {
        let mut bench = Bench::new(&town(), 2007, Vec::new());
        bench.run(20.0);
        bench.samples.iter().map(|s| (s.lateral_m.to_bits(), s.nees.to_bits())).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
