//! Running: one processor, the partitions it is given, and what others may watch of it.
//!
//! Owns the way from an assignment to leadership and back. Refuses to lead without an assignment, and after one was lost.

use super::{
    Metrics, Options, RealTime, RunError, Snapshots, Timer, claim,
    fold::Fold,
    lead::{Leader, Over},
    pulse::Pulse,
};
use cairn_log::{
    Assignment, Change, Clock, EventLog,
    archive::Archive,
    journal::{Chain, Follower, genesis},
};
use cairn_schemas::{SecretKey, Timestamp};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

/// How often a leader whose own blocks turned out void (a clock that jumped) begins anew before it gives up.
const RESTARTS: usize = 3;

/// How the leadership of a partition ended, when nothing was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to stop.
    Stopped,
    /// Another processor owns the partition.
    Lost,
}

/// How far a partition is decided, as read back from its journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// None before block 0 was read.
    pub height: Option<u64>,
    pub epoch: u64,
    pub time: Timestamp,
    pub tree_size: u64,
    /// Where to read the journal next.
    pub offset: u64,
}

impl Decided {
    pub(super) fn of(chain: &Chain) -> Decided {
        Decided { height: chain.height(), epoch: chain.epoch(), time: chain.time(), tree_size: chain.tree_size(), offset: chain.offset() }
    }
}

/// A processor: a key that may lead, over one log. Clones are the same processor.
#[derive(Clone, Debug)]
pub struct Processor {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) key: SecretKey,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) snapshots: Option<Snapshots>,
    pub(super) archive: Option<Archive>,
    pub(super) options: Options,
    pub(super) metrics: Metrics,
    pub(super) pulse: Pulse,
    decided: Arc<Mutex<BTreeMap<u32, watch::Sender<Decided>>>>,
    halts: Arc<Mutex<BTreeMap<u32, &'static str>>>,
}

impl Processor {
    /// A processor without snapshots, in real time, with the default options.
    pub fn new(log: Arc<dyn EventLog>, key: SecretKey, clock: Arc<dyn Clock>) -> Processor {
        let (options, metrics) = (Options::default(), Metrics::default());
        Processor {
            log,
            key,
            clock,
            timer: Arc::new(RealTime),
            snapshots: None,
            archive: None,
            options,
            metrics,
            pulse: Pulse::default(),
            decided: Arc::default(),
            halts: Arc::default(),
        }
    }

    pub fn with_snapshots(self, snapshots: Snapshots) -> Processor {
        Processor { snapshots: Some(snapshots), ..self }
    }

    /// Deletes from the log, after each snapshot, what is decided and lies in this archive.
    pub fn with_archive(self, archive: Archive) -> Processor {
        Processor { archive: Some(archive), ..self }
    }

    pub fn with_timer(self, timer: Arc<dyn Timer>) -> Processor {
        Processor { timer, ..self }
    }

    pub fn with_options(self, options: Options) -> Processor {
        Processor { options, ..self }
    }

