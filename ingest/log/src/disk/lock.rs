//! The lock of a directory, a node's or an author's outbox: one writer, or readers while no writer lives.
//!
//! Owns `DIR/LOCK`. The kernel frees the lock when its holder ends, however it ends; so the file's text names the holder but its presence
//! means nothing. Refuses waiting: a directory in use is an answer.

use super::OpenError;
use crate::durable;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

const NAME: &str = "LOCK";
/// What is shown of a holder's line, bytes.
const HOLDER_BYTES: u64 = 200;

/// Held as long as it lives.
#[derive(Debug)]
pub struct DirLock {
    dir: PathBuf,
    file: File,
}

impl DirLock {
    /// The only writer's lock; makes the directory where it is missing.
    pub fn exclusive(dir: &Path) -> Result<Self, OpenError> {
        let open = || {
            durable::make_folder(dir)?;
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(NAME))
        };
        let mut file = open().map_err(|source| io_error(dir, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(dir, &mut file)),
            Err(TryLockError::Error(source)) => return Err(io_error(dir, source)),
        }
        name_holder(&mut file).map_err(|source| io_error(dir, source))?;
        Ok(DirLock { dir: dir.to_owned(), file: file })
    }

    /// A reader's lock, shared with other readers; `None` where no writer was ever there. Writes nothing.
    pub fn shared(dir: &Path) -> Result<Option<Self>, OpenError> {
        let mut file = match File::open(dir.join(NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error(dir, source)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(DirLock { dir: dir.to_owned(), file: file })),
            Err(TryLockError::WouldBlock) => Err(locked(dir, &mut file)),
            Err(TryLockError::Error(source)) => Err(io_error(dir, source)),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for DirLock {
    /// A reader that finds the directory busy later would else be told of a writer that is gone.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

fn name_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {}", std::process::id())
}

fn locked(dir: &Path, file: &mut File) -> OpenError {
    let mut text = String::new();
    let named = file.take(HOLDER_BYTES).read_to_string(&mut text).is_ok() && !text.trim().is_empty();
    let holder = if named { text.trim().to_owned() } else { "a process that reads it".to_owned() };
    OpenError::Locked { dir: dir.to_owned(), holder }
}

fn io_error(dir: &Path, source: io::Error) -> OpenError {
    OpenError::Io { what: dir.join(NAME).display().to_string(), source }
}
