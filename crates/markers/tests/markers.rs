//! What is drawn is where the messages say, and nothing of what no viewer can draw.
#![allow(missing_docs)]

use std::path::Path;

use msgs::autoware_perception_msgs::msg::{
    DetectedObject, DetectedObjects, ObjectClassification, PredictedObject, PredictedObjects, PredictedPath,
    TrackedObject, TrackedObjects,
};
use msgs::autoware_planning_msgs::msg::{LaneletPrimitive, LaneletRoute, LaneletSegment, Trajectory, TrajectoryPoint};
use msgs::geometry_msgs::msg::Pose;
use msgs::visualization_msgs::msg::{Marker, MarkerArray};
use road_map::{LaneGraph, LaneKind};

fn of<'a>(array: &'a MarkerArray, namespace: &str) -> Vec<&'a Marker> {
    array.markers.iter().filter(|marker| marker.ns == namespace).collect()
}

fn pose(x: f64, y: f64, yaw: f64) -> Pose {
    let mut pose = Pose::default();
    (pose.position.x, pose.position.y) = (x, y);
    (pose.orientation.z, pose.orientation.w) = (yaw / 2.0).sin_cos();
    pose
}

fn car() -> Vec<ObjectClassification> {
    vec![ObjectClassification { label: ObjectClassification::CAR, probability: 0.9 }]
}

#[test]
fn detections_are_boxes_in_their_frame() {
    let mut object = DetectedObject { existence_probability: 0.75, classification: car(), ..Default::default() };
    object.kinematics.pose_with_covariance.pose = pose(12.0, -3.0, 0.5);
    (object.shape.dimensions.x, object.shape.dimensions.y, object.shape.dimensions.z) = (4.5, 1.8, 1.5);
    let mut broken = object.clone();
    broken.kinematics.pose_with_covariance.pose.position.x = f64::NAN;
    let mut message = DetectedObjects { objects: vec![broken, object.clone()], ..Default::default() };
    message.header.frame_id = "base_link".into();
    let drawn = markers::detected(&message);
    let boxes = of(&drawn, "objects");
    assert_eq!(boxes.len(), 1, "one that no viewer can draw is left out");
    assert_eq!((boxes[0].header.frame_id.as_str(), boxes[0].type_), ("base_link", Marker::CUBE));
    assert_eq!(boxes[0].pose, object.kinematics.pose_with_covariance.pose);
    assert_eq!(boxes[0].scale, object.shape.dimensions);
    assert_eq!(of(&drawn, "labels")[0].text, "car 0.75");
}

#[test]
fn a_track_points_where_it_goes() {
    let mut object = TrackedObject { classification: car(), ..Default::default() };
    object.kinematics.pose_with_covariance.pose = pose(1.0, 2.0, 1.0);
    // Half a radian to the left of its own heading.
    let linear = &mut object.kinematics.twist_with_covariance.twist.linear;
    (linear.y, linear.x) = (5.0 * 0.5_f64.sin(), 5.0 * 0.5_f64.cos());
    (object.shape.dimensions.x, object.shape.dimensions.y, object.shape.dimensions.z) = (4.5, 1.8, 1.5);
    let drawn = markers::tracked(&TrackedObjects { objects: vec![object], ..Default::default() });
    let arrow = of(&drawn, "velocities")[0];
    let yaw = 2.0 * arrow.pose.orientation.z.atan2(arrow.pose.orientation.w);
    assert!((yaw - 1.5).abs() < 1e-9, "{yaw}");
    assert!((arrow.scale.x - 5.0).abs() < 1e-9);
    assert_eq!(of(&drawn, "labels")[0].text, "car 0000 5.0 m/s");
}

#[test]
fn the_likelier_future_is_the_more_opaque() {
    let path = |confidence, y| PredictedPath {
        confidence,
        path: (0..5).map(|step| pose(f64::from(step), y, 0.0)).collect(),
        ..Default::default()
    };
    let mut object = PredictedObject { classification: car(), ..Default::default() };
    object.kinematics.predicted_paths = vec![path(0.8, 0.0), path(0.2, 1.0)];
    let drawn = markers::predicted(&PredictedObjects { objects: vec![object.clone(), object], ..Default::default() });
    let futures = of(&drawn, "futures");
    assert_eq!(futures.len(), 4);
    assert!(futures[0].color.a > futures[1].color.a);
    assert_eq!(futures[1].points[3].y, 1.0);
    let mut ids: Vec<i32> = futures.iter().map(|marker| marker.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4, "equal ids would hide each other");
}

#[test]
fn a_trajectory_is_painted_by_speed_and_says_why_it_stops() {
    let point = |x: f64, speed| TrajectoryPoint {
        pose: pose(x, 0.0, 0.0),
        longitudinal_velocity_mps: speed,
        ..Default::default()
    };
    let message = Trajectory { points: vec![point(0.0, 20.0), point(1.0, 0.0)], ..Default::default() };
    let drawn = markers::trajectory(&message, "stopping: red light");
    let line = of(&drawn, "trajectory")[0];
    assert_eq!(line.points.len(), line.colors.len());
    assert!(line.colors[0].g > 0.99 && line.colors[1].r > 0.99);
    assert_eq!(of(&drawn, "reason")[0].text, "stopping: red light");
    assert!(of(&markers::trajectory(&message, ""), "reason").is_empty());
    assert!(markers::trajectory(&Trajectory::default(), "x").markers.is_empty());
}

#[test]
fn the_road_shows_the_map_and_the_lanes_of_the_route() {
    let town = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../maps/town.xodr");
    let map = LaneGraph::from_file(&town, None).unwrap();
    let lane = map.lanes().find(|lane| lane.kind == LaneKind::Driving && lane.length() > 50.0).unwrap();
    let primitive = LaneletPrimitive { id: lane.id.0, primitive_type: "lane".into() };
    let segment = LaneletSegment { preferred_primitive: primitive.clone(), primitives: vec![primitive] };
    let route = LaneletRoute { goal_pose: pose(1.0, 2.0, 0.0), segments: vec![segment], ..Default::default() };
    let drawn = markers::road(&map, Some(&route));
    assert_eq!(drawn.markers[0].action, Marker::DELETEALL);
    assert_eq!(of(&drawn, "route")[0].points.len(), 2 * (lane.center.points().len() - 1));
    assert_eq!(of(&drawn, "goal").len(), 1);
    let stops: usize = map.lanes().filter(|l| l.kind == LaneKind::Driving).map(|l| l.stop_lines.len()).sum();
    assert_eq!(of(&drawn, "stop_lines")[0].points.len(), 2 * stops);
    for namespace in ["solid", "crossable", "crosswalks"] {
        assert!(!of(&drawn, namespace)[0].points.is_empty(), "{namespace}");
    }
    let without = markers::road(&map, None);
    assert!(of(&without, "route").is_empty() && of(&without, "goal").is_empty());
}
