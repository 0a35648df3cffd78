//! Sequences made by hand: what the tracker makes of known motion.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::collections::BTreeSet;

use geometry::{Map, Pose2, angle_difference};
use msgs::autoware_perception_msgs::msg::{ObjectClassification as Label, TrackedObjects};
use support::{Bench, detection, id, velocity, yaw};

const CAR: [f64; 3] = [4.5, 1.9, 1.6];
const PERSON: [f64; 3] = [0.6, 0.6, 1.75];
const BICYCLE: [f64; 3] = [1.8, 0.6, 1.7];
const HOME: Pose2<Map> = Pose2::new(0.0, 0.0, 0.0);

/// Root mean square error of velocity, 1 s after the first detection to the end.
fn velocity_error(
    seeds: std::ops::Range<u64>,
    size: [f64; 3],
    label: u8,
    path: impl Fn(f64) -> (Pose2<Map>, f64),
) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for seed in seeds {
        let mut bench = Bench::new(seed);
        for frame in 0..40 {
            let t = 1.0 + 0.1 * f64::from(frame);
            let (pose, speed) = path(t - 1.0);
            bench.drive(t, HOME, 0.0, 0.0);
            let seen = bench.see(HOME, pose, size, label);
            let tracked = bench.detect(t, vec![seen]).unwrap();
            if frame >= 10 {
                assert_eq!(tracked.objects.len(), 1);
                let (vx, vy) = velocity(&tracked.objects[0]);
                sum += (vx - speed * pose.yaw.cos()).powi(2) + (vy - speed * pose.yaw.sin()).powi(2);
                count += 1.0;
            }
        }
    }
    f64::sqrt(sum / count)
}

#[test]
fn velocity_is_accurate_one_second_after_the_first_detection() {
    let straight = |t: f64| (Pose2::new(-20.0 + 12.0 * t, 10.0, 0.0), 12.0);
    let turning = |t: f64| {
        let angle = 0.5 * t;
        (Pose2::new(20.0 + 16.0 * angle.sin(), -16.0 * angle.cos(), angle), 8.0)
    };
    let riding = |t: f64| (Pose2::new(15.0, -10.0 + 5.0 * t, std::f64::consts::FRAC_PI_2), 5.0);
    let walking = |t: f64| (Pose2::new(12.0, -3.0 + 1.4 * t, std::f64::consts::FRAC_PI_2), 1.4);
    let oncoming = |t: f64| (Pose2::new(80.0 - 15.0 * t, 3.5, std::f64::consts::PI), 15.0);
    let car = velocity_error(0..20, CAR, Label::CAR, straight);
    let turn = velocity_error(0..20, CAR, Label::CAR, turning);
    let cyclist = velocity_error(0..20, BICYCLE, Label::BICYCLE, riding);
    let person = velocity_error(0..20, PERSON, Label::PEDESTRIAN, walking);
    let far = velocity_error(0..20, CAR, Label::CAR, oncoming);
    println!(
        "rms velocity error, m/s: car {car:.2}, turning car {turn:.2}, oncoming {far:.2}, cyclist {cyclist:.2}, person {person:.2}"
    );
    assert!(car < 0.6 && turn < 1.0 && far < 1.2 && cyclist < 0.7 && person < 0.45);
}

#[test]
fn reacts_to_a_new_road_user_within_two_frames() {
    let mut bench = Bench::new(1);
    for frame in 0..2 {
        let t = 1.0 + 0.1 * f64::from(frame);
        bench.drive(t, HOME, 0.0, 0.0);
        let seen = bench.see(HOME, Pose2::new(20.0 - 0.8 * f64::from(frame), 4.0, 3.1), CAR, Label::CAR);
        let tracked = bench.detect(t, vec![seen]).unwrap();
        assert_eq!(tracked.objects.len(), usize::from(frame == 1));
        assert!(tracked.objects.iter().all(|o| o.existence_probability < 0.7));
    }
}

