//! Services as ROS 2 has them: a topic of requests and one of replies.

mod client;
mod request;
mod server;

use std::sync::atomic::{AtomicI64, Ordering};

use dds::{DdsError, History, Participant, Qos};
use msgs::CdrError;

use super::profile::type_hash_user_data;

pub use client::Client;
pub use request::RequestId;
pub use server::Server;

/// Keys of USER_DATA by which the two ends of a client, or of a server, are known as belonging together.
const CLIENT_ID: &str = "clientid";
const SERVICE_ID: &str = "serviceid";

/// Why a request or reply cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The wire.
    #[error(transparent)]
    Dds(#[from] DdsError),
    /// The bytes are no such message.
    #[error("service {service}: {source}")]
    Cdr {
        /// The service.
        service: String,
        /// The cause.
        source: CdrError,
    },
}

/// ROS 2's profile for services. `role` and `guid` tell which reader and writer belong together.
fn qos(role: &str, guid: dds::Guid, hash: &str) -> Qos {
    let mut user_data = format!("{role}=");
    for (n, byte) in guid.0.iter().enumerate() {
        user_data += &format!("{}{byte:x}", if n == 0 { "" } else { "." });
    }
    user_data.push(';');
    let user_data = [user_data.into_bytes(), type_hash_user_data(hash)].concat();
    Qos { history: History::KeepLast(10), user_data, ..Qos::default() }
}

/// An identity no other pair of this machine has: the participant's, with a count in its last bytes.
fn identity(participant: &Participant) -> dds::Guid {
    static COUNT: AtomicI64 = AtomicI64::new(1);
    let mut guid = participant.guid();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    for (byte, of_count) in guid.0[12..].iter_mut().zip(count.to_be_bytes()[4..].iter()) {
        *byte ^= of_count;
    }
    guid
}
