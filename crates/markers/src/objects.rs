//! Road users.

use msgs::autoware_perception_msgs::msg::{
    DetectedObjects, ObjectClassification as Label, PredictedObjects, Shape, TrackedObjects,
};
use msgs::geometry_msgs::msg::{Point, Pose, Quaternion};
use msgs::std_msgs::msg::Header;
use msgs::visualization_msgs::msg::{Marker, MarkerArray};

use crate::shape::{Color, arrow, lines, marker, solid, text};

/// The likeliest label: what it is called and how it is painted.
fn class(labels: &[Label]) -> (&'static str, Color) {
    let label = labels.iter().max_by(|a, b| a.probability.total_cmp(&b.probability)).map(|l| l.label);
    match label {
        Some(Label::CAR) => ("car", [0.2, 0.5, 1.0, 0.6]),
        Some(Label::TRUCK | Label::BUS | Label::TRAILER) => ("truck", [0.5, 0.3, 0.9, 0.6]),
        Some(Label::BICYCLE | Label::MOTORCYCLE) => ("cyclist", [1.0, 0.6, 0.1, 0.6]),
        Some(Label::PEDESTRIAN) => ("pedestrian", [1.0, 0.3, 0.3, 0.6]),
        _ => ("obstacle", [0.6, 0.6, 0.6, 0.6]),
    }
}

/// A road user's box (or cylinder) and what is said of it above.
fn labelled(
    header: &Header,
    id: usize,
    labels: &[Label],
    pose: &Pose,
    shape: &Shape,
    said: String,
) -> impl Iterator<Item = Marker> {
    let kind = if shape.type_ == Shape::CYLINDER { Marker::CYLINDER } else { Marker::CUBE };
    let outline = solid(marker(header, "objects", id, kind, class(labels).1), pose, &shape.dimensions);
    let above = Point { z: pose.position.z + shape.dimensions.z / 2.0 + 0.6, ..pose.position.clone() };
    let words = text(marker(header, "labels", id, Marker::TEXT_VIEW_FACING, [1.0; 4]), above, 0.6, said);
    outline.into_iter().chain(words)
}

/// Detections as boxes, each with its class and score, in the message's frame.
pub fn detected(message: &DetectedObjects) -> MarkerArray {
    let mut markers = Vec::new();
    for (id, object) in message.objects.iter().enumerate() {
        let pose = &object.kinematics.pose_with_covariance.pose;
        let (name, _) = class(&object.classification);
        let label = format!("{name} {:.2}", object.existence_probability);
        markers.extend(labelled(&message.header, id, &object.classification, pose, &object.shape, label));
    }
    MarkerArray { markers }
}

/// The pose turned to the left by `yaw`, rad.
fn turned(pose: &Pose, yaw: f64) -> Pose {
    let (q, (s, c)) = (&pose.orientation, (yaw / 2.0).sin_cos());
    let orientation =
        Quaternion { x: q.x * c + q.y * s, y: q.y * c - q.x * s, z: q.w * s + q.z * c, w: q.w * c - q.z * s };
    Pose { orientation, ..pose.clone() }
}

/// Tracks as boxes with class, identity and speed (m/s), and an arrow as far as each gets in a second.
pub fn tracked(message: &TrackedObjects) -> MarkerArray {
    let mut markers = Vec::new();
    for (id, object) in message.objects.iter().enumerate() {
        let pose = &object.kinematics.pose_with_covariance.pose;
        let velocity = &object.kinematics.twist_with_covariance.twist.linear;
        let speed = velocity.x.hypot(velocity.y);
        let (name, shade) = class(&object.classification);
        let identity = object.object_id.uuid;
        let label = format!("{name} {:02x}{:02x} {speed:.1} m/s", identity[14], identity[15]);
        markers.extend(labelled(&message.header, id, &object.classification, pose, &object.shape, label));
        if speed > 0.3 {
            let ahead = marker(&message.header, "velocities", id, Marker::ARROW, [shade[0], shade[1], shade[2], 1.0]);
            markers.extend(arrow(ahead, &turned(pose, velocity.y.atan2(velocity.x)), speed));
        }
    }
    MarkerArray { markers }
}

/// Every future as a line, the likelier the more opaque, with its probability at its end.
pub fn predicted(message: &PredictedObjects) -> MarkerArray {
    let mut markers = Vec::new();
    let mut id = 0;
    for object in &message.objects {
        let (_, shade) = class(&object.classification);
        for path in &object.kinematics.predicted_paths {
            let points: Vec<Point> = path.path.iter().map(|pose| pose.position.clone()).collect();
            let Some(end) = points.last().cloned() else { continue };
            let shade = [shade[0], shade[1], shade[2], 0.15 + 0.85 * path.confidence.clamp(0.0, 1.0)];
            markers.extend(lines(marker(&message.header, "futures", id, Marker::LINE_STRIP, shade), 0.15, points));
            let words = marker(&message.header, "probabilities", id, Marker::TEXT_VIEW_FACING, shade);
            markers.extend(text(words, end, 0.4, format!("{:.0} %", path.confidence * 100.0)));
            id += 1;
        }
    }
    MarkerArray { markers }
}
