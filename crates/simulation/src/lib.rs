//! A headless world to drive in: roads, traffic, physics, sensors and faults. Deterministic by seed; knows no ROS.

mod actor;
pub mod camera;
mod dynamics;
mod event;
mod fault;
pub mod lidar;
mod network;
mod random;
mod referee;
mod scenario;
mod sensors;
mod signals;
mod sky;
mod terrain;
mod traffic;
mod world;

pub use actor::{Actor, ActorClass};
pub use dynamics::{Command, EgoState, GRADE_COMPENSATION, GRAVITY};
pub use event::{Counts, EventKind, WorldEvent};
pub use fault::Fault;
pub use random::Random;
pub use scenario::{Manners, Place, Scenario, ScenarioError, TrafficConfig, drive_scenario, smoke_scenario};
pub use sensors::{GnssSample, ImuSample, Mount, Reading, SensorNoise, SensorSuite};
pub use signals::{SignalColor, SignalState};
pub use sky::Sky;
pub use world::{STEP_S, World, WorldError};
