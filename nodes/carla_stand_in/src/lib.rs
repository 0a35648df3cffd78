//! `carla_stand_in`: Ferrodrive's own simulator in the place of CARLA. It is no CARLA, has nothing of CARLA's in it, and
//! looks nothing like it: it publishes topics, types, quality of service, frames and peculiarities as CARLA's sources
//! have them, so that the way from there to the car can be tried where no CARLA is.
//!
//! What it imitates: LibCarla/source/carla/ros2 of 0.9.16 (`native`), and carla_ros_bridge of the 0.9.13 line. Written
//! from those; it shares no conversion with `carla_bridge`, so that an error of either shows.

mod ackermann;
mod carla;
mod lanes;
mod node;
mod objects;
mod parameters;
mod pedals;
mod ports;
mod sensors;

pub use carla::{Location, Rotation};
pub use node::CarlaStandIn;
pub use parameters::{Contract, Parameters, Peculiarity};
