//! Blocks and the records in them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::unpack::{MAX_BYTES, Packing};

/// Of a record, before its body: kind and length.
pub(super) const HEADER_BYTES: u64 = 9;

pub(super) mod opcode {
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
pub(super) struct Block {
    /// Time of its first message.
    pub(super) start: u64,
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) chunk: bool,
    /// The file ends within it.
    pub(super) cut: bool,
}

/// The records of a block, unpacked. Nothing of a whole chunk whose checksum is wrong.
pub(super) fn unpack_block(file: &mut File, block: Block, problems: &mut Vec<String>) -> Result<Vec<u8>, ()> {
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
pub(super) fn each_record(bytes: &[u8], mut each: impl FnMut(u8, &[u8], usize)) -> Result<(), usize> {
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

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// How the first chunk is packed.
pub(super) fn first_compression(file: &mut File, blocks: &[Block]) -> String {
    let name = blocks.iter().find(|block| block.chunk).and_then(|block| {
        let mut head = vec![0; usize::try_from(block.length.min(64)).ok()?];
        file.seek(SeekFrom::Start(block.offset)).and_then(|_| file.read_exact(&mut head)).ok()?;
        let length = u32::from_le_bytes(head.get(37..41)?.try_into().ok()?) as usize;
        let name = head.get(41..41_usize.checked_add(length)?)?;
        Some(String::from_utf8_lossy(name).into_owned())
    });
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "none".into())
}
