//! Every reason for a stop, one by one: what the supervisor does, says, and when it lets go.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use geometry::{Point2, Pose2};
use msgs::autoware_perception_msgs::msg::ObjectClassification as Label;
use node::Level;
use support::bench::{Bench, Feed, NODES, object, status};

/// Spoils the input of a car at 8 m/s: it must come to a controlled stop in its lane, say why, and count it once.
fn assert_stops(name: &str, reason: &str, mut spoil: impl FnMut(f64, &mut Feed)) -> Bench {
    let mut bench = Bench::new(8.0).started();
    let from = bench.now().seconds();
    bench.run(7.0, &mut spoil);
    assert_eq!(bench.status.level, Level::Error, "{name}: {:?}", bench.status);
    assert!(bench.reports.iter().any(|r| r.message.contains(reason)), "{name}: {:?}", bench.reports);
    assert!(bench.status.message.starts_with("controlled stop"), "{name}: {:?}", bench.status);
    assert_eq!(bench.car.speed_mps, 0.0, "{name}");
    assert_eq!(bench.interventions(), 1, "{name}");
    let (braking, steering) = bench.strongest(from);
    assert!((2.4..2.6).contains(&braking), "{name}: {braking} m/s²");
    assert!(steering < 0.02 && bench.car.pose.position.y.abs() < 0.1, "{name}: in its lane");
    // Standing, the brake holds.
    assert!(bench.sent.last().unwrap().2 <= -1.0);
    bench
}

#[test]
fn stops_when_an_input_ceases() {
    assert_stops("odometry", "kinematic_state is", |_, feed| feed.odometry = None);
    assert_stops("objects", "objects is", |_, feed| feed.objects = None);
    assert_stops("trajectory", "trajectory is", |_, feed| feed.trajectory = None);
    assert_stops("control", "control_cmd is", |_, feed| feed.control = None);
}

#[test]
fn stops_when_stamps_are_old_though_messages_come() {
    assert_stops("old objects", "objects is", |t, feed| {
        if let Some(objects) = &mut feed.objects {
            objects.header.stamp.sec -= 2;
        }
        assert!(t < 10.0);
    });
    assert_stops("future odometry", "ahead of the clock", |_, feed| {
        if let Some(odometry) = &mut feed.odometry {
            odometry.header.stamp.sec += 2;
        }
    });
}

#[test]
fn stops_when_a_node_falls_silent_or_reports_an_error() {
    for node in NODES {
        assert_stops(node, &format!("no heartbeat of {node}"), |_, feed| {
            feed.diagnostics.retain(|s| s.name != node);
        });
        assert_stops(node, &format!("{node} reports an error: it hurts"), |_, feed| {
            for told in feed.diagnostics.iter_mut().filter(|s| s.name == node) {
                *told = status(node, Level::Error, "it hurts");
            }
        });
    }
}

#[test]
fn a_short_error_or_a_warning_of_a_node_is_no_reason() {
    let mut bench = Bench::new(8.0).started();
    bench.run(3.0, |t, feed| {
        if (1.0..1.01).contains(&t) {
            feed.diagnostics = vec![status("object_tracker", Level::Error, "one frame lost")];
        } else if (1.2..1.21).contains(&t) {
            feed.diagnostics = vec![status("object_tracker", Level::Ok, "ok")];
        } else if (1.6..1.61).contains(&t) {
            feed.diagnostics = vec![status("localizer", Level::Warn, "no GNSS fix for 3 s")];
        }
    });
    assert_eq!((bench.status.message.as_str(), bench.interventions()), ("ok", 0));
}

#[test]
fn refuses_nan_and_impossible_commands_and_stops() {
    assert_stops("NaN steering", "expected finite steering", |_, feed| {
        feed.control.iter_mut().for_each(|c| c.lateral.steering_tire_angle = f32::NAN);
    });
    assert_stops("infinite acceleration", "expected finite steering", |_, feed| {
        feed.control.iter_mut().for_each(|c| c.longitudinal.acceleration = f32::INFINITY);
    });
    assert_stops("steering", "steering of 1.20 rad is beyond", |_, feed| {
        feed.control.iter_mut().for_each(|c| c.lateral.steering_tire_angle = 1.2);
    });
    assert_stops("acceleration", "acceleration of 9.0 m/s² is beyond", |_, feed| {
        feed.control.iter_mut().for_each(|c| c.longitudinal.acceleration = 9.0);
    });
}

