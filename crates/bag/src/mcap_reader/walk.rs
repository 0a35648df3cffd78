//! Where a file's blocks are, found without its index.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use mcap::Summary;
use mcap::records::Record;

use super::block::{Block, HEADER_BYTES, opcode, u64_at};
use super::channels::Channels;
use crate::unpack::MAX_BYTES;

/// Runs of messages outside chunks are read in pieces of about this size.
const RUN_BYTES: u64 = 4 << 20;

/// Finds the blocks by the records' lengths.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) length: u64,
    pub(super) blocks: Vec<Block>,
    pub(super) channels: Channels,
    pub(super) problems: Vec<String>,
    /// Whether the data section's end was seen.
    pub(super) complete: bool,
}

impl Walk {
    pub(super) fn run(&mut self, file: &mut File, summary: Option<&Summary>) -> io::Result<()> {
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
            let what = if body > left { "has a wrong length" } else { "is longer than the 256 MiB that are read" };
            return Ok(Step::Damaged(format!("is damaged at byte {at}: the record there {what}")));
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
