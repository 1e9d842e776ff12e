//! The log on disk: one write-ahead log for all streams and partitions of a node.
//!
//! Owns `DIR/log/` and the lock on `DIR/LOCK`. One thread writes: it gathers the appends that wait, writes them with one
//! write and makes them durable with one fdatasync; only then are they shown and answered. Refuses a second writer,
//! refuses to repair what was once durable, and ends the process when an fsync fails, because what the kernel
//! dropped then can never be known again.
//!
//! | file | owns |
//! |---|---|
//! | `frame` | the bytes on disk |
//! | `files` | the few file operations that durability rests on |
//! | `lock` | who may write |
//! | `recover` | what is true after a crash |
//! | `index` | where each place's records lie; the recent ones |
//! | `walk` | reading frames one after the other |
//! | `writer` | the thread of group commit |

mod error;
pub mod files;
pub mod frame;
mod index;
mod lock;
mod recover;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

pub use error::OpenError;
pub use lock::DirLock;

use crate::error::next_of;
use crate::{
    AppendError, Appended, Assigner, Assignments, Batch, Clock, EventLog, Place, Read, ReadError, ReadLimit, SystemClock, check_place,
};
use async_trait::async_trait;
use bytes::Bytes;
use files::{Files, LocalFiles};
use index::{Index, Plan};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::{fmt, thread};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use writer::{Ask, Writer};

/// Folder of the segments in a node's directory.
pub const FOLDER: &str = "log";
/// The code of a failed fsync, which has no caller to answer.
const FSYNC_FAILED: &str = "CRN-5121";
/// Appends that wait for the writing thread.
const ASKS: usize = 4_096;
/// Bytes that wait for the writing thread.
const ASKED_BYTES: usize = 2 * crate::APPEND_BYTES;

/// What to call with the reason when an fsync fails. The default prints it and aborts the process.
#[derive(Clone)]
pub struct OnFatal(pub Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for OnFatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnFatal")
    }
}

impl Default for OnFatal {
    fn default() -> Self {
        OnFatal(Arc::new(|reason| {
            eprintln!("error[{FSYNC_FAILED}] {reason}\n  the process ends now, because the disk may have dropped what it had taken");
            eprintln!("  next: {}", next_of(FSYNC_FAILED));
            std::process::abort()
        }))
    }
}

/// How to open a log on disk.
#[derive(Clone, Debug)]
pub struct Options {
    /// Partitions of a new log; an existing one must have as many.
    pub partitions: u32,
    /// Size at which a new segment begins, bytes.
    pub segment_bytes: u32,
    /// Recent records kept in memory for readers at the tail, bytes.
    pub recent_bytes: usize,
    /// The salt of a new log's checksums: random, and nobody's to know.
    pub salt: u32,
    pub clock: Arc<dyn Clock>,
    pub on_fatal: OnFatal,
}

impl Options {
    pub fn new(partitions: u32) -> Self {
        Options {
            partitions,
            segment_bytes: 256 * 1024 * 1024,
            recent_bytes: 32 * 1024 * 1024,
            salt: RandomState::new().build_hasher().finish() as u32,
            clock: Arc::new(SystemClock::default()),
            on_fatal: OnFatal::default(),
        }
    }
}

/// A log in a node's directory. Dropping it finishes the appends under way, marks the end and frees the lock.
#[derive(Debug)]
pub struct DiskLog {
    shared: Arc<Shared>,
    asked_bytes: Arc<Semaphore>,
    assigner: Assigner,
    /// Who may be given partitions: the first that asks. A node is one member.
    member: Mutex<Option<String>>,
    /// `None` for a log opened for reading only.
    writing: Option<Writing>,
    _lock: Option<DirLock>,
}

/// The thread's ends held by the log: dropping the sender ends the thread.
#[derive(Debug)]
struct Writing {
    asks: Option<mpsc::Sender<Ask>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the writing thread and the readers share.
#[derive(Debug)]
struct Shared {
    partitions: u32,
    files: Arc<dyn Files>,
    index: RwLock<Index>,
    stamp: Stamp,
    /// Counts changes of `index`; its value means nothing.
    changed: watch::Sender<u64>,
}

/// The clock, held where it was before a crash or a jump back.
#[derive(Debug)]
struct Stamp {
    clock: Arc<dyn Clock>,
    latest: AtomicI64,
}

impl Stamp {
    fn now_ms(&self) -> i64 {
        let now = self.clock.now_ms();
        self.latest.fetch_max(now, Ordering::AcqRel).max(now)
    }
}

impl DiskLog {
    /// Opens the log of the node directory `dir` for writing, creating both where they are missing. Blocks while it reads
    /// the log through: every frame is checked, a torn tail is cut.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_under(DirLock::exclusive(dir)?, options)
    }

