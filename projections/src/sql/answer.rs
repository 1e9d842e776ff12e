//! Answers: rows as they are found, under the limits of the question.
//!
//! Owns the deadline, the bounds of rows and bytes, and the place among the questions answered at once. Refuses to shorten silently: beyond a
//! bound the answer ends with an error.

use crate::{error::SqlError, options::Options};
use arrow::{
    array::{Array, RecordBatch},
    datatypes::SchemaRef,
};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::fmt;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

/// The rows of one question. Dropping it ends the question.
pub struct Answer {
    schema: SchemaRef,
    stream: Option<SendableRecordBatchStream>,
    deadline: Instant,
    options: Options,
    rows: usize,
    bytes: usize,
    _permit: OwnedSemaphorePermit,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Answer {
    pub(super) fn new(stream: SendableRecordBatchStream, deadline: Instant, options: Options, permit: OwnedSemaphorePermit) -> Answer {
        Answer { schema: stream.schema(), stream: Some(stream), deadline, options, rows: 0, bytes: 0, _permit: permit }
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// When the question's time is over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What is said then.
    pub fn late(&self) -> SqlError {
        SqlError::TimedOut { seconds: self.options.query_time.as_secs() }
    }

    /// The next rows; `None` after the last. After an error there are no more.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, SqlError>> {
        let stream = self.stream.as_mut()?;
        let next = match timeout_at(self.deadline, stream.next()).await {
            Err(_) => Some(Err(self.late())),
            Ok(next) => next.map(|batch| batch.map_err(SqlError::of)),
        };
        let next = next.map(|batch| batch.and_then(|batch| self.count(batch)));
        if !matches!(next, Some(Ok(_))) {
            self.stream = None;
        }
        next
    }

    fn count(&mut self, batch: RecordBatch) -> Result<RecordBatch, SqlError> {
        self.rows += batch.num_rows();
        if self.rows > self.options.query_rows {
            return Err(SqlError::TooManyRows { limit: self.options.query_rows });
        }
        self.bytes += bytes_of(&batch)?;
        if self.bytes > self.options.answer_bytes {
            return Err(SqlError::TooManyBytes { limit: self.options.answer_bytes });
        }
        Ok(batch)
    }

    /// All rows.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, SqlError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }
}

/// Bytes of a batch's own rows: it may be a slice of what others share.
fn bytes_of(batch: &RecordBatch) -> Result<usize, SqlError> {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    sizes.sum::<Result<usize, _>>().map_err(|error| SqlError::of(error.into()))
}
