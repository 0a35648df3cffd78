//! The node on a bench with a stand-in network: what it takes, what it refuses, what it says.

use lidar_detector::detection::{BOX, LeastDistance, PLACES};
use lidar_detector::{LidarDetector, Network, Parameters};
use msgs::autoware_perception_msgs::msg::{DetectedObjects, ObjectClassification};
use msgs::sensor_msgs::msg::PointCloud2;
use node::{Definition, Level, Status};

mod support;
use support::{Bench, cloud, imu, ring, speed, transform};

/// Says: a car at 10 m; or fails.
struct StandIn {
    fails: bool,
}

impl Network for StandIn {
    fn run(&mut self, grid: &[f32], read: &mut dyn FnMut(&[f32], &[f32])) -> Result<(), String> {
        assert!(grid.iter().all(|v| (0.0..=1.0).contains(v)));
        if self.fails {
            return Err("output `heat` holds NaN".into());
        }
        let count = PLACES[0] * PLACES[1];
        let (mut heat, mut boxes) = (vec![0.0; 5 * count], vec![0.0; BOX * count]);
        let place = 80 * PLACES[1] + 64;
        heat[place] = 0.9;
        (boxes[3 * count + place], boxes[7 * count + place], boxes[9 * count + place]) = (1.5, 1.0, 1.0);
        read(&heat, &boxes);
        Ok(())
    }

    fn facts(&self) -> Vec<(String, String)> {
        vec![("execution_provider".into(), "cpu".into())]
    }

    fn least_distance(&self) -> LeastDistance {
        [1.5, 2.0, 0.6, 0.35, 0.4]
    }
}

fn bench() -> Bench {
    Bench::new(Box::new(StandIn { fails: false }))
}

/// A node that has all it needs but a cloud.
fn ready() -> Bench {
    let mut bench = bench();
    bench.transforms(
        0.0,
        vec![transform("base_link", "lidar", [1.2, 0.0, 1.9]), transform("base_link", "imu", [0.0; 3])],
    );
    bench.speed(0.05, speed(0.05, 5.0));
    bench.imu(0.06, imu(0.06, 0.0));
    bench
}

fn refused(bench: &mut Bench, message: PointCloud2, word: &str) {
    let stamp = node::Time::from(&message.header.stamp).seconds();
    assert!(bench.cloud(stamp, message).is_none(), "nothing may follow from a bad cloud");
    let status = bench.status.take().expect("a status");
    assert_eq!(status.level, Level::Error);
    assert!(status.message.contains(word), "{status:?}");
}

#[test]
fn a_sound_cloud_gives_boxes_in_base_link_with_its_own_stamp() {
    let mut bench = ready();
    let message = cloud(0.1, ring(3000, 0.0));
    let objects: DetectedObjects = (*bench.cloud(0.1, message.clone()).unwrap()).clone();
    assert_eq!((objects.header.frame_id.as_str(), &objects.header.stamp), ("base_link", &message.header.stamp));
    let [car] = objects.objects.as_slice() else { panic!("{objects:?}") };
    let pose = &car.kinematics.pose_with_covariance.pose;
    assert!((pose.position.x - (-40.96 + 80.5 * 0.64)).abs() < 1e-6, "{pose:?}");
    assert_eq!(car.classification[0].label, ObjectClassification::CAR);
    assert!((car.existence_probability - 0.9).abs() < 1e-6);
    let status = bench.status.take().unwrap();
    assert_eq!(status.level, Level::Ok, "{status:?}");
    assert!(status.values.contains(&("execution_provider".into(), "cpu".into())));
}

