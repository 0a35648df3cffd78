use std::ffi::c_int;
use std::time::Duration;

use dds_sys::QosHandle;

/// Whether lost samples are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reliability {
    /// Lost samples stay lost.
    BestEffort,
    /// Lost samples are sent again; a writer whose history is full waits.
    Reliable {
        /// How long it waits before [`crate::DdsError::HistoryFull`].
        max_blocking: Duration,
    },
}

/// Who keeps samples for late joiners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Nobody.
    Volatile,
    /// The writer, while it lives.
    TransientLocal,
    /// A service (known of others only).
    Transient,
    /// A service, on disk (known of others only).
    Persistent,
}

/// Samples kept at each end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The newest so many, at least 1.
    KeepLast(u32),
    /// All; a reliable writer waits for readers that do not take them.
    KeepAll,
}

/// What proves that a writer lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liveliness {
    /// Its process does.
    Automatic,
    /// Its participant says so (known of others only).
    ManualByParticipant,
    /// It writes, or says so, on the topic.
    ManualByTopic,
}

/// Quality of service of one end, and its USER_DATA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qos {
    /// Reliability.
    pub reliability: Reliability,
    /// Durability.
    pub durability: Durability,
    /// History.
    pub history: History,
    /// Most samples held at this end; `None`: memory is the limit. A full reliable reader makes its writers wait.
    pub max_samples: Option<u32>,
    /// Longest time between two samples; `None`: any.
    pub deadline: Option<Duration>,
    /// Samples older than this are not delivered; `None`: any age.
    pub lifespan: Option<Duration>,
    /// Liveliness.
    pub liveliness: Liveliness,
    /// A writer not heard of for so long counts as dead; `None`: never.
    pub lease: Option<Duration>,
    /// Carried by discovery.
    pub user_data: Vec<u8>,
    /// A reader does not hear the writers of its own participant.
    pub ignore_own: bool,
}

impl Default for Qos {
    /// ROS 2's default: reliable (the writer waits at most a second), volatile, the last ten.
    fn default() -> Self {
        Self {
            reliability: Reliability::Reliable { max_blocking: Duration::from_secs(1) },
            durability: Durability::Volatile,
            history: History::KeepLast(10),
            max_samples: None,
            deadline: None,
            lifespan: None,
            liveliness: Liveliness::Automatic,
            lease: None,
            user_data: Vec::new(),
            ignore_own: false,
        }
    }
}

/// Nanoseconds; what is beyond 292 years is for ever.
pub(crate) fn nanoseconds(duration: Option<Duration>) -> i64 {
    duration.and_then(|d| i64::try_from(d.as_nanos()).ok()).unwrap_or(dds_sys::INFINITY)
}

pub(crate) fn duration(nanoseconds: i64) -> Option<Duration> {
    (nanoseconds != dds_sys::INFINITY).then(|| Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)))
}

/// A C quality of service, freed on drop.
pub(crate) struct Handle(pub *mut QosHandle);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: made by dds_create_qos and freed once.
        unsafe { dds_sys::dds_delete_qos(self.0) }
    }
}

impl Qos {
    /// Of a participant, which has user data only.
    pub(crate) fn participant_handle(&self) -> Handle {
        // SAFETY: the handle is fresh, the setter copies the bytes.
        unsafe {
            let qos = dds_sys::dds_create_qos();
            dds_sys::dds_qset_userdata(qos, self.user_data.as_ptr().cast(), self.user_data.len());
            Handle(qos)
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        const UNLIMITED: i32 = -1;
        let (reliability, blocking) = match self.reliability {
            Reliability::BestEffort => (0, 0),
            Reliability::Reliable { max_blocking } => (1, nanoseconds(Some(max_blocking))),
        };
        let (history, depth) = match self.history {
            History::KeepLast(depth) => (0, i32::try_from(depth.max(1)).unwrap_or(i32::MAX)),
            History::KeepAll => (1, UNLIMITED),
        };
        // SAFETY: the handle is fresh, the setters copy what they are given.
        unsafe {
            let qos = dds_sys::dds_create_qos();
            dds_sys::dds_qset_reliability(qos, reliability, blocking);
            dds_sys::dds_qset_durability(qos, self.durability as c_int);
            dds_sys::dds_qset_history(qos, history, depth);
            if self.durability == Durability::TransientLocal {
                // Without it late joiners get one sample, whatever the history says.
                dds_sys::dds_qset_durability_service(qos, 0, history, depth, UNLIMITED, UNLIMITED, UNLIMITED);
            }
            if let Some(most) = self.max_samples {
                let most = i32::try_from(most.max(1)).unwrap_or(i32::MAX);
                dds_sys::dds_qset_resource_limits(qos, most, UNLIMITED, most);
            }
            if self.deadline.is_some() {
                dds_sys::dds_qset_deadline(qos, nanoseconds(self.deadline));
            }
            if self.lifespan.is_some() {
                dds_sys::dds_qset_lifespan(qos, nanoseconds(self.lifespan));
            }
            dds_sys::dds_qset_liveliness(qos, self.liveliness as c_int, nanoseconds(self.lease));
            dds_sys::dds_qset_writer_data_lifecycle(qos, false);
            if self.ignore_own {
                dds_sys::dds_qset_ignorelocal(qos, 1);
            }
            dds_sys::dds_qset_userdata(qos, self.user_data.as_ptr().cast(), self.user_data.len());
            Handle(qos)
        }
    }
}
