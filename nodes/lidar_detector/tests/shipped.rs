//! The shipped model in streets that no training has seen, and on a real sensor's sweep.

use std::f64::consts::{FRAC_PI_2, PI};
use std::path::Path;

use geometry::{BaseLink, Point2, Pose2};
use inference::Precision;
use msgs::autoware_perception_msgs::msg::{DetectedObjects, ObjectClassification};
use simulation::lidar::{LidarConfig, Scanner, Target, random_scene};
use simulation::{Actor, ActorClass};

mod support;
use support::{Bench, cloud, imu, shipped, shipped_in, speed, transform};

fn label(class: ActorClass) -> u8 {
    match class {
        ActorClass::Car => ObjectClassification::CAR,
        ActorClass::Truck => ObjectClassification::TRUCK,
        ActorClass::Cyclist => ObjectClassification::BICYCLE,
        ActorClass::Pedestrian => ObjectClassification::PEDESTRIAN,
        ActorClass::Obstacle => ObjectClassification::UNKNOWN,
    }
}

/// What the node says of a street, and what is there.
struct Look {
    objects: DetectedObjects,
    /// Label, place and heading of those to be found: well seen, within 35 m.
    near: Vec<(u8, Point2<BaseLink>, f64)>,
}

/// What is seen by a car that stands or drives askew by `turn` (rad) in a street.
fn look(seed: u64, turn: f64) -> Option<Look> {
    let mut street = random_scene(seed);
    street.ego.yaw += turn;
    let scan = Scanner::new(LidarConfig::default()).unwrap().scan(&street.scene, &street.sweep(1.2, 1.9, 0.1), seed);
    let hits = |a: &Actor| scan.targets.iter().filter(|t| **t == Target::Actor(a.id)).count();
    let mut bench = Bench::new(shipped()?);
    bench.transforms(
        0.0,
        vec![transform("base_link", "lidar", [1.2, 0.0, 1.9]), transform("base_link", "imu", [0.0; 3])],
    );
    bench.speed(0.95, speed(0.95, street.ego_speed_mps as f32));
    bench.imu(0.95, imu(0.95, 0.0));
    let points = scan.points.iter().map(|p| [p.x, p.y, p.z, p.time]).collect();
    let objects = bench.cloud(1.0, cloud(1.0, points)).unwrap();
    let ego: Pose2<geometry::Map> = street.ego;
    let seen = street.actors.iter().filter(|a| hits(a) >= 15);
    let places = seen.map(|a| (label(a.class), ego.inverse_transform(a.pose.position), a.pose.yaw - ego.yaw));
    let near = places.filter(|(_, p, _)| p.x.hypot(p.y) < 35.0).collect();
    Some(Look { objects: DetectedObjects::clone(&objects), near })
}

#[test]
fn most_road_users_that_are_well_seen_are_found_with_their_class() {
    let (mut found, mut all) = (0, 0);
    for seed in 7001..7013 {
        let Some(Look { objects, near }) = look(seed, 0.0) else { return };
        for (label, place, _) in near {
            all += 1;
            let hit = objects.objects.iter().any(|o| {
                let p = &o.kinematics.pose_with_covariance.pose.position;
                o.classification[0].label == label && (p.x - place.x).hypot(p.y - place.y) < 1.0
            });
            found += usize::from(hit);
        }
    }
    println!("{found} of {all} found");
    assert!(all > 100 && found as f64 > 0.85 * all as f64, "{found} of {all}");
}

/// Of a car that turns off, others come at all angles; one that is said to come straight on when it passes is a false alarm.
#[test]
fn cars_at_all_angles_are_seen_at_theirs() {
    let mut errors = Vec::new();
    for seed in 7001..7013 {
        let turn = if seed % 2 == 0 { 0.5 } else { -0.8 };
        let Some(Look { objects, near }) = look(seed, turn) else { return };
        for (_, place, heading) in near.into_iter().filter(|(label, ..)| *label == ObjectClassification::CAR) {
            let same_axis = |o: f64| (o - heading + FRAC_PI_2).rem_euclid(PI) - FRAC_PI_2;
            let hit = objects.objects.iter().map(|o| &o.kinematics.pose_with_covariance.pose).find(|pose| {
                let p = &pose.position;
                (p.x - place.x).hypot(p.y - place.y) < 1.0
            });
            errors.extend(hit.map(|pose| same_axis(2.0 * pose.orientation.z.atan2(pose.orientation.w)).abs()));
        }
    }
    errors.sort_by(f64::total_cmp);
    let (median, most) = (errors[errors.len() / 2], errors[errors.len() * 9 / 10]);
    println!("{} cars, axes off by {median:.3} rad in the median, nine tenths by less than {most:.3}", errors.len());
    assert!(errors.len() > 40 && median < 0.12 && most < 0.4, "{} cars, {median:.3}, {most:.3}", errors.len());
}

