use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use mcap::records::MessageHeader;
use mcap::{Compression, McapError, WriteOptions, Writer};
use node::{Durability, Qos, Reliability, Shared, Time};

use crate::BagError;

struct Channel {
    id: u16,
    type_name: &'static str,
    next_sequence: u32,
}

/// Writes an MCAP file with profile `ros2`: `ros2msg` schemas, CDR messages, zstd chunks, as rosbag2 writes it.
///
/// Dropped without [`Recorder::finish`] the file still gets its index, but errors in doing so go unseen.
pub struct Recorder {
    path: PathBuf,
    writer: Writer<BufWriter<File>>,
    channels: BTreeMap<String, Channel>,
    buffer: Vec<u8>,
}

impl Recorder {
    /// Creates the file; one that is there is replaced.
    ///
    /// # Errors
    /// [`BagError::File`] where the file cannot be created.
    pub fn create(path: &Path) -> Result<Self, BagError> {
        let file = File::create(path).map_err(|source| BagError::File { path: path.into(), source })?;
        // One compression worker: more would take the cores that the drive itself needs.
        let writer = WriteOptions::new()
            .profile("ros2")
            .library("ferrodrive")
            .compression(Some(Compression::Zstd))
            .compression_level(1)
            .compression_threads(1)
            .create(BufWriter::new(file))
            .map_err(|source| write_error(path, source))?;
        Ok(Self { path: path.into(), writer, channels: BTreeMap::new(), buffer: Vec::new() })
    }

    /// Records one message.
    ///
    /// # Errors
    /// [`BagError`] where the message breaks a bound of its type, the topic carried another type before, the time lies
    /// before the epoch, or the file cannot be written.
    pub fn record(&mut self, topic: &str, time: Time, message: &Shared, qos: Qos) -> Result<(), BagError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let result =
            encode(topic, message, &mut buffer).and_then(|()| self.record_cdr(topic, time, message, &buffer, qos));
        self.buffer = buffer;
        result
    }

    /// Records a message that is already encoded: `cdr` with its encapsulation header.
    ///
    /// # Errors
    /// As [`Recorder::record`].
    pub fn record_cdr(
        &mut self,
        topic: &str,
        time: Time,
        message: &Shared,
        cdr: &[u8],
        qos: Qos,
    ) -> Result<(), BagError> {
        let log_time =
            u64::try_from(time.0).map_err(|_| BagError::NegativeTime { topic: topic.into(), nanoseconds: time.0 })?;
        let (channel_id, sequence) = self.channel(topic, message, qos)?;
        let header = MessageHeader { channel_id, sequence, log_time, publish_time: log_time };
        self.writer.write_to_known_channel(&header, cdr).map_err(|source| write_error(&self.path, source))
    }

    /// Writes the index and closes the file.
    ///
    /// # Errors
    /// [`BagError`] where the file cannot be written.
    pub fn finish(mut self) -> Result<(), BagError> {
        self.writer.finish().map_err(|source| write_error(&self.path, source))?;
        self.writer.into_inner().flush().map_err(|source| BagError::File { path: self.path, source })
    }

    fn channel(&mut self, topic: &str, message: &Shared, qos: Qos) -> Result<(u16, u32), BagError> {
        // `Shared` is itself a sized `Any`: the trait object's own methods must be called.
        let message = message.as_ref();
        let type_name = message.type_name();
        if !self.channels.contains_key(topic) {
            let add = |writer: &mut Writer<_>| {
                let schema = writer.add_schema(type_name, "ros2msg", message.definition().as_bytes())?;
                let metadata = BTreeMap::from([
                    ("offered_qos_profiles".to_owned(), qos_yaml(qos)),
                    ("topic_type_hash".to_owned(), message.type_hash().to_owned()),
                ]);
                writer.add_channel(schema, topic, "cdr", &metadata)
            };
            let id = add(&mut self.writer).map_err(|source| write_error(&self.path, source))?;
            self.channels.insert(topic.into(), Channel { id, type_name, next_sequence: 0 });
        }
        let channel = self.channels.get_mut(topic).expect("inserted above where it was missing");
        if channel.type_name != type_name {
            return Err(BagError::TypeChanged { topic: topic.into(), recorded: channel.type_name, offered: type_name });
        }
        let sequence = channel.next_sequence;
        channel.next_sequence = sequence.wrapping_add(1);
        Ok((channel.id, sequence))
    }
}

/// Replaces what is in `buffer` by the message's CDR.
pub(crate) fn encode(topic: &str, message: &Shared, buffer: &mut Vec<u8>) -> Result<(), BagError> {
    buffer.clear();
    let message = message.as_ref();
    message.encode(buffer).map_err(|source| BagError::Encode {
        topic: topic.into(),
        type_name: message.type_name(),
        source,
    })
}

fn write_error(path: &Path, source: McapError) -> BagError {
    match source {
        McapError::Io(source) => BagError::File { path: path.into(), source },
        other => BagError::Mcap { path: path.into(), reason: format!("cannot be written: {other}") },
    }
}

/// The topic's quality of service in the form of rosbag2's metadata; the long durations stand for "no limit".
fn qos_yaml(qos: Qos) -> String {
    let reliability = match qos.reliability {
        Reliability::Reliable => "reliable",
        Reliability::BestEffort => "best_effort",
    };
    let durability = match qos.durability {
        Durability::Volatile => "volatile",
        Durability::TransientLocal => "transient_local",
    };
    let unlimited = "\n    sec: 9223372036\n    nsec: 854775807";
    format!(
        "- history: keep_last\n  depth: {depth}\n  reliability: {reliability}\n  durability: {durability}\n  \
         deadline:{unlimited}\n  lifespan:{unlimited}\n  liveliness: automatic\n  \
         liveliness_lease_duration:{unlimited}\n  avoid_ros_namespace_conventions: false\n",
        depth = qos.depth,
    )
}
