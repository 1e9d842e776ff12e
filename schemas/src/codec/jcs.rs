//! JCS, the canonical JSON of RFC 8785, within the shared model.
//!
//! Owns the JSON face of the model: canonical when written, any key order and spacing when read.
//! Refuses duplicate keys, fractions and exponents, nulls, integers beyond ±(2^53 − 1), broken Unicode, depth and trailing bytes.

mod scan;

use super::CodecError;
use serde::{Serialize, de::DeserializeOwned};

/// The canonical JSON of a value.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = serde_json_canonicalizer::to_vec(&value).map_err(|error| CodecError::Schema(error.to_string()))?;
    // What could not be read back is not written: the canonicaliser alone would round large integers and print floats.
    scan::scan(&bytes)?;
    Ok(bytes)
}

/// Reads a value from JSON in any key order and spacing; `bytes` must hold nothing else.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    scan::scan(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| CodecError::Schema(error.to_string()))
}

/// Whether the bytes are canonical JSON within the shared model. Otherwise says why not.
pub fn check_canonical(bytes: &[u8]) -> Result<(), CodecError> {
    if scan::scan(bytes)? { Ok(()) } else { Err(CodecError::NotCanonical) }
}

/// Whether the bytes are canonical JSON within the shared model.
pub fn is_canonical(bytes: &[u8]) -> bool {
    check_canonical(bytes).is_ok()
}

#[cfg(test)]
mod tests;
