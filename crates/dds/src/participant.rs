use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dds_sys::Entity;
use tokio::sync::Notify;

use crate::endpoint::{self, Endpoint, Guid, Kind};
use crate::events::Listening;
use crate::{DdsError, Discovery, Qos, Reader, Settings, Writer};

/// A domain of this process: the core has one for each number, with one configuration.
struct Domain {
    entity: Entity,
    config: String,
}

impl Drop for Domain {
    fn drop(&mut self) {
        // Taken before another thread can ask for a domain of the same number.
        let _domains = domains();
        // SAFETY: a handle from the core; deleting one that is gone is an error code, no harm.
        unsafe { dds_sys::dds_delete(self.entity) };
    }
}

static DOMAINS: Mutex<BTreeMap<u32, Weak<Domain>>> = Mutex::new(BTreeMap::new());

fn domains() -> std::sync::MutexGuard<'static, BTreeMap<u32, Weak<Domain>>> {
    DOMAINS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn domain(settings: &Settings) -> Result<Arc<Domain>, DdsError> {
    let config = settings.config();
    let mut domains = domains();
    if let Some(domain) = domains.get(&settings.domain).and_then(Weak::upgrade) {
        if domain.config == config {
            return Ok(domain);
        }
        let what = format!("domain {}", settings.domain);
        drop(domains);
        return Err(DdsError::Invalid { what, reason: "this process has it with other settings already".into() });
    }
    let text = c_string("the configuration", &config)?;
    // SAFETY: the text ends in NUL and the core copies it.
    let mut entity = unsafe { dds_sys::dds_create_domain(settings.domain, text.as_ptr()) };
    // A dropped domain's deletion may wait for the lock that is held here: its number is free in a moment.
    for _ in 0..100 {
        if entity >= 0 {
            break;
        }
        drop(domains);
        std::thread::sleep(std::time::Duration::from_millis(10));
        domains = self::domains();
        // SAFETY: as above.
        entity = unsafe { dds_sys::dds_create_domain(settings.domain, text.as_ptr()) };
    }
    if entity < 0 {
        return Err(DdsError::core(format!("making domain {} with {config}", settings.domain), entity));
    }
    let domain = Arc::new(Domain { entity, config });
    domains.insert(settings.domain, Arc::downgrade(&domain));
    Ok(domain)
}

pub(crate) fn c_string(what: &str, text: &str) -> Result<CString, DdsError> {
    CString::new(text).map_err(|_| DdsError::Invalid { what: what.into(), reason: "holds a NUL character".into() })
}

/// The participant's handle, shared with its endpoints, which must go first.
pub(crate) struct Inner {
    pub entity: Entity,
    guid: Guid,
    _domain: Arc<Domain>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: a handle from the core, deleted once.
        unsafe { dds_sys::dds_delete(self.entity) };
    }
}

/// A place on a domain: what a process is to others. Cheap to clone.
#[derive(Clone)]
pub struct Participant {
    inner: Arc<Inner>,
}

impl Participant {
    /// Joins a domain.
    ///
    /// # Errors
    /// [`DdsError`] where the configuration is refused or no network interface can be used.
    pub fn new(settings: &Settings, user_data: &[u8]) -> Result<Self, DdsError> {
        let domain = domain(settings)?;
        let qos = Qos { user_data: user_data.into(), ..Qos::default() }.participant_handle();
        // SAFETY: the quality of service lives until the call returns, and there is no listener.
        let entity = unsafe { dds_sys::dds_create_participant(settings.domain, qos.0, std::ptr::null()) };
        if entity < 0 {
            return Err(DdsError::core(format!("joining domain {}", settings.domain), entity));
        }
        Ok(Self { inner: Arc::new(Inner { entity, guid: guid(entity)?, _domain: domain }) })
    }

    /// Its GUID.
    pub fn guid(&self) -> Guid {
        self.inner.guid
    }

    /// A writer.
    ///
    /// # Errors
    /// [`DdsError`] where the core refuses name, type or quality of service.
    pub fn writer(&self, topic: &str, type_name: &str, qos: &Qos) -> Result<Writer, DdsError> {
        self.writer_with(topic, type_name, qos, Arc::default())
    }

    /// A writer that wakes `notify` when something happens to it: a reader matches, leaves or is refused.
    ///
    /// # Errors
    /// As for [`Participant::writer`].
    pub fn writer_with(
        &self,
        topic: &str,
        type_name: &str,
        qos: &Qos,
        notify: Arc<Notify>,
    ) -> Result<Writer, DdsError> {
        let listening = Listening::new(notify);
        let create = |topic, qos: &crate::qos::Handle| {
            // SAFETY: handles are valid, and the receiver outlives the writer that keeps it.
            unsafe { dds_sys::fd_create_writer(self.inner.entity, topic, qos.0, listening.receiver()) }
        };
        let entity = self.endpoint(topic, type_name, qos, create)?;
        Ok(Writer::new(entity, guid(entity)?, topic, qos, listening, Arc::clone(&self.inner)))
    }

    /// A reader; `notify` is woken when a sample comes or something happens to the reader.
    ///
    /// # Errors
    /// [`DdsError`] where the core refuses name, type or quality of service.
    pub fn reader(&self, topic: &str, type_name: &str, qos: &Qos, notify: Arc<Notify>) -> Result<Reader, DdsError> {
        let listening = Listening::new(notify);
        let create = |topic, qos: &crate::qos::Handle| {
            // SAFETY: handles are valid, and the receiver outlives the reader that keeps it.
            unsafe { dds_sys::fd_create_reader(self.inner.entity, topic, qos.0, listening.receiver()) }
        };
        let entity = self.endpoint(topic, type_name, qos, create)?;
        Ok(Reader::new(entity, guid(entity)?, topic, qos, listening, Arc::clone(&self.inner)))
    }

    /// What discovery knows of the domain, this participant's own included.
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn known(&self, kind: Kind) -> Result<Vec<Endpoint>, DdsError> {
        endpoint::known(self.inner.entity, kind)
    }

    /// Tells when there is news for [`Participant::known`].
    ///
    /// # Errors
    /// [`DdsError`] where the core cannot tell.
    pub fn discovery(&self) -> Result<Discovery, DdsError> {
        Discovery::new(Arc::clone(&self.inner))
    }

    fn endpoint(
        &self,
        topic: &str,
        type_name: &str,
        qos: &Qos,
        create: impl FnOnce(Entity, &crate::qos::Handle) -> Entity,
    ) -> Result<Entity, DdsError> {
        let (name, type_text) = (c_string(topic, topic)?, c_string(topic, type_name)?);
        // SAFETY: both texts end in NUL and the core copies them.
        let handle = unsafe { dds_sys::fd_create_topic(self.inner.entity, name.as_ptr(), type_text.as_ptr()) };
        if handle < 0 {
            return Err(DdsError::core(format!("topic {topic} of type {type_name}"), handle));
        }
        let entity = create(handle, &qos.handle());
        // SAFETY: a handle from the core; the endpoint keeps what it needs of the topic.
        unsafe { dds_sys::dds_delete(handle) };
        if entity < 0 { Err(DdsError::core(format!("endpoint of topic {topic}"), entity)) } else { Ok(entity) }
    }
}

fn guid(entity: Entity) -> Result<Guid, DdsError> {
    let mut guid = [0; 16];
    // SAFETY: the core writes 16 bytes.
    let code = unsafe { dds_sys::dds_get_guid(entity, &raw mut guid) };
    if code < 0 { Err(DdsError::core("asking for a GUID", code)) } else { Ok(Guid(guid)) }
}
