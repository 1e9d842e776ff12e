//! Memory: the last checkpoint that was verified of each origin.
//!
//! Owns one JSON file in the auditor's own state folder (`{"origins": {origin: {"size", "root"}}, "version": 1}`) and the
//! refusal to go back behind it. Refuses to forget: a file that cannot be read stops the verification.

use super::{Reason, VerifyError};
use crate::export::{CHECKPOINT, Head};
use cairn_log::durable;
use cairn_schemas::{Root, codec::jcs};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Bytes of the file: some ten thousand origins.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// How a checkpoint stands to the one that was remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Nothing was remembered, or nothing is.
    Never,
    Same,
    /// The export shows that the tree remembered is the beginning of this one.
    Continues,
    /// This one is larger; whether it continues the one remembered, the range does not show.
    Larger,
}

/// The file of checkpoints seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    path: PathBuf,
}

/// A tree that was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remembered {
    pub root: Root,
    pub size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    origins: BTreeMap<String, Remembered>,
    version: u32,
}

impl Memory {
    pub fn at(path: &Path) -> Memory {
        Memory { path: path.to_path_buf() }
    }

    /// `cairn/checkpoints.json` under `$XDG_STATE_HOME` or `~/.local/state`; none where neither is known.
    pub fn usual() -> Option<Memory> {
        let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
        Some(Memory { path: state.join("cairn/checkpoints.json") })
    }

    /// What is remembered of an origin, if `head` does not contradict it.
    pub(super) fn recall(&self, origin: &str, head: &Head) -> Result<Option<Remembered>, VerifyError> {
        let Some(seen) = self.load()?.origins.get(origin).copied() else { return Ok(None) };
        if head.size < seen.size {
            return Err(Reason::Rollback { seen: seen.size, found: head.size }.of(CHECKPOINT));
        }
        if head.size == seen.size && head.root != seen.root {
            return Err(Reason::Fork { size: seen.size }.of(CHECKPOINT));
        }
        Ok(Some(seen))
    }

    /// Remembers a verified checkpoint. Two verifications at once never lose the later one.
    pub(super) fn keep(&self, head: &Head) -> Result<(), VerifyError> {
        let failed = |error: io::Error| self.failed(error.to_string());
        if let Some(folder) = self.path.parent() {
            durable::make_folder(folder).map_err(failed)?;
        }
        let lock = File::options().create(true).truncate(false).write(true).open(self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut book = self.load()?;
        let seen = book.origins.get(&head.origin).map_or(0, |seen| seen.size);
        if head.size > seen {
            book.origins.insert(head.origin.clone(), Remembered { root: head.root, size: head.size });
            let bytes = jcs::to_vec(&book).map_err(|error| self.failed(error.to_string()))?;
            durable::write(&self.path, &bytes, durable::PUBLIC).map_err(failed)?;
        }
        Ok(())
    }

    fn load(&self) -> Result<Book, VerifyError> {
        let bytes = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Book { origins: BTreeMap::new(), version: 1 }),
            Ok(found) if found.len() > FILE_BYTES => return Err(self.failed(format!("it has more than {FILE_BYTES} bytes"))),
            _ => fs::read(&self.path).map_err(|error| self.failed(error.to_string()))?,
        };
        let book: Book = jcs::from_slice(&bytes).map_err(|error| self.failed(format!("it {error}")))?;
        if book.version == 1 { Ok(book) } else { Err(self.failed(format!("it is of version {}", book.version))) }
    }

    fn failed(&self, why: String) -> VerifyError {
        Reason::Memory(why).of(&self.path.display().to_string())
    }
}
