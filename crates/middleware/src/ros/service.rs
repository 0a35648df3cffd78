//! Services by the convention of rmw_cyclonedds: requests and replies begin with who asked (8 bytes) and the number of
//! the request (8 bytes).
//!
//! Fast DDS carries the same as inline quality of service (related sample identity) and the bare request as data, so a
//! service of one cannot be called by the other: ROS 2 has the same limit between its own middlewares.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use dds::{DdsError, History, Participant, Qos, Reader, Writer};
use msgs::{CdrError, Message, Service};
use tokio::sync::Notify;

use super::names;
use super::profile::type_hash_user_data;

/// Encapsulation header, then client and sequence number.
const HEADER: usize = 4;
const IDENTITY: usize = 16;

/// Who asked, and which of its questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    /// Number of the asking client's writer.
    pub client: u64,
    /// Number of the request.
    pub sequence: i64,
}

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

fn pack<M: Message>(service: &str, id: RequestId, message: &M) -> Result<Vec<u8>, ServiceError> {
    let cdr = msgs::to_cdr(message).map_err(|source| ServiceError::Cdr { service: service.into(), source })?;
    let mut bytes = Vec::with_capacity(cdr.len() + IDENTITY);
    bytes.extend_from_slice(&cdr[..HEADER]);
    bytes.extend_from_slice(&id.client.to_le_bytes());
    bytes.extend_from_slice(&id.sequence.to_le_bytes());
    // 16 bytes in front do not change the alignment of what follows.
    bytes.extend_from_slice(&cdr[HEADER..]);
    Ok(bytes)
}

fn unpack<M: Message>(service: &str, bytes: &[u8]) -> Result<(RequestId, M), ServiceError> {
    let error = |source| ServiceError::Cdr { service: service.into(), source };
    let early = CdrError::EndsEarly { offset: 0, needed: HEADER + IDENTITY, left: bytes.len() };
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| error(early.clone()))?;
    let (client, rest) = rest.split_first_chunk::<8>().ok_or_else(|| error(early.clone()))?;
    let (sequence, body) = rest.split_first_chunk::<8>().ok_or_else(|| error(early.clone()))?;
    let little = header[1] & 1 == 1;
    let id = RequestId {
        client: if little { u64::from_le_bytes(*client) } else { u64::from_be_bytes(*client) },
        sequence: if little { i64::from_le_bytes(*sequence) } else { i64::from_be_bytes(*sequence) },
    };
    let message = msgs::from_cdr(&[header.as_slice(), body].concat()).map_err(error)?;
    Ok((id, message))
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

/// Answers requests.
pub struct Server<S> {
    name: String,
    requests: Reader,
    replies: Writer,
    marker: PhantomData<fn() -> S>,
}

impl<S: Service> Server<S> {
    /// Offers the service `full` (`/node/get_parameters`); `notify` is woken when a request comes.
    ///
    /// # Errors
    /// [`DdsError`] where the endpoints cannot be made.
    pub fn new(participant: &Participant, full: &str, notify: Arc<Notify>) -> Result<Self, DdsError> {
        let id = identity(participant);
        let request = qos("serviceid", id, S::Request::TYPE_HASH);
        let reply = qos("serviceid", id, S::Response::TYPE_HASH);
        let (request_type, reply_type) = types::<S>();
        Ok(Self {
            name: full.into(),
            requests: participant.reader(&names::request_topic(full), &request_type, &request, notify)?,
            replies: participant.writer(&names::reply_topic(full), &reply_type, &reply)?,
            marker: PhantomData,
        })
    }

    /// The oldest request that waits.
    ///
    /// # Errors
    /// [`ServiceError`] where its bytes are no such request.
    pub fn take(&self) -> Result<Option<(RequestId, S::Request)>, ServiceError> {
        self.requests.take()?.map(|sample| unpack(&self.name, &sample)).transpose()
    }

    /// Answers.
    ///
    /// # Errors
    /// [`ServiceError`] where the reply breaks a bound or cannot be sent.
    pub fn reply(&self, id: RequestId, response: &S::Response) -> Result<(), ServiceError> {
        Ok(self.replies.write(&pack(&self.name, id, response)?)?)
    }

    /// Reader of requests and writer of replies, for the graph.
    pub fn endpoints(&self) -> (dds::Guid, dds::Guid) {
        (self.requests.guid(), self.replies.guid())
    }
}

/// Asks a service.
pub struct Client<S> {
    name: String,
    requests: Writer,
    replies: Reader,
    id: u64,
    sequence: AtomicI64,
    marker: PhantomData<fn() -> S>,
}

impl<S: Service> Client<S> {
    /// For the service `full`.
    ///
    /// # Errors
    /// [`DdsError`] where the endpoints cannot be made.
    pub fn new(participant: &Participant, full: &str) -> Result<Self, DdsError> {
        let id = identity(participant);
        let request = qos("clientid", id, S::Request::TYPE_HASH);
        let reply = qos("clientid", id, S::Response::TYPE_HASH);
        let (request_type, reply_type) = types::<S>();
        let requests = participant.writer(&names::request_topic(full), &request_type, &request)?;
        Ok(Self {
            name: full.into(),
            id: requests.instance_handle()?,
            requests,
            replies: participant.reader(&names::reply_topic(full), &reply_type, &reply, Arc::default())?,
            sequence: AtomicI64::new(1),
            marker: PhantomData,
        })
    }

    /// Whether a server is connected both ways.
    pub fn is_ready(&self) -> bool {
        self.requests.matched() > 0 && self.replies.matched() > 0
    }

    /// Asks and waits for the answer; without end where none comes, so put a time limit around it.
    ///
    /// # Errors
    /// [`ServiceError`] where the request cannot be sent or the answer cannot be read.
    pub async fn call(&self, request: &S::Request) -> Result<S::Response, ServiceError> {
        let id = RequestId { client: self.id, sequence: self.sequence.fetch_add(1, Ordering::Relaxed) };
        self.requests.write(&pack(&self.name, id, request)?)?;
        loop {
            let sample = self.replies.next().await?;
            let (of, response) = unpack(&self.name, &sample)?;
            // Replies to others come on the same topic.
            if of == id {
                return Ok(response);
            }
        }
    }
}

fn types<S: Service>() -> (String, String) {
    (names::type_name(S::Request::TYPE_NAME), names::type_name(S::Response::TYPE_NAME))
}
