//! The strict walk over CBOR bytes, before any of them is given to a type.
//!
//! Owns the judgement "deterministic and within the shared model". Refuses memory: it only moves a cursor.

use crate::codec::CodecError;
use crate::limits::{DEPTH, INTEGER_MAX};

/// Walks one document that must be all of `bytes`.
pub(super) fn check(bytes: &[u8]) -> Result<(), CodecError> {
    let mut walk = Walk { bytes, at: 0 };
    walk.item(0)?;
    if walk.at == bytes.len() { Ok(()) } else { Err(CodecError::Trailing(walk.at)) }
}

/// The length of the first item of `bytes`, whatever follows it.
pub(super) fn first_item(bytes: &[u8]) -> Result<usize, CodecError> {
    let mut walk = Walk { bytes, at: 0 };
    walk.item(0)?;
    Ok(walk.at)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// One item; `depth` counts the arrays and maps around it.
    fn item(&mut self, depth: usize) -> Result<(), CodecError> {
        let at = self.at;
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return simple(info, at);
        }
        let argument = self.argument(info, at)?;
        match major {
            // A negative integer is −1 − argument, so its argument stops one earlier.
            0 | 1 if argument > INTEGER_MAX - u64::from(major) => Err(CodecError::Integer(at)),
            0 | 1 => Ok(()),
            2 => self.string(argument).map(drop),
            3 => std::str::from_utf8(self.string(argument)?).map(drop).map_err(|_| CodecError::Utf8(at)),
            4 | 5 if depth >= DEPTH => Err(CodecError::Depth(at)),
            4 => (0..argument).try_for_each(|_| self.item(depth + 1)),
            5 => self.map(argument, depth + 1),
            _ => Err(CodecError::Tag(at)),
        }
    }

    /// A map's entries, whose encoded keys must strictly rise.
    fn map(&mut self, entries: u64, depth: usize) -> Result<(), CodecError> {
        let mut last: Option<&'a [u8]> = None;
        for _ in 0..entries {
            let at = self.at;
            self.item(depth)?;
            let key = &self.bytes[at..self.at];
            match last.map(|last| last.cmp(key)) {
                Some(std::cmp::Ordering::Equal) => return Err(CodecError::DuplicateKey(at)),
                Some(std::cmp::Ordering::Greater) => return Err(CodecError::KeyOrder(at)),
                _ => last = Some(key),
            }
            self.item(depth)?;
        }
        Ok(())
    }

    /// The argument of a head, in its shortest form.
    fn argument(&mut self, info: u8, at: usize) -> Result<u64, CodecError> {
        let width = match info {
            0..=23 => return Ok(info.into()),
            24..=27 => 1usize << (info - 24),
            28..=30 => return Err(CodecError::Syntax(at)),
            _ => return Err(CodecError::Indefinite(at)),
        };
        let argument = self.take(width)?.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let least = if width == 1 { 24 } else { 1 << (4 * width) };
        if argument < least { Err(CodecError::NonMinimal(at)) } else { Ok(argument) }
    }

    fn string(&mut self, length: u64) -> Result<&'a [u8], CodecError> {
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(CodecError::Truncated(self.bytes.len()))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }
}

/// Major type 7: only false and true belong to the model.
fn simple(info: u8, at: usize) -> Result<(), CodecError> {
    match info {
        20 | 21 => Ok(()),
        22 | 23 => Err(CodecError::Null(at)),
        25..=27 => Err(CodecError::Float(at)),
        28..=30 => Err(CodecError::Syntax(at)),
        31 => Err(CodecError::Indefinite(at)),
        _ => Err(CodecError::Simple(at)),
    }
}
