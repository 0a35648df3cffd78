use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dds_sys::Entity;

use crate::compatibility::{Incompatibility, refused};
use crate::events::Listening;
use crate::participant::Inner;
use crate::{DdsError, Endpoint, Guid, Identity, Kind, Qos, endpoint};

/// Writes one topic.
pub struct Writer {
    entity: Entity,
    guid: Guid,
    topic: String,
    qos: Qos,
    listening: Listening,
    participant: Arc<Inner>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: a handle from the core, deleted once; no listener runs after that, so the receiver may go.
        unsafe { dds_sys::dds_delete(self.entity) };
    }
}

impl Writer {
    pub(crate) fn new(
        entity: Entity,
        guid: Guid,
        topic: &str,
        qos: &Qos,
        listening: Listening,
        participant: Arc<Inner>,
    ) -> Self {
        Self { entity, guid, topic: topic.into(), qos: qos.clone(), listening, participant }
    }

    /// Sends CDR with its encapsulation header. Blocks while the history is full, at most as long as the reliability
    /// says; and, with more than 64 kB for readers that are not on Cyclone, while their sockets on this machine are full,
    /// at most 50 ms.
    ///
    /// # Errors
    /// [`DdsError::HistoryFull`] where it stayed full: a reader that does not keep up does not get the sample.
    pub fn write(&self, cdr: &[u8]) -> Result<(), DdsError> {
        self.write_related(cdr, None)
    }

    /// Sends CDR that answers the sample `related`, which its inline quality of service names.
    ///
    /// # Errors
    /// As for [`Writer::write`].
    pub fn write_related(&self, cdr: &[u8], related: Option<Identity>) -> Result<(), DdsError> {
        let started = Instant::now();
        let related = related.map(Identity::raw);
        let related = related.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the shim reads `cdr.len()` bytes and the identity, if there is one, and copies them.
        match unsafe { dds_sys::fd_write(self.entity, cdr.as_ptr(), cdr.len(), related) } {
            dds_sys::TIMEOUT => Err(DdsError::HistoryFull { topic: self.topic.clone(), waited: started.elapsed() }),
            code if code < 0 => Err(DdsError::core(format!("writing on {}", self.topic), code)),
            _ => Ok(()),
        }
    }

    /// Waits until every matched reliable reader has all samples; false where time ran out.
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn wait_for_acknowledgments(&self, longest: Duration) -> Result<bool, DdsError> {
        let nanoseconds = crate::qos::nanoseconds(Some(longest));
        // SAFETY: a valid handle.
        match unsafe { dds_sys::dds_wait_for_acks(self.entity, nanoseconds) } {
            dds_sys::TIMEOUT => Ok(false),
            code if code < 0 => Err(DdsError::core(format!("waiting for the readers of {}", self.topic), code)),
            _ => Ok(true),
        }
    }

    /// Says that the writer lives, for readers that ask for manual liveliness.
    ///
    /// # Errors
    /// [`DdsError`] where the core refuses.
    pub fn assert_liveliness(&self) -> Result<(), DdsError> {
        // SAFETY: a valid handle.
        match unsafe { dds_sys::dds_assert_liveliness(self.entity) } {
            code if code < 0 => Err(DdsError::core(format!("asserting liveliness on {}", self.topic), code)),
            _ => Ok(()),
        }
    }

    /// The number by which this machine's core knows the writer, as rmw_cyclonedds puts it into requests.
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn instance_handle(&self) -> Result<u64, DdsError> {
        let mut handle = 0;
        // SAFETY: the core writes one number.
        match unsafe { dds_sys::dds_get_instance_handle(self.entity, &raw mut handle) } {
            code if code < 0 => Err(DdsError::core("asking for an instance handle", code)),
            _ => Ok(handle),
        }
    }

    /// Its GUID.
    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Topic name on the wire.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Readers connected.
    pub fn matched(&self) -> u32 {
        self.listening.events.matched.load(Ordering::Acquire)
    }

    /// The readers connected.
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn matched_readers(&self) -> Result<Vec<Endpoint>, DdsError> {
        endpoint::matched(self.entity, Kind::Reader)
    }

    /// Deadlines not kept so far.
    pub fn deadlines_missed(&self) -> u32 {
        self.listening.events.deadlines_missed.load(Ordering::Acquire)
    }

    /// Readers refused so far for their quality of service. One may be counted shortly before [`Self::incompatible`]
    /// knows of it.
    pub fn refused(&self) -> u32 {
        self.listening.events.incompatible.load(Ordering::Acquire)
    }

    /// Readers that cannot be connected, with both sides' settings.
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn incompatible(&self) -> Result<Vec<Incompatibility>, DdsError> {
        Ok(refused(&self.topic, &self.qos, true, endpoint::known(self.participant.entity, Kind::Reader)?))
    }
}
