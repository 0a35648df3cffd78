//! What nodes say as shapes for RViz and Foxglove (visualization_msgs/MarkerArray).
//!
//! Each function draws one message. Shapes that follow each other keep their namespace and id, so that a new one
//! replaces the old, and vanish [`LIFETIME_S`] after the last one: what is on the screen is what is known now. Numbers
//! that are not finite are left out, for a viewer may refuse the whole array for one of them.

mod objects;
mod road;
mod shape;

pub use objects::{detected, predicted, tracked};
pub use road::{road, trajectory};

/// How long a shape of a stream stays without a new one, s.
pub const LIFETIME_S: f64 = 0.5;
