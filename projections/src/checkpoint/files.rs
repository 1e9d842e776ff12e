//! The files of checkpoints: `DIR/checkpoints/<partition>/latest`, and those before it under `history/<size>`.
//!
//! Owns the head of each partition, replaced only by the one signer that holds its lock and still finds there what it wrote
//! last, and the recent past for the table `checkpoints`. Refuses keys: who may sign is the signer's business.

use super::CheckpointError;
use crate::prove::{Checkpoints, SignedCheckpoint};
use cairn_log::durable;
use cairn_schemas::{
    Root,
    note::{Checkpoint, Note, NoteError, VerifierKey},
};
use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};
use tokio::{sync::watch, task::spawn_blocking};

/// Checkpoints of a partition that are kept. Every older one can be had again: a later one proves it.
const KEPT: usize = 256;

/// The signed checkpoints of a node's directory.
#[derive(Debug)]
pub struct CheckpointFiles {
    root: PathBuf,
    /// By partition and size.
    known: RwLock<BTreeMap<u32, BTreeMap<u64, SignedCheckpoint>>>,
    sizes: watch::Sender<BTreeMap<u32, u64>>,
}

impl CheckpointFiles {
    /// Reads what lies in `dir/checkpoints`; makes nothing. Whether the signatures hold is asked by who uses them.
    pub fn open(dir: &Path) -> Result<CheckpointFiles, CheckpointError> {
        let root = dir.join("checkpoints");
        let mut known = BTreeMap::new();
        for name in names(&root)? {
            let Ok(partition) = name.parse::<u32>() else { continue };
            let found = read_all(&root.join(&name), partition)?;
            if !found.is_empty() {
                known.insert(partition, found);
            }
        }
        let sizes = known.iter().filter_map(|(partition, kept)| Some((*partition, *kept.last_key_value()?.0))).collect();
        Ok(CheckpointFiles { root, known: RwLock::new(known), sizes: watch::Sender::new(sizes) })
    }

    /// The newest checkpoint of a partition.
    pub fn latest(&self, partition: u32) -> Option<SignedCheckpoint> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&partition)?.last_key_value().map(|(_, newest)| newest.clone())
    }

    /// The newest checkpoint of a partition, once there is one of at least `size` leaves.
    pub async fn wait(&self, partition: u32, size: u64) -> Option<SignedCheckpoint> {
        let reached = |sizes: &BTreeMap<u32, u64>| sizes.get(&partition).is_some_and(|signed| *signed >= size);
        // The sender lives in `self`, so that this ends when the size is reached.
        let _ = self.sizes.subscribe().wait_for(reached).await;
        self.latest(partition)
    }

    /// The partition's folder, for its signer.
    pub(super) fn folder(&self, partition: u32) -> PathBuf {
        self.root.join(partition.to_string())
    }

    /// Shows a checkpoint that is durable; returns the size of one that is not kept any longer.
    fn show(&self, signed: &SignedCheckpoint) -> Option<u64> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let kept = known.entry(signed.partition).or_default();
        kept.insert(signed.size, signed.clone());
        let dropped = if kept.len() > KEPT { kept.pop_first().map(|(size, _)| size) } else { None };
        drop(known);
        self.sizes.send_modify(|sizes| {
            sizes.insert(signed.partition, signed.size);
        });
        dropped
    }
}

impl Checkpoints for CheckpointFiles {
    fn newest(&self, partition: u32) -> Option<SignedCheckpoint> {
        self.latest(partition)
    }

    fn all(&self) -> Vec<SignedCheckpoint> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().flat_map(|kept| kept.values().cloned()).collect()
    }
}

/// The head of one partition, in the hands of its one signer.
#[derive(Debug)]
pub(super) struct Head {
    folder: PathBuf,
    /// Held for as long as the signer lives.
    _lock: File,
    last: Option<SignedCheckpoint>,
}

