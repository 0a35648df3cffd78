use std::path::PathBuf;

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    /// The operating system refused.
    #[error("recording {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file cannot be written or read as what it is.
    #[error("recording {path}: {reason}")]
    Storage {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do where something can be done.
        reason: String,
    },
    /// A message breaks a bound of its type.
    #[error("message of {type_name} on {topic}: {source}")]
    Encode {
        /// Topic.
        topic: String,
        /// ROS type name.
        type_name: &'static str,
        /// The cause.
        source: msgs::CdrError,
    },
    /// A topic carried two types.
    #[error("topic {topic} is recorded as {recorded}, and now came {offered}: a topic has one type")]
    TypeChanged {
        /// Topic.
        topic: String,
        /// Type of the first message.
        recorded: String,
        /// Type of this message.
        offered: String,
    },
    /// Recordings have no times before the epoch.
    #[error("message on {topic} has time {nanoseconds} ns: a recording holds no time before the clock's epoch")]
    NegativeTime {
        /// Topic.
        topic: String,
        /// The time.
        nanoseconds: i64,
    },
    /// A selection names a topic that the recording lacks.
    #[error("the recording has no topic {topic}; it has: {there}")]
    NoSuchTopic {
        /// The name asked for.
        topic: String,
        /// The names there are.
        there: String,
    },
}

impl BagError {
    pub(crate) fn storage(path: &std::path::Path, reason: impl Into<String>) -> Self {
        Self::Storage { path: path.into(), reason: reason.into() }
    }

    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.into(), source }
    }
}
