//! What ROS 2 makes of DDS: names, quality of service, type hashes, the graph, services.
//!
//! Sources: REP-2016 (type hashes), the ROS 2 design article "Topic and Service name mapping to DDS", and the wire
//! behaviour of rmw_dds_common and rmw_cyclonedds_cpp (Humble, Jazzy), which the tests hold against an independent peer.

mod graph_info;
pub mod names;
mod participant;
mod profile;
mod service;

pub use names::NameError;
pub use participant::{Endpoints, RosParticipant};
pub use profile::{dds_qos, type_hash_user_data};
pub use service::{Client, RequestId, Server, ServiceError};
