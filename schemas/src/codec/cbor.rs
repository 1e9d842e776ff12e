//! Deterministic CBOR, RFC 8949 §4.2.1: one value has one encoding, and only that one is read.
//!
//! Owns the strict decoder's entry and the rule of what the shared model may hold: no floats, nulls, undefined values or tags.
//! Refuses repair: non-minimal, indefinite, unsorted, duplicate, too deep or trailing bytes are errors.

mod encode;
mod strict;

use super::CodecError;
use serde::{Serialize, de::DeserializeOwned};

/// ciborium reads strings through a scratch buffer of this size and refuses longer borrowed ones.
const SCRATCH: usize = 4096;

/// The deterministic encoding of a value. An absent `Option` must be skipped by its type; `None` is an error here.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    encode::to_vec(value)
}

/// Reads a value from its deterministic encoding, which must be all of `bytes`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    check(bytes)?;
    let mut scratch = vec![0; bytes.len().max(SCRATCH)];
    ciborium::de::from_reader_with_buffer(bytes, &mut scratch).map_err(|error| match error {
        ciborium::de::Error::Semantic(_, reason) => CodecError::Schema(reason),
        other => CodecError::Schema(other.to_string()),
    })
}

/// Reads a type from a value that [`from_slice`] has read, and so found strict.
pub fn from_value<T: DeserializeOwned>(value: &ciborium::Value) -> Result<T, CodecError> {
    value.deserialized().map_err(|error| CodecError::Schema(error.to_string()))
}

/// Whether the bytes are one deterministic document, whatever it means. No memory is taken for what a length only claims.
pub fn check(bytes: &[u8]) -> Result<(), CodecError> {
    strict::check(bytes)
}

/// The length of the first item of a CBOR sequence (RFC 8742); a signed envelope's tag 18 may stand before it.
pub fn first_item(sequence: &[u8]) -> Result<usize, CodecError> {
    let tag = usize::from(sequence.first() == Some(&0xd2));
    Ok(tag + strict::first_item(&sequence[tag..])?)
}

#[cfg(test)]
mod tests;
