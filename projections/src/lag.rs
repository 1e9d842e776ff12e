//! Lag: how far folds are behind, and waiting until ours is not.
//!
//! Owns the rows of `consumer_lag` and the barrier that lets a question see whatever was decided before it was asked. Refuses to count
//! what is no work: see [`Backlog`].

use crate::{
    Projections,
    error::{ProjectionError, SqlError},
    rows::LagRow,
};
use async_trait::async_trait;
use cairn_log::{Backlog, Place};
use cairn_schemas::{Stream, Timestamp};
use futures::future::join_all;
use std::{collections::BTreeSet, fmt, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// How often the end of a journal is looked at again: what lies there may be markers that nobody reads.
const LOOK: Duration = Duration::from_millis(100);

/// How long whoever asks waits for a log to say where it ends.
const PATIENCE: Duration = Duration::from_secs(10);
/// The fold of those who decide.
const DECIDER: &str = "decider";

/// How far one fold of one partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldLag {
    pub partition: u32,
    pub fold: &'static str,
    /// Height of the last block that it took; none before block 0.
    pub height: Option<u64>,
    /// Records that it has not taken.
    pub records: u64,
    /// Age of the oldest of them.
    pub age_ms: u64,
    /// How long they may wait as they should, milliseconds: rows of a table, until they are worth a file.
    pub rest_ms: u64,
}

/// Folds of the same journals that live beside the tables, in the same process.
#[async_trait]
pub trait Folds: fmt::Debug + Send + Sync {
    /// How far each of them is; `now` is the log's time, milliseconds since 1970.
    async fn lags(&self, now: i64) -> Vec<FoldLag>;
}

/// No others.
#[derive(Debug)]
pub(crate) struct NoFolds;

#[async_trait]
impl Folds for NoFolds {
    async fn lags(&self, _now: i64) -> Vec<FoldLag> {
        Vec::new()
    }
}

impl Projections {
    /// The rows of `consumer_lag`.
    pub(crate) async fn lag_rows(&self) -> Result<Vec<LagRow>, ProjectionError> {
        let now = self.log().time().await?;
        let at = Timestamp::from_millis(now).unwrap_or_default();
        let told = timeout(PATIENCE, self.lags(now)).await;
        Ok(told
            .unwrap_or(Err(ProjectionError::Silent { seconds: PATIENCE.as_secs() }))?
            .into_iter()
            .map(|lag| LagRow::of(lag, at))
            .collect())
    }

    /// How far the folds beside us are, deciders elsewhere, and ours; `now` is the log's time, milliseconds since 1970.
    pub async fn lags(&self, now: i64) -> Result<Vec<FoldLag>, ProjectionError> {
        let mut lags = self.folds().lags(now).await;
        let told: BTreeSet<u32> = lags.iter().filter(|lag| lag.fold == DECIDER).map(|lag| lag.partition).collect();
        let elsewhere = (0..self.log().partitions()).filter(|partition| !told.contains(partition));
        lags.extend(join_all(elsewhere.map(|partition| self.undecided(partition, now))).await);
        lags.extend(self.own_lags(now).await?);
        Ok(lags)
    }

    /// How far a decider is that runs in another process, or nowhere: what lies in the topics behind the positions in its journal.
    async fn undecided(&self, partition: u32, now: i64) -> FoldLag {
        let behind = self.decided(partition).map(|next| (Place::new(Stream::Topic(next.topic), partition), next.offset));
        // A topic that cannot be read is for its reader to report.
        let behind = join_all(behind.map(|(place, from)| Backlog::at(self.log().as_ref(), place, from))).await;
        let behind: Vec<Backlog> = behind.into_iter().map(Result::unwrap_or_default).collect();
        let records = behind.iter().map(|backlog| backlog.records).sum();
        let age_ms = behind.iter().map(|backlog| backlog.age_ms(now)).max().unwrap_or(0);
        let height = self.tables().moment().reached.get(&partition).map(|reached| reached.height);
        FoldLag { partition, fold: DECIDER, height, records, age_ms, rest_ms: 0 }
    }

    /// How far our folds are, of each journal and of each table's files.
    async fn own_lags(&self, now: i64) -> Result<Vec<FoldLag>, ProjectionError> {
        let mut lags = Vec::new();
        let moment = self.tables().moment();
        let rest_ms = u64::try_from(self.options().hot_age.as_millis()).unwrap_or(u64::MAX);
        for partition in 0..self.log().partitions() {
            let height = moment.reached.get(&partition).map(|reached| reached.height);
            let backlog = Backlog::at(self.log().as_ref(), Place::journal(partition), self.offset(partition)).await?;
            lags.push(FoldLag { partition, fold: "journal", height, records: backlog.records, age_ms: backlog.age_ms(now), rest_ms: 0 });
            for (table, held) in moment.held.iter().filter(|(table, _)| table.is_folded()) {
                let waiting = moment.tables.get(table).and_then(|part| part.waiting.get(&partition));
                let age_ms = waiting.map_or(0, |waiting| u64::try_from(now - waiting.since.millis()).unwrap_or(0));
                let records = waiting.map_or(0, |waiting| waiting.blocks);
                lags.push(FoldLag { partition, fold: table.name(), height: held.get(&partition).copied(), records, age_ms, rest_ms });
            }
        }
        Ok(lags)
    }

    /// Returns once the rows of all that was in the journals at the time of the call are visible.
    ///
    /// Errors: [`SqlError::Behind`] if that takes longer than the options allow, or the fold has halted; [`SqlError::Silent`] if the log
    /// does not say where it ends.
    pub async fn wait_fresh(&self) -> Result<(), SqlError> {
        let deadline = Instant::now() + self.options().fresh_wait;
        for partition in 0..self.log().partitions() {
            let end = self.backlog(partition).await?.end;
            while self.offset(partition) < end && self.backlog(partition).await?.records > 0 {
                if self.halts().contains_key(&partition) || Instant::now() >= deadline {
                    return Err(SqlError::Behind { partition, reached: self.offset(partition), end });
                }
                let mut offsets = self.offsets();
                let folded = offsets.wait_for(|offsets| offsets.get(&partition).is_some_and(|offset| *offset >= end));
                // Whether it came in time, the loop finds out.
                let _ = timeout_at(deadline.min(Instant::now() + LOOK), folded).await;
            }
        }
        Ok(())
    }

    async fn backlog(&self, partition: u32) -> Result<Backlog, SqlError> {
        let from = self.offset(partition);
        let at = timeout(PATIENCE, Backlog::at(self.log().as_ref(), Place::journal(partition), from)).await;
        let at = at.map_err(|_| SqlError::Silent { seconds: PATIENCE.as_secs() })?;
        at.map_err(|source| SqlError::Journal { partition, source })
    }
}

#[cfg(test)]
#[path = "lag_tests.rs"]
mod tests;
