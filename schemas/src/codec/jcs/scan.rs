//! The strict scan over JSON bytes, before any of them is given to a type.
//!
//! Owns the judgement "within the shared model" and, beside it, "already canonical". It trusts no JSON library's map.

use crate::codec::CodecError;
use crate::limits::{DEPTH, INTEGER_MAX};
use std::borrow::Cow;

/// Scans one document that must be all of `bytes`; says whether it is canonical.
pub(super) fn scan(bytes: &[u8]) -> Result<bool, CodecError> {
    std::str::from_utf8(bytes).map_err(|error| CodecError::Utf8(error.valid_up_to()))?;
    let mut scan = Scan { bytes, at: 0, canonical: true };
    scan.space();
    scan.value(0)?;
    scan.space();
    if scan.at == bytes.len() { Ok(scan.canonical) } else { Err(CodecError::Trailing(scan.at)) }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    canonical: bool,
}

impl<'a> Scan<'a> {
    /// One value; `depth` counts the arrays and objects around it.
    fn value(&mut self, depth: usize) -> Result<(), CodecError> {
        match self.peek()? {
            b'{' | b'[' if depth >= DEPTH => Err(CodecError::Depth(self.at)),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.integer(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => {
                let at = self.at;
                self.literal(b"null")?;
                Err(CodecError::Null(at))
            }
            _ => Err(CodecError::Syntax(self.at)),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), CodecError> {
        let start = self.at;
        let mut keys: Vec<Cow<'a, str>> = Vec::new();
        self.members(b'}', |scan| {
            keys.push(scan.string()?);
            scan.space();
            scan.expect(b':')?;
            scan.space();
            scan.value(depth)
        })?;
        let units = |key: &Cow<'a, str>| key.encode_utf16().collect::<Vec<_>>();
        if !keys.is_sorted_by(|a, b| a.encode_utf16().lt(b.encode_utf16())) {
            self.canonical = false;
            keys.sort_by_cached_key(units);
            if keys.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(CodecError::DuplicateKey(start));
            }
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), CodecError> {
        self.members(b']', |scan| scan.value(depth))
    }

    /// The members of an object or array, separated by commas, up to `end`.
    fn members(&mut self, end: u8, mut member: impl FnMut(&mut Self) -> Result<(), CodecError>) -> Result<(), CodecError> {
        self.at += 1;
        self.space();
        if self.peek()? == end {
            self.at += 1;
            return Ok(());
        }
        loop {
            member(self)?;
            self.space();
            if self.peek()? == end {
                self.at += 1;
                return Ok(());
            }
            self.expect(b',')?;
            self.space();
        }
    }

    /// A string, unescaped. serde_json decides what an escape means and that surrogates come in pairs.
    fn string(&mut self) -> Result<Cow<'a, str>, CodecError> {
        let (bytes, start) = (self.bytes, self.at);
        self.expect(b'"')?;
        let mut plain = true;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    plain = false;
                    self.at += 2;
                }
                0..=0x1f => return Err(CodecError::Syntax(self.at)),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        if plain {
            return std::str::from_utf8(&bytes[start + 1..self.at - 1]).map(Cow::Borrowed).map_err(|_| CodecError::Utf8(start));
        }
        let text: String = serde_json::from_slice(&bytes[start..self.at]).map_err(|_| CodecError::Syntax(start))?;
        // serde_json escapes exactly as RFC 8785 does: two-letter forms where they exist, else \u00xx in lowercase.
        let escaped = serde_json::to_string(&text).map_err(|_| CodecError::Syntax(start))?;
        self.canonical &= escaped.as_bytes() == &bytes[start..self.at];
        Ok(Cow::Owned(text))
    }

    /// An integer of the shared model: no fraction, no exponent, no leading zero, no negative zero.
    fn integer(&mut self) -> Result<(), CodecError> {
        let start = self.at;
        let negative = self.bytes[self.at] == b'-';
        self.at += usize::from(negative);
        let digits = self.at;
        let mut value = 0u64;
        while let Some(digit) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'.' | b'e' | b'E') => return Err(CodecError::Float(start)),
            _ if self.at == digits => return Err(CodecError::Syntax(start)),
            _ => {}
        }
        if self.bytes[digits] == b'0' && (negative || self.at > digits + 1) {
            return Err(CodecError::NonMinimal(start));
        }
        if value > INTEGER_MAX { Err(CodecError::Integer(start)) } else { Ok(()) }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), CodecError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(CodecError::Syntax(self.at));
        }
        self.at += word.len();
        Ok(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
            self.canonical = false;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), CodecError> {
        if self.peek()? != byte {
            return Err(CodecError::Syntax(self.at));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Result<u8, CodecError> {
        self.bytes.get(self.at).copied().ok_or(CodecError::Truncated(self.bytes.len()))
    }
}
