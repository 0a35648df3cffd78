//! ROS 2 interface types generated from the files in `interfaces/`, with CDR exactly as ROS 2 has it on the wire and
//! RIHS01 type hashes.
//!
//! ```
//! use msgs::geometry_msgs::msg::Point;
//! let point = Point { x: 1.0, y: 2.0, z: 3.0 };
//! let bytes = msgs::to_cdr(&point)?;
//! assert_eq!(msgs::from_cdr::<Point>(&bytes)?, point);
//! # Ok::<(), msgs::CdrError>(())
//! ```

pub mod big_array;
pub mod cdr;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use cdr::{CdrError, WString, from_cdr, to_cdr, to_cdr_into};

/// A message type.
pub trait Message:
    cdr::Field + Clone + std::fmt::Debug + PartialEq + Default + Send + Sync + Serialize + DeserializeOwned + 'static
{
    /// ROS type name, e.g. `sensor_msgs/msg/PointCloud2`.
    const TYPE_NAME: &'static str;
    /// RIHS01 type hash (REP-2016).
    const TYPE_HASH: &'static str;
    /// The `ros2msg` schema text with all types it needs, as MCAP files carry it.
    const DEFINITION: &'static str;
}

/// A service type.
pub trait Service: 'static {
    /// What the client sends.
    type Request: Message;
    /// What the server answers.
    type Response: Message;
    /// ROS type name, e.g. `lifecycle_msgs/srv/GetState`.
    const TYPE_NAME: &'static str;
    /// RIHS01 type hash.
    const TYPE_HASH: &'static str;
}

/// Called with every message type by [`visit_all`].
pub trait Visitor {
    /// One message type.
    fn visit<M: Message>(&mut self);
}

include!(concat!(env!("OUT_DIR"), "/interfaces.rs"));
