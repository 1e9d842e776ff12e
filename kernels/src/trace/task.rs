//! The tasks of a job and what each waits for.
//!
//! Owns their order and their inputs. Refuses their state: who does a task, and when, is the ledger's.

use crate::bml::Job;
use crate::error::KernelError;

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskKind {
    /// Trains on one shard in one round.
    Train { round: u32, shard: u32 },
    /// Averages what a round's shards have learnt.
    Aggregate { round: u32 },
    /// Counts what the last aggregate gets right on the test records.
    Evaluate,
}

impl TaskKind {
    /// Its name in events and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train { .. } => "train",
            Self::Aggregate { .. } => "aggregate",
            Self::Evaluate => "evaluate",
        }
    }

    /// Its place in the job's order, from 0.
    pub fn index(self, job: &Job) -> u32 {
        let round_tasks = job.train.shards + 1;
        match self {
            Self::Train { round, shard } => round * round_tasks + shard,
            Self::Aggregate { round } => round * round_tasks + job.train.shards,
            Self::Evaluate => job.train.rounds * round_tasks,
        }
    }

    /// The task at a place of the job's order.
    pub fn at(job: &Job, task: u32) -> Result<Self, KernelError> {
        let (round, place) = (task / (job.train.shards + 1), task % (job.train.shards + 1));
        match task {
            _ if task >= job.task_count() => Err(KernelError::NoTask { task, tasks: job.task_count() }),
            _ if round == job.train.rounds => Ok(Self::Evaluate),
            _ if place == job.train.shards => Ok(Self::Aggregate { round }),
            _ => Ok(Self::Train { round, shard: place }),
        }
    }

    /// The tasks whose results it is given, in order. None: it is given the initial state.
    pub fn inputs(self, job: &Job) -> Vec<Self> {
        match self {
            Self::Train { round: 0, .. } => vec![],
            Self::Train { round, .. } => vec![Self::Aggregate { round: round - 1 }],
            Self::Aggregate { round } => (0..job.train.shards).map(|shard| Self::Train { round, shard }).collect(),
            Self::Evaluate => vec![Self::Aggregate { round: job.train.rounds - 1 }],
        }
    }
}
