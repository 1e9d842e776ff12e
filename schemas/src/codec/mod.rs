//! Codecs: the two encodings of the shared model and the two signed envelopes around them.
//!
//! Owns deterministic CBOR (RFC 8949 §4.2.1), JCS (RFC 8785), COSE_Sign1 (RFC 9052) and detached JWS (RFC 7515, 7797).
//! Refuses meaning: it knows no event. Decoders reject what is not strict and repair nothing.

pub mod cbor;
pub mod cose;
pub mod jcs;
pub mod jws;

use crate::sign::{self, PublicKey, Signature};

/// Why bytes are malformed. Offsets count bytes from the start of the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("ends early, at byte {0}")]
    Truncated(usize),
    #[error("goes on after its end, at byte {0}")]
    Trailing(usize),
    #[error("has an indefinite length at byte {0}")]
    Indefinite(usize),
    #[error("has an integer or length that is not in its shortest form at byte {0}")]
    NonMinimal(usize),
    #[error("has a map key out of order at byte {0}")]
    KeyOrder(usize),
    #[error("has a map key twice at byte {0}")]
    DuplicateKey(usize),
    #[error("has a floating-point number at byte {0}; metrics are decimal strings")]
    Float(usize),
    #[error("has a null at byte {0}; leave the key out instead")]
    Null(usize),
    #[error("has a tag at byte {0}")]
    Tag(usize),
    #[error("has a simple value other than true and false at byte {0}")]
    Simple(usize),
    #[error("has text that is not Unicode at byte {0}")]
    Utf8(usize),
    #[error("is nested deeper than {depth} levels at byte {0}", depth = crate::limits::DEPTH)]
    Depth(usize),
    #[error("has an integer outside ±(2^53 − 1) at byte {0}")]
    Integer(usize),
    #[error("is not JSON at byte {0}")]
    Syntax(usize),
    #[error("is well formed, but not in its canonical form")]
    NotCanonical,
    #[error("is no signed envelope of the expected form: {0}")]
    Envelope(&'static str),
    #[error("does not fit its schema: {0}")]
    Schema(String),
    #[error("has {size} bytes, more than the {limit} allowed")]
    TooLarge { size: usize, limit: usize },
    #[error("is of format version {0}, which this binary does not know")]
    Version(u8),
}

impl CodecError {
    /// The stable word for this reason: the detail of the disposition `malformed`. It echoes nothing from the bytes.
    pub const fn reason(&self) -> &'static str {
        match self {
            CodecError::Truncated(_) => "truncated",
            CodecError::Trailing(_) => "trailing_bytes",
            CodecError::Indefinite(_) => "indefinite_length",
            CodecError::NonMinimal(_) => "non_minimal",
            CodecError::KeyOrder(_) => "key_order",
            CodecError::DuplicateKey(_) => "duplicate_key",
            CodecError::Float(_) => "float",
            CodecError::Null(_) => "null",
            CodecError::Tag(_) => "tag",
            CodecError::Simple(_) => "simple_value",
            CodecError::Utf8(_) => "utf8",
            CodecError::Depth(_) => "depth",
            CodecError::Integer(_) => "integer_range",
            CodecError::Syntax(_) => "syntax",
            CodecError::NotCanonical => "not_canonical",
            CodecError::Envelope(_) => "envelope",
            CodecError::Schema(_) => "schema",
            CodecError::TooLarge { .. } => "too_large",
            CodecError::Version(_) => "version",
        }
    }
}

/// What a signed envelope holds, whichever of the two it was. Parsing does not verify: the runner does, in batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The key that the header names.
    pub kid: PublicKey,
    /// The payload: deterministic CBOR in COSE, JCS in JWS.
    pub payload: Vec<u8>,
    /// The exact bytes under the signature: the Sig_structure of COSE, the signing input of JWS.
    pub to_be_signed: Vec<u8>,
    pub signature: Signature,
}

impl Signed {
    /// Whether the named key signed this, by ZIP 215.
    pub fn verify(&self) -> bool {
        sign::verify(&self.kid, &self.to_be_signed, &self.signature)
    }

    /// The same question as an item for [`sign::verify_batch`].
    pub fn item(&self) -> sign::Item<'_> {
        sign::Item { key: self.kid, message: &self.to_be_signed, signature: self.signature }
    }
}
