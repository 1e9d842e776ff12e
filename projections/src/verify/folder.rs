//! The folder of an export: which files are there, and whether they are the manifest's.
//!
//! Owns listing, bounded reading and hashing. Refuses links, folders that no file needs, and anything unnamed: what was not
//! signed for is not part of an export.

use super::{Reason, VerifyError};
use crate::export::{FileEntry, MANIFEST};
use cairn_schemas::Root;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Bytes of a file that is read whole: the manifest, the checkpoint, the genesis document, the proof.
const WHOLE: u64 = 1024 * 1024;
/// Files in a folder before it is given up: an export has seven.
const FILES: usize = 1_024;
/// Bytes hashed at a time.
const CHUNK: usize = 1024 * 1024;

/// The files under one folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Relative paths of files, sorted.
    names: Vec<String>,
    /// Relative paths of what no export holds: links, deeper and empty folders, files beyond the bound.
    strange: Vec<String>,
}

impl Folder {
    pub fn open(path: &Path) -> Result<Folder, VerifyError> {
        let mut folder = Folder { path: path.to_path_buf(), names: Vec::new(), strange: Vec::new() };
        folder.list(path, "")?;
        folder.names.sort();
        folder.strange.sort();
        Ok(folder)
    }

    fn list(&mut self, at: &Path, prefix: &str) -> Result<(), VerifyError> {
        let shown = if prefix.is_empty() { at.display().to_string() } else { prefix.to_owned() };
        let mut entries = fs::read_dir(at).map_err(|error| Reason::Unreadable(error).of(&shown))?.peekable();
        if entries.peek().is_none() && !prefix.is_empty() {
            self.strange.push(prefix.to_owned());
        }
        for entry in entries.take(FILES) {
            let entry = entry.map_err(|error| Reason::Unreadable(error).of(&shown))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let kind = entry.file_type().map_err(|error| Reason::Unreadable(error).of(&name))?;
            match kind.is_dir() {
                true if prefix.is_empty() && self.names.len() < FILES => self.list(&entry.path(), &name)?,
                false if kind.is_file() && self.names.len() < FILES => self.names.push(name),
                _ => self.strange.push(name),
            }
        }
        Ok(())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A small file, whole.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, VerifyError> {
        let file = self.file(name)?;
        let mut bytes = Vec::new();
        file.take(WHOLE + 1).read_to_end(&mut bytes).map_err(|error| Reason::Unreadable(error).of(name))?;
        let found = bytes.len() as u64;
        if found > WHOLE { Err(Reason::Size { expected: WHOLE, found }.of(name)) } else { Ok(bytes) }
    }

    pub fn file(&self, name: &str) -> Result<File, VerifyError> {
        File::open(self.path(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Reason::Missing.of(name),
            _ => Reason::Unreadable(error).of(name),
        })
    }

    /// Whether the files are those of the manifest and no others, byte for byte; returns how many bytes they have.
    pub fn check(&self, files: &[FileEntry]) -> Result<u64, VerifyError> {
        let named = |name: &String| name == MANIFEST || files.iter().any(|file| file.path == *name);
        let there = |name: &String| self.names.contains(name) || self.strange.contains(name);
        if let Some(missing) = files.iter().find(|file| !there(&file.path)) {
            return Err(Reason::Missing.of(&missing.path));
        }
        if let Some(extra) = self.strange.iter().chain(self.names.iter().filter(|name| !named(name))).next() {
            return Err(Reason::Extra.of(extra));
        }
        files.iter().try_fold(0, |sum: u64, file| Ok(sum.saturating_add(self.check_one(file)?)))
    }

    fn check_one(&self, expected: &FileEntry) -> Result<u64, VerifyError> {
        let name = expected.path.as_str();
        let unreadable = |error| Reason::Unreadable(error).of(name);
        let mut file = self.file(name)?;
        let found = file.metadata().map_err(unreadable)?.len();
        if found != expected.size {
            return Err(Reason::Size { expected: expected.size, found }.of(name));
        }
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
        loop {
            let read = file.read(&mut chunk).map_err(|error| Reason::Unreadable(error).of(name))?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
        }
        let found = Root(hash.finalize().into());
        if found == expected.sha256 { Ok(expected.size) } else { Err(Reason::Hash { expected: expected.sha256, found }.of(name)) }
    }
}
