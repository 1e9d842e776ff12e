//! The log in memory: for the simulator, and for tests that need a log and no disk.
//!
//! Owns records of one process's life, and faults that a test asks for by name ([`Faults`]). Nothing here is random and
//! nothing waits for time, so that a seeded run repeats exactly. Refuses durability: "durable" here means synced, and
//! [`Faults::crash`] loses exactly what was not.

mod faults;
mod state;
#[cfg(test)]
mod tests;

pub use faults::{AppendFault, Faults};

use crate::{
    AppendError, Appended, Assigner, Assignments, Batch, Clock, DeleteError, EventLog, Place, Read, ReadError, ReadLimit, check_place,
};
use async_trait::async_trait;
use state::{Outcome, State};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One opener's hold of a log in memory. Clones share the hold; [`MemoryLog::reopen`] gives a new one after a crash.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    shared: Arc<Shared>,
    /// The crash count when this hold was opened: a later crash closes it.
    life: u64,
}

#[derive(Debug)]
struct Shared {
    partitions: u32,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Counts changes of `state`; its value means nothing.
    changed: watch::Sender<u64>,
    assigner: Assigner,
}

impl MemoryLog {
    /// An empty log. Nobody is given a partition until [`Faults::give`] says so.
    pub fn new(partitions: u32, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            partitions: partitions.max(1),
            clock,
            state: Mutex::new(State::default()),
            changed: watch::channel(0).0,
            assigner: Assigner::default(),
        };
        MemoryLog { shared: Arc::new(shared), life: 0 }
    }

    /// What a test may do to this log.
    pub fn faults(&self) -> Faults {
        Faults::of(self.shared.clone())
    }

    /// A new hold of the same log, as after a restart.
    pub fn reopen(&self) -> Self {
        let life = self.shared.lock().crashes;
        MemoryLog { shared: self.shared.clone(), life }
    }

    fn open(&self) -> Option<MutexGuard<'_, State>> {
        Some(self.shared.lock()).filter(|state| state.crashes == self.life)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self) -> u32 {
        self.shared.partitions
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        batch.check(self.shared.partitions, place)?;
        let closed = AppendError::Closed { place };
        if batch.records.is_empty() {
            return self.open().map(|_| Vec::new()).ok_or(closed);
        }
        let outcome = {
            let mut state = self.open().ok_or(closed)?;
            state.append(place, batch, self.shared.clock.now_ms())?
        };
        self.shared.tell();
        match outcome {
            Outcome::Known(appended) => Ok(appended),
            Outcome::Unknown => Err(AppendError::Unknown { place }),
            // A held append that a crash took away drops its sender.
            Outcome::Held(synced) => synced.await.map_err(|_| AppendError::Unknown { place }),
        }
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        check_place(self.shared.partitions, place)?;
        self.open().ok_or(ReadError::Closed)?.read(place, from, limit)
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        for (place, _) in places {
            check_place(self.shared.partitions, *place)?;
        }
        let mut changed = self.shared.changed.subscribe();
        loop {
            let shown = self.open().ok_or(ReadError::Closed)?.shows_any(places);
            if shown {
                return Ok(());
            }
            changed.changed().await.map_err(|_| ReadError::Closed)?;
        }
    }

    async fn time(&self) -> Result<i64, ReadError> {
        let now = self.shared.clock.now_ms();
        Ok(self.open().ok_or(ReadError::Closed)?.stamp(now))
    }

    async fn delete_below(&self, place: Place, below: u64) -> Result<u64, DeleteError> {
        let partitions = self.shared.partitions;
        check_place(partitions, place).map_err(|_| DeleteError::NoSuchPlace { place, partitions })?;
        self.open().ok_or(DeleteError::Closed { place })?.delete_below(place, below)
    }

    fn assignments(&self, member: &str) -> Assignments {
        self.shared.assigner.join(member)
    }
}
