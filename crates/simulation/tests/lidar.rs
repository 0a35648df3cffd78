//! The ray caster against geometry that is known.

#![allow(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

use std::sync::Arc;

use geometry::Pose2;
use nalgebra::Vector3;
use simulation::lidar::{
    Ground, GroundKind, Instance, LidarConfig, Scanner, Scene, SweepMotion, Target, TrainingScene, clutter,
    random_scene, residential_scene,
};
use simulation::{Actor, ActorClass, Random};

fn scene(fixtures: Vec<Instance>, actors: &[Actor]) -> Scene {
    Scene {
        ground: Arc::new(Ground::level(0.0, GroundKind::Asphalt)),
        fixtures: Arc::new(fixtures),
        actors: actors.iter().map(Actor::instance).collect(),
    }
}

fn scanner(config: LidarConfig) -> Scanner {
    Scanner::new(config).expect("the test's sensor is in range")
}

fn actor(id: u32, class: ActorClass, x: f64, y: f64) -> Actor {
    Actor::random(id, class, Pose2::new(x, y, 0.0), 0.0, &mut Random::new(u64::from(id)))
}

#[test]
fn range_to_a_wall_is_true_within_noise() {
    let wall = Instance::fixture([20.5, 0.0, 0.0], 0.0, clutter::block([1.0, 60.0, 6.0], 0.5));
    let config = LidarConfig { range_noise_m: 0.03, ..LidarConfig::default() };
    let scan = scanner(config).scan(&scene(vec![wall], &[]), &SweepMotion::still([0.0, 0.0, 1.9], 0.0, 1.0), 7);
    let on_wall: Vec<f64> = scan
        .points
        .iter()
        .zip(&scan.targets)
        .filter(|(p, t)| **t == Target::Fixture && p.y.abs() < 10.0 && p.x > 0.0)
        .map(|(p, _)| f64::from(p.x) - 20.0)
        .collect();
    let count = on_wall.len() as f64;
    let mean = on_wall.iter().sum::<f64>() / count;
    let deviation = (on_wall.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / count).sqrt();
    assert!(count > 500.0, "{count} points");
    assert!(mean.abs() < 0.005 && (0.02..0.035).contains(&deviation), "mean {mean}, deviation {deviation}");
}

#[test]
fn ground_lies_where_the_sensor_stands_above_it() {
    let scan =
        scanner(LidarConfig::default()).scan(&scene(vec![], &[]), &SweepMotion::still([0.0, 0.0, 1.8], 0.4, 0.0), 1);
    assert!(scan.points.len() > 8_000);
    assert!(scan.points.iter().all(|p| (f64::from(p.z) + 1.8).abs() < 0.12));
}

#[test]
fn hills_are_followed() {
    let corner = geometry::Point2::new(-120.0, -120.0);
    let ground = Ground::sampled(corner, geometry::Point2::new(120.0, 120.0), 1.0, |p| 0.05 * p.x);
    let scene = Scene { ground: Arc::new(ground), fixtures: Arc::new(vec![]), actors: vec![] };
    let scan = scanner(LidarConfig::default()).scan(&scene, &SweepMotion::still([0.0, 0.0, 1.8], 0.0, 0.0), 1);
    let worst = scan.points.iter().map(|p| (p.z + 1.8 - 0.05 * p.x).abs()).fold(0.0, f32::max);
    assert!(scan.points.len() > 8_000 && worst < 0.25, "{} points, worst {worst}", scan.points.len());
}

#[test]
fn a_pedestrian_behind_a_van_is_hidden() {
    let van = Instance::fixture([10.0, 0.0, 0.0], 0.0, clutter::block([5.0, 2.0, 2.2], 0.4));
    let person = actor(5, ActorClass::Pedestrian, 16.0, 0.0);
    let seen = |fixtures: Vec<Instance>| {
        let motion = SweepMotion::still([0.0, 0.0, 1.7], 0.0, 0.0);
        let scan = scanner(LidarConfig::default()).scan(&scene(fixtures, std::slice::from_ref(&person)), &motion, 3);
        scan.targets.iter().filter(|t| **t == Target::Actor(5)).count()
    };
    assert!(seen(vec![]) > 20);
    assert_eq!(seen(vec![van]), 0);
}

#[test]
fn points_on_road_users_lie_in_their_boxes() {
    let streets = [random_scene, residential_scene as fn(u64) -> TrainingScene];
    for (scene_of, seed) in streets.into_iter().flat_map(|scene_of| (0..6).map(move |seed| (scene_of, seed))) {
        let training = scene_of(seed);
        let motion = SweepMotion::still(
            [training.ego.position.x, training.ego.position.y, training.scene.ground.height(0.0, 0.0) + 1.9],
            0.0,
            0.0,
        );
        let still = Scene {
            actors: training.actors.iter().map(|a| Instance { velocity: [0.0; 2], ..a.instance() }).collect(),
            ..training.scene.clone()
        };
        let scan = scanner(LidarConfig { range_noise_m: 0.0, ..LidarConfig::default() }).scan(&still, &motion, seed);
        let mut hits = 0;
        for (point, target) in scan.points.iter().zip(&scan.targets) {
            let Target::Actor(id) = target else { continue };
            let actor = training.actors.iter().find(|a| a.id == *id).unwrap();
            let place = motion.poses[0] * nalgebra::Point3::new(point.x.into(), point.y.into(), point.z.into());
            let away = actor.footprint().distance_to_point(geometry::Point2::new(place.x, place.y));
            assert!(away < 0.15, "{:?} {id}: {away} m outside", actor.class);
            assert!((-0.05..actor.height + 0.1).contains(&(place.z - actor.z)), "{:?} height {}", actor.class, place.z);
            hits += 1;
        }
        assert!(hits > 500 && training.actors.len() > 15, "{hits} hits on {} actors", training.actors.len());
    }
}

