//! What ROS 2 makes of DDS: names, quality of service, type hashes, the graph, services.
//!
//! Sources: REP-2016 (type hashes), the ROS 2 design article "Topic and Service name mapping to DDS", and the wire
//! behaviour of rmw_dds_common and rmw_cyclonedds_cpp (Humble, Jazzy), which the tests hold against an independent peer.

use dds::Incompatibility;

mod graph_info;
pub mod names;
mod participant;
mod profile;
mod service;

pub use names::NameError;
pub use participant::{Endpoints, RosParticipant};
pub use profile::{dds_qos, type_hash_user_data};
pub use service::{Client, RequestId, Server, ServiceError};

/// Why an end is not connected, by ROS 2's name of the topic.
pub fn told(problem: &Incompatibility) -> String {
    let topic = names::ros_topic(&problem.topic).unwrap_or(&problem.topic).to_owned();
    Incompatibility { topic, ..problem.clone() }.to_string()
}

#[cfg(test)]
mod tests {
    use dds::{Guid, Mismatch};

    use super::*;

    #[test]
    fn ends_that_do_not_meet_are_told_by_the_names_that_ros_2_shows() {
        let mismatch =
            Mismatch { policy: "durability", offered: "Volatile".into(), requested: "TransientLocal".into() };
        let (other, mismatches) = (Guid([0x1a; 16]), vec![mismatch]);
        let of = |topic: &str| told(&Incompatibility { topic: topic.into(), other, mismatches: mismatches.clone() });
        let said = of("rt/a/b");
        assert!(said.starts_with("topic /a/b: no connection with 1a.1a.1a."), "{said}");
        assert!(said.ends_with("durability: the writer offers Volatile, the reader asks for TransientLocal"), "{said}");
        assert!(of("square").starts_with("topic square: "));
    }
}
