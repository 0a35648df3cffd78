//! MCAP files, whole or damaged. Source: the MCAP specification, <https://mcap.dev/spec>.
//!
//! Blocks (a chunk, or a run of messages outside chunks) are found by walking the records, then read in order of
//! their first message, so that only overlapping blocks are in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mcap::Summary;
use mcap::records::{Channel, Record, SchemaHeader};
use mcap::sans_io::{SummaryReadEvent, SummaryReader, SummaryReaderOptions};
use node::Time;

use crate::storage::{Contents, Wanted};
use crate::topic::{Definition, RecordedMessage, Topic, TopicCount};
use crate::unpack::{MAX_BYTES, Packing, ZSTD_MAGIC, unpack_message};
use crate::{BagError, qos};

const HEADER_BYTES: u64 = 9;
/// Runs of messages outside chunks are read in pieces of about this size.
const RUN_BYTES: u64 = 4 << 20;

mod opcode {
    pub const FOOTER: u8 = 2;
    pub const SCHEMA: u8 = 3;
    pub const CHANNEL: u8 = 4;
    pub const MESSAGE: u8 = 5;
    pub const CHUNK: u8 = 6;
    pub const DATA_END: u8 = 15;
    pub const FIRST_UNKNOWN: u8 = 16;
    pub const FIRST_PRIVATE: u8 = 128;
}

/// A part of the file that holds messages.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// Time of its first message.
    start: u64,
    offset: u64,
    length: u64,
    chunk: bool,
    /// The file ends within it.
    cut: bool,
}

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

/// Channels and schemas, as the file or its index has them.
#[derive(Debug, Default)]
struct Channels {
    schemas: BTreeMap<u16, (String, Definition)>,
    raw: BTreeMap<u16, Channel>,
    topics: BTreeMap<u16, Arc<Topic>>,
}

impl Channels {
    fn add_schema(&mut self, header: &SchemaHeader, data: &[u8]) {
        let text = String::from_utf8_lossy(data).into_owned();
        let definition = Definition { encoding: header.encoding.clone(), text };
        self.schemas.entry(header.id).or_insert_with(|| (header.name.clone(), definition));
    }

    fn add_channel(&mut self, channel: Channel) {
        self.raw.entry(channel.id).or_insert(channel);
    }

    /// Channels with their schemas as topics; two channels of one topic and type are one topic.
    fn resolve(&mut self) {
        let mut known: BTreeMap<(String, String), Arc<Topic>> = BTreeMap::new();
        for (id, channel) in &self.raw {
            let (type_name, definition) = match self.schemas.get(&channel.schema_id) {
                Some((name, definition)) => (name.clone(), Some(definition.clone())),
                None => (String::new(), None),
            };
            let hash = channel.metadata.get("topic_type_hash").filter(|hash| !hash.is_empty()).cloned();
            let topic = known.entry((channel.topic.clone(), type_name.clone())).or_insert_with(|| {
                Arc::new(Topic {
                    name: channel.topic.clone(),
                    type_name,
                    type_hash: hash,
                    serialization: channel.message_encoding.clone(),
                    qos: channel.metadata.get("offered_qos_profiles").map(|t| qos::from_text(t)).unwrap_or_default(),
                    definition: definition.filter(|definition| !definition.text.is_empty()),
                })
            });
            self.topics.insert(*id, Arc::clone(topic));
        }
    }
}

/// A message inside a block.
struct Found {
    channel: u16,
    time: u64,
    data: std::ops::Range<usize>,
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
        Ok(McapMessages {
            file,
            blocks: Arc::clone(&self.blocks),
            channels: Arc::clone(&self.channels),
            next_block: 0,
            ready: BinaryHeap::new(),
            problems: Vec::new(),
            unreadable: BTreeMap::new(),
            indexed: self.indexed,
            seen: 0,
            wanted,
        })
    }
}

/// Finds the blocks by the records' lengths.
#[derive(Default)]
struct Walk {
    length: u64,
    blocks: Vec<Block>,
    channels: Channels,
    problems: Vec<String>,
    /// Whether the data section's end was seen.
    complete: bool,
}

