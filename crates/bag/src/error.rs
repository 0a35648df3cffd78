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
    /// The file cannot be written or read as MCAP.
    #[error("recording {path}: {reason}")]
    Mcap {
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
        recorded: &'static str,
        /// Type of this message.
        offered: &'static str,
    },
    /// MCAP has no times before the epoch.
    #[error("message on {topic} has time {nanoseconds} ns: a recording holds no time before the clock's epoch")]
    NegativeTime {
        /// Topic.
        topic: String,
        /// The time.
        nanoseconds: i64,
    },
}
