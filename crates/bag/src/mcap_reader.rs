//! MCAP files, whole or damaged. Source: the MCAP specification, <https://mcap.dev/spec>.
//!
//! Blocks (a chunk, or a run of messages outside chunks) are found by walking the records, then read in order of
//! their first message, so that only overlapping blocks are in memory.

mod block;
mod channels;
mod messages;
mod walk;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mcap::Summary;
use mcap::records::{Channel, Record, SchemaHeader};
use mcap::sans_io::{SummaryReadEvent, SummaryReader, SummaryReaderOptions};

use self::block::{Block, each_record, first_compression, opcode, unpack_block};
use self::channels::Channels;
pub(crate) use self::messages::McapMessages;
use self::walk::Walk;
use crate::BagError;
use crate::storage::{Contents, Wanted};
use crate::topic::TopicCount;
use crate::unpack::MAX_BYTES;

/// An MCAP file whose parts are known.
#[derive(Debug)]
pub(crate) struct McapFile {
    path: PathBuf,
    blocks: Arc<Vec<Block>>,
    channels: Arc<Channels>,
    /// Messages that the index tells of.
    indexed: Option<u64>,
    pub contents: Contents,
}

impl McapFile {
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let mut file = File::open(path).map_err(|source| BagError::file(path, source))?;
        let length = file.metadata().map_err(|source| BagError::file(path, source))?.len();
        let summary = read_summary(&file, length).ok().flatten();
        let mut walk = Walk { length, ..Walk::default() };
        walk.run(&mut file, summary.as_ref()).map_err(|source| BagError::file(path, source))?;
        let mut known = Self {
            path: path.into(),
            blocks: Arc::default(),
            channels: Arc::default(),
            indexed: None,
            contents: Contents { problems: walk.problems, ..Contents::default() },
        };
        let indexed = summary.as_ref().filter(|_| walk.complete).and_then(|s| Some((s, s.stats.as_ref()?)));
        let indexed = indexed.filter(|(summary, stats)| stats.channel_count as usize == summary.channels.len());
        let mut channels = walk.channels;
        if let Some(summary) = &summary {
            for schema in summary.schemas.values() {
                let header =
                    SchemaHeader { id: schema.id, name: schema.name.clone(), encoding: schema.encoding.clone() };
                channels.add_schema(&header, &schema.data);
            }
            for channel in summary.channels.values() {
                channels.add_channel(Channel {
                    id: channel.id,
                    schema_id: channel.schema.as_ref().map_or(0, |schema| schema.id),
                    topic: channel.topic.clone(),
                    message_encoding: channel.message_encoding.clone(),
                    metadata: channel.metadata.clone(),
                });
            }
        }
        let mut blocks = walk.blocks;
        known.contents.compression = first_compression(&mut file, &blocks);
        let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
        if let Some((_, stats)) = indexed {
            counts.clone_from(&stats.channel_message_counts);
            known.indexed = Some(stats.message_count);
            known.contents.times = (stats.message_count > 0)
                .then(|| i64::try_from(stats.message_start_time).ok().zip(i64::try_from(stats.message_end_time).ok()))
                .flatten();
        } else {
            known.survey(&mut file, &mut blocks, &mut channels, &mut counts);
        }
        channels.resolve();
        let mut topics: Vec<TopicCount> = Vec::new();
        for (id, topic) in &channels.topics {
            let messages = counts.get(id).copied().unwrap_or(0);
            match topics.iter_mut().find(|known| Arc::ptr_eq(&known.topic, topic)) {
                Some(known) => known.messages += messages,
                None => topics.push(TopicCount { topic: Arc::clone(topic), messages }),
            }
        }
        topics.sort_by(|a, b| (&a.topic.name, &a.topic.type_name).cmp(&(&b.topic.name, &b.topic.type_name)));
        known.contents.topics = topics;
        blocks.sort_by_key(|block| (block.start, block.offset));
        known.blocks = Arc::new(blocks);
        known.channels = Arc::new(channels);
        Ok(known)
    }

    /// Reads every block once, for a file whose index does not tell channels and counts.
    fn survey(
        &mut self,
        file: &mut File,
        blocks: &mut Vec<Block>,
        channels: &mut Channels,
        counts: &mut BTreeMap<u16, u64>,
    ) {
        blocks.retain_mut(|block| {
            // What is wrong with a block is told when its messages are read.
            let Ok(bytes) = unpack_block(file, *block, &mut Vec::new()) else { return true };
            let mut first: Option<u64> = None;
            let _ = each_record(&bytes, |opcode, body, _| match (opcode, mcap::parse_record(opcode, body)) {
                (opcode::SCHEMA, Ok(Record::Schema { header, data })) => channels.add_schema(&header, &data),
                (opcode::CHANNEL, Ok(Record::Channel(channel))) => channels.add_channel(channel),
                (opcode::MESSAGE, Ok(Record::Message { header, .. })) => {
                    *counts.entry(header.channel_id).or_default() += 1;
                    first = Some(first.map_or(header.log_time, |t| t.min(header.log_time)));
                    if let Ok(time) = i64::try_from(header.log_time) {
                        let times = self.contents.times.get_or_insert((time, time));
                        *times = (times.0.min(time), times.1.max(time));
                    }
                }
                _ => {}
            });
            // A cut chunk's header may promise an earlier start than what is left of it.
            block.start = first.unwrap_or(block.start);
            true
        });
    }

    pub fn messages(&self, wanted: Wanted) -> Result<McapMessages, BagError> {
        let file = File::open(&self.path).map_err(|source| BagError::file(&self.path, source))?;
        let (blocks, channels) = (Arc::clone(&self.blocks), Arc::clone(&self.channels));
        Ok(McapMessages::new(file, blocks, channels, self.indexed, wanted))
    }
}

fn read_summary(mut file: &File, length: u64) -> Result<Option<Summary>, mcap::McapError> {
    let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    let options = SummaryReaderOptions::default().with_record_length_limit(limit);
    let mut reader = SummaryReader::new_with_options(options.with_file_size(length));
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
