use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dds::{DdsError, Guid, Identity, Participant, Reader, Writer};
use node::MessageType;
use tokio::sync::Notify;

use super::request::{self, Asker};
use super::{CLIENT_ID, RequestId, SERVICE_ID, ServiceError, identity, qos};
use crate::ros::names;

/// How long a reply may wait for its client's reader to be found, and how many of a server may wait.
const PATIENCE: Duration = Duration::from_secs(2);
const MOST_HELD: usize = 64;

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
    related: Option<Identity>,
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
        Ok(Some(request::read(&self.name, &sample)?))
    }

    /// Answers, now or when the client's reader is found.
    ///
    /// # Errors
    /// [`ServiceError`] where the reply cannot be sent.
    pub fn reply(&self, id: RequestId, response: &[u8]) -> Result<(), ServiceError> {
        let (bytes, related) = request::answer(&self.name, id, response)?;
        match self.way(id)? {
            Way::Open => self.replies.write_related(&bytes, related)?,
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
                held.push_back(Held { id, bytes, related, since: Instant::now() });
            }
        }
        Ok(())
    }

    fn send_held(&self) -> Result<(), ServiceError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..held.len() {
            let Some(reply) = held.pop_front() else { break };
            match self.way(reply.id)? {
                Way::Open => self.replies.write_related(&reply.bytes, reply.related)?,
                Way::Gone => {}
                Way::Closed if reply.since.elapsed() < PATIENCE => held.push_back(reply),
                Way::Closed => {
                    tracing::warn!("service {}: a client has no reader for its reply after {PATIENCE:?}", self.name);
                }
            }
        }
        Ok(())
    }

    /// Where a reply to the client that asked would go. Source: `rmw_send_response` of rmw_cyclonedds_cpp and
    /// rmw_fastrtps_cpp.
    fn way(&self, id: RequestId) -> Result<Way, DdsError> {
        let writers = self.requests.matched_writers()?;
        let Some(asking) = writers.iter().find(|end| end.handle == id.writer) else { return Ok(Way::Gone) };
        let readers = self.replies.matched_readers()?;
        let found = match id.asker {
            Asker::End(guid) if is_reader(guid) => readers.iter().any(|end| end.guid == guid),
            Asker::End(_) => readers.iter().any(|end| end.participant == asking.participant),
            Asker::Number(_) => match asking.user_data(CLIENT_ID) {
                Some(client) => readers.iter().any(|end| end.user_data(CLIENT_ID).as_ref() == Some(&client)),
                // It does not say which reader is its own.
                None => true,
            },
        };
        Ok(if found { Way::Open } else { Way::Closed })
    }

    /// Reader of requests and writer of replies, for the graph.
    pub fn endpoints(&self) -> (dds::Guid, dds::Guid) {
        (self.requests.guid(), self.replies.guid())
    }
}

/// Whether a GUID is a reader's. Source: RTPS 2.3, 9.3.1.2.
fn is_reader(guid: Guid) -> bool {
    guid.0[15] & 0x04 != 0
}
