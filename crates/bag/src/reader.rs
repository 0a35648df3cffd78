use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use mcap::io::MessageReader;
use mcap::sans_io::{LinearReaderOptions, SummaryReadEvent, SummaryReader, SummaryReaderOptions};
use mcap::{McapError, Summary};
use node::Time;

use crate::BagError;

/// A recorded topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Name on the graph.
    pub name: String,
    /// ROS type name.
    pub type_name: String,
    /// RIHS01 type hash, where the recording has it.
    pub type_hash: Option<String>,
}

/// One recorded message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedMessage {
    /// Topic.
    pub topic: String,
    /// ROS type name.
    pub type_name: String,
    /// When it was recorded, on the clock of the recording.
    pub time: Time,
    /// CDR with its encapsulation header.
    pub cdr: Vec<u8>,
}

/// Longest record or unpacked chunk that is believed, bytes: a damaged length must not take all memory.
const MAX_RECORD_BYTES: usize = 256 << 20;

/// A recording on disk; only the chunk being read is in memory.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
}

impl Reader {
    /// Opens the file and looks at its first bytes.
    ///
    /// # Errors
    /// [`BagError`] where the file cannot be read or is no MCAP file.
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let reader = Self { path: path.into() };
        let mut magic = [0; mcap::MAGIC.len()];
        reader
            .file()?
            .read_exact(&mut magic)
            .map_err(McapError::from)
            .and_then(|()| if magic == mcap::MAGIC { Ok(()) } else { Err(McapError::BadMagic) })
            .map_err(|source| read_error(path, source))?;
        Ok(reader)
    }

    /// The topics by name, from the file's index.
    ///
    /// # Errors
    /// [`BagError`] where the file has no whole index: it was cut short or is damaged.
    pub fn topics(&self) -> Result<Vec<Topic>, BagError> {
        let summary = read_summary(self.file()?).map_err(|source| read_error(&self.path, source))?;
        let channels = summary.map(|summary| summary.channels).unwrap_or_default();
        let mut topics: Vec<_> = channels
            .values()
            .map(|channel| Topic {
                name: channel.topic.clone(),
                type_name: channel.schema.as_ref().map(|schema| schema.name.clone()).unwrap_or_default(),
                type_hash: channel.metadata.get("topic_type_hash").cloned(),
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The messages in the order of the file. A damaged or cut file gives its whole messages first, then one error.
    ///
    /// # Errors
    /// [`BagError::Mcap`] where the file is no MCAP file; as an item, where it is damaged from there on.
    pub fn messages(&self) -> Result<impl Iterator<Item = Result<RecordedMessage, BagError>>, BagError> {
        let options =
            LinearReaderOptions::default().with_prevalidate_chunk_crcs(true).with_record_length_limit(MAX_RECORD_BYTES);
        let stream = MessageReader::new_with_options(BufReader::new(self.file()?), options);
        let mut failed = false;
        Ok(stream
            .map(|item| {
                let message = item.map_err(|source| read_error(&self.path, source))?;
                let mcap = |reason: String| BagError::Mcap { path: self.path.clone(), reason };
                if message.channel.message_encoding != "cdr" {
                    return Err(mcap(format!(
                        "topic {} is encoded as {:?}; only \"cdr\" is read",
                        message.channel.topic, message.channel.message_encoding
                    )));
                }
                let schema = message
                    .channel
                    .schema
                    .as_ref()
                    .ok_or_else(|| mcap(format!("topic {} has no schema", message.channel.topic)))?;
                let time = i64::try_from(message.log_time)
                    .map_err(|_| mcap(format!("time {} ns is beyond the year 2262", message.log_time)))?;
                Ok(RecordedMessage {
                    topic: message.channel.topic.clone(),
                    type_name: schema.name.clone(),
                    time: Time(time),
                    cdr: message.data.into_owned(),
                })
            })
            .take_while(move |item| !std::mem::replace(&mut failed, item.is_err())))
    }

    fn file(&self) -> Result<File, BagError> {
        File::open(&self.path).map_err(|source| BagError::File { path: self.path.clone(), source })
    }
}

fn read_summary(mut file: File) -> Result<Option<Summary>, McapError> {
    let options = SummaryReaderOptions::default().with_record_length_limit(MAX_RECORD_BYTES);
    let mut reader = SummaryReader::new_with_options(options.with_file_size(file.metadata()?.len()));
    while let Some(event) = reader.next_event() {
        match event? {
            SummaryReadEvent::ReadRequest(length) => {
                let read = file.read(reader.insert(length))?;
                reader.notify_read(read);
            }
            SummaryReadEvent::SeekRequest(to) => {
                let position = file.seek(to)?;
                reader.notify_seeked(position);
            }
        }
    }
    Ok(reader.finish())
}

fn read_error(path: &Path, source: McapError) -> BagError {
    let cut = |source: McapError| format!("was cut short: {source}; the whole messages before that can still be read");
    let reason = match source {
        McapError::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            return BagError::File { path: path.into(), source };
        }
        McapError::BadMagic => "is no MCAP file, or was cut short while it was written".to_owned(),
        McapError::Io(_) | McapError::BadFooter | McapError::UnexpectedEof | McapError::UnexpectedEoc => cut(source),
        other => format!("is damaged: {other}"),
    };
    BagError::Mcap { path: path.into(), reason }
}
