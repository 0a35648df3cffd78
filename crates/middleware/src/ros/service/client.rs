use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use dds::{DdsError, Guid, Identity, Participant, Reader, Sample, Writer};
use msgs::Service;
use node::MessageType;

use super::request::{self, Asker};
use super::{CLIENT_ID, SERVICE_ID, ServiceError, identity, qos};
use crate::ros::names;

/// Number of a sample that is none. Source: RTPS 2.3, 8.3.5.4.
const UNKNOWN: i64 = -(1 << 32);

/// Asks a service.
pub struct Client<S> {
    name: String,
    requests: Writer,
    replies: Reader,
    id: u64,
    /// Requests sent, which is also the number of the writer's last sample.
    sent: Mutex<i64>,
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
            sent: Mutex::new(0),
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
        let error = |source| ServiceError::Cdr { service: self.name.clone(), source };
        let sequence = self.ask(&msgs::to_cdr(request).map_err(error)?)?;
        loop {
            let sample = self.replies.next().await?;
            // Replies to others come on the same topic.
            if let Some(response) = self.answered(&sample, sequence)? {
                return msgs::from_cdr(&response).map_err(error);
            }
        }
    }

    /// Sends a request as the server's middleware has it; its number.
    fn ask(&self, cdr: &[u8]) -> Result<i64, ServiceError> {
        let servers = self.requests.matched_readers()?;
        let bare = servers.first().is_some_and(|server| !request::has_header(server.guid));
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = *sent + 1;
        if bare {
            let waits = Identity { guid: self.replies.guid(), sequence: UNKNOWN };
            self.requests.write_related(cdr, Some(waits))?;
        } else {
            self.requests.write(&request::pack(&self.name, self.id, sequence, cdr)?)?;
        }
        *sent = sequence;
        Ok(sequence)
    }

    /// The CDR of a reply, where it answers this request of ours.
    fn answered(&self, sample: &Sample, sequence: i64) -> Result<Option<Vec<u8>>, ServiceError> {
        let ours = |end: Guid| end == self.replies.guid() || end == self.requests.guid();
        if sample.identity().is_some_and(|own| !request::has_header(own.guid)) {
            let related = sample.related().filter(|of| ours(of.guid) && of.sequence == sequence);
            return Ok(related.map(|_| sample.to_vec()));
        }
        // Servers send their replies to clients of the other way here too, without a header.
        let Ok((id, cdr)) = request::read(&self.name, sample) else { return Ok(None) };
        Ok((id.asker == Asker::Number(self.id) && id.sequence == sequence).then_some(cdr))
    }
}
