//! `localizer`: IMU, GNSS, wheel speed and steering in, odometry in `map` and its transform out.
//!
//! An extended Kalman filter ([`Filter`]) over position, heading, gyro bias and wheel scale. It starts at the first fix
//! and takes its heading from `initial_pose` or from the direction between fixes once the car moves. Height is the
//! map's ground.

mod filter;
mod node;

pub use filter::Filter;
pub use node::{Localizer, Parameters};
