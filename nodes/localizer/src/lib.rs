//! `localizer`: IMU, GNSS, wheel speed and steering in, odometry in `map` and its transform out.
//!
//! An extended Kalman filter ([`Filter`]) over position, heading, speed, the biases of gyro and accelerometer, the
//! scale of the wheels and the slow error of GNSS. It starts from what an operator says now (`initial_pose`), from what
//! another node reckoned while this one was gone where a fix agrees (`reckoned_pose`), or from the direction between
//! fixes once the car moves. Without GNSS it reckons on; without IMU it turns by the steering angle, without wheels it holds
//! the speed by accelerometer and GNSS; its status says so. Height and tilt are the map's ground.

mod filter;
mod history;
mod mounting;
mod node;
mod odometry;
mod parameters;
mod start;

pub use filter::{Filter, Motion, Noise, Turn};
pub use node::Localizer;
pub use parameters::Parameters;
