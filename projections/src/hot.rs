//! Hot rows: what is folded and not yet in a table's files.
//!
//! Owns their batches, in two parts: rows that a flush is writing stay visible until it is done. Refuses bounds:
//! [`crate::tables`] says when to flush and when the fold waits.

use crate::error::ProjectionError;
use arrow::{array::RecordBatch, compute::concat_batches};
use cairn_schemas::Timestamp;
use std::collections::BTreeMap;

/// The rows of one table in memory.
#[derive(Clone, Debug, Default)]
pub struct Hot {
    /// Being written: they leave together, when their commit is known to stand.
    frozen: Vec<RecordBatch>,
    active: Vec<RecordBatch>,
    /// What the frozen rows are of, by partition.
    leaving: BTreeMap<u32, Waiting>,
    /// What the active rows are of, by partition.
    waiting: BTreeMap<u32, Waiting>,
}

/// Blocks whose rows are in memory alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub blocks: u64,
    /// Time of the oldest.
    pub since: Timestamp,
}

impl Hot {
    /// Adds the rows of one block. Batches of like size are joined, so that many small blocks leave few batches: each row is copied a
    /// logarithmic number of times.
    pub fn push(&mut self, partition: u32, time: Timestamp, batch: RecordBatch) -> Result<(), arrow::error::ArrowError> {
        add(&mut self.waiting, partition, Waiting { blocks: 1, since: time });
        self.active.push(batch);
        while let [.., before, last] = self.active.as_slice() {
            if before.num_rows() > 2 * last.num_rows() {
                break;
            }
            let joined = concat_batches(&last.schema(), [before, last])?;
            self.active.truncate(self.active.len() - 2);
            self.active.push(joined);
        }
        Ok(())
    }

    /// All rows, oldest first.
    pub fn batches(&self) -> Vec<RecordBatch> {
        self.frozen.iter().chain(&self.active).cloned().collect()
    }

    /// What the rows are of, by partition.
    pub fn waiting(&self) -> BTreeMap<u32, Waiting> {
        let mut all = self.leaving.clone();
        self.waiting.iter().for_each(|(partition, waiting)| add(&mut all, *partition, *waiting));
        all
    }

    /// Bytes that the rows take in memory.
    pub fn bytes(&self) -> usize {
        self.frozen.iter().chain(&self.active).map(RecordBatch::get_array_memory_size).sum()
    }

    /// Sets the rows so far aside to be written. What an earlier flush could not write goes with them.
    pub fn freeze(&mut self) -> Vec<RecordBatch> {
        self.frozen.append(&mut self.active);
        self.leaving = self.waiting();
        self.waiting.clear();
        self.frozen.clone()
    }

    /// The frozen rows are in the files now.
    pub fn thaw(&mut self) {
        self.frozen.clear();
        self.leaving.clear();
    }
}

fn add(all: &mut BTreeMap<u32, Waiting>, partition: u32, more: Waiting) {
    all.entry(partition).and_modify(|before| before.blocks += more.blocks).or_insert(more);
}

/// The same error for every table.
pub(crate) fn joining(table: &'static str, partition: u32, height: u64) -> impl Fn(arrow::error::ArrowError) -> ProjectionError {
    move |source| ProjectionError::Rows { table, partition, height, source }
}
