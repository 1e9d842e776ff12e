//! Members: processors that may die at any moment, with clocks that may be wrong, over a log whose every answer takes a while.
//!
//! Owns the life of one processor between its start and its death. Refuses luck: what it may decide by chance was seeded.

use crate::{chance::Chance, people};
use async_trait::async_trait;
use cairn_log::{AppendError, Appended, Assignments, Batch, Change, Clock, EventLog, Place, Read, ReadError, ReadLimit, memory::MemoryLog};
use cairn_processors::runner::{Options, Pool, Processor, Snapshots, Timer, VirtualTime};
use futures::{
    executor::LocalSpawner,
    future::{AbortHandle, Abortable, Aborted, FutureExt},
    task::LocalSpawnExt,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Halts that a fault explains: an append that nobody answered for, a log that died, a clock that jumped, own blocks void by it.
const EXPLAINED: &[&str] = &["CRN-3101", "CRN-3110", "CRN-5101", "CRN-5104", "CRN-5106", "CRN-5115"];

/// A clock that is off.
#[derive(Debug)]
pub struct Skewed {
    time: Arc<VirtualTime>,
    pub off_ms: AtomicI64,
}

impl Clock for Skewed {
    fn now_ms(&self) -> i64 {
        self.time.now_ms() + self.off_ms.load(Ordering::Relaxed)
    }
}

/// A log whose answers take up to some milliseconds, so that there is a moment before and behind each operation to die at.
#[derive(Debug)]
struct Slow {
    log: MemoryLog,
    time: Arc<VirtualTime>,
    chance: Mutex<Chance>,
}

impl Slow {
    async fn pause(&self, odds: u64) {
        let pause = {
            let mut chance = self.chance.lock().unwrap();
            chance.one_in(odds).then(|| 1 + chance.below(9))
        };
        if let Some(millis) = pause {
            self.time.sleep(Duration::from_millis(millis)).await;
        }
    }
}

#[async_trait]
impl EventLog for Slow {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        self.pause(2).await;
        let appended = self.log.append(place, batch).await;
        self.pause(2).await;
        appended
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        self.pause(12).await;
        self.log.read(place, from, limit).await
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        self.log.wait(places).await
    }

    async fn time(&self) -> Result<i64, ReadError> {
        self.pause(2).await;
        self.log.time().await
    }

    fn assignments(&self, member: &str) -> Assignments {
        self.log.assignments(member)
    }
}

/// A processor, dead or alive.
pub struct Member {
    pub name: &'static str,
    /// Two members may hold one key: twins.
    key: &'static str,
    pub clock: Arc<Skewed>,
    life: Option<AbortHandle>,
}

/// Codes of halts that no fault explains.
pub type Alarms = Rc<RefCell<Vec<String>>>;

impl Member {
    pub fn new(name: &'static str, key: &'static str, time: &Arc<VirtualTime>) -> Member {
        Member { name, key, clock: Arc::new(Skewed { time: time.clone(), off_ms: AtomicI64::new(0) }), life: None }
    }

    pub fn lives(&self) -> bool {
        self.life.is_some()
    }

    /// A crash: whatever it waits for is dropped there.
    pub fn kill(&mut self) {
        if let Some(life) = self.life.take() {
            life.abort();
        }
    }

    /// Joins the log and leads what it is given, as [`Processor::run`] does with tasks of a runtime.
    pub fn start(&mut self, log: &MemoryLog, snapshots: Option<Snapshots>, mut chance: Chance, spawner: &LocalSpawner, alarms: &Alarms) {
        self.kill();
        let options = Options {
            pool: Pool::Inline,
            invariant_blocks: 1,
            heartbeat: Duration::from_secs(2),
            append_attempts: 4 + chance.below(8) as u32,
            snapshot_blocks: if snapshots.is_some() { 1 + chance.below(6) } else { 0 },
            ..Options::default()
        };
        let slow = Slow { log: log.clone(), time: self.clock.time.clone(), chance: Mutex::new(chance) };
        let processor = Processor::new(Arc::new(slow), people::key(self.key), self.clock.clone());
        let processor = processor.with_timer(self.clock.time.clone()).with_options(options);
        let processor = match snapshots {
            Some(snapshots) => processor.with_snapshots(snapshots),
            None => processor,
        };
        let (kill, registration) = AbortHandle::new_pair();
        let work = Abortable::new(serve(processor, log.assignments(self.name), alarms.clone(), self.name), registration);
        let death = |ended: Result<(), Aborted>| ended.unwrap_or_default();
        spawner.spawn_local(work.map(death)).unwrap();
        self.life = Some(kill);
    }
}

async fn serve(processor: Processor, mut assignments: Assignments, alarms: Alarms, name: &'static str) {
    while let Some(given) = assignments.next().await {
        if given.change != Change::Given {
            continue;
        }
        // The next change of the one partition is its revocation.
        let ended = processor.lead(given.partition, assignments.next().map(|_revoked| ())).await;
        if let Err(error) = ended
            && !EXPLAINED.contains(&error.code())
        {
            alarms.borrow_mut().push(format!("{name} halted: {} {error}", error.code()));
        }
    }
}
