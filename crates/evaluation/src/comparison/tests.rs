use std::sync::Arc;

use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{DetectedObject, DetectedObjects, ObjectClassification};
use msgs::autoware_planning_msgs::msg::{Trajectory, TrajectoryPoint};
use node::{Shared, Time};

use super::*;

fn give(taken: &mut Taken, time: i64, topic: &str, message: Shared) {
    let mut cdr = Vec::new();
    message.as_ref().encode(&mut cdr).unwrap();
    taken.on_bytes(Time(time), topic, message.as_ref().type_name(), &cdr);
    taken.on_message(Time(time), topic, &message);
}

fn objects(stamp: i64, all: &[(u8, f64)]) -> Shared {
    let mut message = DetectedObjects::default();
    message.header.stamp = Time(stamp).to_message();
    for &(label, x) in all {
        let mut object = DetectedObject::default();
        object.classification.push(ObjectClassification { label, probability: 1.0 });
        object.kinematics.pose_with_covariance.pose.position.x = x;
        message.objects.push(object);
    }
    Arc::new(message)
}

fn trajectory(stamp: i64, offset: f64, step_ns: u32) -> Shared {
    let mut message = Trajectory::default();
    message.header.stamp = Time(stamp).to_message();
    for i in 0..5_u32 {
        let mut point = TrajectoryPoint::default();
        point.time_from_start.nanosec = i * step_ns;
        point.pose.position.x = f64::from(i * step_ns) * 1e-8;
        point.pose.position.y = offset;
        message.points.push(point);
    }
    Arc::new(message)
}

fn control(steering: f32) -> Shared {
    let mut message = Control::default();
    message.lateral.steering_tire_angle = steering;
    Arc::new(message)
}

const CAR: u8 = ObjectClassification::CAR;
const PEDESTRIAN: u8 = ObjectClassification::PEDESTRIAN;

#[test]
fn objects_are_matched_missed_and_added_by_class() {
    let (mut a, mut b) = (Taken::default(), Taken::default());
    give(&mut a, 10, "/objects", objects(1, &[(CAR, 0.0), (CAR, 10.0), (PEDESTRIAN, 20.0), (PEDESTRIAN, 30.0)]));
    // The first car 0.5 m off, the second too far, one pedestrian now a car, one the same.
    give(&mut b, 10, "/objects", objects(1, &[(CAR, 0.5), (CAR, 12.5), (CAR, 20.0), (PEDESTRIAN, 30.0)]));
    give(&mut a, 20, "/objects", objects(2, &[]));
    let comparison = compare(&a, &b);
    let found = &comparison.objects["/objects"];
    assert_eq!((found.messages, found.only_a, found.only_b), (1, 1, 0));
    let (cars, people) = (&found.classes["car"], &found.classes["pedestrian"]);
    assert_eq!((cars.matched, cars.missed, cars.added), (1, 1, 2));
    assert_eq!((people.matched, people.missed, people.added), (1, 1, 0));
    assert_eq!(cars.position_m, Deviation { mean: 0.5, max: 0.5 });
    assert!(!comparison.is_identical());
}

#[test]
fn each_object_has_one_partner_and_the_nearest_pair_goes_first() {
    let (mut a, mut b) = (Taken::default(), Taken::default());
    give(&mut a, 1, "/objects", objects(1, &[(CAR, 0.0), (CAR, 1.0)]));
    give(&mut b, 1, "/objects", objects(1, &[(CAR, 0.9)]));
    let cars = compare(&a, &b).objects["/objects"].classes["car"].clone();
    assert_eq!((cars.matched, cars.missed, cars.added), (1, 1, 0));
    assert!((cars.position_m.max - 0.1).abs() < 1e-12);
}

#[test]
fn trajectories_are_compared_at_equal_times_however_they_are_sampled() {
    let (mut a, mut b) = (Taken::default(), Taken::default());
    give(&mut a, 1, "/trajectory", trajectory(1, 0.0, 100_000_000));
    give(&mut b, 1, "/trajectory", trajectory(1, 0.25, 150_000_000));
    let found = compare(&a, &b).trajectories["/trajectory"].clone();
    assert_eq!(found.messages, 1);
    assert!((found.position_m.mean - 0.25).abs() < 1e-9 && (found.position_m.max - 0.25).abs() < 1e-9, "{found:?}");
}

#[test]
fn commands_at_nearly_the_same_time_belong_together_and_nan_is_a_difference() {
    let (mut a, mut b) = (Taken::default(), Taken::default());
    for i in 0..10 {
        give(&mut a, i * 20_000_000, "/control", control(0.1));
        if i != 4 {
            give(&mut b, i * 20_000_000 + 2_000_000, "/control", control(if i == 7 { 0.3 } else { 0.1 }));
        }
    }
    let found = compare(&a, &b).control["/control"].clone();
    assert_eq!((found.commands, found.only_a, found.only_b), (9, 1, 0));
    assert!((found.steering_rad.max - 0.2).abs() < 1e-6);
    give(&mut b, 160_000_000, "/control", control(f32::NAN));
    assert_eq!(compare(&a, &b).control["/control"].steering_rad.max, f64::INFINITY);
}

#[test]
fn what_is_equal_is_called_identical_and_what_is_missing_is_named() {
    let (mut a, mut b) = (Taken::default(), Taken::default());
    for taken in [&mut a, &mut b] {
        give(taken, 1, "/objects", objects(1, &[(CAR, 0.0)]));
        give(taken, 2, "/control", control(0.1));
    }
    assert!(compare(&a, &b).is_identical());
    give(&mut a, 3, "/only", control(0.1));
    let comparison = compare(&a, &b);
    assert_eq!(comparison.only_a, ["/only"]);
    let page = comparison.page(&a, &b, ["a<b", "b"]);
    assert!(page.contains("a&lt;b") && !page.contains("src="), "the page loads nothing");
    assert!(comparison.table().contains("only in A: /only"));
}
