//! The body of a checkpoint: which log, how many leaves, which root. C2SP tlog-checkpoint.
//!
//! Owns its lines and their strict reading. Refuses sizes in any but their shortest decimal form.

use super::{Note, NoteError, Signer, VerifierKey, check_text};
use crate::merkle::Hash;
use data_encoding::BASE64;
use std::fmt;

/// What a signer says of a log at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, unique in the world: one per instance and partition.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// RFC 6962 root of those leaves.
    pub root: Hash,
    /// Further lines, none of them empty.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The checkpoint as a note signed by each of the signers.
    pub fn sign(&self, signers: &[&Signer]) -> Result<Note, NoteError> {
        let text = self.to_string();
        // What would read back as another checkpoint is not signed.
        if Self::parse(&text)? != *self {
            return Err(NoteError::Checkpoint("lines hold newlines"));
        }
        Note::sign(&text, signers)
    }

    /// Reads a note as a checkpoint that at least one trusted key signed; says which did.
    pub fn open<'k>(note: &[u8], trusted: &'k [VerifierKey]) -> Result<(Checkpoint, Vec<&'k VerifierKey>), NoteError> {
        let note = Note::parse(note)?;
        let signed_by = note.verify(trusted)?;
        Ok((Self::parse(note.text())?, signed_by))
    }

    /// Reads the text of a note as a checkpoint.
    pub fn parse(text: &str) -> Result<Checkpoint, NoteError> {
        check_text(text)?;
        let mut lines = text.split_terminator('\n');
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::Checkpoint("first line, the origin, is empty"))?;
        let size = lines.next().and_then(decimal).ok_or(NoteError::Checkpoint("second line is not a size in decimal"))?;
        let root = lines
            .next()
            .and_then(|line| BASE64.decode(line.as_bytes()).ok())
            .and_then(|root| root.try_into().ok())
            .ok_or(NoteError::Checkpoint("third line is not a root of 32 bytes in base64"))?;
        let extensions: Vec<String> = lines.map(String::from).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(NoteError::Checkpoint("extension lines must not be empty"));
        }
        Ok(Checkpoint { origin: origin.into(), size, root, extensions })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, BASE64.encode(&self.root))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A number in its shortest decimal form: no sign, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}