impl Head {
    /// Takes the head. What was signed last must be readable and signed by this very key, or nothing is signed at all.
    pub fn open(folder: PathBuf, partition: u32, key: &VerifierKey) -> Result<Head, CheckpointError> {
        let history = folder.join("history");
        durable::make_folder(&history).map_err(io_error("make", &history))?;
        let lock = folder.join("LOCK");
        let file = File::options().create(true).truncate(false).write(true).open(&lock).map_err(io_error("open", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CheckpointError::Taken { path: lock }),
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &lock)(source)),
        }
        let path = folder.join("latest");
        let last = match read(&path)? {
            Some(note) => {
                let damaged = |source| CheckpointError::Damaged { path: path.clone(), source };
                let (checkpoint, _) = Checkpoint::open(note.as_bytes(), std::slice::from_ref(key)).map_err(damaged)?;
                if checkpoint.origin != key.name() {
                    return Err(damaged(NoteError::Checkpoint("origin is another partition's")));
                }
                Some(signed(partition, checkpoint, note))
            }
            None => None,
        };
        Ok(Head { folder, _lock: file, last })
    }

    /// What was signed last.
    pub fn last(&self) -> Option<&SignedCheckpoint> {
        self.last.as_ref()
    }

    /// Puts the next one in the place of the last, if that is still there; durable before anybody sees it.
    pub async fn put(&mut self, next: SignedCheckpoint, files: &CheckpointFiles) -> Result<(), CheckpointError> {
        let (folder, last, put) = (self.folder.clone(), self.last.take(), next.clone());
        let written = spawn_blocking(move || {
            let outcome = replace(&folder, last.as_ref(), &put);
            (outcome, last)
        });
        let (outcome, last) = written.await.map_err(|stopped| io_error("write", &self.folder)(io::Error::other(stopped)))?;
        if let Err(error) = outcome {
            self.last = last;
            return Err(error);
        }
        if let Some(dropped) = files.show(&next) {
            let old = self.folder.join("history").join(dropped.to_string());
            durable::remove(&old).map_err(io_error("remove", &old))?;
        }
        self.last = Some(next);
        Ok(())
    }
}

fn replace(folder: &Path, last: Option<&SignedCheckpoint>, next: &SignedCheckpoint) -> Result<(), CheckpointError> {
    let path = folder.join("latest");
    if read(&path)?.as_deref() != last.map(|last| last.note.as_str()) {
        return Err(CheckpointError::Moved { path });
    }
    durable::write(&path, next.note.as_bytes(), durable::PUBLIC).map_err(io_error("write", &path))?;
    let kept = folder.join("history").join(next.size.to_string());
    durable::write(&kept, next.note.as_bytes(), durable::PUBLIC).map_err(io_error("write", &kept))
}

/// The kept checkpoints of one partition's folder.
fn read_all(folder: &Path, partition: u32) -> Result<BTreeMap<u64, SignedCheckpoint>, CheckpointError> {
    let mut found = BTreeMap::new();
    let history = folder.join("history");
    let paths = names(&history)?.into_iter().map(|name| history.join(name)).chain([folder.join("latest")]);
    for path in paths {
        let Some(note) = read(&path)? else { continue };
        let parsed = Note::parse(note.as_bytes()).and_then(|note| Checkpoint::parse(note.text()));
        let checkpoint = match parsed {
            Ok(checkpoint) => checkpoint,
            Err(source) if path.ends_with("latest") => return Err(CheckpointError::Damaged { path, source }),
            // A name that a power cut left behind: the past can be had again.
            Err(_) => continue,
        };
        found.insert(checkpoint.size, signed(partition, checkpoint, note));
    }
    while found.len() > KEPT {
        found.pop_first();
    }
    Ok(found)
}

fn signed(partition: u32, checkpoint: Checkpoint, note: String) -> SignedCheckpoint {
    SignedCheckpoint { partition, origin: checkpoint.origin, size: checkpoint.size, root: Root(checkpoint.root), note }
}

/// The names in a folder; none if it is not there.
fn names(folder: &Path) -> Result<Vec<String>, CheckpointError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("read", folder)(error)),
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
    entries.map(name).collect::<io::Result<_>>().map_err(io_error("read", folder))
}

fn read(path: &Path) -> Result<Option<String>, CheckpointError> {
    match fs::read_to_string(path) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CheckpointError {
    move |source| CheckpointError::Io { operation, path: path.to_path_buf(), source }
}
