use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::qos::duration;
use crate::{DdsError, Durability, History, Liveliness, Qos, Reliability};

/// The 16 bytes that name a participant or endpoint on the network.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// Who made the middleware behind it. Source: RTPS 2.3, 9.3.1.5: a GUID begins with the vendor's number.
    pub fn vendor(self) -> Vendor {
        match self.0 {
            [0x01, 0x10, ..] => Vendor::Cyclone,
            [0x01, 0x0f, ..] => Vendor::FastDds,
            _ => Vendor::Other,
        }
    }
}

/// Makers of DDS that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Eclipse Cyclone DDS, as this crate.
    Cyclone,
    /// eProsima Fast DDS.
    FastDds,
    /// Another, or not said.
    Other,
}

/// As `ros2 topic info -v` shows it.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separators = std::iter::once("").chain(std::iter::repeat("."));
        self.0.iter().zip(separators).try_for_each(|(byte, separator)| write!(f, "{separator}{byte:02x}"))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Participants.
    Participant,
    /// Writers.
    Writer,
    /// Readers.
    Reader,
}

/// An endpoint, or a participant, that discovery knows: of this process or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its GUID.
    pub guid: Guid,
    /// Its participant's.
    pub participant: Guid,
    /// The number by which the core of this process knows it, as [`crate::Sample::publication_handle`].
    pub handle: u64,
    /// Topic name; empty for participants.
    pub topic: String,
    /// Type name; empty for participants.
    pub type_name: String,
    /// Quality of service and user data. Times to wait are not known of others: zero.
    pub qos: Qos,
}

impl Endpoint {
    /// The value of `key` in user data of the form `key=value;key=value;`, which ROS 2 uses.
    pub fn user_data(&self, key: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.qos.user_data);
        let value = text.split(';').find_map(|pair| pair.trim().strip_prefix(key)?.strip_prefix('='));
        value.map(str::to_owned)
    }

    /// Copies what the core lends.
    ///
    /// # Safety
    /// Pointers in `raw` must be null or valid as `shim/endpoints.h` says.
    unsafe fn copy(raw: &dds_sys::Endpoint) -> Self {
        let text = |pointer: *const c_char| {
            if pointer.is_null() {
                return String::new();
            }
            // SAFETY: not null, and ends in NUL by the shim's contract.
            unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
        };
        let user_data = if raw.user_data.is_null() {
            Vec::new()
        } else {
            // SAFETY: not null, and of this length by the shim's contract.
            unsafe { std::slice::from_raw_parts(raw.user_data, raw.user_data_size) }.to_vec()
        };
        Self {
            guid: Guid(raw.guid),
            participant: Guid(raw.participant),
            handle: raw.handle,
            topic: text(raw.topic),
            type_name: text(raw.type_name),
            qos: Qos {
                reliability: match raw.reliability {
                    0 => Reliability::BestEffort,
                    _ => Reliability::Reliable { max_blocking: Duration::ZERO },
                },
                durability: match raw.durability {
                    0 => Durability::Volatile,
                    1 => Durability::TransientLocal,
                    2 => Durability::Transient,
                    _ => Durability::Persistent,
                },
                history: match raw.history {
                    0 => History::KeepLast(u32::try_from(raw.depth).unwrap_or(1)),
                    _ => History::KeepAll,
                },
                max_samples: None,
                deadline: duration(raw.deadline),
                lifespan: duration(raw.lifespan),
                liveliness: match raw.liveliness {
                    0 => Liveliness::Automatic,
                    1 => Liveliness::ManualByParticipant,
                    _ => Liveliness::ManualByTopic,
                },
                lease: duration(raw.lease),
                user_data,
                ignore_own: false,
            },
        }
    }
}

extern "C" fn collect(arg: *mut c_void, raw: *const dds_sys::Endpoint) {
    // A panic must not cross into C; what could panic here is a failed allocation only.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `arg` is the vector that `known` passes, borrowed by nobody else during the call.
        let list = unsafe { &mut *arg.cast::<Vec<Endpoint>>() };
        // SAFETY: the shim lends a valid endpoint for the length of the call.
        list.push(unsafe { Endpoint::copy(&*raw) });
    }));
}

/// As `shim/endpoints.h` numbers them.
pub(crate) fn number(kind: Kind) -> u32 {
    match kind {
        Kind::Participant => 0,
        Kind::Writer => 1,
        Kind::Reader => 2,
    }
}

/// What discovery knows.
pub(crate) fn known(participant: dds_sys::Entity, kind: Kind) -> Result<Vec<Endpoint>, DdsError> {
    let mut list: Vec<Endpoint> = Vec::new();
    // SAFETY: `collect` gets the vector that outlives the call.
    let code = unsafe { dds_sys::fd_visit(participant, number(kind), collect, (&raw mut list).cast()) };
    if code < 0 { Err(DdsError::core("reading what discovery knows", code)) } else { Ok(list) }
}

/// The ends that an endpoint is connected with; `kind`: theirs.
pub(crate) fn matched(endpoint: dds_sys::Entity, kind: Kind) -> Result<Vec<Endpoint>, DdsError> {
    let mut list: Vec<Endpoint> = Vec::new();
    // SAFETY: `collect` gets the vector that outlives the call.
    let code = unsafe { dds_sys::fd_visit_matched(endpoint, number(kind), collect, (&raw mut list).cast()) };
    if code < 0 { Err(DdsError::core("asking for the connected ends", code)) } else { Ok(list) }
}
