//! Verifier keys and signers of notes: a name bound to a key.
//!
//! Owns the vkey text `name+hash+base64(0x01 ‖ key)` and the key id. Refuses keys that are not canonical and torsion-free.

use super::{NoteError, check_name};
use crate::sign::{self, PublicKey, SecretKey, Signature};
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// The signature type Ed25519 of C2SP signed-note.
const ED25519: u8 = 0x01;

/// A name and the key that signs for it: what a reader trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: PublicKey,
}

impl VerifierKey {
    pub fn new(name: &str, key: PublicKey) -> Result<Self, NoteError> {
        check_name(name)?;
        let key = PublicKey::strict(key.0).map_err(|_| NoteError::WeakKey)?;
        Ok(Self { name: name.into(), key })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key id: the first 4 bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ key).
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519]).chain_update(self.key.0).finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    pub(super) fn verify(&self, text: &[u8], signature: &Signature) -> bool {
        sign::verify(&self.key, text, signature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        // A plus sign may occur in base64, never in the name or the hash.
        let (name, rest) = text.split_once('+').ok_or(NoteError::VerifierKey)?;
        let (id, key) = rest.split_once('+').ok_or(NoteError::VerifierKey)?;
        let id = HEXLOWER.decode(id.as_bytes()).map_err(|_| NoteError::VerifierKey)?;
        let key = BASE64.decode(key.as_bytes()).map_err(|_| NoteError::VerifierKey)?;
        let key = key.strip_prefix(&[ED25519]).and_then(|key| key.try_into().ok()).ok_or(NoteError::VerifierKey)?;
        let parsed = Self::new(name, PublicKey(key))?;
        if parsed.id().as_slice() == id { Ok(parsed) } else { Err(NoteError::KeyHash) }
    }
}

/// A name and the secret key that signs for it.
#[derive(Debug, Clone)]
pub struct Signer {
    verifier: VerifierKey,
    key: SecretKey,
}

impl Signer {
    pub fn new(name: &str, key: SecretKey) -> Result<Self, NoteError> {
        Ok(Self { verifier: VerifierKey::new(name, key.public())?, key })
    }

    /// What readers need in order to verify this signer's notes.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(super) fn sign(&self, text: &[u8]) -> Signature {
        self.key.sign(text)
    }
}
