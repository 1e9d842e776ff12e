//! Following: each journal folded into the tables, for as long as the node lives.
//!
//! Owns the tasks, one per partition and one that flushes, and the places they have reached. Every start folds the journal from its
//! beginning, because balances and proofs need all of it; each table takes only the rows it lacks. Refuses to go on
//! behind a record that it cannot read.

use crate::{Projections, error::ProjectionError, fold::Fold, tables::Reached};
use cairn_log::{
    EventLog,
    journal::{Chain, Follower, Step, Taken, ValidBlock},
    trace,
};
use cairn_schemas::InstanceId;
use opentelemetry::KeyValue;
use std::{
    future::pending,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// How long after a failed flush the next is tried.
const RETRY: Duration = Duration::from_secs(5);

/// The instance that lives on a log, or `None` while no partition 0 has begun.
pub(crate) async fn instance(log: &Arc<dyn EventLog>) -> Result<Option<InstanceId>, ProjectionError> {
    let mut follower = Follower::new(log.clone(), Chain::new(0));
    while let Some(taken) = follower.try_next().await? {
        if let Step::Genesis { block, .. } = taken.step {
            return Ok(Some(block.header.instance));
        }
    }
    Ok(None)
}

/// The same, waiting for it.
pub(crate) async fn expect_instance(log: &Arc<dyn EventLog>) -> Result<InstanceId, ProjectionError> {
    let mut follower = Follower::new(log.clone(), Chain::new(0));
    loop {
        if let Step::Genesis { block, .. } = follower.next().await?.step {
            return Ok(block.header.instance);
        }
    }
}

/// One partition's fold on its way.
struct Following {
    projections: Projections,
    partition: u32,
    follower: Follower,
    fold: Fold,
    /// Whether the journal was read to its end: what comes from then on is news, and its traces are told.
    live: bool,
}

impl Following {
    fn new(projections: &Projections, instance: InstanceId, partition: u32) -> Following {
        let follower = Follower::new(projections.log().clone(), Chain::of(instance, partition));
        Following { projections: projections.clone(), partition, follower, fold: Fold::default(), live: false }
    }

    /// Folds what is visible now.
    async fn catch_up(&mut self) -> Result<(), ProjectionError> {
        while let Some(taken) = self.follower.try_next().await? {
            self.take(taken).await?;
            // A long journal must not keep a thread from everybody else.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Folds for ever. Once at the end of the journal, the tables must not be ahead of it.
    async fn run(mut self) -> Result<(), ProjectionError> {
        self.catch_up().await?;
        self.projections.tables().check_end(self.partition, self.follower.chain().height())?;
        self.projections.met_end(self.partition);
        self.live = true;
        loop {
            let taken = self.follower.next().await?;
            self.take(taken).await?;
            self.catch_up().await?;
        }
    }

    async fn take(&mut self, taken: Taken) -> Result<(), ProjectionError> {
        if let Step::Block(block) | Step::Genesis { block, .. } = taken.step {
            let began = SystemTime::now();
            self.block(&block).await?;
            if self.live {
                trace::tell("project", &taken.traces, began, &attributes(&block));
            }
        }
        self.projections.note_offset(self.partition, self.follower.chain().offset());
        Ok(())
    }

    async fn block(&mut self, block: &ValidBlock) -> Result<(), ProjectionError> {
        self.projections.tables().room().await?;
        let rows = self.fold.take(block)?;
        // The tree first: a row that is visible can be proved.
        self.projections.proofs().extend(self.partition, &block.leaves);
        let reached = Reached { height: block.header.height, time: block.header.time };
        self.projections.note_decided(self.partition, block.header.next);
        self.projections.tables().apply(self.partition, reached, rows)
    }
}

fn attributes(block: &ValidBlock) -> [KeyValue; 2] {
    let header = &block.header;
    [KeyValue::new("cairn.partition", i64::from(header.partition)), KeyValue::new("cairn.height", header.height.cast_signed())]
}

impl Projections {
    /// Folds every journal and flushes the tables until `shutdown` becomes true; then flushes once more.
    ///
    /// Errors halt: nothing is skipped. A flush that fails is tried again, and the rows stay in memory meanwhile.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) -> Result<(), ProjectionError> {
        let instance = expect_instance(self.log()).await?;
        let (ended, end) = watch::channel(false);
        let follow = async {
            let followed = tokio::select! {
                followed = self.follow_all(instance) => followed,
                _ = shutdown.wait_for(|stop| *stop) => Ok(()),
            };
            // Nobody but the flushing beside us listens, and it lives as long as we do.
            let _ = ended.send(true);
            followed
        };
        let (followed, flushed) = tokio::join!(follow, self.flush_until(end));
        followed.and(flushed)
    }

    /// Folds what is visible now into memory, on all partitions.
    pub async fn catch_up(&self) -> Result<(), ProjectionError> {
        let Some(instance) = self.instance() else { return Ok(()) };
        for partition in 0..self.log().partitions() {
            let mut following = Following::new(self, instance, partition);
            following.catch_up().await?;
            self.tables().check_end(partition, following.follower.chain().height())?;
            self.met_end(partition);
        }
        Ok(())
    }

    /// Folds every journal. One that halts is left alone while the others go on; once none is left, the first halt is the answer.
    async fn follow_all(&self, instance: InstanceId) -> Result<(), ProjectionError> {
        let mut tasks = JoinSet::new();
        for partition in 0..self.log().partitions() {
            let following = Following::new(self, instance, partition);
            tasks.spawn(async move { (partition, following.run().await) });
        }
        let mut first = None;
        while let Some(ended) = tasks.join_next().await {
            let (partition, ended) = ended.map_err(|error| ProjectionError::Stopped { why: error.to_string() })?;
            if let Err(error) = ended {
                tracing::error!(partition, code = error.code(), next = error.next(), "ALARM: the partition's fold halted: {error}");
                self.note_halt(partition, error.code());
                first.get_or_insert(error);
            }
        }
        match first {
            Some(error) => Err(error),
            None => pending().await,
        }
    }

    async fn flush_until(&self, mut end: watch::Receiver<bool>) -> Result<(), ProjectionError> {
        let mut bytes = self.tables().hot_bytes();
        let mut wait = self.options().hot_age;
        loop {
            tokio::select! {
                _ = end.wait_for(|ended| *ended) => break,
                _ = bytes.wait_for(|bytes| *bytes >= self.options().hot_bytes) => {}
                () = sleep(wait) => {}
            }
            wait = match self.flush().await {
                Ok(()) => self.options().hot_age,
                Err(error) => {
                    tracing::warn!(code = error.code(), %error, "the tables were not written; the rows wait in memory");
                    // Rows beyond the bound would ask again at once.
                    tokio::select! {
                        _ = end.wait_for(|ended| *ended) => break,
                        () = sleep(RETRY) => RETRY,
                    }
                }
            };
        }
        self.flush().await
    }

    /// Writes what is in memory into the tables' files.
    pub async fn flush(&self) -> Result<(), ProjectionError> {
        self.tables().flush().await?;
        self.tables().keep_checkpoints(self.proofs().checkpoints().all()).await
    }
}