impl Walk {
    fn run(&mut self, file: &mut File, summary: Option<&Summary>) -> io::Result<()> {
        let mut at = mcap::MAGIC.len() as u64;
        loop {
            match self.step(file, at)? {
                Step::Next(next) => at = next,
                Step::End => break,
                Step::Damaged(reason) => {
                    // The index knows where the next chunk begins.
                    let next = summary
                        .and_then(|s| s.chunk_indexes.iter().map(|c| c.chunk_start_offset).filter(|o| *o > at).min());
                    match next {
                        Some(next) => {
                            self.problems.push(format!("{reason}; {} bytes are left out", next - at));
                            at = next;
                        }
                        None => {
                            self.problems.push(reason);
                            self.complete = false;
                            break;
                        }
                    }
                }
            }
        }
        if self.complete && summary.is_none() {
            self.problems.push("its index is missing or damaged: it was cut short or never closed".into());
        }
        self.check_against_index(summary);
        Ok(())
    }

    /// A record whose kind or length is damaged can hide chunks that the index still knows.
    fn check_against_index(&mut self, summary: Option<&Summary>) {
        let Some(summary) = summary else { return };
        for chunk in &summary.chunk_indexes {
            let known = self.blocks.iter().any(|block| block.chunk && block.offset == chunk.chunk_start_offset);
            let whole = chunk.chunk_start_offset.checked_add(chunk.chunk_length).is_some_and(|end| end <= self.length);
            if !known && whole && (HEADER_BYTES..=MAX_BYTES).contains(&chunk.chunk_length) {
                self.problems
                    .push(format!("the chunk at byte {} was found by the index only", chunk.chunk_start_offset));
                self.blocks.push(Block {
                    start: chunk.message_start_time,
                    offset: chunk.chunk_start_offset,
                    length: chunk.chunk_length,
                    chunk: true,
                    cut: false,
                });
            }
        }
    }

    fn step(&mut self, file: &mut File, at: u64) -> io::Result<Step> {
        let length = self.length;
        let cut = |what: &str| {
            let told = format!("was cut short at byte {length}: {what}; the whole messages before that are read");
            Ok(Step::Damaged(told))
        };
        if at == self.length {
            return cut("its end is missing");
        }
        if at + HEADER_BYTES > self.length {
            return cut("within a record's head");
        }
        let mut head = [0; HEADER_BYTES as usize];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head)?;
        let opcode = head[0];
        let body = u64_at(&head, 1).unwrap_or(0);
        if opcode == 0 || (opcode::FIRST_UNKNOWN..opcode::FIRST_PRIVATE).contains(&opcode) {
            return Ok(Step::Damaged(format!("is damaged at byte {at}: there is no record of kind {opcode:#04x}")));
        }
        if matches!(opcode, opcode::DATA_END | opcode::FOOTER) {
            self.complete = true;
            return Ok(Step::End);
        }
        let left = self.length - at - HEADER_BYTES;
        let message_bearing = matches!(opcode, opcode::CHUNK | opcode::MESSAGE | opcode::SCHEMA | opcode::CHANNEL);
        if message_bearing && body > MAX_BYTES {
            return Ok(Step::Damaged(format!("is damaged at byte {at}: a record of {body} bytes")));
        }
        let is_cut = body > left;
        match opcode {
            opcode::CHUNK => {
                let mut start = [0; 8];
                if left >= 8 {
                    file.read_exact(&mut start)?;
                }
                let length = HEADER_BYTES + body.min(left);
                let start = u64::from_le_bytes(start);
                self.blocks.push(Block { start, offset: at, length, chunk: true, cut: is_cut });
            }
            opcode::MESSAGE | opcode::SCHEMA | opcode::CHANNEL if !is_cut => self.loose(file, opcode, at, body)?,
            _ => {}
        }
        if is_cut {
            return cut("within a record");
        }
        Ok(Step::Next(at + HEADER_BYTES + body))
    }

    fn loose(&mut self, file: &mut File, opcode: u8, at: u64, body: u64) -> io::Result<()> {
        if opcode != opcode::MESSAGE {
            let mut bytes = vec![0; usize::try_from(body).unwrap_or(0)];
            file.read_exact(&mut bytes)?;
            match mcap::parse_record(opcode, &bytes) {
                Ok(Record::Schema { header, data }) => self.channels.add_schema(&header, &data),
                Ok(Record::Channel(channel)) => self.channels.add_channel(channel),
                _ => self.problems.push(format!("is damaged at byte {at}: a channel or schema cannot be read")),
            }
            return Ok(());
        }
        let mut head = [0; 14];
        if body >= head.len() as u64 {
            file.read_exact(&mut head)?;
        }
        let time = u64_at(&head, 6).unwrap_or(0);
        let length = HEADER_BYTES + body;
        match self.blocks.last_mut() {
            Some(run) if !run.chunk && run.offset + run.length == at && run.length < RUN_BYTES => {
                run.length += length;
                run.start = run.start.min(time);
            }
            _ => self.blocks.push(Block { start: time, offset: at, length, chunk: false, cut: false }),
        }
        Ok(())
    }
}

