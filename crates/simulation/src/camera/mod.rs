//! The front camera: a z-buffer rasteriser of coarse polygons, with traffic lights drawn to a fraction of a pixel.
//!
//! What matters in the image are the lamps of traffic lights, so those are sampled several times a pixel and keep their
//! brightness relative to the daylight; all else is there to hide them, to be mistaken for them, and to be in the way.
//! Polygons are of one shade each; edges between their corners, which the lens puts where it sees them, are straight.

mod background;
mod canvas;
mod config;
mod glare;
mod head;
mod mesh;
mod noise;
mod renderer;
mod shot;
mod view;

pub use config::{CameraConfig, CameraConfigError};
pub use head::{LightHead, LitLamp};
pub use mesh::{Face, Mesh};
pub use renderer::{Camera, CameraFrame, HeadTruth};
pub use shot::{CameraShot, Darkroom};
pub(crate) use view::optical;
