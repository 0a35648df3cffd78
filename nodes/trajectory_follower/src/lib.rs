//! `trajectory_follower`: trajectory, odometry and steering angle in, steering and acceleration command out at 50 Hz.
//!
//! The state is first predicted over the age of the odometry and the actuators' delay with the commands already sent.
//! From there a model predictive controller ([`lateral`]) steers, and a single-move predictive law meets the planned
//! speed a preview ahead under the drive train's lag. The command's stamp is the trajectory's header stamp: the sensor
//! data that it rests on. Where trajectory or odometry are stale or the solver fails nothing is published and the
//! status says why: the safety supervisor then stops the car.

pub mod lateral;
mod node;

pub use node::{Parameters, TrajectoryFollower};
