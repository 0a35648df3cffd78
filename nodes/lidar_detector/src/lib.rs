//! Finds road users and obstacles in a LiDAR's clouds with an ONNX network.
//!
//! A cloud becomes points in `base_link` as seen at its stamp ([`decode`], [`deskew`]), the points a [`Grid`] of counts by
//! height above ground, the grid heat and boxes of the network, and those oriented boxes ([`detection`]). Grids are made
//! here for training as well (`record_scans`): what the network learns from is what it is given.

mod brought;
mod cloud;
mod deskew;
/// Boxes from the network's answer.
pub mod detection;
/// The network's input.
pub mod grid;
mod motion;
mod network;
mod node;
mod parameters;
mod terrain;

pub use brought::BroughtNetwork;
pub use cloud::{Cloud, CloudError, Point, decode};
pub use deskew::{Twist, deskew};
pub use frames::StaticFrames;
pub use grid::Grid;
pub use motion::Motion;
pub use network::{Answer, Network, OnnxNetwork};
pub use node::LidarDetector;
pub use parameters::{LeastScore, Parameters};
pub use terrain::Terrain;