#[test]
fn refuses_bad_trajectories_odometry_and_objects_and_stops() {
    assert_stops("empty", "expected 1..=10000 points, got 0", |_, feed| {
        feed.trajectory.iter_mut().for_each(|t| t.points.clear());
    });
    assert_stops("NaN point", "expected finite poses", |_, feed| {
        feed.trajectory.iter_mut().for_each(|t| t.points[7].pose.position.x = f64::NAN);
    });
    assert_stops("elsewhere", "beside the car", |_, feed| {
        feed.trajectory.iter_mut().flat_map(|t| &mut t.points).for_each(|p| p.pose.position.y += 30.0);
    });
    assert_stops("frame", "expected frame map, got `odom`", |_, feed| {
        feed.trajectory.iter_mut().for_each(|t| t.header.frame_id = "odom".into());
    });
    assert_stops("NaN odometry", "expected a finite pose", |_, feed| {
        feed.odometry.iter_mut().for_each(|o| o.pose.pose.orientation.w = f64::NAN);
    });
    assert_stops("NaN object", "expected finite poses, twists", |_, feed| {
        let bad = object(Pose2::new(f64::NAN, 0.0, 0.0), 0.0, (4.0, 1.8), Label::CAR);
        feed.objects.iter_mut().for_each(|o| o.objects.push(bad.clone()));
    });
}

#[test]
fn one_bad_message_is_no_reason() {
    let mut bench = Bench::new(8.0).started();
    bench.run(4.0, |t, feed| {
        if (1.0..1.1).contains(&t) {
            feed.control.iter_mut().for_each(|c| c.lateral.steering_tire_angle = f32::NAN);
            feed.trajectory.iter_mut().for_each(|t| t.points.clear());
            feed.odometry = None;
            feed.objects = None;
        }
    });
    assert_eq!((bench.status.message.as_str(), bench.interventions()), ("ok", 0));
}

#[test]
fn limits_are_kept_without_a_stop() {
    let mut bench = Bench::new(12.0).started();
    bench.run(1.0, |_, feed| {
        feed.control.iter_mut().for_each(|c| c.lateral.steering_tire_angle = 0.6);
    });
    assert_eq!(bench.interventions(), 0);
    let sideways = bench.car.speed_mps.powi(2) * bench.vehicle.curvature(bench.car.steering_rad);
    assert!(sideways < 5.1, "{sideways} m/s²");
    let steps = bench.sent.windows(2).map(|w| (w[1].1 - w[0].1).abs() / 0.02).fold(0.0, f64::max);
    assert!(steps < 0.71, "{steps} rad/s");
    let jerk = bench.sent.windows(2).map(|w| (w[1].2 - w[0].2).abs() / 0.02).fold(0.0, f64::max);
    assert!(jerk < 12.1, "{jerk} m/s³");
}

#[test]
fn stays_stopped_until_the_reason_is_gone_for_a_while_and_the_car_is_slow() {
    let mut bench = Bench::new(8.0).started();
    bench.run(1.5, |_, feed| feed.objects = None);
    let slower = bench.car.speed_mps;
    // The reason is gone, the car still rolls: it goes on braking.
    bench.run(1.0, |_, _| {});
    assert!(bench.status.message.starts_with("controlled stop") && bench.car.speed_mps < slower - 1.5);
    bench.run(6.0, |_, _| {});
    assert_eq!(bench.status.message, "ok");
    assert!(bench.car.speed_mps > 2.0 && bench.interventions() == 1);
}

#[test]
fn stands_and_waits_until_all_is_there_and_then_goes_by_itself() {
    let mut bench = Bench::new(0.0);
    bench.run(0.5, |_, feed| {
        (feed.odometry, feed.objects, feed.trajectory, feed.control) = (None, None, None, None);
        feed.diagnostics.clear();
    });
    assert_eq!(bench.status.message, "standing: waiting for kinematic_state");
    assert_eq!(bench.status.level, Level::Warn);
    bench.run(0.5, |_, feed| {
        feed.trajectory = None;
        feed.diagnostics.retain(|s| s.name != "lidar_detector");
    });
    assert_eq!(bench.status.message, "standing: waiting for trajectory");
    bench.run(0.6, |_, feed| feed.diagnostics.retain(|s| s.name != "lidar_detector"));
    assert_eq!(bench.status.message, "standing: waiting for node lidar_detector");
    assert!(bench.car.speed_mps == 0.0 && bench.sent.iter().all(|s| s.2 <= -1.0));
    bench.run(2.0, |_, _| {});
    assert_eq!(bench.status.message, "ok");
    assert!(bench.car.speed_mps > 0.5 && bench.interventions() == 0);
}

