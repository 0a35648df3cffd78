use std::sync::Arc;

use dds_sys::Entity;
use tokio::sync::Notify;

use crate::events::Listening;
use crate::participant::Inner;
use crate::{DdsError, Kind};

/// Tells when discovery learns of endpoints or of changes to them, in this process or another.
pub struct Discovery {
    readers: Vec<Entity>,
    listening: Listening,
    participant: Arc<Inner>,
}

impl Drop for Discovery {
    fn drop(&mut self) {
        for reader in &self.readers {
            // SAFETY: a handle from the core, deleted once; no listener runs after that, so the receiver may go.
            unsafe { dds_sys::dds_delete(*reader) };
        }
    }
}

impl Discovery {
    pub(crate) fn new(participant: Arc<Inner>) -> Result<Self, DdsError> {
        let listening = Listening::new(Arc::new(Notify::new()));
        let mut discovery = Self { readers: Vec::new(), listening, participant };
        for kind in [Kind::Writer, Kind::Reader] {
            // SAFETY: the handle is valid, and the receiver outlives the reader.
            let reader = unsafe {
                dds_sys::fd_create_discovery_reader(
                    discovery.participant.entity,
                    crate::endpoint::number(kind),
                    discovery.listening.receiver(),
                )
            };
            if reader < 0 {
                return Err(DdsError::core("listening to discovery", reader));
            }
            discovery.readers.push(reader);
        }
        Ok(discovery)
    }

    /// Woken when there is news.
    pub fn notify(&self) -> &Notify {
        &self.listening.events.notify
    }

    /// Whether endpoints came or changed since last asked; which there are, [`crate::Participant::known`] tells.
    ///
    /// # Errors
    /// [`DdsError`] where the core refuses.
    pub fn take_news(&self) -> Result<bool, DdsError> {
        let mut news = false;
        for reader in &self.readers {
            // SAFETY: a valid handle of a discovery reader.
            let code = unsafe { dds_sys::fd_drain(*reader) };
            if code < 0 {
                return Err(DdsError::core("listening to discovery", code));
            }
            news |= code > 0;
        }
        Ok(news)
    }
}
