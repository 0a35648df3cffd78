//! Multi-object tracking: detections in `base_link` become road users in `map` with identity, velocity and extent.
//!
//! Cars, trucks and cyclists follow an extended Kalman filter with constant turn rate and speed, people one with
//! constant velocity. Detections are gated by Mahalanobis distance and assigned optimally (Kuhn-Munkres). A track is
//! tentative, confirmed, then coasting when it is missed: longer where nearer road users hide it from the sensor.

mod assignment;
mod class;
mod filter;
mod measurement;
mod node;
mod occlusion;
mod odometry;
mod parameters;
mod track;
mod tracker;
mod turn_filter;
mod velocity_filter;

pub use class::{Class, ClassVotes};
pub use filter::Filter;
pub use measurement::{Measurement, Refusal};
pub use node::ObjectTracker;
pub use odometry::{OdometryBuffer, OdometryError, RigidPose};
pub use parameters::Parameters;
pub use track::{Extent, Track};
pub use tracker::Tracker;
