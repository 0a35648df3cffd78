//! How a request tells who asks, and a reply whom it answers. ROS 2's middlewares differ in it:
//!
//! - rmw_cyclonedds puts the number of the client's writer and that of the request in front of the data, 8 bytes each;
//! - rmw_fastrtps, by DDS-RPC 1.0, leaves the data bare. A request is known by its writer and the sample's number, and a
//!   reply names them in its inline quality of service. In place of the writer stands the reader that waits for the
//!   reply, where the request names it in its own.

use dds::{Guid, Identity, Sample, Vendor};
use msgs::CdrError;

use super::ServiceError;

/// Encapsulation header, then client and sequence number.
const HEADER: usize = 4;
const IDENTITY: usize = 16;

/// Who asked, as its middleware tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// The number in front of the data.
    Number(u64),
    /// The end in the inline quality of service.
    End(Guid),
}

/// Who asked, and which of its questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    pub(super) asker: Asker,
    /// Number of the request.
    pub(super) sequence: i64,
    /// The number by which this process knows the writer that asked; 0 where this process asks.
    pub(super) writer: u64,
}

/// Whether requests and replies to ends of this writer's or reader's middleware carry the header: Cyclone DDS alone does
/// so.
pub(super) fn has_header(end: Guid) -> bool {
    end.vendor() == Vendor::Cyclone
}

/// A request or reply as it came: whose it is, and its CDR.
pub(super) fn read(service: &str, sample: &Sample) -> Result<(RequestId, Vec<u8>), ServiceError> {
    let writer = sample.publication_handle();
    match sample.identity() {
        Some(own) if !has_header(own.guid) => {
            let asker = sample.related().map_or(own.guid, |related| related.guid);
            Ok((RequestId { asker: Asker::End(asker), sequence: own.sequence, writer }, sample.to_vec()))
        }
        _ => {
            let (client, sequence, cdr) = unpack(service, sample)?;
            Ok((RequestId { asker: Asker::Number(client), sequence, writer }, cdr))
        }
    }
}

/// What is written to answer: bytes, and the sample that they answer.
pub(super) fn answer(service: &str, id: RequestId, cdr: &[u8]) -> Result<(Vec<u8>, Option<Identity>), ServiceError> {
    match id.asker {
        Asker::Number(client) => Ok((pack(service, client, id.sequence, cdr)?, None)),
        // As it is: a reader of rmw_fastrtps refuses what is longer than its type can be.
        Asker::End(guid) => Ok((cdr.to_vec(), Some(Identity { guid, sequence: id.sequence }))),
    }
}

pub(super) fn pack(service: &str, client: u64, sequence: i64, cdr: &[u8]) -> Result<Vec<u8>, ServiceError> {
    let (header, body) = cdr.split_first_chunk::<HEADER>().ok_or_else(|| ends_early(service, HEADER, cdr))?;
    let mut bytes = Vec::with_capacity(cdr.len() + IDENTITY);
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&client.to_le_bytes());
    bytes.extend_from_slice(&sequence.to_le_bytes());
    // 16 bytes in front do not change the alignment of what follows.
    bytes.extend_from_slice(body);
    Ok(bytes)
}

pub(super) fn unpack(service: &str, bytes: &[u8]) -> Result<(u64, i64, Vec<u8>), ServiceError> {
    let early = || ends_early(service, HEADER + IDENTITY, bytes);
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(early)?;
    let (client, rest) = rest.split_first_chunk::<8>().ok_or_else(early)?;
    let (sequence, body) = rest.split_first_chunk::<8>().ok_or_else(early)?;
    let little = header[1] & 1 == 1;
    let client = if little { u64::from_le_bytes(*client) } else { u64::from_be_bytes(*client) };
    let sequence = if little { i64::from_le_bytes(*sequence) } else { i64::from_be_bytes(*sequence) };
    Ok((client, sequence, [header.as_slice(), body].concat()))
}

fn ends_early(service: &str, needed: usize, bytes: &[u8]) -> ServiceError {
    ServiceError::Cdr { service: service.into(), source: CdrError::EndsEarly { offset: 0, needed, left: bytes.len() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_by_dds_rpc_is_no_longer_than_its_data() {
        let (guid, cdr) = (Guid([0x11; 16]), [0, 1, 0, 3, 1, 0, 0, 0]);
        let (bytes, related) =
            answer("/s", RequestId { asker: Asker::End(guid), sequence: 7, writer: 1 }, &cdr).unwrap();
        assert_eq!((bytes.as_slice(), related.map(|of| (of.guid, of.sequence))), (cdr.as_slice(), Some((guid, 7))));
    }
}
