use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dds_sys::Entity;
use tokio::sync::Notify;

use crate::compatibility::{Incompatibility, refused};
use crate::events::Listening;
use crate::participant::Inner;
use crate::{DdsError, Endpoint, Guid, Kind, Qos, endpoint};

/// Reads one topic.
pub struct Reader {
    entity: Entity,
    guid: Guid,
    topic: String,
    qos: Qos,
    listening: Listening,
    participant: Arc<Inner>,
}

/// Which sample of which writer; where it says who asked, the guid may be that of the reader for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The writer, or the reader in its place.
    pub guid: Guid,
    /// The sample's number, from 1.
    pub sequence: i64,
}

impl Identity {
    fn told(raw: dds_sys::Identity) -> Option<Self> {
        (raw.guid != [0; 16]).then_some(Self { guid: Guid(raw.guid), sequence: raw.sequence })
    }

    pub(crate) fn raw(self) -> dds_sys::Identity {
        dds_sys::Identity { guid: self.guid.0, sequence: self.sequence }
    }
}

/// A sample: CDR with its encapsulation header (whose last byte tells the padding that was on the wire), without
/// padding; lent by the core, given back on drop.
pub struct Sample {
    raw: dds_sys::Sample,
}

// SAFETY: the core counts references atomically, and the bytes are never changed.
unsafe impl Send for Sample {}
// SAFETY: as above.
unsafe impl Sync for Sample {}

impl Deref for Sample {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the shim gave this many bytes, which live as long as the owner.
        unsafe { std::slice::from_raw_parts(self.raw.data, self.raw.size) }
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        // SAFETY: given back once.
        unsafe { dds_sys::fd_release(self.raw.owner) };
    }
}

impl Sample {
    /// When it was written, ns since 1970 by the writer's clock.
    pub fn source_timestamp(&self) -> i64 {
        self.raw.source_timestamp
    }

    /// Which sample it is; `None` where its writer is of this process.
    pub fn identity(&self) -> Option<Identity> {
        Identity::told(self.raw.identity)
    }

    /// Which sample it answers, or who is to be answered, where its inline quality of service says so.
    pub fn related(&self) -> Option<Identity> {
        Identity::told(self.raw.related)
    }

    /// The number by which this machine's core knows the writer.
    pub fn publication_handle(&self) -> u64 {
        self.raw.publication_handle
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: a handle from the core, deleted once; no listener runs after that, so the receiver may go.
        unsafe { dds_sys::dds_delete(self.entity) };
    }
}

impl Reader {
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

    /// Takes the oldest sample that waits.
    ///
    /// # Errors
    /// [`DdsError`] where the core refuses.
    pub fn take(&self) -> Result<Option<Sample>, DdsError> {
        let mut raw = dds_sys::Sample {
            owner: std::ptr::null_mut(),
            data: std::ptr::null(),
            size: 0,
            source_timestamp: 0,
            publication_handle: 0,
            identity: dds_sys::Identity::default(),
            related: dds_sys::Identity::default(),
        };
        // SAFETY: the shim fills the sample where it returns 1.
        match unsafe { dds_sys::fd_take(self.entity, &raw mut raw) } {
            code if code < 0 => Err(DdsError::core(format!("reading {}", self.topic), code)),
            0 => Ok(None),
            _ => Ok(Some(Sample { raw })),
        }
    }

    /// Waits for a sample. Cancel safe. For a reader whose `notify` nobody else waits on.
    ///
    /// # Errors
    /// As for [`Reader::take`].
    pub async fn next(&self) -> Result<Sample, DdsError> {
        loop {
            if let Some(sample) = self.take()? {
                return Ok(sample);
            }
            self.notify().notified().await;
        }
    }

    /// Woken when a sample came or something else happened.
    pub fn notify(&self) -> &Arc<Notify> {
        &self.listening.events.notify
    }

    /// Its GUID.
    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Topic name on the wire.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Writers connected.
    pub fn matched(&self) -> u32 {
        self.listening.events.matched.load(Ordering::Acquire)
    }

    /// The writers connected.
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn matched_writers(&self) -> Result<Vec<Endpoint>, DdsError> {
        endpoint::matched(self.entity, Kind::Writer)
    }

    /// Deadlines not kept so far.
    pub fn deadlines_missed(&self) -> u32 {
        self.listening.events.deadlines_missed.load(Ordering::Acquire)
    }

    /// Samples that the core knows to be lost so far.
    pub fn lost(&self) -> u32 {
        self.listening.events.lost.load(Ordering::Acquire)
    }

    /// Connected writers that are not heard of within their lease.
    pub fn silent_writers(&self) -> u32 {
        self.listening.events.silent.load(Ordering::Acquire)
    }

    /// How often a connected writer was not heard of within its lease so far.
    pub fn liveliness_lost(&self) -> u32 {
        self.listening.events.fell_silent.load(Ordering::Acquire)
    }

    /// Writers refused so far for their quality of service. One may be counted shortly before [`Self::incompatible`]
    /// knows of it.
    pub fn refused(&self) -> u32 {
        self.listening.events.incompatible.load(Ordering::Acquire)
    }

    /// Writers that cannot be connected, with both sides' settings.
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn incompatible(&self) -> Result<Vec<Incompatibility>, DdsError> {
        Ok(refused(&self.topic, &self.qos, false, endpoint::known(self.participant.entity, Kind::Writer)?))
    }
}