#[test]
fn brakes_hard_for_what_stands_in_the_way_and_goes_on_when_it_is_gone() {
    let mut bench = Bench::new(8.0).started();
    let at = bench.car.pose.position.x + 3.7 + 12.0;
    bench.obstacles = vec![object(Pose2::new(at + 0.3, 0.2, 1.57), 0.0, (0.6, 0.6), Label::PEDESTRIAN)];
    bench.run(2.2, |_, _| {});
    assert!(bench.status.message.starts_with("emergency stop: collision course with object"), "{:?}", bench.status);
    let gap = at - bench.car.pose.position.x - bench.vehicle.front_m();
    assert!(bench.car.speed_mps == 0.0 && (0.3..5.0).contains(&gap), "{gap} m");
    assert!(bench.strongest(0.0).0 > 6.4);
    bench.obstacles.clear();
    bench.run(4.0, |_, _| {});
    assert_eq!((bench.status.message.as_str(), bench.interventions()), ("ok", 1));
    assert!(bench.car.speed_mps > 1.0);
}

#[test]
fn ordinary_traffic_is_no_reason() {
    let mut bench = Bench::new(8.0).started();
    let x = bench.car.pose.position.x;
    let pi = std::f64::consts::PI;
    bench.obstacles = vec![
        object(Pose2::new(x + 60.0, 3.4, pi), 9.0, (4.6, 1.9), Label::CAR),
        object(Pose2::new(x + 12.0, 0.0, 0.0), 7.5, (4.6, 1.9), Label::CAR),
        object(Pose2::new(x + 20.0, -2.6, 0.0), 1.3, (0.6, 0.6), Label::PEDESTRIAN),
        object(Pose2::new(x + 18.0, -2.0, 0.0), 0.0, (4.6, 1.8), Label::CAR),
        object(Pose2::new(x + 40.0, 20.0, -pi / 2.0), 8.0, (4.6, 1.8), Label::CAR),
    ];
    bench.run(3.0, |t, feed| {
        for (object, speed) in feed.objects.iter_mut().flat_map(|o| &mut o.objects).zip([-9.0, 7.5, 1.3, 0.0]) {
            object.kinematics.pose_with_covariance.pose.position.x += speed * t;
        }
    });
    assert_eq!((bench.status.message.as_str(), bench.interventions()), ("ok", 0));
}

#[test]
fn follows_the_last_trajectory_round_a_curve_while_it_stops() {
    // A left turn of 20 m radius from 5 m ahead on.
    let arc = (0..60).map(|i| {
        let angle = f64::from(i) * 0.05;
        Point2::new(5.0 + 20.0 * angle.sin(), 20.0 * (1.0 - angle.cos()))
    });
    let path: Vec<_> = std::iter::once(Point2::new(-20.0, 0.0)).chain(arc).collect();
    for dead in ["trajectory and control", "odometry"] {
        let mut bench = Bench::on(path.clone(), 7.0).started();
        bench.run(6.0, |_, feed| {
            if dead == "odometry" {
                feed.odometry = None;
            } else {
                (feed.trajectory, feed.control) = (None, None);
            }
        });
        assert_eq!(bench.car.speed_mps, 0.0);
        let beside = bench.path.project(bench.car.pose.position).d.abs();
        println!("{dead} gone: stands {beside:.2} m beside the path at {:?}", bench.car.pose);
        assert!(beside < 0.4 && bench.car.pose.yaw > 0.3, "{dead}: {beside} m beside its path");
    }
}

#[test]
fn two_runs_give_equal_commands() {
    let run = || {
        let mut bench = Bench::new(8.0).started();
        bench.run(2.0, |_, feed| feed.objects = None);
        bench.sent
    };
    assert_eq!(run(), run());
}
