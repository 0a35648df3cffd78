//! The simulated car and town as a node: raw sensors out, control commands in, truth on topics of its own.

mod camera_thread;
mod convert;
mod parameters;
mod simulator;

pub use convert::{events, objects, odometry, pose, score};
pub use parameters::{Parameters, ScenarioChoice};
pub use simulator::Simulator;
