//! Signed notes, verifier keys and checkpoints, as C2SP `signed-note` and `tlog-checkpoint` define them.
//!
//! Owns the text of a note, its signature lines, vkeys, and the body of a checkpoint. Refuses secret-key files, signature
//! types other than Ed25519 (0x01), and trust: which vkeys count is the caller's policy.

mod checkpoint;
mod vkey;

pub use checkpoint::Checkpoint;
pub use vkey::{Signer, VerifierKey};

use crate::sign::Signature;
use data_encoding::BASE64;
use std::collections::BTreeSet;

/// Largest note, bytes. A checkpoint with all its cosignatures is far smaller.
const NOTE_BYTES: usize = 64 * 1024;
/// Most signature lines on a note.
const SIGNATURES: usize = 64;
/// How a signature line begins: an em dash and a space.
const DASH: &str = "— ";

/// Why a note, a vkey or a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("the note is not text that ends in a newline, without control characters")]
    Text,
    #[error("the note is larger than {NOTE_BYTES} bytes or has more than {SIGNATURES} signatures")]
    TooLarge,
    #[error("the note has no empty line before its signatures, or no signatures")]
    NoSignatures,
    #[error("a signature line is not `— name base64`")]
    SignatureLine,
    #[error("the note carries two signatures of one key, {0}")]
    TwiceSigned(String),
    #[error("the signature of {0} is wrong")]
    BadSignature(String),
    #[error("none of the trusted keys signed the note")]
    Untrusted,
    #[error("a name must not be empty, hold a space or a plus sign")]
    Name,
    #[error("the verifier key is not `name+hash+base64` of an Ed25519 key")]
    VerifierKey,
    #[error("the verifier key's hash does not belong to its name and key")]
    KeyHash,
    #[error("the verifier key's point is not canonical or not of prime order")]
    WeakKey,
    #[error("the checkpoint's {0}")]
    Checkpoint(&'static str),
}

/// A parsed note: its text, which ends in a newline, and its signatures, none of them verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Line>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    name: String,
    key_id: [u8; 4],
    /// 64 bytes from an Ed25519 key; other types of key write what they like.
    signature: Vec<u8>,
}

impl Note {
    /// Signs a text with each of the signers.
    pub fn sign(text: &str, signers: &[&Signer]) -> Result<Note, NoteError> {
        check_text(text)?;
        let line = |signer: &&Signer| {
            let key = signer.verifier();
            Line { name: key.name().into(), key_id: key.id(), signature: signer.sign(text.as_bytes()).0.to_vec() }
        };
        let note = Note { text: text.into(), signatures: signers.iter().map(line).collect() };
        note.check_signatures()?;
        Ok(note)
    }

    /// Reads a note. Signatures of unknown keys are kept, for they may be cosignatures of another type.
    pub fn parse(bytes: &[u8]) -> Result<Note, NoteError> {
        if bytes.len() > NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        check_text(note)?;
        // The text may hold empty lines itself: the last one separates.
        let gap = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, lines) = (&note[..gap + 1], &note[gap + 2..]);
        let signatures = lines.split_terminator('\n').take(SIGNATURES + 1).map(Line::parse).collect::<Result<_, _>>()?;
        let note = Note { text: text.into(), signatures };
        note.check_signatures()?;
        Ok(note)
    }

    /// The text, newline included. It says nothing until [`Note::verify`] has answered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The trusted keys that signed, in the order of their lines. At least one did, and no signature by a trusted key is wrong.
    pub fn verify<'k>(&self, trusted: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signed = Vec::new();
        for line in &self.signatures {
            let Some(key) = trusted.iter().find(|key| key.name() == line.name && key.id() == line.key_id) else { continue };
            let good = Signature::from_slice(&line.signature).is_ok_and(|signature| key.verify(self.text.as_bytes(), &signature));
            if !good {
                return Err(NoteError::BadSignature(line.name.clone()));
            }
            signed.push(key);
        }
        if signed.is_empty() { Err(NoteError::Untrusted) } else { Ok(signed) }
    }

    fn check_signatures(&self) -> Result<(), NoteError> {
        if self.signatures.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        if self.signatures.len() > SIGNATURES {
            return Err(NoteError::TooLarge);
        }
        let mut seen = BTreeSet::new();
        match self.signatures.iter().find(|line| !seen.insert((&line.name, line.key_id))) {
            Some(twice) => Err(NoteError::TwiceSigned(twice.name.clone())),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Line {
    fn parse(line: &str) -> Result<Line, NoteError> {
        let (name, encoded) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or(NoteError::SignatureLine)?;
        check_name(name)?;
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| NoteError::SignatureLine)?;
        match bytes.split_first_chunk::<4>() {
            Some((key_id, signature)) if !signature.is_empty() => {
                Ok(Line { name: name.into(), key_id: *key_id, signature: signature.to_vec() })
            }
            _ => Err(NoteError::SignatureLine),
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{DASH}{} {}", self.name, BASE64.encode(&[&self.key_id, self.signature.as_slice()].concat()))
    }
}

/// Text is UTF-8 with newlines as its only control characters, and ends in one.
fn check_text(text: &str) -> Result<(), NoteError> {
    let printable = text.chars().all(|char| char == '\n' || !char.is_control());
    if printable && text.ends_with('\n') { Ok(()) } else { Err(NoteError::Text) }
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = name.is_empty() || name.chars().any(|char| char == '+' || char.is_whitespace() || char.is_control());
    if bad { Err(NoteError::Name) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
