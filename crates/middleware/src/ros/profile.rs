use std::time::Duration;

use dds::{History, Reliability};
use node::Qos;

/// How long a reliable writer waits for a reader that does not keep up. Nodes drop rather than stand still.
const MAX_BLOCKING: Duration = Duration::from_millis(100);

/// USER_DATA of an endpoint by which others learn the type hash (REP-2016).
pub fn type_hash_user_data(hash: &str) -> Vec<u8> {
    format!("typehash={hash};").into_bytes()
}

/// A port's quality of service on the wire.
pub fn dds_qos(qos: Qos, hash: &str) -> dds::Qos {
    dds::Qos {
        reliability: match qos.reliability {
            node::Reliability::Reliable => Reliability::Reliable { max_blocking: MAX_BLOCKING },
            node::Reliability::BestEffort => Reliability::BestEffort,
        },
        durability: match qos.durability {
            node::Durability::Volatile => dds::Durability::Volatile,
            node::Durability::TransientLocal => dds::Durability::TransientLocal,
        },
        history: History::KeepLast(u32::try_from(qos.depth.max(1)).unwrap_or(u32::MAX)),
        deadline: qos.deadline,
        lifespan: qos.lifespan,
        liveliness: match qos.liveliness {
            node::Liveliness::Automatic => dds::Liveliness::Automatic,
            node::Liveliness::ManualByTopic => dds::Liveliness::ManualByTopic,
        },
        lease: qos.lease,
        user_data: type_hash_user_data(hash),
        ..dds::Qos::default()
    }
}
