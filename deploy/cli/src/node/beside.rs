//! Beside: the folds of a process that live beside its tables, and whom its readiness asks.
//!
//! Owns the lag of the decider and of the gateway, for the table of lags and for `/metrics` alike, and where both are counted. Refuses the
//! tables' own, which the projections know.

use async_trait::async_trait;
use cairn_gateway::{Halt, Health, Metrics, Outcomes};
use cairn_log::{Backlog, EventLog, Place};
use cairn_processors::runner::{self, Processor};
use cairn_projections::{FoldLag, Folds, Projections};
use std::sync::Arc;

/// The fold that the gateway keeps of each journal.
const GATEWAY: &str = "gateway";

/// The folds of a process that live beside its tables, and where all folds are counted.
#[derive(Debug)]
pub struct Beside {
    log: Arc<dyn EventLog>,
    counts: runner::Metrics,
    outcomes: Option<Outcomes>,
    processor: Option<Processor>,
}

impl Beside {
    pub fn new(log: &Arc<dyn EventLog>, metrics: &Metrics) -> Beside {
        let counts = runner::Metrics::default();
        metrics.register(|registry| counts.register(registry));
        Beside { log: log.clone(), counts, outcomes: None, processor: None }
    }

    /// The fold of a gateway.
    pub fn with_outcomes(self, outcomes: Outcomes) -> Beside {
        Beside { outcomes: Some(outcomes), ..self }
    }

    /// One that counts in [`Beside::counts`].
    pub fn with_processor(self, processor: Processor) -> Beside {
        Beside { processor: Some(processor), ..self }
    }

    pub fn counts(&self) -> &runner::Metrics {
        &self.counts
    }

    /// Counts the lag of all folds but the decider, which does so itself.
    pub async fn count(&self, projections: Option<&Projections>) {
        let Ok(now) = self.log.time().await else { return };
        let mut lags = self.lags(now).await;
        if let Some(projections) = projections {
            lags.extend(projections.own_lags(now).await.unwrap_or_default());
        }
        for lag in lags.iter().filter(|lag| lag.fold != runner::Metrics::DECIDER) {
            self.counts.lag(lag.partition, lag.fold, lag.records, lag.age_ms as f64 / 1_000.0);
        }
    }

    /// Nothing of a partition that is not led here.
    fn decider(&self, partition: u32) -> Option<FoldLag> {
        let processor = self.processor.as_ref()?;
        let (records, seconds) = self.counts.lag_of(partition, runner::Metrics::DECIDER)?;
        // Never negative, and far below 2^53.
        let age_ms = (seconds * 1_000.0) as u64;
        let height = processor.decided(partition).borrow().height;
        Some(FoldLag { partition, fold: runner::Metrics::DECIDER, height, records, age_ms })
    }

    async fn gateway(&self, partition: u32, now: i64) -> Option<FoldLag> {
        let outcomes = self.outcomes.as_ref()?;
        let backlog = Backlog::at(self.log.as_ref(), Place::journal(partition), outcomes.offset(partition)).await.unwrap_or_default();
        let height = outcomes.heights().borrow().get(&partition).copied();
        Some(FoldLag { partition, fold: GATEWAY, height, records: backlog.records, age_ms: backlog.age_ms(now) })
    }
}

#[async_trait]
impl Folds for Beside {
    async fn lags(&self, now: i64) -> Vec<FoldLag> {
        let mut lags = Vec::new();
        for partition in 0..self.log.partitions() {
            lags.extend(self.decider(partition));
            lags.extend(self.gateway(partition, now).await);
        }
        lags
    }
}

/// Whom `/readyz` asks: all that may give up a partition while the rest of the process goes on, or must read the journals first.
pub fn health(beside: &Beside, projections: Option<&Projections>) -> Health {
    let health = Health::default();
    let halt = |part| move |(partition, code)| Halt { part, partition, code };
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
