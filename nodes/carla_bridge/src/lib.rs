//! `carla_bridge`: CARLA's topics in and out, on either of its two ROS 2 contracts.
//!
//! Sensors come in as the server itself (0.9.16, `--ros2`) or carla_ros_bridge (0.9.13) publishes them and go out with
//! Ferrodrive's frames, axes and signs ([`Quirks`] names what each version gets wrong); Control becomes pedals and
//! steering, or AckermannDrive. Each frame of a world in lockstep gets one command with the frame's stamp. The car's pose
//! is the simulator's own where it offers one, else the localizer's. Ground truth of other road users is not read.
//!
//! The node keeps to the wall clock and reads `/clock` as any other topic: it can tell that the world stands.

mod answer;
mod contract;
mod convert;
mod georeference;
mod lights;
mod longitudinal;
mod node;
mod odometry;
mod parameters;
mod ports;
mod watch;

pub use contract::{Contract, ContractChoice, NATIVE_0_9_16, Quirks, ROS_BRIDGE_0_9_13};
pub use georeference::{GeoReference, GeoReferenceChoice};
pub use longitudinal::{Calibration, Pedals};
pub use node::CarlaBridge;
pub use parameters::{CommandChoice, LightsChoice, OdometryChoice, Parameters};
