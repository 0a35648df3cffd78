//! The place that the supervisor keeps for a localizer that is gone.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use geometry::{Point2, angle_difference};
use node::Time;
use support::bench::{Bench, Feed};

/// A left turn of 20 m radius from 5 m ahead on.
fn in_a_curve() -> Bench {
    let arc = (0..60).map(|i| {
        let angle = f64::from(i) * 0.05;
        Point2::new(5.0 + 20.0 * angle.sin(), 20.0 * (1.0 - angle.cos()))
    });
    let path: Vec<_> = std::iter::once(Point2::new(-20.0, 0.0)).chain(arc).collect();
    Bench::on(path, 7.0).started()
}

/// Runs without odometry for a time, with the wheels reporting `scale` times the car's speed where `reports` says so.
fn run_blind(bench: &mut Bench, seconds: f64, scale: f64, reports: impl Fn(f64) -> bool) {
    let steps = (seconds * 50.0) as i64;
    for step in 0..steps {
        let wheels = Bench::wheels(Time((bench.tick + 1) * 20_000_000), scale * bench.car.speed_mps);
        let reported = reports(step as f64 * 0.02).then_some(wheels);
        bench.run(0.02, |_, feed: &mut Feed| {
            feed.odometry = None;
            feed.velocity.clone_from(&reported);
        });
    }
}

#[test]
fn tells_where_the_car_came_to_stand_without_odometry_and_how_sure_that_is() {
    let mut bench = in_a_curve();
    assert!(bench.reckoned.is_empty(), "the localizer tells it");
    run_blind(&mut bench, 8.0, 1.01, |_| true);
    assert_eq!(bench.car.speed_mps, 0.0);
    let (first, last) = (&bench.reckoned[0], bench.reckoned.last().unwrap());
    assert!(first.0 < bench.now().seconds() - 7.0 && last.0 > bench.now().seconds() - 0.15);
    assert!(bench.car.pose.yaw > 0.3, "it turned while it braked: {:?}", bench.car.pose);
    for (time, message, truth) in &bench.reckoned {
        let (p, q) = (&message.pose.pose.position, &message.pose.pose.orientation);
        let apart = (p.x - truth.position.x).hypot(p.y - truth.position.y);
        let turned = angle_difference(2.0 * q.z.atan2(q.w), truth.yaw).abs();
        let c = &message.pose.covariance;
        assert!(apart < 0.6 && turned < 0.03, "{apart} m, {turned} rad at {time}");
        assert!(apart < 3.0 * c[0].sqrt() && turned < 3.0 * c[35].sqrt(), "not as sure: {apart} m, {turned} rad");
        assert_eq!((message.header.frame_id.as_str(), Time::from(&message.header.stamp).seconds()), ("map", *time));
    }
    assert!(last.1.pose.covariance[0] > first.1.pose.covariance[0]);
    assert!(last.1.pose.covariance[35] > first.1.pose.covariance[35]);
    // Standing makes nobody less sure.
    let before = last.1.pose.covariance;
    run_blind(&mut bench, 20.0, 1.0, |_| true);
    assert_eq!(bench.reckoned.last().unwrap().1.pose.covariance, before);
}

#[test]
fn tells_no_place_once_the_wheels_were_silent_until_odometry_is_back() {
    let mut bench = in_a_curve();
    run_blind(&mut bench, 4.0, 1.0, |t| !(1.0..1.4).contains(&t));
    let last = bench.reckoned.last().unwrap().0;
    assert!(last < bench.now().seconds() - 2.5, "{last} s");
    bench.run(1.0, |_, _| {});
    run_blind(&mut bench, 1.0, 1.0, |_| true);
    assert!(bench.reckoned.last().unwrap().0 > bench.now().seconds() - 0.15);
}

#[test]
fn tells_no_place_that_it_never_knew() {
    let mut bench = Bench::new(0.0);
    run_blind(&mut bench, 3.0, 1.0, |_| true);
    assert!(bench.reckoned.is_empty());
}