#[test]
fn crossing_targets_keep_their_identity() {
    for seed in 0..10 {
        let mut bench = Bench::new(seed);
        let mut first: Option<(u64, u64)> = None;
        for frame in 0..60 {
            let t = 1.0 + 0.1 * f64::from(frame);
            let along = Pose2::new(10.0 + 1.5 * 0.1 * f64::from(frame), -0.4, 0.0);
            let against = Pose2::new(19.0 - 1.5 * 0.1 * f64::from(frame), 0.4, std::f64::consts::PI);
            bench.drive(t, HOME, 0.0, 0.0);
            let seen = vec![
                bench.see(HOME, along, PERSON, Label::PEDESTRIAN),
                bench.see(HOME, against, PERSON, Label::PEDESTRIAN),
            ];
            let tracked = bench.detect(t, seen).unwrap();
            if frame < 10 {
                continue;
            }
            assert_eq!(tracked.objects.len(), 2, "seed {seed} frame {frame}");
            let nearest = |pose: Pose2<Map>| {
                tracked.objects.iter().min_by(|a, b| distance(a, pose).total_cmp(&distance(b, pose))).map(id).unwrap()
            };
            let ids = (nearest(along), nearest(against));
            let expected = *first.get_or_insert(ids);
            assert_eq!(ids, expected, "seed {seed} frame {frame}");
        }
    }
}

fn distance(object: &msgs::autoware_perception_msgs::msg::TrackedObject, pose: Pose2<Map>) -> f64 {
    let p = &object.kinematics.pose_with_covariance.pose.position;
    (p.x - pose.position.x).hypot(p.y - pose.position.y)
}

#[test]
fn missed_detections_and_clutter_do_not_break_a_track() {
    for seed in 0..10 {
        let mut bench = Bench::new(100 + seed);
        let mut ids = BTreeSet::new();
        let mut ghosts = 0;
        for frame in 0..80 {
            let t = 1.0 + 0.1 * f64::from(frame);
            let pose = Pose2::new(-30.0 + 9.0 * 0.1 * f64::from(frame), 7.0, 0.0);
            bench.drive(t, HOME, 0.0, 0.0);
            let mut seen = Vec::new();
            if frame < 3 || bench.noise.uniform() > 0.25 {
                seen.push(bench.see(HOME, pose, CAR, Label::CAR));
            }
            for _ in 0..2 {
                let place = Pose2::new(bench.noise.uniform() * 80.0 - 40.0, -5.0 - bench.noise.uniform() * 30.0, 0.0);
                seen.push(detection(HOME.relative(place), PERSON, Label::PEDESTRIAN, 0.4));
            }
            let tracked = bench.detect(t, seen).unwrap();
            if frame > 5 {
                let near: Vec<_> = tracked.objects.iter().filter(|o| distance(o, pose) < 2.0).collect();
                assert_eq!(near.len(), 1, "seed {seed} frame {frame}");
                ids.insert(id(near[0]));
                ghosts += tracked.objects.len() - 1;
            }
        }
        assert_eq!(ids.len(), 1, "seed {seed}");
        assert!(ghosts < 15, "seed {seed}: {ghosts} frames of clutter taken for people");
    }
}

/// A parked car at 15 m hides a person who crosses behind it for 1.5 s.
#[test]
fn a_hidden_person_is_kept_longer_than_one_who_vanishes_in_the_open() {
    let run = |hidden: bool| {
        let mut bench = Bench::new(7);
        let mut kept = 0;
        for frame in 0..60 {
            let t = 1.0 + 0.1 * f64::from(frame);
            bench.drive(t, HOME, 0.0, 0.0);
            let mut seen = Vec::new();
            if hidden {
                let van = Pose2::new(15.0, 0.0, std::f64::consts::FRAC_PI_2);
                seen.push(bench.see(HOME, van, [6.0, 2.2, 2.4], Label::CAR));
            }
            if frame < 30 {
                let walker = Pose2::new(22.0, -7.0 + 1.4 * 0.1 * f64::from(frame), 1.57);
                seen.push(bench.see(HOME, walker, PERSON, Label::PEDESTRIAN));
            }
            let tracked = bench.detect(t, seen).unwrap();
            let people = tracked.objects.iter().filter(|o| o.classification[0].label == Label::PEDESTRIAN);
            kept += if frame >= 30 { people.count() } else { 0 };
        }
        kept
    };
    let (hidden, open) = (run(true), run(false));
    assert!(open <= 9, "{open} frames in the open");
    assert!((20..=31).contains(&hidden), "{hidden} frames hidden");
}

