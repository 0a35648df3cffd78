//! Services by the convention of rmw_cyclonedds: requests and replies begin with who asked (8 bytes) and the number of
//! the request (8 bytes).
//!
//! Fast DDS carries the same as inline quality of service (related sample identity) and the bare request as data, so a
//! service of one cannot be called by the other: ROS 2 has the same limit between its own middlewares.

use std::collections::{BTreeSet, VecDeque};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dds::{DdsError, History, Participant, Qos, Reader, Writer};
use msgs::{CdrError, Service};
use node::MessageType;
use tokio::sync::Notify;

use super::names;
use super::profile::type_hash_user_data;

/// Encapsulation header, then client and sequence number.
const HEADER: usize = 4;
const IDENTITY: usize = 16;

/// How long a reply may wait for its client's reader to be found, and how many of a server may wait.
const PATIENCE: Duration = Duration::from_secs(2);
const MOST_HELD: usize = 64;

/// Keys of USER_DATA by which the two ends of a client, or of a server, are known as belonging together.
const CLIENT_ID: &str = "clientid";
const SERVICE_ID: &str = "serviceid";

/// Who asked, and which of its questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    /// Number of the asking client's writer.
    pub client: u64,
    /// Number of the request.
    pub sequence: i64,
    /// The number by which this process knows the writer that asked; 0 where this process asks.
    writer: u64,
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

fn pack(service: &str, id: RequestId, cdr: &[u8]) -> Result<Vec<u8>, ServiceError> {
    let (header, body) = cdr.split_first_chunk::<HEADER>().ok_or_else(|| ends_early(service, HEADER, cdr))?;
    let mut bytes = Vec::with_capacity(cdr.len() + IDENTITY);
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&id.client.to_le_bytes());
    bytes.extend_from_slice(&id.sequence.to_le_bytes());
    // 16 bytes in front do not change the alignment of what follows.
    bytes.extend_from_slice(body);
    Ok(bytes)
}

fn unpack(service: &str, bytes: &[u8]) -> Result<(RequestId, Vec<u8>), ServiceError> {
    let early = || ends_early(service, HEADER + IDENTITY, bytes);
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(early)?;
    let (client, rest) = rest.split_first_chunk::<8>().ok_or_else(early)?;
    let (sequence, body) = rest.split_first_chunk::<8>().ok_or_else(early)?;
    let little = header[1] & 1 == 1;
    let id = RequestId {
        client: if little { u64::from_le_bytes(*client) } else { u64::from_be_bytes(*client) },
        sequence: if little { i64::from_le_bytes(*sequence) } else { i64::from_be_bytes(*sequence) },
        writer: 0,
    };
    Ok((id, [header.as_slice(), body].concat()))
}

