//! Reads traffic lights in a camera's images with an ONNX network.
//!
//! The map says where lights hang, the pose where they are to be looked for: each light ahead that is turned to the car
//! ([`Sight`]) is cut out of the image, undistorted and resized ([`crop`]), a network says what it shows or why that
//! cannot be told ([`network`]), and a [`Vote`] over the last images makes the state of each group. Crops are cut here
//! for training as well (`record_lights`): what the network learns from is what it is given.

/// Pieces of an image.
pub mod crop;
mod light;
/// The network's input and output.
pub mod network;
mod node;
mod parameters;
mod pose_history;
mod sight;
mod vote;

pub use light::Light;
pub use network::{Network, OnnxNetwork, Reading, State};
pub use node::TrafficLightRecognizer;
pub use parameters::Parameters;
pub use pose_history::PoseHistory;
pub use sight::Sight;
pub use vote::{Shown, Vote};
