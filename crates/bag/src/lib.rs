//! Recordings: MCAP files as rosbag2 writes them, and a digest over every message of a run.
//!
//! [`Sink`] encodes each message once and feeds the bytes to a [`Recorder`] and a [`Digest`].

mod digest;
mod error;
mod reader;
mod recorder;
mod sink;

pub use digest::Digest;
pub use error::BagError;
pub use reader::{Reader, RecordedMessage, Topic};
pub use recorder::Recorder;
pub use sink::Sink;
