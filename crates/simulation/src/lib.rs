//! A headless world to drive in: roads, traffic, physics, sensors and faults. Deterministic by seed; knows no ROS.

mod actor;
pub mod lidar;
mod random;

pub use actor::{Actor, ActorClass};
pub use random::Random;
