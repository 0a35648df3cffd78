//! rosbag2 recordings, MCAP and SQLite3, read and written, and a digest over every message of a run.
//!
//! [`Reader`] opens a recording as rosbag2 leaves it, whole or damaged; [`Writer`] writes one. [`Sink`] encodes each
//! message of a graph once and feeds the bytes to a [`Recorder`] and a [`Digest`].

mod digest;
mod error;
mod mcap_reader;
mod mcap_writer;
mod metadata;
mod overrides;
mod qos;
mod reader;
mod recorder;
mod scratch;
mod selection;
mod sink;
mod sqlite_reader;
mod sqlite_writer;
mod storage;
mod topic;
mod unpack;
mod writer;

pub use digest::Digest;
pub use error::BagError;
pub use overrides::read_qos_overrides;
pub use qos::{QosDuration, QosProfile};
pub use reader::{Info, Messages, Reader};
pub use recorder::Recorder;
pub use selection::Selection;
pub use sink::Sink;
pub use topic::{Definition, RecordedMessage, Topic, TopicCount};
pub use writer::{Compression, Storage, TopicId, WriteOptions, Writer};
