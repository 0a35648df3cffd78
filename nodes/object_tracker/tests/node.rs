//! What the node takes, refuses and says.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::path::Path;

use geometry::{Map, Pose2};
use msgs::autoware_perception_msgs::msg::{DetectedObjects, ObjectClassification as Label};
use node::{Definition, Level};
use object_tracker::{ObjectTracker, Parameters};
use support::{Bench, detection};

const CAR: [f64; 3] = [4.5, 1.9, 1.6];
const HOME: Pose2<Map> = Pose2::new(0.0, 0.0, 0.0);

#[test]
fn the_shipped_parameter_file_is_the_default_and_unknown_keys_are_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../params/object_tracker.param.yaml");
    let mut values = node::Parameters::from_file(&path, ObjectTracker::NAME).unwrap();
    let parameters: Parameters = values.parse(ObjectTracker::NAME).unwrap();
    assert_eq!(parameters, Parameters::default());
    let wrong = Parameters { gate: f64::NAN, ..Parameters::default() };
    assert!(wrong.check().unwrap_err().to_string().contains("gate"));
    values.set("gaet", "3");
    assert!(values.parse::<Parameters>(ObjectTracker::NAME).unwrap_err().to_string().contains("gaet"));
}

#[test]
fn an_empty_frame_is_published_empty() {
    let mut bench = Bench::new(1);
    bench.drive(1.0, HOME, 0.0, 0.0);
    let tracked = bench.detect(1.0, Vec::new()).unwrap();
    assert!(tracked.objects.is_empty() && tracked.header.frame_id == "map");
    assert_eq!(tracked.header.stamp, node::Time::from_seconds(1.0).into());
    assert_eq!(bench.status.unwrap().level, Level::Ok);
}

#[test]
fn nan_and_absurd_detections_are_dropped_and_counted_and_the_rest_is_tracked() {
    let mut bench = Bench::new(1);
    for frame in 0..5 {
        let t = 1.0 + 0.1 * f64::from(frame);
        bench.drive(t, HOME, 0.0, 0.0);
        let good = bench.see(HOME, Pose2::new(15.0, 0.0, 0.0), CAR, Label::CAR);
        let at = |x: f64| detection(Pose2::new(x, 3.0, 0.0), CAR, Label::CAR, 0.9);
        let nan = at(f64::NAN);
        let mut flat = at(20.0);
        flat.shape.dimensions.y = 0.0;
        let mut huge = at(20.0);
        huge.shape.dimensions.x = 1e9;
        let mut turned = at(20.0);
        turned.kinematics.pose_with_covariance.pose.orientation.w = 0.0;
        turned.kinematics.pose_with_covariance.pose.orientation.z = 0.0;
        let mut unlikely = at(20.0);
        unlikely.existence_probability = f32::NAN;
        let far = at(1e7);
        let tracked = bench.detect(t, vec![nan, flat, good, huge, turned, unlikely, far]).unwrap();
        assert!(tracked.objects.len() <= 1);
        assert!(frame < 2 || tracked.objects.len() == 1);
    }
    let status = bench.status.unwrap();
    assert_eq!(status.level, Level::Warn);
    assert!(status.message.contains("NotFinite: 2") && status.message.contains("Dimensions: 2"), "{status:?}");
}

#[test]
fn frames_without_odometry_of_a_wrong_frame_or_from_the_past_are_refused() {
    let mut bench = Bench::new(1);
    assert!(bench.detect(1.0, Vec::new()).is_none());
    assert!(bench.status.take().unwrap().message.contains("no odometry within 0.15 s"));
    bench.drive(1.0, HOME, 0.0, 0.0);
    assert!(bench.detect(1.0, Vec::new()).is_some());
    assert!(bench.detect(1.0, Vec::new()).is_none());
    assert!(bench.status.take().unwrap().message.contains("later than the last one"));
    assert!(bench.detect(1.3, Vec::new()).is_none());
    let mut wrong = DetectedObjects::default();
    wrong.header.stamp = node::Time::from_seconds(1.1).into();
    wrong.header.frame_id = "lidar_top".into();
    assert!(bench.send(1.1, wrong).is_none());
    let status = bench.status.take().unwrap();
    assert!(status.level == Level::Error && status.message.contains("lidar_top"), "{status:?}");
    assert!(bench.detect(1.1, Vec::new()).is_some());
    assert_eq!(bench.status.unwrap().level, Level::Ok);
}
