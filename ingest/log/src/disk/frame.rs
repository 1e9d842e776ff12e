//! The bytes on disk: segments of frames.
//!
//! Owns the format, version 1, whose golden bytes are `golden/segment-v1.seg`. All integers are little-endian; checksums are
//! CRC-32C (RFC 3720 §12.1). Refuses files: bytes in, bytes out.
//!
//! A segment is a 64-byte head and then frames, each beginning at a multiple of 8:
//!
//! ```text
//! segment  0 magic "CAIRNLOG" │ 8 crc of 12..64 │ 12 version │ 16 partitions │ 20 salt │ 24 number of its first frame │ zeros
//! frame    0 magic "CFRM"     │ 4 crc of 8..64  │ 8 crc of the body │ 12 length of the body │ 16 number │ 24 durable
//!         32 append time, ms  │ 40 offset of the first record │ 48 partition │ 52 records │ 56 stream │ 57 kind │ zeros
//! body       length of each record, u32 │ the records │ zeros up to a multiple of 8
//! ```
//!
//! Frames are numbered from 1 through the whole log. `durable` is the number of the last frame that was durable when this one was
//! written: damage at or below any such mark is damage; above all of them it is a torn tail. A frame of kind 1 is a bare
//! mark: it has no body, carries the number that the next frame will have, and is overwritten by it.
//!
//! The checksum of a frame's head begins from the log's salt, a random number. Records come from strangers: without the
//! salt one could send bytes that look like a frame, and after a power cut recovery would believe them.

use crate::{Place, Record, Traces};
use bytes::Bytes;
use cairn_schemas::Stream;

pub const VERSION: u32 = 1;
pub const SEGMENT_HEAD: usize = 64;
pub const FRAME_HEAD: usize = 64;
/// Bytes of a body, before padding. Any one record fits.
pub const BODY_BYTES: usize = 1024 * 1024;
/// Bytes of a body of more than one record. A reader checks and copies whole frames, so they are kept short.
const SHARED_BODY_BYTES: usize = 64 * 1024;

const SEGMENT_MAGIC: &[u8; 8] = b"CAIRNLOG";
const FRAME_MAGIC: &[u8; 4] = b"CFRM";
const KIND_RECORDS: u8 = 0;
const KIND_MARK: u8 = 1;

/// Why bytes are no part of a log.
pub type Reason = &'static str;

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    pub partitions: u32,
    /// Where the checksums of frames' heads begin; the same in all segments of a log.
    pub salt: u32,
    /// The number of its first frame; also the file's name.
    pub first: u64,
}

/// Why a segment's head was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    Damaged(Reason),
    Version(u32),
}

impl SegmentHead {
    pub fn encode(&self) -> [u8; SEGMENT_HEAD] {
        let mut bytes = [0; SEGMENT_HEAD];
        bytes[0..8].copy_from_slice(SEGMENT_MAGIC);
        bytes[12..16].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.partitions.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.salt.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[12..]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, BadHead> {
        if bytes.len() < SEGMENT_HEAD || &bytes[0..8] != SEGMENT_MAGIC {
            return Err(BadHead::Damaged("it does not begin as a segment"));
        }
        if u32_at(bytes, 8) != crc32c::crc32c(&bytes[12..SEGMENT_HEAD]) {
            return Err(BadHead::Damaged("the checksum of its head does not match"));
        }
        match u32_at(bytes, 12) {
            VERSION => Ok(SegmentHead { partitions: u32_at(bytes, 16), salt: u32_at(bytes, 20), first: u64_at(bytes, 24) }),
            other => Err(BadHead::Version(other)),
        }
    }
}

/// The file name of the segment that begins with frame `first`.
pub fn segment_name(first: u64) -> String {
    format!("{first:020}.seg")
}

/// The first frame's number of a segment's file name; `None` for any other file.
pub fn segment_first(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".seg").filter(|digits| digits.len() == 20)?;
    number.parse().ok().filter(|first| *first > 0)
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `count` records of one place, with consecutive offsets from `offset`.
    Records { place: Place, offset: u64, count: u32 },
    /// Nothing: only its durable mark counts.
    Mark,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    pub number: u64,
    pub durable: u64,
    pub time: i64,
    pub kind: Kind,
    length: u32,
    body_crc: u32,
}

impl FrameHead {
    /// Bytes from this frame's beginning to the next one's.
    pub fn stride(&self) -> usize {
        FRAME_HEAD + self.body_len()
    }

    /// Bytes of the body with its padding.
    pub fn body_len(&self) -> usize {
        (self.length as usize).next_multiple_of(8)
    }