#[test]
fn parked_cars_stand_still_and_keep_their_heading_seen_from_a_moving_car() {
    let mut bench = Bench::new(11);
    let mut headings = Vec::new();
    let (speed, rate) = (8.0, 0.15);
    for step in 0..=250 {
        let t = 1.0 + 0.02 * f64::from(step);
        let angle = rate * (t - 1.0);
        let ego = Pose2::new(speed / rate * angle.sin(), speed / rate * (1.0 - angle.cos()), angle);
        bench.drive(t, ego, speed, rate);
        if step % 5 != 0 {
            continue;
        }
        let parked = [Pose2::new(25.0, -4.0, 0.1), Pose2::new(32.0, -3.5, 0.1), Pose2::new(39.0, 14.0, -3.0)];
        let seen = parked.map(|pose| bench.see(ego, pose, CAR, Label::CAR)).to_vec();
        let tracked = bench.detect(t, seen).unwrap();
        if t > 3.0 {
            assert_eq!(tracked.objects.len(), 3);
            for (object, pose) in tracked.objects.iter().zip(parked) {
                let (vx, vy) = velocity(object);
                assert!(vx.hypot(vy) < 0.5, "{vx} {vy} at {t}");
                assert!(distance(object, pose) < 0.3);
                assert!(object.kinematics.is_stationary);
                assert!(angle_difference(yaw(object), pose.yaw).abs() < 0.2, "{} at {t}", yaw(object));
            }
            headings.push(yaw(&tracked.objects[0]));
        }
    }
    assert!(headings.windows(2).all(|w| angle_difference(w[1], w[0]).abs() < 0.1));
}

#[test]
fn a_car_that_pulls_away_is_no_longer_stationary_within_a_second() {
    let mut bench = Bench::new(5);
    let mut moving_at = None;
    for frame in 0..60 {
        let t = 0.1 * f64::from(frame);
        let driven = (t - 3.0).max(0.0);
        bench.drive(t, HOME, 0.0, 0.0);
        let seen = bench.see(HOME, Pose2::new(15.0 + driven * driven, 3.0, 0.0), CAR, Label::CAR);
        let tracked = bench.detect(t, vec![seen]).unwrap();
        if t > 2.0 && t < 3.0 {
            assert!(tracked.objects[0].kinematics.is_stationary);
        }
        if t > 3.0 && !tracked.objects[0].kinematics.is_stationary {
            moving_at.get_or_insert(t);
        }
    }
    assert!(moving_at.unwrap() <= 4.0, "{moving_at:?}");
}

#[test]
fn two_boxes_on_one_car_become_one_track() {
    let mut bench = Bench::new(3);
    let mut last = None;
    for frame in 0..20 {
        let t = 1.0 + 0.1 * f64::from(frame);
        bench.drive(t, HOME, 0.0, 0.0);
        let pose = Pose2::new(20.0, 2.0, 0.0);
        let seen = vec![bench.see(HOME, pose, CAR, Label::CAR), bench.see(HOME, pose, [4.0, 1.8, 1.6], Label::CAR)];
        last = bench.detect(t, seen);
    }
    assert_eq!(last.unwrap().objects.len(), 1);
}

#[test]
fn two_runs_give_equal_messages() {
    let run = || -> Vec<TrackedObjects> {
        let mut bench = Bench::new(42);
        (0..50)
            .map(|frame| {
                let t = 1.0 + 0.1 * f64::from(frame);
                bench.drive(t, HOME, 0.0, 0.0);
                let seen = (0..12)
                    .map(|i| {
                        let pose = Pose2::new(f64::from(i) * 6.0 - 30.0 + t * 3.0, f64::from(i % 4) * 5.0 + 4.0, 0.0);
                        bench.see(HOME, pose, CAR, Label::CAR)
                    })
                    .collect();
                TrackedObjects::clone(&bench.detect(t, seen).unwrap())
            })
            .collect()
    };
    assert_eq!(run(), run());
}
