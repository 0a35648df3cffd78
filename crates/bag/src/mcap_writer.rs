use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mcap::records::{MessageHeader, Metadata};
use mcap::{McapError, WriteOptions, Writer};
use node::Time;

use crate::topic::Topic;
use crate::{BagError, Compression, qos};

/// Writes an MCAP file with profile `ros2`, as rosbag2 does.
pub(crate) struct McapWriter {
    path: PathBuf,
    writer: Writer<Counted>,
    /// Channel and next sequence number by topic.
    channels: Vec<(u16, u32)>,
    written: Arc<AtomicU64>,
}

/// A file that tells how long it is.
struct Counted {
    file: BufWriter<File>,
    written: Arc<AtomicU64>,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl McapWriter {
    pub fn create(path: &Path, compression: Compression) -> Result<Self, BagError> {
        let file = File::create(path).map_err(|source| BagError::file(path, source))?;
        let written = Arc::new(AtomicU64::new(0));
        let packing = match compression {
            Compression::Zstd => Some(mcap::Compression::Zstd),
            Compression::Lz4 => Some(mcap::Compression::Lz4),
            Compression::None | Compression::FileZstd | Compression::MessageZstd => None,
        };
        // One compression worker: more would take the cores that the drive itself needs.
        let options = WriteOptions::new().profile("ros2").library("ferrodrive").compression(packing);
        let options = options.compression_level(1).compression_threads(1);
        let writer = options
            .create(Counted { file: BufWriter::new(file), written: Arc::clone(&written) })
            .map_err(|source| write_error(path, source))?;
        Ok(Self { path: path.into(), writer, channels: Vec::new(), written })
    }

    pub fn add_topic(&mut self, topic: &Topic) -> Result<(), BagError> {
        let (encoding, text) =
            topic.definition.as_ref().map_or(("", ""), |definition| (&definition.encoding, &definition.text));
        let add = |writer: &mut Writer<_>| {
            let schema = writer.add_schema(&topic.type_name, encoding, text.as_bytes())?;
            let metadata = BTreeMap::from([
                ("offered_qos_profiles".to_owned(), qos::to_yaml(&topic.qos, "")),
                ("topic_type_hash".to_owned(), topic.type_hash.clone().unwrap_or_default()),
            ]);
            writer.add_channel(schema, &topic.name, &topic.serialization, &metadata)
        };
        let id = add(&mut self.writer).map_err(|source| write_error(&self.path, source))?;
        self.channels.push((id, 0));
        Ok(())
    }

    pub fn write(&mut self, topic: usize, time: Time, data: &[u8]) -> Result<(), BagError> {
        let (channel_id, next) = &mut self.channels[topic];
        let time = u64::try_from(time.0).unwrap_or(0);
        let header = MessageHeader { channel_id: *channel_id, sequence: *next, log_time: time, publish_time: time };
        *next = next.wrapping_add(1);
        self.writer.write_to_known_channel(&header, data).map_err(|source| write_error(&self.path, source))
    }

    /// Bytes written so far; the chunk that is being filled does not count.
    pub fn bytes(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub fn finish(mut self, about: Option<&str>) -> Result<(), BagError> {
        if let Some(about) = about {
            let metadata = BTreeMap::from([("serialized_metadata".to_owned(), about.to_owned())]);
            self.writer
                .write_metadata(&Metadata { name: "rosbag2".into(), metadata })
                .map_err(|source| write_error(&self.path, source))?;
        }
        self.writer.finish().map_err(|source| write_error(&self.path, source))?;
        self.writer.into_inner().flush().map_err(|source| BagError::file(&self.path, source))
    }
}

fn write_error(path: &Path, source: McapError) -> BagError {
    match source {
        McapError::Io(source) => BagError::file(path, source),
        other => BagError::storage(path, format!("cannot be written: {other}")),
    }
}
