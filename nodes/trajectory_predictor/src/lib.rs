//! Several futures with probabilities for every tracked road user, by an ONNX network that is told of lanes.
//!
//! For each agent the map gives up to six ways that it may take ([`path`]). The network says for each how far the
//! agent gets along it by when, how far beside it, and how likely it is. So futures follow roads by construction.
//! Features are made here for training as well (`record_traffic`): what the network learns from is what it is given.

/// Road users and their past.
pub mod agent;
/// Tensors that the network is given.
pub mod features;
/// Futures from the network's answer.
pub mod forecast;
mod network;
mod node;
/// Ways an agent may take.
pub mod path;
mod predictor;
/// The map as prediction needs it.
pub mod road;
#[cfg(feature = "recorder")]
pub mod tracking_errors;

pub use network::OnnxNetwork;
pub use node::{Parameters, TrajectoryPredictor};
pub use predictor::{Answer, Frame, Network, Predictor, ego_agent};