    /// As [`open`](DiskLog::open), for a caller who has taken the lock before it wrote anything else into the directory.
    pub fn open_under(lock: DirLock, options: Options) -> Result<Self, OpenError> {
        let files = LocalFiles::create(&lock.dir().join(FOLDER))?;
        Self::open_on(Arc::new(files), Some(lock), options)
    }

    /// Opens the log of `dir` for reading, while no node lives on it. Changes nothing: no file is made, a torn tail is left out
    /// and left alone. `options.partitions` counts only where there is no log yet.
    pub fn open_read_only(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let lock = DirLock::shared(dir)?;
        let files: Arc<dyn Files> = Arc::new(LocalFiles::at(&dir.join(FOLDER)));
        let recovered = recover::read_only(files.as_ref(), &options)?;
        Ok(Self::over(files, lock, &options, recovered.index, recovered.time))
    }

    /// Opens over a file layer, so that tests can put one underneath that loses power.
    pub fn open_on(files: Arc<dyn Files>, lock: Option<DirLock>, options: Options) -> Result<Self, OpenError> {
        let recovered = recover::for_writing(files.as_ref(), &options)?;
        let mut log = Self::over(files, lock, &options, recovered.index, recovered.time);
        let (asks, receiver) = mpsc::channel(ASKS);
        let writer = Writer::new(log.shared.clone(), recovered.tail, receiver, &options);
        let thread = thread::Builder::new().name("cairn-log".into()).spawn(move || writer.run());
        let thread = thread.map_err(|source| OpenError::Io { what: "the writing thread".into(), source })?;
        log.writing = Some(Writing { asks: Some(asks), thread: Some(thread) });
        Ok(log)
    }

    fn over(files: Arc<dyn Files>, lock: Option<DirLock>, options: &Options, index: Index, time: i64) -> Self {
        let stamp = Stamp { clock: options.clock.clone(), latest: AtomicI64::new(time) };
        let shared = Shared { partitions: index.partitions(), files, index: RwLock::new(index), stamp, changed: watch::channel(0).0 };
        DiskLog {
            shared: Arc::new(shared),
            asked_bytes: Arc::new(Semaphore::new(ASKED_BYTES)),
            assigner: Assigner::default(),
            member: Mutex::new(None),
            writing: None,
            _lock: lock,
        }
    }

    async fn ask(&self, place: Place, batch: Batch, bytes: usize) -> Result<Vec<Appended>, AppendError> {
        let asks = self.writing.as_ref().and_then(|writing| writing.asks.as_ref()).ok_or(AppendError::ReadOnly { place })?;
        let closed = || AppendError::Closed { place };
        // An empty record waits in memory too.
        let permits = (bytes + batch.records.len() * size_of::<Bytes>()).min(ASKED_BYTES) as u32;
        let permit = self.asked_bytes.clone().acquire_many_owned(permits).await.map_err(|_| closed())?;
        let (answer, answered) = oneshot::channel();
        asks.send(Ask { place, batch, answer, _permit: permit }).await.map_err(|_| closed())?;
        answered.await.unwrap_or(Err(AppendError::Unknown { place }))
    }
}

impl Drop for DiskLog {
    fn drop(&mut self) {
        let Some(writing) = &mut self.writing else { return };
        drop(writing.asks.take());
        // A panicked writer has already answered: its callers' outcomes are unknown.
        let _ = writing.thread.take().map(thread::JoinHandle::join);
    }
}

impl Shared {
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventLog for DiskLog {
    fn partitions(&self) -> u32 {
        self.shared.partitions
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        let bytes = batch.check(self.shared.partitions, place)?;
        if batch.records.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(place, batch, bytes).await
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        check_place(self.shared.partitions, place)?;
        let plan = self.shared.index().plan(place, from, limit)?;
        match plan {
            Plan::Answer(read) => Ok(read),
            Plan::Walk(route) => {
                let shared = self.shared.clone();
                let walked = tokio::task::spawn_blocking(move || route.walk(shared.files.as_ref(), limit)).await;
                walked.map_err(|_| ReadError::Closed)?
            }
        }
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        for (place, _) in places {
            check_place(self.shared.partitions, *place)?;
        }
        let mut changed = self.shared.changed.subscribe();
        while !self.shared.index().shows_any(places) {
            changed.changed().await.map_err(|_| ReadError::Closed)?;
        }
        Ok(())
    }

    async fn time(&self) -> Result<i64, ReadError> {
        Ok(self.shared.stamp.now_ms())
    }

    /// The first member to ask is given every partition at once and keeps them; a log opened for reading gives none.
    fn assignments(&self, member: &str) -> Assignments {
        let mut first = self.member.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() && self.writing.is_some() {
            *first = Some(member.to_owned());
            (0..self.shared.partitions).for_each(|partition| {
                self.assigner.give(partition, member);
            });
        }
        self.assigner.join(member)
    }
}
