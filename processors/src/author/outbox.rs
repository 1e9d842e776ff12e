//! The outbox: signed bytes, kept until the journal shows that they were decided.
//!
//! Owns `outbox/<author>/<realm>/<topic>/<seq>.event`, one file an event, written durably. The last one of a lane stays, because it
//! tells where the lane stands. Refuses bytes that it cannot read back: a damaged outbox halts its author, who might fork otherwise;
//! and a second writer: each would number on from where the other began.

use super::Head;
use bytes::Bytes;
use cairn_log::{
    disk::{DirLock, OpenError},
    durable,
};
use cairn_schemas::{PublicKey, RealmId, Topic, record};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// A signed event of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub realm: RealmId,
    pub topic: Topic,
    pub head: Head,
    pub record: Bytes,
}

/// Why the outbox cannot be trusted or used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("key {author} is in use by {holder}, over {folder}", folder = folder.display())]
    InUse { author: PublicKey, holder: String, folder: PathBuf },
    #[error("outbox file {path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("outbox file {path} is not the signed event its name says", path = path.display())]
    Damaged { path: PathBuf },
}

impl OutboxError {
    pub fn code(&self) -> &'static str {
        match self {
            OutboxError::Io { .. } => "CRN-7113",
            OutboxError::Damaged { .. } => "CRN-7114",
            OutboxError::InUse { .. } => "CRN-7115",
        }
    }
}

type Lanes = BTreeMap<(RealmId, Topic), BTreeMap<u64, Kept>>;

/// What one author said and has not yet seen decided, on disk or, for the simulator, in memory.
#[derive(Debug, Default)]
pub struct Outbox {
    folder: Option<PathBuf>,
    lanes: Lanes,
    settled: BTreeMap<(RealmId, Topic), u64>,
    /// The author's folder is held as long as anybody numbers by it; the kernel frees it, however its holder ends.
    _lock: Option<DirLock>,
}

impl Outbox {
    /// An outbox that a crash forgets.
    pub fn in_memory() -> Outbox {
        Outbox::default()
    }

    /// The outbox of an author below `root`, for nobody else while it lives.
    ///
    /// Errors: [`OutboxError::InUse`] at once where another holds it, in this process or another.
    pub fn open(root: &Path, author: &PublicKey) -> Result<Outbox, OutboxError> {
        let folder = root.join(author.to_string().trim_start_matches("did:key:"));
        let lock = DirLock::exclusive(&folder).map_err(|error| unheld(error, author, &folder))?;
        let mut outbox = Outbox { folder: Some(folder.clone()), _lock: Some(lock), ..Outbox::default() };
        for realm in children(&folder)? {
            for topic in children(&realm)? {
                for file in children(&topic)? {
                    // What a crash left beside a file was never acted on.
                    if file.extension().is_some_and(|kind| kind == "event") {
                        outbox.load(&file)?;
                    }
                }
            }
        }
        Ok(outbox)
    }

    fn load(&mut self, path: &Path) -> Result<(), OutboxError> {
        let bytes = fs::read(path).map_err(|source| OutboxError::Io { path: path.into(), source })?;
        let damaged = || OutboxError::Damaged { path: path.into() };
        let signed = record::open(&bytes).ok().filter(|signed| signed.is_authentic()).ok_or_else(damaged)?;
        let head = Head { seq: signed.event.seq, hash: signed.hash };
        let kept = Kept { realm: signed.event.realm, topic: signed.event.topic(), head, record: bytes.into() };
        if self.path(&kept).as_deref() != Some(path) {
            return Err(damaged());
        }
        self.lanes.entry((kept.realm, kept.topic)).or_default().insert(head.seq, kept);
        Ok(())
    }

    /// The last event of each lane that is kept.
    pub(super) fn heads(&self) -> BTreeMap<(RealmId, Topic), Head> {
        self.lanes.iter().filter_map(|(lane, kept)| kept.values().next_back().map(|last| (*lane, last.head))).collect()
    }

    pub(super) fn keep(&mut self, kept: &Kept) -> Result<(), OutboxError> {
        if let Some(path) = self.path(kept) {
            let failed = |source| OutboxError::Io { path: path.clone(), source };
            if let Some(folder) = path.parent() {
                durable::make_folder(folder).map_err(failed)?;
            }
            durable::write(&path, &kept.record, durable::PUBLIC).map_err(failed)?;
        }
        self.lanes.entry((kept.realm, kept.topic)).or_default().insert(kept.head.seq, kept.clone());
        Ok(())
    }

    pub(super) fn pending(&self) -> Vec<Kept> {
        let undecided = |lane: &(RealmId, Topic)| self.settled.get(lane).map_or(0, |seq| seq + 1);
        self.lanes.iter().flat_map(|(lane, kept)| kept.range(undecided(lane)..).map(|(_, kept)| kept.clone())).collect()
    }

    pub(super) fn settle(&mut self, realm: RealmId, topic: Topic, seq: u64) -> Result<(), OutboxError> {
        let lane = (realm, topic);
        let settled = self.settled.entry(lane).or_default();
        *settled = seq.max(*settled);
        let Some(kept) = self.lanes.get_mut(&lane) else { return Ok(()) };
        let last = kept.keys().next_back().copied().unwrap_or(0);
        let gone: Vec<Kept> = kept.range(..=seq.min(last.saturating_sub(1))).map(|(_, kept)| kept.clone()).collect();
        kept.retain(|kept, _| *kept > seq || *kept == last);
        for kept in gone {
            if let Some(path) = self.path(&kept) {
                durable::remove(&path).map_err(|source| OutboxError::Io { path, source })?;
            }
        }
        Ok(())
    }

    pub(super) fn withdraw(&mut self, realm: RealmId, topic: Topic) -> Result<(), OutboxError> {
        let Some((_, kept)) = self.lanes.get_mut(&(realm, topic)).and_then(BTreeMap::pop_last) else { return Ok(()) };
        match self.path(&kept) {
            Some(path) => durable::remove(&path).map_err(|source| OutboxError::Io { path, source }),
            None => Ok(()),
        }
    }

    fn path(&self, kept: &Kept) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.join(kept.realm.to_string()).join(kept.topic.name()).join(format!("{:016}.event", kept.head.seq)))
    }
}

fn unheld(error: OpenError, author: &PublicKey, folder: &Path) -> OutboxError {
    match error {
        OpenError::Locked { holder, .. } => OutboxError::InUse { author: *author, holder, folder: folder.into() },
        OpenError::Io { source, .. } => OutboxError::Io { path: folder.into(), source },
        other => OutboxError::Io { path: folder.into(), source: io::Error::other(other) },
    }
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, OutboxError> {
    let failed = |source| OutboxError::Io { path: folder.into(), source };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}