#[test]
fn the_same_cloud_gives_the_same_boxes() {
    let (Some(first), Some(second)) = (look(7020, 0.0), look(7020, 0.0)) else { return };
    assert_eq!(first.objects, second.objects);
    assert!(!first.objects.objects.is_empty());
}

#[test]
fn the_measured_accuracy_reaches_what_the_manifest_asks_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/lidar_detector");
    let manifest = inference::Manifest::read(&folder).unwrap();
    let metrics = std::fs::read_to_string(folder.join("metrics.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(&metrics).unwrap();
    for step in ["pruned", "int8", "int8_accelerator"] {
        for (class, least) in &manifest.least_accuracy {
            let measured = metrics["reduction"][step]["accuracy"][class].as_f64().unwrap();
            assert!(measured >= *least, "{step}, {class}: {measured}, at least {least}");
        }
    }
    let mean_ap = |step: &str| metrics["reduction"][step]["accuracy"]["mean_ap"].as_f64().unwrap();
    assert!(mean_ap("int8") >= mean_ap("pruned") - 0.01, "8 bits may cost one point");
    assert!(metrics["parameters"].as_u64().unwrap() < 1_000_000);
}

/// Cars that a person has labelled in one sweep of KITTI's HDL-64, which the model has never seen the like of.
#[test]
fn cars_of_a_real_sweep_are_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/lidar");
    let sweep = folder.join("kitti_000008.bin");
    let (Ok(bytes), Ok(labels)) =
        (std::fs::read(&sweep), std::fs::read_to_string(folder.join("kitti_000008_boxes.csv")))
    else {
        println!("skipped: no {} to test against", sweep.display());
        return;
    };
    let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let points: Vec<[f32; 4]> = values.chunks_exact(4).map(|p| [p[0], p[1], p[2], 0.0]).collect();
    let labels: Vec<[f64; 2]> = labels
        .lines()
        .skip(1)
        .map(|row| row.split(',').skip(1).take(2).map(|n| n.parse().unwrap()).collect::<Vec<f64>>())
        .map(|place| [place[0], place[1]])
        .collect();
    for precision in [Precision::Fp32, Precision::Int8] {
        let Some(network) = shipped_in(Some(precision)) else { return };
        let mut bench = Bench::new(network);
        // The sensor sits 1.73 m above the ground; where the rear axle is does not matter.
        bench.transforms(0.0, vec![transform("base_link", "lidar", [0.8, 0.0, 1.73])]);
        let objects = bench.cloud(1.0, cloud(1.0, points.clone())).unwrap();
        let vehicles = objects
            .objects
            .iter()
            .filter(|o| matches!(o.classification[0].label, ObjectClassification::CAR | ObjectClassification::TRUCK))
            .map(|o| &o.kinematics.pose_with_covariance.pose.position);
        let boxes: Vec<[f64; 2]> = vehicles.map(|p| [p.x - 0.8, p.y]).collect();
        let away = |place: &[f64; 2], others: &[[f64; 2]]| {
            others.iter().map(|o| (o[0] - place[0]).hypot(o[1] - place[1])).fold(f64::MAX, f64::min)
        };
        for place in &labels {
            println!("{precision}: car at {:.1}, {:.1}: {:.2} m away", place[0], place[1], away(place, &boxes));
        }
        let found = labels.iter().filter(|place| away(place, &boxes) < 2.0).count();
        let wrong = boxes.iter().filter(|place| away(place, &labels) >= 2.0).count();
        let others = objects.objects.len() - boxes.len();
        println!("{precision}: {found} of 6 found, {wrong} false vehicles, {others} of other classes");
        assert!(found >= 5, "{precision}: {found} of 6");
    }
}
