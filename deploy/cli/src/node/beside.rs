//! Beside: the folds of a process that live beside its tables, and whom its readiness asks.
//!
//! Owns the lag of the decider and of the gateway, for the table of lags and for `/metrics` alike, where both are counted, and the look at
//! all of them from which the pulse is taken. Refuses the tables' own, which the projections know.

use crate::node::pulse::Pulse;
use async_trait::async_trait;
use cairn_gateway::{Health, Metrics, Outcomes, Trouble};
use cairn_log::{Backlog, EventLog, Place, ReadError, ReadLimit};
use cairn_processors::runner::{self, Processor};
use cairn_projections::{FoldLag, Folds, Projections};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// How long one look at all folds may take.
const LOOK: Duration = Duration::from_secs(20);
/// The fold that the gateway keeps of each journal.
const GATEWAY: &str = "gateway";

/// The folds of a process that live beside its tables, and where all folds are counted.
#[derive(Debug)]
pub struct Beside {
    log: Arc<dyn EventLog>,
    counts: runner::Metrics,
    outcomes: Option<Outcomes>,
    processor: Option<Processor>,
    /// Where the first journal ended when it was last asked.
    end: AtomicU64,
}

impl Beside {
    pub fn new(log: &Arc<dyn EventLog>, metrics: &Metrics) -> Beside {
        let counts = runner::Metrics::default();
        metrics.register(|registry| counts.register(registry));
        Beside { log: log.clone(), counts, outcomes: None, processor: None, end: AtomicU64::new(0) }
    }

    /// The fold of a gateway.
    pub fn with_outcomes(self, outcomes: Outcomes) -> Beside {
        Beside { outcomes: Some(outcomes), ..self }
    }

    /// One that counts in [`Beside::counts`].
    pub fn with_processor(self, processor: Processor) -> Beside {
        Beside { processor: Some(processor), ..self }
    }

    pub fn decides(&self) -> Option<Processor> {
        self.processor.clone()
    }

    pub fn counts(&self) -> &runner::Metrics {
        &self.counts
    }

    /// Counts the lag of all folds but the decider, which does so itself, and takes their pulse.
    pub async fn count(&self, projections: Option<&Projections>, pulse: &Pulse) {
        if let Ok(Some(lags)) = timeout(LOOK, self.look(projections)).await {
            for lag in lags.iter().filter(|lag| lag.fold != runner::Metrics::DECIDER) {
                self.counts.lag(lag.partition, lag.fold, lag.records, lag.age_ms as f64 / 1_000.0);
            }
            pulse.answered(&lags, Instant::now());
        }
        pulse.tell(Instant::now());
    }

    /// How far all folds are; nothing if the log did not say.
    async fn look(&self, projections: Option<&Projections>) -> Option<Vec<FoldLag>> {
        let now = self.log.time().await.ok()?;
        self.ask().await?;
        match projections {
            Some(projections) => projections.lags(now).await.ok(),
            None => self.own(now).await.ok(),
        }
    }

    /// Asks the log something that it does not answer from memory: whether a journal went on.
    async fn ask(&self) -> Option<()> {
        let one = ReadLimit { records: 1, bytes: 1 };
        let end = match self.log.read(Place::journal(0), self.end.load(Ordering::Relaxed), one).await {
            Ok(read) => read.end,
            Err(ReadError::Truncated { first, .. }) => first,
            Err(_) => return None,
        };
        self.end.store(end, Ordering::Relaxed);
        Some(())
    }

    async fn own(&self, now: i64) -> Result<Vec<FoldLag>, ReadError> {
        let mut lags = Vec::new();
        for partition in 0..self.log.partitions() {
            lags.extend(self.decider(partition));
            lags.extend(self.gateway(partition, now).await?);
        }
        Ok(lags)
    }

    /// Nothing of a partition that is not led here.
    fn decider(&self, partition: u32) -> Option<FoldLag> {
        let processor = self.processor.as_ref()?;
        let (records, seconds) = self.counts.lag_of(partition, runner::Metrics::DECIDER)?;
        // Never negative, and far below 2^53.
        let age_ms = (seconds * 1_000.0) as u64;
        let height = processor.decided(partition).borrow().height;
        Some(FoldLag { partition, fold: runner::Metrics::DECIDER, height, records, age_ms, rest_ms: 0 })
    }

    async fn gateway(&self, partition: u32, now: i64) -> Result<Option<FoldLag>, ReadError> {
        let Some(outcomes) = self.outcomes.as_ref() else { return Ok(None) };
        let backlog = Backlog::at(self.log.as_ref(), Place::journal(partition), outcomes.offset(partition)).await?;
        let height = outcomes.heights().borrow().get(&partition).copied();
        Ok(Some(FoldLag { partition, fold: GATEWAY, height, records: backlog.records, age_ms: backlog.age_ms(now), rest_ms: 0 }))
    }
}

#[async_trait]
impl Folds for Beside {
    /// What cannot be read has no row: the pulse tells of it.
    async fn lags(&self, now: i64) -> Vec<FoldLag> {
        self.own(now).await.unwrap_or_default()
    }
}

/// Whom `/readyz` asks: all that may give up a partition or stand still while the rest of the process goes on, or must read the journals first.
pub fn health(beside: &Beside, projections: Option<&Projections>, pulse: &Arc<Pulse>) -> Health {
    let health = Health::default();
    let halt = |part| move |(partition, code)| Trouble::Halted { part, partition, code };
    let pulse = pulse.clone();
    health.depend_on(move || pulse.troubles(Instant::now()));
    if let Some(processor) = beside.processor.clone() {
        health.depend_on(move || processor.halts().into_iter().map(halt(runner::Metrics::DECIDER)).collect());
    }
    if let Some(outcomes) = beside.outcomes.clone() {
        health.wait_for(move || outcomes.is_ready());
    }
    if let Some(projections) = projections.cloned() {
        let awaited = projections.clone();
        health.wait_for(move || awaited.is_ready());
        health.depend_on(move || projections.halts().into_iter().map(halt("projections")).collect());
    }
    health
}
