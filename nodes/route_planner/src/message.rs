//! Poses from messages, routes into messages.

use geometry::{Map, Pose2};
use msgs::autoware_planning_msgs::msg::{LaneletPrimitive, LaneletRoute, LaneletSegment};
use msgs::builtin_interfaces::msg::Time;
use msgs::geometry_msgs::msg::Pose;
use road_map::{LaneId, Route};

/// The planar pose of a message in frame `map`, or what is wrong with it.
pub(crate) fn read_pose(what: &str, frame: &str, pose: &Pose) -> Result<Pose2<Map>, String> {
    if frame != "map" {
        return Err(format!("{what}: expected frame map, got `{frame}`"));
    }
    let q = &pose.orientation;
    let norm = (q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w).sqrt();
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    let planar = Pose2::new(pose.position.x, pose.position.y, yaw);
    if !planar.is_finite() || !((norm - 1.0).abs() < 0.01) {
        return Err(format!("{what}: expected a finite pose with a unit quaternion, got {pose:?}"));
    }
    Ok(planar)
}

fn write_pose(pose: Pose2<Map>) -> Pose {
    let mut message = Pose::default();
    message.position.x = pose.position.x;
    message.position.y = pose.position.y;
    let q = pose.quaternion();
    message.orientation.x = 0.0;
    message.orientation.y = 0.0;
    message.orientation.z = q.k;
    message.orientation.w = q.w;
    message
}

/// The route as Autoware's message: one segment a lane, the preferred one first among its primitives.
pub(crate) fn to_message(route: &Route, start: Pose2<Map>, goal: Pose2<Map>, stamp: &Time) -> LaneletRoute {
    let primitive = |id: LaneId| LaneletPrimitive { id: id.0, primitive_type: "lane".into() };
    let mut message = LaneletRoute::default();
    message.header.stamp = stamp.clone();
    message.header.frame_id = "map".into();
    message.start_pose = write_pose(start);
    message.goal_pose = write_pose(goal);
    message.segments = route
        .segments
        .iter()
        .map(|segment| LaneletSegment {
            preferred_primitive: primitive(segment.lane),
            primitives: std::iter::once(segment.lane)
                .chain(segment.alternatives.iter().copied())
                .map(primitive)
                .collect(),
        })
        .collect();
    message
}
