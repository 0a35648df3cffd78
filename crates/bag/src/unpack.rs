//! Unpacking with a bound on what comes out: a damaged length must not take all memory.

use std::io::{self, Read};

/// Longest record or unpacked piece that is believed, bytes.
pub(crate) const MAX_BYTES: u64 = 256 << 20;

/// First bytes of a zstd frame.
pub(crate) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How the parts of an MCAP file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Zstd,
    Lz4,
}

impl Packing {
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"" => Some(Self::None),
            b"zstd" => Some(Self::Zstd),
            b"lz4" => Some(Self::Lz4),
            _ => None,
        }
    }

    /// What comes out, and the error that ended it early, if one did.
    pub fn unpack(self, packed: &[u8], size: u64) -> (Vec<u8>, Option<io::Error>) {
        match self {
            Self::None => (packed.to_vec(), None),
            Self::Zstd => match zstd::stream::read::Decoder::new(packed) {
                Ok(decoder) => read_up_to(decoder, size),
                Err(error) => (Vec::new(), Some(error)),
            },
            Self::Lz4 => match lz4::Decoder::new(packed) {
                Ok(decoder) => read_up_to(decoder, size),
                Err(error) => (Vec::new(), Some(error)),
            },
        }
    }
}

/// Unpacks one message that rosbag2 packed by itself.
///
/// # Errors
/// Where it is no whole zstd frame, or larger than is believed.
pub(crate) fn unpack_message(packed: &[u8]) -> io::Result<Vec<u8>> {
    let (bytes, error) = Packing::Zstd.unpack(packed, MAX_BYTES);
    match error {
        Some(error) => Err(error),
        None if bytes.len() as u64 >= MAX_BYTES => Err(io::Error::other("larger than 256 MiB")),
        None => Ok(bytes),
    }
}

/// Reads piece by piece, so that what came before an error is kept.
fn read_up_to(source: impl Read, size: u64) -> (Vec<u8>, Option<io::Error>) {
    let mut source = source.take(size.min(MAX_BYTES));
    let mut out = Vec::new();
    let mut piece = [0; 1 << 14];
    loop {
        match source.read(&mut piece) {
            Ok(0) => return (out, None),
            Ok(count) => out.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (out, Some(error)),
        }
    }
}
