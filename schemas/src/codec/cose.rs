//! COSE_Sign1 (RFC 9052), tagged, with Ed25519 (alg −19, RFC 9864) and `typ` (RFC 9596).
//!
//! Owns the one layout in which Cairn signs CBOR: protected header exactly {1: −19, 4: kid, 16: typ}, no unprotected header,
//! payload attached, no external data. Refuses every other layout, down to the byte; verifying is the caller's, in batches.

use super::{CodecError, Signed};
use crate::sign::{PublicKey, SecretKey, Signature};
use coset::{CoseSign1, CoseSign1Builder, Header, HeaderBuilder, Label, TaggedCborSerializable, cbor::Value, iana};

/// The header parameter `typ`, RFC 9596; coset has no name for it yet.
const TYP: i64 = 16;

/// Signs a payload, deterministic CBOR, as a record of type `typ`.
pub fn sign(key: &SecretKey, typ: &str, payload: &[u8]) -> Result<Vec<u8>, CodecError> {
    let unsigned = unsigned(&key.public(), typ, payload);
    let signature = key.sign(&unsigned.tbs_data(&[]));
    encode(CoseSign1 { signature: signature.0.to_vec(), ..unsigned })
}

/// Reads a record of type `typ` that is laid out exactly as [`sign`] does it. The signature is not verified.
pub fn parse(bytes: &[u8], typ: &str) -> Result<Signed, CodecError> {
    let read = CoseSign1::from_tagged_slice(bytes).map_err(|_| CodecError::Envelope("not a tagged COSE_Sign1"))?;
    let kid = <[u8; 32]>::try_from(read.protected.header.key_id.as_slice())
        .map(PublicKey)
        .map_err(|_| CodecError::Envelope("the kid is not a 32-byte public key"))?;
    let signature = Signature::from_slice(&read.signature).map_err(|_| CodecError::Envelope("the signature is not 64 bytes"))?;
    let payload = read.payload.ok_or(CodecError::Envelope("the payload is detached"))?;
    let unsigned = unsigned(&kid, typ, &payload);
    if read.protected.header != unsigned.protected.header {
        return Err(CodecError::Envelope("the protected header is not {alg: Ed25519, kid, typ} of this type"));
    }
    if !read.unprotected.is_empty() {
        return Err(CodecError::Envelope("the unprotected header is not empty"));
    }
    let to_be_signed = unsigned.tbs_data(&[]);
    if encode(CoseSign1 { signature: read.signature, ..unsigned })? != bytes {
        return Err(CodecError::NotCanonical);
    }
    Ok(Signed { kid, payload, to_be_signed, signature })
}

fn unsigned(kid: &PublicKey, typ: &str, payload: &[u8]) -> CoseSign1 {
    CoseSign1Builder::new().protected(protected(kid, typ)).payload(payload.to_vec()).build()
}

/// coset writes alg, kid, then the rest: labels 1, 4, 16, the deterministic order.
fn protected(kid: &PublicKey, typ: &str) -> Header {
    let mut header = HeaderBuilder::new().algorithm(iana::Algorithm::Ed25519).key_id(kid.0.to_vec()).build();
    header.rest.push((Label::Int(TYP), Value::Text(typ.into())));
    header
}

fn encode(signed: CoseSign1) -> Result<Vec<u8>, CodecError> {
    signed.to_tagged_vec().map_err(|error| CodecError::Schema(error.to_string()))
}

#[cfg(test)]
mod tests;
