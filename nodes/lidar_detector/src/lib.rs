//! From a LiDAR's message to points in `base_link`, all as seen at the stamp: what detection works on.

mod cloud;
mod deskew;

pub use cloud::{Cloud, CloudError, Point, decode};
pub use deskew::{Twist, deskew};
