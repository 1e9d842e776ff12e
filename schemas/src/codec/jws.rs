//! Detached JWS (RFC 7515, unencoded payload by RFC 7797) with Ed25519 (RFC 9864).
//!
//! Owns the one form in which Cairn signs JSON: `protected..signature` beside the JCS payload, the protected header in JCS,
//! exactly {alg, b64: false, crit: ["b64"], kid: did:key, typ}. Refuses every other form; verifying is the caller's, in batches.

use super::{CodecError, Signed, jcs};
use crate::sign::{PublicKey, SecretKey};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// The protected header. Its JCS bytes are what the signature covers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Protected {
    alg: String,
    b64: bool,
    crit: Vec<String>,
    kid: PublicKey,
    typ: String,
}

impl Protected {
    fn new(kid: PublicKey, typ: &str) -> Self {
        Self { alg: "Ed25519".into(), b64: false, crit: vec!["b64".into()], kid, typ: typ.into() }
    }

    fn encode(&self) -> Result<String, CodecError> {
        Ok(BASE64URL_NOPAD.encode(&jcs::to_vec(self)?))
    }
}

/// Signs a payload, canonical JSON, as a record of type `typ`. The answer goes beside the payload.
pub fn sign(key: &SecretKey, typ: &str, payload: &[u8]) -> Result<String, CodecError> {
    let protected = Protected::new(key.public(), typ).encode()?;
    let signature = key.sign(&signing_input(&protected, payload));
    Ok(format!("{protected}..{signature}"))
}

/// Reads the detached signature of a payload of type `typ`, in exactly the form that [`sign`] gives. It is not verified.
pub fn parse(jws: &str, payload: &[u8], typ: &str) -> Result<Signed, CodecError> {
    let (protected, signature) = jws.split_once("..").ok_or(CodecError::Envelope("not `protected..signature`"))?;
    let header = BASE64URL_NOPAD.decode(protected.as_bytes()).map_err(|_| CodecError::Envelope("the header is not base64url"))?;
    let header: Protected = jcs::from_slice(&header)?;
    let expected = Protected::new(header.kid, typ);
    if header != expected {
        return Err(CodecError::Envelope("the header is not {alg: Ed25519, b64: false, crit, kid, typ} of this type"));
    }
    if expected.encode()? != protected {
        return Err(CodecError::NotCanonical);
    }
    let signature = signature.parse().map_err(|_| CodecError::Envelope("the signature is not 64 bytes in base64url"))?;
    Ok(Signed { kid: header.kid, payload: payload.to_vec(), to_be_signed: signing_input(protected, payload), signature })
}

fn signing_input(protected: &str, payload: &[u8]) -> Vec<u8> {
    [protected.as_bytes(), b".", payload].concat()
}

#[cfg(test)]
mod tests;