    /// Decodes the first 64 bytes of a frame.
    pub fn decode(bytes: &[u8], salt: u32) -> Result<Self, Reason> {
        if bytes.len() < FRAME_HEAD {
            return Err("a frame's head is cut off");
        }
        if &bytes[0..4] != FRAME_MAGIC {
            return Err("no frame begins here");
        }
        if u32_at(bytes, 4) != crc32c::crc32c_append(salt, &bytes[8..FRAME_HEAD]) {
            return Err("the checksum of a frame's head does not match");
        }
        let (count, length) = (u32_at(bytes, 52), u32_at(bytes, 12));
        if length as usize > BODY_BYTES || u64::from(length) < 4 * u64::from(count) {
            return Err("a frame's length is out of range");
        }
        let stream = Stream::from_number(bytes[56]);
        let kind = match (bytes[57], stream) {
            (KIND_RECORDS, Some(stream)) if count > 0 => {
                Kind::Records { place: Place::new(stream, u32_at(bytes, 48)), offset: u64_at(bytes, 40), count }
            }
            (KIND_MARK, Some(_)) if length == 0 => Kind::Mark,
            _ => return Err("a frame is of no known kind"),
        };
        let time = i64::from_le_bytes(array(bytes, 32));
        Ok(FrameHead { number: u64_at(bytes, 16), durable: u64_at(bytes, 24), time, kind, length, body_crc: u32_at(bytes, 8) })
    }

    /// Checks the body and cuts it into records.
    pub fn records(&self, body: &Bytes) -> Result<Vec<Record>, Reason> {
        self.check(body)?;
        let Kind::Records { offset: first, count, .. } = self.kind else { return Ok(Vec::new()) };
        let count = count as usize;
        let mut at = 4 * count;
        let mut records = Vec::with_capacity(count);
        for (index, offset) in (first..).take(count).enumerate() {
            let end = at + u32_at(body, 4 * index) as usize;
            if end > self.length as usize {
                return Err("a record reaches beyond its frame");
            }
            records.push(Record { offset, time: self.time, bytes: body.slice(at..end), traces: Traces::default() });
            at = end;
        }
        if at == self.length as usize { Ok(records) } else { Err("a frame's records do not fill it") }
    }

    /// Checks the body's length and checksum.
    pub fn check(&self, body: &[u8]) -> Result<(), Reason> {
        if body.len() != self.body_len() {
            return Err("a frame's body is cut off");
        }
        if crc32c::crc32c(body) != self.body_crc {
            return Err("the checksum of a frame's body does not match");
        }
        Ok(())
    }
}

/// Appends frames to a buffer.
#[derive(Debug)]
pub struct Encoder<'a> {
    pub into: &'a mut Vec<u8>,
    pub salt: u32,
    pub durable: u64,
    pub time: i64,
}

impl Encoder<'_> {
    /// How many of `records`, the first at least, go into one frame.
    pub fn fitting<'r>(records: impl Iterator<Item = &'r Bytes>) -> usize {
        let mut bytes = 0;
        records.take_while(|record| (bytes += 4 + record.len(), bytes <= SHARED_BODY_BYTES).1).count().max(1)
    }

    /// One frame of records of one place, which [`fit`](Encoder::fitting) into it.
    pub fn records(&mut self, number: u64, place: Place, offset: u64, records: &[&Bytes]) -> FrameHead {
        let start = self.into.len();
        self.into.resize(start + FRAME_HEAD, 0);
        for record in records {
            self.into.extend_from_slice(&(record.len() as u32).to_le_bytes());
        }
        for record in records {
            self.into.extend_from_slice(record);
        }
        let length = self.into.len() - start - FRAME_HEAD;
        self.into.resize(start + FRAME_HEAD + length.next_multiple_of(8), 0);
        let head = &mut self.into[start..start + FRAME_HEAD];
        head[40..48].copy_from_slice(&offset.to_le_bytes());
        head[48..52].copy_from_slice(&place.partition.to_le_bytes());
        head[52..56].copy_from_slice(&(records.len() as u32).to_le_bytes());
        head[56] = place.stream.number();
        let body_crc = self.seal(start, number, length, KIND_RECORDS);
        let kind = Kind::Records { place, offset, count: records.len() as u32 };
        FrameHead { number, durable: self.durable, time: self.time, kind, length: length as u32, body_crc }
    }

    /// A bare durable mark before frame `number`.
    pub fn mark(&mut self, number: u64) {
        let start = self.into.len();
        self.into.resize(start + FRAME_HEAD, 0);
        self.seal(start, number, 0, KIND_MARK);
    }

    /// Completes the head of the frame that begins at `start`; returns the checksum of its body.
    fn seal(&mut self, start: usize, number: u64, length: usize, kind: u8) -> u32 {
        let (head, body) = self.into[start..].split_at_mut(FRAME_HEAD);
        let body_crc = crc32c::crc32c(body);
        head[0..4].copy_from_slice(FRAME_MAGIC);
        head[8..12].copy_from_slice(&body_crc.to_le_bytes());
        head[12..16].copy_from_slice(&(length as u32).to_le_bytes());
        head[16..24].copy_from_slice(&number.to_le_bytes());
        head[24..32].copy_from_slice(&self.durable.to_le_bytes());
        head[32..40].copy_from_slice(&self.time.to_le_bytes());
        head[57] = kind;
        let crc = crc32c::crc32c_append(self.salt, &head[8..]);
        head[4..8].copy_from_slice(&crc.to_le_bytes());
        body_crc
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}