#[test]
fn bad_clouds_are_refused_with_a_reason_and_a_good_one_clears_it() {
    let mut bench = ready();
    refused(&mut bench, PointCloud2 { row_step: 7, ..cloud(0.1, ring(3000, 0.0)) }, "row_step");
    refused(&mut bench, cloud(0.2, ring(20, 0.1)), "usable points");
    let mut holes = ring(3000, 0.2);
    holes.iter_mut().take(2500).for_each(|p| p[0] = f32::NAN);
    refused(&mut bench, cloud(0.3, holes), "not finite");
    bench.speed(0.35, speed(0.35, 5.0));
    bench.imu(0.35, imu(0.35, 0.0));
    assert!(bench.cloud(0.4, cloud(0.4, ring(3000, 0.3))).is_some());
    assert_eq!(bench.status.take().unwrap().level, Level::Ok);
    refused(&mut bench, cloud(0.5, ring(3000, 0.3)), "frozen");
    assert!(bench.cloud(0.6, cloud(0.6, ring(3000, 0.4))).is_some());
    refused(&mut bench, cloud(0.6, ring(3000, 0.5)), "later");
}

#[test]
fn a_few_points_that_are_not_finite_are_dropped_counted_and_named() {
    let mut bench = ready();
    let mut points = ring(3000, 0.0);
    points[7][2] = f32::NAN;
    assert!(bench.cloud(0.1, PointCloud2 { is_dense: true, ..cloud(0.1, points) }).is_some());
    let status = bench.status.take().unwrap();
    assert_eq!(status.level, Level::Warn, "{status:?}");
    assert!(status.values.contains(&("points_not_finite".into(), "1".into())), "{status:?}");
}

#[test]
fn a_dead_lidar_is_an_error_and_its_return_is_told() {
    let mut bench = ready();
    bench.watch(0.1);
    assert!(bench.status.take().is_none());
    bench.watch(0.6);
    assert!(bench.status.take().is_some_and(|s| s.level == Level::Error && s.message.contains("no point cloud")));
    bench.watch(0.7);
    assert!(bench.status.take().is_none(), "the same is not told twice");
    bench.speed(0.75, speed(0.75, 5.0));
    bench.imu(0.75, imu(0.75, 0.0));
    assert!(bench.cloud(0.8, cloud(0.8, ring(3000, 0.0))).is_some());
    assert!(bench.status.take().is_some_and(|s| s.level == Level::Ok));
    bench.watch(1.3);
    assert!(bench.status.take().is_some_and(|s| s.level == Level::Error));
}

#[test]
fn without_a_mount_there_are_no_boxes_and_without_motion_a_warning() {
    let mut bench = bench();
    refused(&mut bench, cloud(0.1, ring(3000, 0.0)), "/tf_static");
    bench.transforms(0.1, vec![transform("base_link", "lidar", [1.2, 0.0, 1.9])]);
    assert!(bench.cloud(0.2, cloud(0.2, ring(3000, 0.1))).is_some());
    let status: Status = bench.status.take().unwrap();
    assert!(status.level == Level::Warn && status.message.contains("no speed and no turn rate"), "{status:?}");
}

#[test]
fn what_the_network_cannot_say_is_not_published() {
    let mut bench = Bench::new(Box::new(StandIn { fails: true }));
    bench.transforms(0.0, vec![transform("base_link", "lidar", [1.2, 0.0, 1.9])]);
    refused(&mut bench, cloud(0.1, ring(3000, 0.0)), "NaN");
}

#[test]
fn parameters_out_of_range_are_named() {
    let good = support::parameters();
    let network = || Box::new(StandIn { fails: false });
    let vehicle = vehicle::Vehicle::default();
    let make = |p: Parameters| LidarDetector::with_network(p, &mut node::Ports::default(), &vehicle, network());
    assert!(make(good.clone()).is_ok());
    let error = make(Parameters { timeout_s: f64::NAN, ..good.clone() }).err().unwrap().to_string();
    assert!(error.contains("timeout_s"), "{error}");
    let error = make(Parameters { least_points: 0, ..good }).err().unwrap().to_string();
    assert!(error.contains("least_points"), "{error}");
}

#[test]
fn a_missing_model_is_named_with_what_to_do() {
    let context =
        node::Context { vehicle: vehicle::Vehicle::default(), map: None, share: "/nowhere".into(), onnxruntime: None };
    let made = LidarDetector::new(support::parameters(), &mut node::Ports::default(), &context);
    let error = made.err().unwrap().to_string();
    assert!(
        error.contains("/nowhere/models/lidar_detector/manifest.toml") && error.contains("lidar_detector.sh"),
        "{error}"
    );
}