fn ends_early(service: &str, needed: usize, bytes: &[u8]) -> ServiceError {
    ServiceError::Cdr { service: service.into(), source: CdrError::EndsEarly { offset: 0, needed, left: bytes.len() } }
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

/// Where a reply to a client would go.
enum Way {
    /// To its reader.
    Open,
    /// Nowhere yet: its reader is not found, its writer is.
    Closed,
    /// Nowhere: the client is gone.
    Gone,
}

/// A reply that waits for its reader.
struct Held {
    id: RequestId,
    bytes: Vec<u8>,
    since: Instant,
}

/// Answers requests; both are CDR with an encapsulation header. A reply goes out when the reader of the client that
/// asked is connected: discovery may find that client's writer first. Until then it is held back, and others are
/// answered.
pub struct Server {
    name: String,
    requests: Reader,
    replies: Writer,
    held: Mutex<VecDeque<Held>>,
}

impl Server {
    /// Offers the service `full` (`/node/get_parameters`); `notify` is woken when there is reason to [`Server::take`]: a
    /// request came, or a client's reader is found.
    ///
    /// # Errors
    /// [`DdsError`] where the endpoints cannot be made.
    pub fn new(
        participant: &Participant,
        full: &str,
        request: MessageType,
        response: MessageType,
        notify: Arc<Notify>,
    ) -> Result<Self, DdsError> {
        let id = identity(participant);
        let (request_type, reply_type) = (names::type_name(request.name), names::type_name(response.name));
        let request = qos(SERVICE_ID, id, request.hash);
        let reply = qos(SERVICE_ID, id, response.hash);
        Ok(Self {
            name: full.into(),
            requests: participant.reader(&names::request_topic(full), &request_type, &request, Arc::clone(&notify))?,
            replies: participant.writer_with(&names::reply_topic(full), &reply_type, &reply, notify)?,
            held: Mutex::default(),
        })
    }

    /// The oldest request that waits. Sends held replies whose way is open now.
    ///
    /// # Errors
    /// [`ServiceError`] where its bytes are too few, or a held reply cannot be sent.
    pub fn take(&self) -> Result<Option<(RequestId, Vec<u8>)>, ServiceError> {
        self.send_held()?;
        let Some(sample) = self.requests.take()? else { return Ok(None) };
        let (id, request) = unpack(&self.name, &sample)?;
        Ok(Some((RequestId { writer: sample.publication_handle(), ..id }, request)))
    }

    /// Answers, now or when the client's reader is found.
    ///
    /// # Errors
    /// [`ServiceError`] where the reply cannot be sent.
    pub fn reply(&self, id: RequestId, response: &[u8]) -> Result<(), ServiceError> {
        let bytes = pack(&self.name, id, response)?;
        match self.way(id.writer)? {
            Way::Open => self.replies.write(&bytes)?,
            Way::Gone => {}
            Way::Closed => {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                if held.len() == MOST_HELD {
                    held.pop_front();
                    tracing::warn!(
                        "service {}: over {MOST_HELD} replies wait for their readers: one dropped",
                        self.name
                    );
                }
                held.push_back(Held { id, bytes, since: Instant::now() });
            }
        }
        Ok(())
    }

    fn send_held(&self) -> Result<(), ServiceError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..held.len() {
            let Some(reply) = held.pop_front() else { break };
            match self.way(reply.id.writer)? {
                Way::Open => self.replies.write(&reply.bytes)?,
                Way::Gone => {}
                Way::Closed if reply.since.elapsed() < PATIENCE => held.push_back(reply),
                Way::Closed => {
                    tracing::warn!("service {}: a client has no reader for its reply after {PATIENCE:?}", self.name);
                }
            }
        }
        Ok(())
    }

    /// Where a reply to the client of this request writer would go. Source: rmw_cyclonedds_cpp, `rmw_send_response`.
    fn way(&self, writer: u64) -> Result<Way, DdsError> {
        let writers = self.requests.matched_writers()?;
        let Some(asking) = writers.iter().find(|end| end.handle == writer) else { return Ok(Way::Gone) };
        let Some(client) = asking.user_data(CLIENT_ID) else {
            // It does not say which reader is its own.
            return Ok(Way::Open);
        };
        let found =
            self.replies.matched_readers()?.iter().any(|end| end.user_data(CLIENT_ID).as_ref() == Some(&client));
        Ok(if found { Way::Open } else { Way::Closed })
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
        let (request, response) = (MessageType::of::<S::Request>(), MessageType::of::<S::Response>());
        let (request_type, reply_type) = (names::type_name(request.name), names::type_name(response.name));
        let request = qos(CLIENT_ID, id, request.hash);
        let reply = qos(CLIENT_ID, id, response.hash);
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

    /// Whether a server is connected both ways: both ends of one and the same.
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn is_ready(&self) -> Result<bool, DdsError> {
        let id = |ends: Vec<dds::Endpoint>| ends.iter().map(|end| end.user_data(SERVICE_ID)).collect::<BTreeSet<_>>();
        // Of ends that do not say to which server they belong, any two will do.
        Ok(!id(self.requests.matched_readers()?).is_disjoint(&id(self.replies.matched_writers()?)))
    }

    /// Asks and waits for the answer; without end where none comes, so put a time limit around it.
    ///
    /// # Errors
    /// [`ServiceError`] where the request cannot be sent or the answer cannot be read.
    pub async fn call(&self, request: &S::Request) -> Result<S::Response, ServiceError> {
        let id = RequestId { client: self.id, sequence: self.sequence.fetch_add(1, Ordering::Relaxed), writer: 0 };
        let error = |source| ServiceError::Cdr { service: self.name.clone(), source };
        self.requests.write(&pack(&self.name, id, &msgs::to_cdr(request).map_err(error)?)?)?;
        loop {
            let sample = self.replies.next().await?;
            let (of, response) = unpack(&self.name, &sample)?;
            // Replies to others come on the same topic.
            if of == id {
                return msgs::from_cdr(&response).map_err(error);
            }
        }
    }
}
