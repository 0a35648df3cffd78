//! How well the car keeps to its plan.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use support::{Bench, beside, path};

#[test]
fn keeps_its_lane_in_curves_of_a_town() {
    for (radius, speed) in [(13.0, 4.0), (18.0, 5.0), (30.0, 6.0), (30.0, 7.5), (60.0, 10.0)] {
        for side in [1.0, -1.0] {
            let road = path(&[(30.0, 0.0), (1.4 * radius, side / radius), (40.0, 0.0)], 6.0);
            let end = road.length() - 10.0;
            let mut bench = Bench::new(road, move |_| speed, 0.0);
            bench.run(14.0 + 6.0 * f64::from(u8::from(radius > 15.0)));
            let worst = bench.worst_lateral(5.0, end);
            println!(
                "radius {radius} m at {speed} m/s: lateral error at most {worst:.3} m, jerk {:.1}",
                bench.worst_jerk(1.0)
            );
            assert!(bench.samples.last().unwrap().s > 30.0 + 1.4 * radius, "{:?}", bench.samples.last());
            assert!(worst < 0.25, "radius {radius} at {speed} m/s: {worst} m");
        }
    }
}

#[test]
fn keeps_its_lane_in_an_s_curve() {
    let road = path(&[(25.0, 0.0), (22.0, 0.055), (24.0, -0.055), (40.0, 0.0)], 8.0);
    let mut bench = Bench::new(road, |_| 5.5, 0.0);
    bench.run(20.0);
    let worst = bench.worst_lateral(5.0, 105.0);
    println!("S curve: lateral error at most {worst:.3} m");
    assert!(worst < 0.25);
}

#[test]
fn keeps_its_lane_where_the_car_does_not_report_its_steering() {
    for (radius, speed) in [(13.0, 4.0), (30.0, 6.0), (60.0, 10.0)] {
        let road = path(&[(30.0, 0.0), (1.4 * radius, 1.0 / radius), (40.0, 0.0)], 6.0);
        let end = road.length() - 10.0;
        let mut bench = Bench::new(road, move |_| speed, 0.0);
        bench.reports_steering = false;
        bench.run(14.0 + 6.0 * f64::from(u8::from(radius > 15.0)));
        let worst = bench.worst_lateral(5.0, end);
        let swing =
            bench.samples.windows(2).map(|pair| (pair[1].steering_rad - pair[0].steering_rad).abs()).sum::<f64>();
        println!("radius {radius} m at {speed} m/s: lateral error at most {worst:.3} m, steering moved {swing:.2} rad");
        assert!(bench.samples.last().unwrap().s > 30.0 + 1.4 * radius, "{:?}", bench.samples.last());
        assert!(worst < 0.2 && swing < 0.7, "radius {radius} at {speed} m/s: {worst} m, {swing} rad");
    }
}

#[test]
fn meets_the_planned_speed() {
    let mut bench = Bench::new(path(&[(300.0, 0.0)], 6.0), |s| if s < 80.0 { 8.0 } else { 4.0 }, 0.0);
    bench.run(25.0);
    let cruise = bench.samples.iter().filter(|p| (50.0..60.0).contains(&p.s));
    let error = cruise.map(|p| (p.speed_mps - 8.0).abs()).fold(0.0, f64::max);
    println!("speed error {error:.2} m/s, jerk {:.1} m/s³", bench.worst_jerk(0.0));
    assert!(error < 0.3);
    assert!((bench.samples.last().unwrap().speed_mps - 4.0).abs() < 0.2);
    assert!(bench.worst_jerk(0.0) < 6.0);
}

#[test]
fn stops_on_the_point_and_stays_there_with_the_brake_on() {
    for grade in [0.0, 0.07, -0.07] {
        let mut bench = Bench::new(path(&[(200.0, 0.0)], 6.0), |_| 7.0, grade);
        bench.stop_s = 60.0;
        bench.run(20.0);
        let stood = bench.samples.iter().position(|p| p.s > 40.0 && p.speed_mps < 0.01).unwrap();
        let stop = bench.samples[stood].s;
        bench.run(10.0);
        let last = bench.samples.last().unwrap();
        println!("grade {grade}: stands at {stop:.2} m, later at {:.2} m, command {:?}", last.s, last.command);
        assert!((59.3..60.3).contains(&last.s), "{}", last.s);
        assert!((last.s - stop).abs() < 0.4, "no creeping");
        assert!(last.speed_mps < 0.005 && last.command.unwrap().1 <= -0.9);
        let late = bench.samples.iter().rev().take(400);
        assert!(late.clone().all(|p| (p.s - last.s).abs() < 1e-3), "stands still for the last 8 s");
    }
}

#[test]
fn starts_on_a_hill() {
    for grade in [0.0, 0.1, -0.1] {
        let mut bench = Bench::new(path(&[(200.0, 0.0)], 6.0), |_| 6.0, grade);
        bench.run(10.0);
        let rolled = bench.samples.iter().map(|p| p.s).fold(f64::INFINITY, f64::min);
        let last = bench.samples.last().unwrap();
        println!("grade {grade}: after 10 s {:.1} m at {:.2} m/s", last.s, last.speed_mps);
        assert!(rolled > -0.01 && (last.speed_mps - 6.0).abs() < 0.25, "{last:?}");
    }
}

#[test]
fn a_plan_that_jumps_aside_is_taken_smoothly() {
    let mut bench = Bench::new(path(&[(300.0, 0.0)], 6.0), |_| 8.0, 0.0);
    bench.tamper = Box::new(|t, plan| {
        for point in plan.points.iter_mut().filter(|_| t > 12.0) {
            let place = beside(&point.pose, 1.0);
            (point.pose.position.x, point.pose.position.y) = (place.x, place.y);
        }
        true
    });
    bench.run(20.0);
    let after: Vec<_> = bench.samples.iter().filter(|p| p.time_s > 12.0).collect();
    let overshoot = after.iter().map(|p| p.lateral_m).fold(0.0, f64::max);
    let steps: f64 = after.windows(2).map(|w| (w[1].steering_rad - w[0].steering_rad).abs() / 0.02).fold(0.0, f64::max);
    println!("jump of 1 m at 8 m/s: reaches {overshoot:.2} m, steering rate {steps:.2} rad/s");
    assert!((after.last().unwrap().lateral_m - 1.0).abs() < 0.1 && overshoot < 1.3);
    let sideways = after.iter().map(|p| p.speed_mps.powi(2) * p.steering_rad.tan() / 2.8).fold(0.0, f64::max);
    assert!(sideways < 4.0, "{sideways} m/s²");
}

#[test]
fn a_cycle_takes_less_than_two_milliseconds() {
    let road = path(&[(25.0, 0.0), (22.0, 0.055), (24.0, -0.055), (40.0, 0.0)], 8.0);
    let mut bench = Bench::new(road, |_| 5.5, 0.0);
    bench.run(20.0);
    bench.slowest.sort();
    let (median, p99) = (bench.slowest[bench.slowest.len() / 2], bench.slowest[bench.slowest.len() * 99 / 100]);
    println!("cycle: median {median:?}, p99 {p99:?}");
    // The median is what a busy machine does not change.
    assert!(median.as_micros() < 1000, "{median:?}");
}
