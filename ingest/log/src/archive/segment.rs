//! Segments: a run of one journal's records at rest, up to and with a valid block.
//!
//! Owns their bytes and their names. Refuses judgement: whether a record counts, the chain says, when it is folded.
//!
//! A segment begins behind the block before its first and ends with its last block; claims and void records between lie in it. So
//! (first height, last height) fixes which records it holds, and two that archive the same journal write the same bytes.
//!
//! Name: `journal/<partition>/<first height>-<last height>`, heights with leading zeros. Bytes, integers big-endian:
//!
//! ```text
//! "CRNJ" ‖ version (u8, 1) ‖ partition (u32) ‖ first height (u64) ‖ from (u64) ‖ left out (u64)
//! ‖ length (u32) ‖ chain behind the last block, as `Chain::to_bytes`
//! ‖ count (u32) ‖ count × [ offset (u64) ‖ append time, ms since 1970 (i64) ‖ length (u32) ‖ bytes ]
//! ‖ BLAKE3 of all before (32 bytes)
//! ```

use super::ArchiveError;
use crate::journal::Chain;
use crate::{Record, Traces};
use bytes::{Bytes, BytesMut};
use cairn_schemas::codec::CodecError;

const MAGIC: &[u8; 4] = b"CRNJ";
const VERSION: u8 = 1;
const SUM: usize = 32;

/// The heights that a segment tells of, as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub first: u64,
    pub last: u64,
}

impl Span {
    pub(super) fn key(self, partition: u32) -> String {
        format!("{}/{:020}-{:020}", folder(partition), self.first, self.last)
    }

    /// The span of a listed key; none if it is no segment's.
    pub(super) fn of(partition: u32, key: &str) -> Option<Span> {
        let (first, last) = key.rsplit_once('/')?.1.split_once('-')?;
        let span = Span { first: first.parse().ok()?, last: last.parse().ok()? };
        (span.first <= span.last && span.key(partition) == key).then_some(span)
    }
}

/// Where a partition's segments lie.
pub(super) fn folder(partition: u32) -> String {
    format!("journal/{partition}")
}

/// Records of a journal, and the chain behind the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub partition: u32,
    /// Height of its first block.
    pub first: u64,
    /// The journal's offset from which on it tells: that behind the block before.
    pub from: u64,
    /// Void records that it does not hold, because there were too many.
    pub left_out: u64,
    /// Behind the last record, which is a valid block.
    pub chain: Chain,
    pub records: Vec<Record>,
}

impl Segment {
    pub fn span(&self) -> Span {
        Span { first: self.first, last: self.chain.height().unwrap_or(self.first) }
    }

    /// The journal's offset behind its last record.
    pub fn end(&self) -> u64 {
        self.chain.offset()
    }

    pub fn to_bytes(&self) -> Result<Bytes, CodecError> {
        let chain = self.chain.to_bytes()?;
        let long = |length: usize| u32::try_from(length).map_err(|_| CodecError::Schema("a segment of more than 4 GiB".into()));
        let mut bytes = BytesMut::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION]);
        bytes.extend_from_slice(&self.partition.to_be_bytes());
        for number in [self.first, self.from, self.left_out] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&long(chain.len())?.to_be_bytes());
        bytes.extend_from_slice(&chain);
        bytes.extend_from_slice(&long(self.records.len())?.to_be_bytes());
        for record in &self.records {
            bytes.extend_from_slice(&record.offset.to_be_bytes());
            bytes.extend_from_slice(&record.time.to_be_bytes());
            bytes.extend_from_slice(&long(record.bytes.len())?.to_be_bytes());
            bytes.extend_from_slice(&record.bytes);
        }
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        Ok(bytes.freeze())
    }

    /// Reads the segment that lies under a name.
    pub fn read(partition: u32, span: Span, bytes: &Bytes) -> Result<Segment, ArchiveError> {
        let damaged = |reason| ArchiveError::Damaged { key: span.key(partition), reason };
        let version = bytes.strip_prefix(MAGIC).and_then(|rest| rest.first()).ok_or_else(|| damaged("it does not begin as a segment"))?;
        if *version != VERSION {
            return Err(ArchiveError::Version { key: span.key(partition), version: *version });
        }
        let content = bytes.len().checked_sub(SUM).ok_or_else(|| damaged("it is cut off"))?;
        if blake3::hash(&bytes[..content]).as_bytes() != &bytes[content..] {
            return Err(damaged("its checksum is another"));
        }
        let segment = Reader(bytes.slice(MAGIC.len() + 1..content)).segment().ok_or_else(|| damaged("its parts do not fit"))?;
        if segment.partition != partition || segment.span() != span {
            return Err(damaged("it is not what its name says"));
        }
        Ok(segment)
    }
}

/// What is left to read. Slices share the object's memory.
struct Reader(Bytes);

impl Reader {
    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.as_ref().try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.as_ref().try_into().ok()?))
    }

    fn long(&mut self) -> Option<Bytes> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn segment(&mut self) -> Option<Segment> {
        let partition = self.u32()?;
        let (first, from, left_out) = (self.u64()?, self.u64()?, self.u64()?);
        let chain = Chain::from_bytes(partition, &self.long()?).ok()?;
        let mut records = Vec::new();
        let mut next = from;
        for _ in 0..self.u32()? {
            let record = Record { offset: self.u64()?, time: self.u64()?.cast_signed(), bytes: self.long()?, traces: Traces::default() };
            if record.offset < next {
                return None;
            }
            next = record.offset + 1;
            records.push(record);
        }
        let last = records.last()?.offset;
        let ends_with_its_block = chain.at() == Some(last) && chain.offset() == last + 1 && chain.height()? >= first;
        (self.0.is_empty() && ends_with_its_block).then_some(Segment { partition, first, from, left_out, chain, records })
    }
}
