use std::ffi::CStr;
use std::time::Duration;

/// Why something on the wire failed.
#[derive(Debug, thiserror::Error)]
pub enum DdsError {
    /// An environment variable or setting says nothing that can be followed.
    #[error("{name} is `{value}`: expected {expected}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        expected: &'static str,
    },
    /// A name or a quality of service that DDS cannot carry.
    #[error("{what}: {reason}")]
    Invalid {
        /// The topic or entity.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The core refused.
    #[error("{what}: {reason}")]
    Core {
        /// What was tried.
        what: String,
        /// The core's reason.
        reason: String,
    },
    /// The history is full and stayed so: a reliable reader does not keep up. That reader does not get the sample.
    #[error("topic {topic}: history full, a reader took nothing for {waited:?} and does not get this sample")]
    HistoryFull {
        /// The topic.
        topic: String,
        /// How long the writer waited.
        waited: Duration,
    },
}

impl DdsError {
    pub(crate) fn core(what: impl Into<String>, code: i32) -> Self {
        // SAFETY: the core gives a static string that ends in NUL for every code.
        let reason = unsafe { CStr::from_ptr(dds_sys::dds_strretcode(code)) };
        Self::Core { what: what.into(), reason: reason.to_string_lossy().into_owned() }
    }
}
