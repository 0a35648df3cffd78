//! Markers of one kind each.

use msgs::builtin_interfaces::msg::Duration;
use msgs::geometry_msgs::msg::{Point, Pose, Vector3};
use msgs::std_msgs::msg::{ColorRGBA, Header};
use msgs::visualization_msgs::msg::Marker;

use crate::LIFETIME_S;

/// Red, green, blue and opacity, each 0 to 1.
pub(crate) type Color = [f32; 4];

pub(crate) fn color([r, g, b, a]: Color) -> ColorRGBA {
    ColorRGBA { r, g, b, a }
}

/// A marker that waits for its successor.
pub(crate) fn marker(header: &Header, namespace: &str, id: usize, kind: i32, shade: Color) -> Marker {
    let mut marker = Marker {
        header: header.clone(),
        ns: namespace.into(),
        id: i32::try_from(id).unwrap_or(i32::MAX),
        type_: kind,
        action: Marker::ADD,
        color: color(shade),
        lifetime: Duration { sec: LIFETIME_S as i32, nanosec: (LIFETIME_S.fract() * 1e9) as u32 },
        ..Marker::default()
    };
    marker.pose.orientation.w = 1.0;
    marker
}

/// The same, to stay until it is replaced or deleted.
pub(crate) fn lasting(marker: Marker) -> Marker {
    Marker { lifetime: Duration::default(), ..marker }
}

/// Lines of a width in m: one through all points (`Marker::LINE_STRIP`), or one for each pair (`Marker::LINE_LIST`).
pub(crate) fn lines(mut marker: Marker, width: f64, points: Vec<Point>) -> Option<Marker> {
    marker.scale.x = width;
    marker.points = points;
    let sound = marker.points.iter().all(|p| p.x.is_finite() && p.y.is_finite() && p.z.is_finite());
    (sound && marker.points.len() >= 2).then_some(marker)
}

/// Text that faces the viewer, letters `height` m tall.
pub(crate) fn text(mut marker: Marker, at: Point, height: f64, text: String) -> Option<Marker> {
    marker.pose.position = at;
    marker.scale.z = height;
    marker.text = text;
    is_finite(&marker.pose).then_some(marker)
}

/// A box or cylinder with its middle at the pose, size in m.
pub(crate) fn solid(mut marker: Marker, pose: &Pose, size: &Vector3) -> Option<Marker> {
    marker.pose = pose.clone();
    marker.scale = size.clone();
    let sound = is_finite(pose) && [size.x, size.y, size.z].iter().all(|side| side.is_finite() && *side > 0.0);
    sound.then_some(marker)
}

/// A shape from its pose: an arrow along x, `length` m.
pub(crate) fn arrow(mut marker: Marker, pose: &Pose, length: f64) -> Option<Marker> {
    marker.pose = pose.clone();
    (marker.scale.x, marker.scale.y, marker.scale.z) = (length, 0.2, 0.2);
    (is_finite(pose) && length.is_finite()).then_some(marker)
}

fn is_finite(pose: &Pose) -> bool {
    let (p, q) = (&pose.position, &pose.orientation);
    [p.x, p.y, p.z, q.x, q.y, q.z, q.w].iter().all(|number| number.is_finite())
}
