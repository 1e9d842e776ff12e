//! Hot rows: what is folded and not yet in a table's files.
//!
//! Owns their batches, in two parts: rows that a flush is writing stay visible until it is done. Refuses bounds:
//! [`crate::tables`] says when to flush and when the fold waits.

use crate::error::ProjectionError;
use arrow::{array::RecordBatch, compute::concat_batches};

/// The rows of one table in memory.
#[derive(Clone, Debug, Default)]
pub struct Hot {
    /// Being written: they leave together, when their commit is known to stand.
    frozen: Vec<RecordBatch>,
    active: Vec<RecordBatch>,
}

impl Hot {
    /// Adds rows. Batches of like size are joined, so that many small blocks leave few batches: each row is copied a
    /// logarithmic number of times.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), arrow::error::ArrowError> {
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

    /// Bytes that the rows take in memory.
    pub fn bytes(&self) -> usize {
        self.frozen.iter().chain(&self.active).map(RecordBatch::get_array_memory_size).sum()
    }

    /// Sets the rows so far aside to be written. What an earlier flush could not write goes with them.
    pub fn freeze(&mut self) -> Vec<RecordBatch> {
        self.frozen.append(&mut self.active);
        self.frozen.clone()
    }

    /// The frozen rows are in the files now.
    pub fn thaw(&mut self) {
        self.frozen.clear();
    }
}

/// The same error for every table.
pub(crate) fn joining(table: &'static str, partition: u32, height: u64) -> impl Fn(arrow::error::ArrowError) -> ProjectionError {
    move |source| ProjectionError::Rows { table, partition, height, source }
}
