//! From sensor data to the tensors of common export layouts and back, as a manifest's `[encoder]` and `[decoder]` say it.
//!
//! A model in one of these layouts is brought by writing a manifest: docs/bring-your-own-model.md.

mod anchor_head;
mod boxes;
mod center_head;
mod error;
mod kind;
mod layout;
mod pillars;
mod trajectory_head;
mod yolox;

pub use anchor_head::{Anchor, AnchorHead};
pub use boxes::{Box2, Box3, Overlap, non_max_suppression};
pub use center_head::{CenterHead, Dimension};
pub use error::{DecoderError, LayoutMismatch};
pub use kind::{Decoder, Encoder};
pub use pillars::{Pillars, PointFeature, Scatter};
pub use trajectory_head::{Points, Trajectory, TrajectoryHead};
pub use yolox::{Letterbox, Yolox};
