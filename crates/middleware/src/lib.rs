//! What runs a node: drivers over backends.
//!
//! A [`Graph`] holds node values with their names resolved to topics. Two drivers run it in one process:
//! [`Lockstep`] in simulated time, one deterministic order, as fast as the machine can; and [`composed::run`] on
//! tokio, each node its own task, messages passed by `Arc`, the newest winning over a bounded queue. [`live::run`] puts
//! the same graph on DDS, where its nodes are ROS 2 nodes ([`ros`]).

pub mod backend;
mod bus;
pub mod composed;
mod decode;
mod diagnostics;
mod graph;
mod latency;
pub mod live;
mod lockstep;
mod mailbox;
mod qos_overrides;
mod replay;
pub mod ros;
mod runner;
mod trace;

pub use bus::signal;
pub use decode::{DecodeError, Decoders};
pub use diagnostics::DIAGNOSTICS_TOPIC;
pub use graph::{Graph, GraphError, Member, Tap, Topic};
pub use latency::{Latency, LatencySummary};
pub use lockstep::Lockstep;
pub use replay::{NeededTopic, Replay};

/// The topic that carries simulated time (rosgraph_msgs/Clock).
pub const CLOCK_TOPIC: &str = "/clock";
