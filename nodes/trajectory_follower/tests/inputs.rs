//! Inputs that are missing, stale or wrong: no command, a status with the reason, and recovery.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use msgs::autoware_planning_msgs::msg::Trajectory;
use node::Level;
use support::{Bench, odometry, path};

fn driving() -> Bench {
    let mut bench = Bench::new(path(&[(300.0, 0.0)], 6.0), |_| 6.0, 0.0);
    bench.run(6.0);
    assert_eq!(bench.status.message, "ok");
    assert!(bench.samples.last().unwrap().command.is_some());
    bench
}

#[test]
fn says_what_it_waits_for_and_sends_nothing() {
    let mut bench = Bench::new(path(&[(300.0, 0.0)], 6.0), |_| 6.0, 0.0);
    bench.tamper = Box::new(|_, _| false);
    bench.run(1.0);
    assert_eq!(bench.status.level, Level::Warn);
    assert_eq!(bench.status.message, "waiting for ~/input/trajectory");
    assert!(bench.samples.iter().all(|s| s.command.is_none()));
}

#[test]
fn a_trajectory_that_ceases_is_followed_for_half_a_second_and_no_longer() {
    let mut bench = driving();
    bench.tamper = Box::new(|_, _| false);
    bench.run(1.5);
    let last = bench.samples.iter().rev().find(|s| s.command.is_some()).unwrap();
    assert!((6.3..6.7).contains(&last.time_s), "{}", last.time_s);
    assert_eq!(bench.status.level, Level::Error);
    assert!(bench.status.message.contains("trajectory is"), "{:?}", bench.status);
    bench.tamper = Box::new(|_, _| true);
    bench.run(0.5);
    assert!(bench.status.message == "ok" && bench.samples.last().unwrap().command.is_some());
}

#[test]
fn bad_trajectories_are_refused_and_the_last_good_one_is_followed_until_it_is_stale() {
    type Spoil = fn(&mut Trajectory);
    let spoils: [(&str, Spoil); 6] = [
        ("at least 2 points", |t| t.points.clear()),
        ("at least 2 points", |t| t.points.truncate(1)),
        ("finite pose", |t| t.points[5].pose.position.y = f64::NAN),
        ("finite pose", |t| t.header.frame_id = "odom".into()),
        ("finite speeds", |t| t.points[5].longitudinal_velocity_mps = f32::NAN),
        ("growing times", |t| t.points[5].time_from_start = t.points[4].time_from_start.clone()),
    ];
    for (reason, spoil) in spoils {
        let mut bench = driving();
        bench.tamper = Box::new(move |_, plan| {
            spoil(plan);
            true
        });
        bench.run(0.3);
        assert_eq!(bench.status.level, Level::Warn, "{:?}", bench.status);
        assert!(bench.status.message.contains(reason), "{reason}: {:?}", bench.status);
        assert!(bench.samples.last().unwrap().command.is_some());
        bench.run(0.7);
        assert_eq!(bench.status.level, Level::Error, "{:?}", bench.status);
        assert!(bench.status.message.contains(reason), "{reason}: {:?}", bench.status);
        assert!(bench.samples.last().unwrap().command.is_none());
    }
}

#[test]
fn bad_odometry_is_refused_and_no_command_is_sent_once_the_last_good_one_is_old() {
    let mut bench = driving();
    let now = bench.now();
    let mut bad = odometry(&bench.world, now);
    bad.twist.twist.linear.x = f64::NAN;
    bench.send(bench.inputs.1, bad);
    assert_eq!(bench.status.level, Level::Warn, "{:?}", bench.status);
    bench.run(0.1);
    assert_eq!(bench.status.message, "ok");
    // From the past: a message overtaken on its way.
    let mut late = odometry(&bench.world, now);
    late.header.stamp.sec -= 1;
    bench.send(bench.inputs.1, late);
    assert!(bench.status.message.contains("expected a stamp after"), "{:?}", bench.status);
}

#[test]
fn steering_reports_of_nan_are_refused() {
    let mut bench = driving();
    let bad = msgs::autoware_vehicle_msgs::msg::SteeringReport { steering_tire_angle: f32::NAN, ..Default::default() };
    bench.send(bench.inputs.2, bad);
    assert!(bench.status.message.contains("steering_status: expected a finite angle"), "{:?}", bench.status);
    bench.run(1.0);
    assert!(bench.samples.iter().all(|s| s.command.is_none_or(|(a, b)| a.is_finite() && b.is_finite())));
}

#[test]
fn commands_stay_within_the_car_whatever_the_plan_asks_for() {
    let mut bench = Bench::new(path(&[(60.0, 0.0), (6.0, 0.6), (100.0, -0.6), (50.0, 0.0)], 0.2), |_| 12.0, 0.0);
    bench.run(20.0);
    let mut last = 0.0;
    for (steering, acceleration) in bench.samples.iter().filter_map(|s| s.command) {
        assert!(steering.abs() <= 0.611 && (-7.501..=3.001).contains(&acceleration));
        assert!((steering - last).abs() <= 0.7 * 0.02 + 1e-6, "{steering} after {last}");
        last = steering;
    }
}
