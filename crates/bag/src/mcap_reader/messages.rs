//! Messages by time, from blocks that may overlap.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::sync::Arc;

use node::Time;

use super::block::{Block, each_record, opcode, u64_at, unpack_block};
use super::channels::Channels;
use crate::storage::Wanted;
use crate::topic::RecordedMessage;
use crate::unpack::{ZSTD_MAGIC, unpack_message};

/// A message inside a block.
struct Found {
    channel: u16,
    time: u64,
    data: std::ops::Range<usize>,
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
    pub(super) fn new(
        file: File,
        blocks: Arc<Vec<Block>>,
        channels: Arc<Channels>,
        indexed: Option<u64>,
        wanted: Wanted,
    ) -> Self {
        Self {
            file,
            blocks,
            channels,
            next_block: 0,
            ready: BinaryHeap::new(),
            problems: Vec::new(),
            unreadable: BTreeMap::new(),
            indexed,
            seen: 0,
            wanted,
        }
    }

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
