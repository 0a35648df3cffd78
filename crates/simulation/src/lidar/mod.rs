//! The LiDAR: bodies made of convex parts, the ground, and a ray caster for spinning sensors.
//!
//! Runs on its own for recording training data: build a [`Scene`], or take the one of [`random_scene`], and
//! [`Scanner::scan`] it.

pub mod body;
pub mod clutter;
mod config;
mod contact;
mod gardens;
mod ground;
mod random_scene;
mod scanner;
mod scene;
mod shape;

pub use body::Body;
pub use config::{LidarConfig, LidarConfigError};
pub use ground::{Ground, GroundKind};
pub use random_scene::{TrainingScene, random_scene, residential_scene};
pub use scanner::{LidarPoint, LidarScan, Scanner};
pub use scene::{Instance, Scene, SweepMotion, Target};
pub use shape::{Part, Plane, Shape, Surface};
