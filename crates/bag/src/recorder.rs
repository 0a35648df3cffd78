use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use node::{Qos, Shared, Time};

use crate::BagError;
use crate::topic::{Definition, Topic};
use crate::writer::{TopicId, WriteOptions, Writer};

/// Records messages of a graph; by default as MCAP with zstd chunks.
///
/// Dropped without [`Recorder::finish`] an MCAP file still gets its index, but errors in doing so go unseen.
pub struct Recorder {
    writer: Writer,
    topics: BTreeMap<String, (&'static str, TopicId)>,
    buffer: Vec<u8>,
}

impl Recorder {
    /// Creates the file; one that is there is replaced.
    ///
    /// # Errors
    /// [`BagError::File`] where the file cannot be created.
    pub fn create(path: &Path) -> Result<Self, BagError> {
        Self::with_options(path, WriteOptions::default())
    }

    /// As [`Writer::create`].
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn with_options(path: &Path, options: WriteOptions) -> Result<Self, BagError> {
        Ok(Self { writer: Writer::create(path, options)?, topics: BTreeMap::new(), buffer: Vec::new() })
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
        let id = self.topic(topic, message, qos)?;
        self.writer.write(id, time, cdr)
    }

    /// Writes the index and closes the file.
    ///
    /// # Errors
    /// [`BagError`] where the file cannot be written.
    pub fn finish(self) -> Result<(), BagError> {
        self.writer.finish()
    }

    fn topic(&mut self, name: &str, message: &Shared, qos: Qos) -> Result<TopicId, BagError> {
        // `Shared` is itself a sized `Any`: the trait object's own methods must be called.
        let message = message.as_ref();
        let type_name = message.type_name();
        if let Some((recorded, id)) = self.topics.get(name) {
            if *recorded == type_name {
                return Ok(*id);
            }
            return Err(BagError::TypeChanged {
                topic: name.into(),
                recorded: (*recorded).into(),
                offered: type_name.into(),
            });
        }
        let topic = Topic {
            name: name.into(),
            type_name: type_name.into(),
            type_hash: Some(message.type_hash().into()),
            serialization: "cdr".into(),
            qos: vec![qos.into()],
            definition: Some(Definition { encoding: "ros2msg".into(), text: message.definition().into() }),
        };
        let id = self.writer.topic(&Arc::new(topic))?;
        self.topics.insert(name.into(), (type_name, id));
        Ok(id)
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