    /// Counts where others of the process count, too.
    pub fn with_metrics(self, metrics: Metrics) -> Processor {
        Processor { metrics, ..self }
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Partitions that halted and are left alone, with their codes.
    pub fn halts(&self) -> BTreeMap<u32, &'static str> {
        self.halts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Partitions that are to be led here and did not move for at least so long, and for how long.
    pub fn still(&self, longer: Duration) -> BTreeMap<u32, Duration> {
        self.pulse.still(longer)
    }

    /// How far a partition is decided, from now on.
    pub fn decided(&self, partition: u32) -> watch::Receiver<Decided> {
        self.with_progress(partition, |sender| sender.subscribe())
    }

    pub(super) fn publish(&self, chain: &Chain) {
        self.with_progress(chain.partition(), |sender| {
            sender.send_replace(Decided::of(chain));
        });
    }

    fn with_progress<T>(&self, partition: u32, with: impl FnOnce(&watch::Sender<Decided>) -> T) -> T {
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        with(decided.entry(partition).or_insert_with(|| watch::channel(Decided::default()).0))
    }

    /// Leads a partition once: claims it, folds what is there, decides what comes, until `stop`, a loss or a halt.
    ///
    /// May be dropped at any time, as a crash would: what was in the journal then, the next leader finds there.
    pub async fn lead(&self, partition: u32, stop: impl Future<Output = ()>) -> Result<Ended, RunError> {
        tokio::select! {
            biased;
            () = stop => Ok(Ended::Stopped),
            lost = async {
                let _beating = self.pulse.begin(partition);
                self.claim_and_lead(partition).await
            } => lost.map(|_| Ended::Lost),
        }
    }

    /// Claims the partition and leads it until it is lost; answers with where it was.
    pub(super) async fn claim_and_lead(&self, partition: u32) -> Result<Chain, RunError> {
        let mut last = None;
        for _ in 0..RESTARTS {
            claim::check_clock(self, partition).await?;
            let mut fold = self.load(partition).await;
            while fold.try_next().await?.is_some() {
                self.pulse.beat(partition);
            }
            if !claim::claim(self, &mut fold).await? {
                return Ok(fold.follower.into_chain());
            }
            match Leader::new(self, fold).await?.lead().await? {
                Over::Lost(chain) => return Ok(*chain),
                Over::Void(reason) => last = Some(reason),
            }
        }
        Err(RunError::OwnBlocksVoid { partition, reason: last.map_or("", |reason| reason.text()) })
    }

    /// The newest whole snapshot, or the beginning.
    async fn load(&self, partition: u32) -> Fold {
        let newest = match &self.snapshots {
            Some(snapshots) => snapshots.newest(partition, self.options.pool).await,
            None => None,
        };
        match newest {
            Some(snapshot) => Fold::new(self.log.clone(), snapshot.chain, Some(snapshot.state)),
            None => Fold::new(self.log.clone(), Chain::new(partition), None),
        }
    }

    /// Refuses a key that may not lead everywhere: who joins with it takes partitions from those who can lead them.
    pub(super) async fn check_key(&self) -> Result<(), RunError> {
        let key = self.key.public();
        // Genesis is the same in all journals. Whom it does not name, events may have authorised, in each partition.
        let first = genesis::find(&self.log, 0).await;
        if first.is_ok_and(|first| first.is_none_or(|genesis| genesis.processors.contains(&key))) {
            return Ok(());
        }
        tracing::info!(%key, "genesis does not name the processor's key: the journals are read for an event that authorised it");
        for partition in 0..self.log.partitions() {
            let mut follower = Follower::new(self.log.clone(), self.newest_chain(partition).await);
            while follower.try_next().await?.is_some() {}
            let chain = follower.chain();
            if chain.instance().is_some() && !chain.authorises(&key) {
                return Err(RunError::NotAuthorised { partition, key });
            }
        }
        Ok(())
    }

    /// The furthest chain of a partition that need not be folded: of a snapshot, or of the archive.
    async fn newest_chain(&self, partition: u32) -> Chain {
        let saved = self.load(partition).await.follower.into_chain();
        let archived = match &self.archive {
            Some(archive) => archive.last(partition).await.unwrap_or_else(|error| {
                tracing::warn!(partition, code = error.code(), "the archive is passed over: {error}");
                None
            }),
            None => None,
        };
        let archived = archived.map(|segment| segment.chain);
        archived.filter(|archived| archived.offset() > saved.offset()).unwrap_or(saved)
    }

    /// Joins the log as `member` and leads whatever partitions it is given, until `stop`. With a key that may not lead it does not join.
    ///
    /// After what passes a partition that it still holds is claimed again. One that halts is reported and left alone, while the others go on;
    /// once none is left, the first halt is the answer.
    pub async fn run(&self, member: &str, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        tokio::pin!(stop);
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            checked = self.check_key() => checked?,
        }
        let mut assignments = self.log.assignments(member);
        let mut leading = Leading::default();
        let mut halt = None;
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                change = assignments.next() => match change {
                    Some(change) => leading.follow(self, change),
                    None => break,
                },
                Some(ended) = leading.tasks.join_next() => {
                    if let Some(error) = self.ended(ended) {
                        halt.get_or_insert(error);
                    }
                    if leading.tasks.is_empty() && halt.is_some() {
                        break;
                    }
                }
            }
        }
        leading.stop().await;
        halt.map_or(Ok(()), Err)
    }

    fn ended(&self, ended: Result<(u32, Result<Ended, RunError>), tokio::task::JoinError>) -> Option<RunError> {
        let (partition, result) = match ended {
            Ok(ended) => ended,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => return None,
        };
        match result {
            Ok(how) => {
                tracing::info!(partition, ?how, "the partition is led no longer");
                None
            }
            Err(error) => {
                self.metrics.halt(partition);
                self.halts.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, error.code());
                tracing::error!(partition, code = error.code(), next = error.next(), "ALARM: the partition halted: {error}");
                Some(error)
            }
        }
    }
}

/// The partitions that are being led, each in a task of its own.
#[derive(Debug, Default)]
struct Leading {
    tasks: JoinSet<(u32, Result<Ended, RunError>)>,
    /// Dropping the sender stops the leader.
    stops: BTreeMap<u32, (u64, oneshot::Sender<()>)>,
}

impl Leading {
    fn follow(&mut self, processor: &Processor, change: Assignment) {
        let Assignment { partition, generation, change } = change;
        match change {
            Change::Revoked => self.stops.retain(|led, (of, _)| *led != partition || *of != generation),
            Change::Given => {
                let (stop, stopped) = oneshot::channel();
                self.stops.insert(partition, (generation, stop));
                let processor = processor.clone();
                processor.halts.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
                self.tasks.spawn(async move {
                    let ended = processor.hold(partition, async move { drop(stopped.await) }).await;
                    (partition, ended)
                });
            }
        }
    }

    async fn stop(mut self) {
        self.stops.clear();
        while self.tasks.join_next().await.is_some() {}
    }
}