/// Walls, hedges and shrubs at the height of vehicles, where other streets have a wide pavement.
#[test]
fn front_gardens_stand_where_vehicles_could() {
    let near = |scene_of: fn(u64) -> TrainingScene| -> usize {
        let beside = |seed: u64| {
            let training = scene_of(seed);
            let scan = scanner(LidarConfig::default()).scan(&training.scene, &training.sweep(1.2, 1.9, 0.1), seed);
            let fixtures = scan.points.iter().zip(&scan.targets).filter(|(_, target)| **target == Target::Fixture);
            fixtures.filter(|(p, _)| (-1.4..0.1).contains(&p.z) && p.x.hypot(p.y) < 30.0).count()
        };
        (0..6).map(beside).sum()
    };
    let (others, gardens) = (near(random_scene), near(residential_scene));
    assert!(gardens > 2 * others && others > 0, "{gardens} points on gardens, {others} beside other streets");
}

#[test]
fn motion_of_the_car_skews_the_sweep() {
    let wall = Instance::fixture([31.0, 0.0, 0.0], 0.0, clutter::block([2.0, 200.0, 6.0], 0.5));
    let pose = |x: f64| SweepMotion::still([x, 0.0, 1.8], 0.0, 0.0).poses[0];
    let motion = SweepMotion { poses: vec![pose(0.0), pose(2.0)], end_s: 5.0 };
    let scan =
        scanner(LidarConfig { range_noise_m: 0.0, ..LidarConfig::default() }).scan(&scene(vec![wall], &[]), &motion, 3);
    for (point, _) in scan.points.iter().zip(&scan.targets).filter(|(_, t)| **t == Target::Fixture) {
        let car = 2.0 + f64::from(point.time) / 0.1 * 2.0;
        assert!((f64::from(point.x) - (30.0 - car)).abs() < 0.02, "{point:?}");
    }
    assert!(scan.points.iter().all(|p| p.time > -0.1 && p.time <= 0.0));
}

#[test]
fn motion_of_others_is_seen_at_the_time_of_each_ray() {
    let mut truck = actor(9, ActorClass::Truck, 25.0, 0.0);
    truck.velocity = geometry::Vector2::new(-20.0, 0.0);
    let motion = SweepMotion::still([0.0, 0.0, 1.8], 0.0, 0.0);
    let scan = scanner(LidarConfig { range_noise_m: 0.0, ..LidarConfig::default() }).scan(
        &scene(vec![], &[truck.clone()]),
        &motion,
        3,
    );
    let nearest = scan
        .points
        .iter()
        .zip(&scan.targets)
        .filter(|(_, t)| **t == Target::Actor(9))
        .map(|(p, _)| f64::from(p.x))
        .fold(f64::MAX, f64::min);
    // Straight ahead is measured half a sweep before the stamp, when the lorry was 1 m farther away.
    let face = 25.0 - truck.length / 2.0 + 1.0;
    assert!((nearest - face).abs() < 0.15, "nearest {nearest}, face {face}");
}

#[test]
fn the_same_key_gives_the_same_points_and_another_does_not() {
    let training = random_scene(11);
    let motion = training.sweep(1.0, 1.8, 0.1);
    let mut scanner = scanner(LidarConfig::default());
    let first = scanner.scan(&training.scene, &motion, 1);
    assert_eq!(first.points, scanner.scan(&training.scene, &motion, 1).points);
    assert_ne!(first.points, scanner.scan(&training.scene, &motion, 2).points);
}

#[test]
fn hdl64_is_expressible_and_bad_sensors_are_refused() {
    let training = random_scene(2);
    let scan = scanner(LidarConfig::hdl64()).scan(&training.scene, &training.sweep(1.0, 1.73, 0.1), 1);
    assert!(scan.points.len() > 60_000 && scan.points.iter().any(|p| p.ring == 63));
    let error = Scanner::new(LidarConfig { beams: 0, ..LidarConfig::default() }).unwrap_err().to_string();
    assert!(error.contains("beams") && error.contains("1..=128"), "{error}");
    assert!(Scanner::new(LidarConfig { dropout: f64::NAN, ..LidarConfig::default() }).is_err());
}

#[test]
fn tilted_sensor_still_sees_level_ground() {
    let tilt = nalgebra::UnitQuaternion::from_euler_angles(0.03, 0.05, 0.3);
    let pose = nalgebra::Isometry3::from_parts(nalgebra::Translation3::new(0.0, 0.0, 1.8), tilt);
    let motion = SweepMotion { poses: vec![pose], end_s: 0.0 };
    let scan =
        scanner(LidarConfig { range_noise_m: 0.0, ..LidarConfig::default() }).scan(&scene(vec![], &[]), &motion, 1);
    for p in &scan.points {
        let z = (pose.rotation * Vector3::new(f64::from(p.x), f64::from(p.y), f64::from(p.z))).z + 1.8;
        assert!(z.abs() < 0.05, "{p:?} at {z}");
    }
}