enum Step {
    Next(u64),
    End,
    Damaged(String),
}

/// The records of a block, unpacked. Nothing of a whole chunk whose checksum is wrong.
fn unpack_block(file: &mut File, block: Block, problems: &mut Vec<String>) -> Result<Vec<u8>, ()> {
    let mut fail =
        |reason: String| problems.push(format!("the chunk at byte {}: {reason}; it is left out", block.offset));
    let mut raw = vec![0; usize::try_from(block.length.min(MAX_BYTES + HEADER_BYTES)).unwrap_or(0)];
    if let Err(error) = file.seek(SeekFrom::Start(block.offset)).and_then(|_| file.read_exact(&mut raw)) {
        fail(format!("cannot be read: {error}"));
        return Err(());
    }
    if !block.chunk {
        return Ok(raw);
    }
    let Some(chunk) = ChunkBody::parse(&raw[HEADER_BYTES as usize..]) else {
        if !block.cut {
            fail("its head is damaged".into());
        }
        return Err(());
    };
    let Some(packing) = Packing::named(chunk.compression) else {
        let name = String::from_utf8_lossy(chunk.compression).into_owned();
        fail(format!("compressed with `{name}`; none, zstd and lz4 are read"));
        return Err(());
    };
    let (bytes, error) = packing.unpack(chunk.records, chunk.size);
    if block.cut {
        return Ok(bytes);
    }
    if let Some(error) = error {
        fail(format!("cannot be unpacked: {error}"));
        return Err(());
    }
    if chunk.crc != 0 && crc32fast::hash(&bytes) != chunk.crc {
        fail("its checksum is wrong".into());
        return Err(());
    }
    Ok(bytes)
}

/// A chunk record's fields.
struct ChunkBody<'a> {
    size: u64,
    crc: u32,
    compression: &'a [u8],
    records: &'a [u8],
}

impl<'a> ChunkBody<'a> {
    fn parse(body: &'a [u8]) -> Option<Self> {
        let size = u64_at(body, 16)?;
        let crc = u32::from_le_bytes(body.get(24..28)?.try_into().ok()?);
        let name = u32::from_le_bytes(body.get(28..32)?.try_into().ok()?) as usize;
        let compression = body.get(32..32_usize.checked_add(name)?)?;
        let records = body.get(32 + name + 8..)?;
        Some(Self { size, crc, compression, records })
    }
}

/// Calls for each whole record: kind, body, and where the body begins. `Err` with the place where records end early.
fn each_record(bytes: &[u8], mut each: impl FnMut(u8, &[u8], usize)) -> Result<(), usize> {
    let mut at = 0;
    while at < bytes.len() {
        let length = u64_at(bytes, at + 1).and_then(|l| usize::try_from(l).ok()).ok_or(at)?;
        let start = at + HEADER_BYTES as usize;
        let end = start.checked_add(length).ok_or(at)?;
        each(bytes[at], bytes.get(start..end).ok_or(at)?, start);
        at = end;
    }
    Ok(())
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// How the first chunk is packed.
fn first_compression(file: &mut File, blocks: &[Block]) -> String {
    let name = blocks.iter().find(|block| block.chunk).and_then(|block| {
        let mut head = vec![0; usize::try_from(block.length.min(64)).ok()?];
        file.seek(SeekFrom::Start(block.offset)).and_then(|_| file.read_exact(&mut head)).ok()?;
        let length = u32::from_le_bytes(head.get(37..41)?.try_into().ok()?) as usize;
        let name = head.get(41..41_usize.checked_add(length)?)?;
        Some(String::from_utf8_lossy(name).into_owned())
    });
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "none".into())
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

/// A message that waits for its turn.
struct Ready {
    time: u64,
    /// Block and place in it: equal times keep the file's order.
    place: (u64, usize),
    channel: u16,
    data: Vec<u8>,
}

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.place) == (other.time, other.place)
    }
}
impl Eq for Ready {}
impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ready {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.place).cmp(&(other.time, other.place))
    }
}

