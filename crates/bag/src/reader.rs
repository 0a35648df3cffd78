use std::path::{Path, PathBuf};

use mcap::{McapError, MessageStream};
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

/// A recording, held in memory.
pub struct Reader {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Reader {
    /// Reads the file.
    ///
    /// # Errors
    /// [`BagError`] where the file cannot be read or is no MCAP file.
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let bytes = std::fs::read(path).map_err(|source| BagError::File { path: path.into(), source })?;
        MessageStream::new(&bytes).map_err(|source| read_error(path, &source))?;
        Ok(Self { path: path.into(), bytes })
    }

    /// The topics by name, from the file's index.
    ///
    /// # Errors
    /// [`BagError`] where the file has no whole index: it was cut short or is damaged.
    pub fn topics(&self) -> Result<Vec<Topic>, BagError> {
        let summary = mcap::Summary::read(&self.bytes).map_err(|source| read_error(&self.path, &source))?;
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
        let stream = MessageStream::new(&self.bytes).map_err(|source| read_error(&self.path, &source))?;
        let mut failed = false;
        Ok(stream
            .map(|item| {
                let message = item.map_err(|source| read_error(&self.path, &source))?;
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
}

fn read_error(path: &Path, source: &McapError) -> BagError {
    let reason = match source {
        McapError::BadMagic => "is no MCAP file, or was cut short while it was written".to_owned(),
        McapError::BadFooter | McapError::UnexpectedEof | McapError::UnexpectedEoc => {
            format!("was cut short: {source}; what is whole before that can still be read")
        }
        other => format!("is damaged: {other}"),
    };
    BagError::Mcap { path: path.into(), reason }
}
