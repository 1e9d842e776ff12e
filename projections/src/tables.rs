//! Tables: hot rows and files of every table, as one.
//!
//! Owns the moment: which rows are in memory, which version of the files counts, and how far each partition is, changed
//! together under one lock, so that a [`Moment`] shows every table at one height per partition. Refuses to read journals
//! (see [`crate::follow`]) and to plan queries (see [`crate::sql`]).

use crate::{
    delta::{Cold, Found, Positions},
    error::ProjectionError,
    fold::BlockRows,
    hot::{Hot, Waiting, joining},
    options::Options,
    prove::SignedCheckpoint,
    rows::{CheckpointRow, Columns, Table},
};
use arrow::{array::RecordBatch, error::ArrowError};
use cairn_schemas::{InstanceId, Timestamp};
use datafusion::{catalog::TableProvider, execution::SessionState};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use tokio::sync::{Mutex, watch};

/// How far a partition is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub height: u64,
    /// Block time.
    pub time: Timestamp,
}

/// One table at one moment.
#[derive(Clone, Debug)]
pub struct Part {
    pub hot: Vec<RecordBatch>,
    /// What the hot rows are of, by partition.
    pub waiting: BTreeMap<u32, Waiting>,
    pub cold: Option<Arc<dyn TableProvider>>,
}

/// Every table at one height per partition.
#[derive(Clone, Debug)]
pub struct Moment {
    pub reached: BTreeMap<u32, Reached>,
    pub tables: BTreeMap<Table, Part>,
    /// Height per partition that the files of each table hold.
    pub held: BTreeMap<Table, Positions>,
}

#[derive(Debug, Default)]
struct Now {
    reached: BTreeMap<u32, Reached>,
    tables: BTreeMap<Table, Held>,
}

impl Now {
    /// Bytes of the rows in memory: few batches, so that this is cheap.
    fn bytes(&self) -> usize {
        self.tables.values().map(|held| held.hot.bytes()).sum()
    }
}

#[derive(Debug, Default)]
struct Held {
    hot: Hot,
    cold: Option<Arc<dyn TableProvider>>,
    positions: Positions,
}

/// The tables of an instance.
#[derive(Debug)]
pub struct Tables {
    now: RwLock<Now>,
    /// The writers' side; empty if the tables are open for reading only.
    files: Mutex<BTreeMap<Table, Cold>>,
    read_only: bool,
    options: Options,
    /// Bytes of rows in memory, all tables together.
    hot_bytes: watch::Sender<usize>,
    heights: watch::Sender<BTreeMap<u32, u64>>,
}

impl Tables {
    /// Opens the tables under `root`, and makes those anew that are missing or cannot be used.
    pub async fn open(
        root: &Path,
        instance: InstanceId,
        partitions: u32,
        session: &Arc<SessionState>,
        options: Options,
    ) -> Result<Tables, ProjectionError> {
        let mut files = BTreeMap::new();
        for table in Table::kept() {
            let cold = match Cold::look(root, table, instance, partitions, session).await? {
                Found::Whole(cold) => *cold,
                Found::Nothing => Cold::create(root, table, instance, session).await?,
                Found::Unusable(why) => {
                    tracing::warn!(table = table.name(), why, "the table is deleted and folded anew");
                    Cold::create(root, table, instance, session).await?
                }
            };
            files.insert(table, cold);
        }
        Ok(Tables::of(files, false, options))
    }

    /// Opens what is there and changes nothing: a table that cannot be used is folded in memory.
    pub async fn open_read_only(
        root: &Path,
        instance: InstanceId,
        partitions: u32,
        session: &Arc<SessionState>,
        options: Options,
    ) -> Result<Tables, ProjectionError> {
        let mut files = BTreeMap::new();
        for table in Table::kept() {
            match Cold::look(root, table, instance, partitions, session).await? {
                Found::Whole(cold) => drop(files.insert(table, *cold)),
                Found::Nothing => {}
                Found::Unusable(why) => tracing::warn!(table = table.name(), why, "the table is not used"),
            }
        }
        Ok(Tables::of(files, true, options))
    }

    /// Tables without files: everything stays in memory.
    pub fn in_memory(options: Options) -> Tables {
        Tables::of(BTreeMap::new(), true, options)
    }