/// The messages of an MCAP file by time.
pub(crate) struct McapMessages {
    file: File,
    blocks: Arc<Vec<Block>>,
    channels: Arc<Channels>,
    next_block: usize,
    ready: BinaryHeap<Reverse<Ready>>,
    problems: Vec<String>,
    /// Messages that could not be given, by reason.
    unreadable: BTreeMap<String, u64>,
    /// Messages that the index tells of, and those found.
    indexed: Option<u64>,
    seen: u64,
    wanted: Wanted,
}

impl McapMessages {
    pub fn take_problems(&mut self) -> Vec<String> {
        let counted = std::mem::take(&mut self.unreadable);
        let mut problems = std::mem::take(&mut self.problems);
        if let Some(indexed) = self.indexed.take_if(|indexed| *indexed != self.seen)
            && self.next_block == self.blocks.len()
        {
            problems.push(format!("its index tells of {indexed} messages, {} were found", self.seen));
        }
        problems.extend(counted.into_iter().map(|(reason, count)| format!("{count} messages left out: {reason}")));
        problems
    }

    fn load(&mut self, block: Block) {
        let Ok(bytes) = unpack_block(&mut self.file, block, &mut self.problems) else { return };
        let mut found = Vec::new();
        let end = each_record(&bytes, |opcode, body, at| {
            if opcode == opcode::MESSAGE
                && let (Some(time), Some(channel)) = (u64_at(body, 6), body.get(..2))
                && body.len() >= 22
            {
                let channel = u16::from_le_bytes([channel[0], channel[1]]);
                found.push(Found { channel, time, data: at + 22..at + body.len() });
            }
        });
        if let Err(place) = end
            && !block.cut
        {
            self.problems.push(format!("records in the block at byte {} end early, at {place}", block.offset));
        }
        self.seen += found.len() as u64;
        for (index, found) in found.into_iter().enumerate() {
            let in_time = i64::try_from(found.time).is_ok_and(|time| self.wanted.time(time));
            let known = self.channels.topics.get(&found.channel);
            if known.is_some_and(|topic| !self.wanted.topic(&topic.name)) || !in_time && found.time <= i64::MAX as u64 {
                continue;
            }
            self.ready.push(Reverse(Ready {
                time: found.time,
                place: (block.offset, index),
                channel: found.channel,
                data: bytes[found.data].to_vec(),
            }));
        }
    }

    fn message(&mut self, ready: Ready) -> Option<RecordedMessage> {
        let mut refuse = |reason: String| {
            *self.unreadable.entry(reason).or_default() += 1;
            None
        };
        let Some(topic) = self.channels.topics.get(&ready.channel) else {
            return refuse(format!("they are of channel {}, which is not described", ready.channel));
        };
        let Ok(time) = i64::try_from(ready.time) else { return refuse("their times are beyond the year 2262".into()) };
        if topic.serialization != "cdr" {
            return refuse(format!("topic {} is encoded as `{}`; only cdr is read", topic.name, topic.serialization));
        }
        if topic.type_name.is_empty() {
            return refuse(format!("topic {} has no type", topic.name));
        }
        let cdr = if ready.data.starts_with(&ZSTD_MAGIC) {
            match unpack_message(&ready.data) {
                Ok(cdr) => cdr,
                Err(error) => return refuse(format!("on {} cannot be unpacked: {error}", topic.name)),
            }
        } else {
            ready.data
        };
        Some(RecordedMessage { topic: Arc::clone(topic), time: Time(time), cdr })
    }
}

impl Iterator for McapMessages {
    type Item = RecordedMessage;

    fn next(&mut self) -> Option<RecordedMessage> {
        loop {
            while let Some(block) = self.blocks.get(self.next_block).copied() {
                if self.ready.peek().is_some_and(|Reverse(first)| first.time < block.start) {
                    break;
                }
                self.next_block += 1;
                self.load(block);
            }
            let Reverse(ready) = self.ready.pop()?;
            if let Some(message) = self.message(ready) {
                return Some(message);
            }
        }
    }
}
