//! Frames as types, poses, polylines, oriented boxes and cameras.
//!
//! Units are SI, angles radians, axes as in REP-103 (x forward, y left, z up). A value's frame is part of its type:
//! adding a [`Map`] point to a [`BaseLink`] point does not compile.

mod frame;
mod oriented_box;
mod pinhole;
mod polyline;

pub use frame::{BaseLink, Frame, Map, Point2, Point3, Pose2, Sensor, Vector2, angle_difference, normalize_angle};
pub use oriented_box::OrientedBox;
pub use pinhole::Pinhole;
pub use polyline::{Polyline, PolylineError, Projection};