    fn of(files: BTreeMap<Table, Cold>, read_only: bool, options: Options) -> Tables {
        let held = |table: Table| {
            let cold = files.get(&table);
            let positions = cold.map(|cold| cold.positions().clone()).unwrap_or_default();
            (table, Held { hot: Hot::default(), cold: cold.map(Cold::provider), positions })
        };
        let now = Now { reached: BTreeMap::new(), tables: Table::kept().map(held).collect() };
        Tables {
            now: RwLock::new(now),
            files: Mutex::new(files),
            read_only,
            options,
            hot_bytes: watch::Sender::new(0),
            heights: watch::Sender::new(BTreeMap::new()),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Now> {
        self.now.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for more rows. Without a writer nobody makes room: then it is an error.
    pub async fn room(&self) -> Result<(), ProjectionError> {
        let bytes = *self.hot_bytes.borrow();
        if bytes < self.options.hot_bytes_most {
            return Ok(());
        }
        if self.read_only {
            return Err(ProjectionError::TooMuchTail { bytes });
        }
        // The sender lives as long as we do, so that this ends when there is room.
        let _ = self.hot_bytes.subscribe().wait_for(|bytes| *bytes < self.options.hot_bytes_most).await;
        Ok(())
    }

    /// Takes the rows of the next block of a partition. Rows that a table's files hold already are left out.
    pub fn apply(&self, partition: u32, reached: Reached, rows: BlockRows) -> Result<(), ProjectionError> {
        let bytes = {
            let mut now = self.write();
            for (table, batch) in rows {
                let Some(held) = now.tables.get_mut(&table) else { continue };
                if held.positions.get(&partition).is_none_or(|position| *position < reached.height) {
                    held.hot.push(partition, reached.time, batch).map_err(joining(table.name(), partition, reached.height))?;
                }
            }
            now.reached.insert(partition, reached);
            now.bytes()
        };
        self.hot_bytes.send_replace(bytes);
        self.heights.send_modify(|heights| heights.extend([(partition, reached.height)]));
        Ok(())
    }

    /// Every table, now.
    pub fn moment(&self) -> Moment {
        let now = self.read();
        let part = |(table, held): (&Table, &Held)| {
            (*table, Part { hot: held.hot.batches(), waiting: held.hot.waiting(), cold: held.cold.clone() })
        };
        Moment {
            reached: now.reached.clone(),
            tables: now.tables.iter().map(part).collect(),
            held: now.tables.iter().map(|(table, held)| (*table, held.positions.clone())).collect(),
        }
    }

    /// Heights by partition, as they grow.
    pub fn heights(&self) -> watch::Receiver<BTreeMap<u32, u64>> {
        self.heights.subscribe()
    }

    /// Bytes of rows in memory, as they come and go.
    pub fn hot_bytes(&self) -> watch::Receiver<usize> {
        self.hot_bytes.subscribe()
    }

    /// Writes the rows in memory into the tables' files, table by table; a crash between two of them costs nothing, because
    /// each has a position of its own.
    pub async fn flush(&self) -> Result<(), ProjectionError> {
        for table in Table::folded() {
            self.flush_table(table).await?;
        }
        Ok(())
    }

    /// Writes the rows of one table.
    pub(crate) async fn flush_table(&self, table: Table) -> Result<(), ProjectionError> {
        let mut files = self.files.lock().await;
        let Some(cold) = files.get_mut(&table) else { return Ok(()) };
        if self.read_only {
            return Ok(());
        }
        let (rows, heights) = {
            let mut now = self.write();
            let heights = now.reached.iter().map(|(partition, reached)| (*partition, reached.height)).collect::<Positions>();
            (now.tables.get_mut(&table).map(|held| held.hot.freeze()).unwrap_or_default(), heights)
        };
        let wrote = !rows.is_empty();
        if wrote {
            // A fold that begins anew is behind the files for a while: positions never go back.
            let mut target = cold.positions().clone();
            for (partition, height) in heights {
                let held = target.entry(partition).or_insert(height);
                *held = height.max(*held);
            }
            cold.append(rows, &target).await?;
        }
        if cold.tidy().await? || wrote {
            self.show(table, cold, wrote);
        }
        Ok(())
    }

    /// Writes the checkpoints that the table `checkpoints` lacks, oldest first. Its position is the size of the newest.
    pub(crate) async fn keep_checkpoints(&self, signed: Vec<SignedCheckpoint>) -> Result<(), ProjectionError> {
        let mut files = self.files.lock().await;
        let Some(cold) = files.get_mut(&Table::Checkpoints).filter(|_| !self.read_only) else { return Ok(()) };
        let rows = checkpoint_rows(&signed, cold.positions()).map_err(joining(Table::Checkpoints.name(), 0, 0))?;
        if rows.num_rows() > 0 {
            let mut sizes = cold.positions().clone();
            for checkpoint in &signed {
                let size = sizes.entry(checkpoint.partition).or_insert(checkpoint.size);
                *size = checkpoint.size.max(*size);
            }
            cold.append(vec![rows], &sizes).await?;
            cold.tidy().await?;
            self.show(Table::Checkpoints, cold, false);
        }
        Ok(())
    }

    /// From now on the files' new version counts; frozen rows leave in the same moment.
    fn show(&self, table: Table, cold: &Cold, wrote: bool) {
        let bytes = {
            let mut now = self.write();
            if let Some(held) = now.tables.get_mut(&table) {
                held.cold = Some(cold.provider());
                held.positions = cold.positions().clone();
                if wrote {
                    held.hot.thaw();
                }
            }
            now.bytes()
        };
        self.hot_bytes.send_replace(bytes);
    }

    /// Refuses files that hold blocks which a journal, read to its end, does not have: it was cut or replaced.
    pub(crate) fn check_end(&self, partition: u32, end: Option<u64>) -> Result<(), ProjectionError> {
        let end = end.unwrap_or(0);
        for (table, held) in self.read().tables.iter().filter(|(table, _)| table.is_folded()) {
            if let Some(&position) = held.positions.get(&partition).filter(|position| **position > end) {
                return Err(ProjectionError::JournalBehind { table: table.name(), partition, held: position, end });
            }
        }
        Ok(())
    }
}

/// The checkpoints beyond those that the files hold.
pub(crate) fn checkpoint_rows(signed: &[SignedCheckpoint], held: &Positions) -> Result<RecordBatch, ArrowError> {
    let mut columns = Columns::new(Table::Checkpoints);
    let lacks = |signed: &&SignedCheckpoint| held.get(&signed.partition).is_none_or(|size| *size < signed.size);
    for SignedCheckpoint { partition, origin, size, root, note } in signed.iter().filter(lacks).cloned() {
        columns.push(&(), &CheckpointRow { partition, origin, size, root, note });
    }
    columns.finish()
}

/// The folder of the tables inside a node's directory.
pub fn tables_dir(dir: &Path) -> PathBuf {
    dir.join("tables")
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
