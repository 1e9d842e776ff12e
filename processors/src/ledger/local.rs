//! A ledger in this process: the node's own log and blobs, for the workers that live with it.
//!
//! Owns one partition's place to speak. Refuses admission: what is said here is judged like everybody's.

use super::{Ledger, LedgerError};
use async_trait::async_trait;
use bytes::Bytes;
use cairn_log::{
    AppendError, EventLog, Place, ReadError, ReadLimit, Record,
    blobs::{BlobError, Blobs},
};
use cairn_schemas::{BlobHash, BlobRef, Stream, limits, record};
use std::{sync::Arc, time::Duration};

/// How long a reader of the journal is kept waiting for the next record.
const WAIT: Duration = Duration::from_secs(10);

/// The log and the blobs of this process; what is said goes to one partition.
#[derive(Clone, Debug)]
pub struct Local {
    log: Arc<dyn EventLog>,
    blobs: Blobs,
    partition: u32,
}

impl Local {
    pub fn new(log: Arc<dyn EventLog>, blobs: Blobs, partition: u32) -> Local {
        Local { log, blobs, partition }
    }
}

#[async_trait]
impl Ledger for Local {
    async fn journal(&self, partition: u32, from: u64) -> Result<Vec<Record>, LedgerError> {
        let place = Place::journal(partition);
        let read = self.log.read(place, from, ReadLimit::default()).await.map_err(unread)?;
        if !read.records.is_empty() {
            return Ok(read.records);
        }
        // Reads answer with durable records only; an empty one waits for the next of them.
        match tokio::time::timeout(WAIT, self.log.wait(&[(place, from)])).await {
            Ok(shown) => shown.map_err(unread)?,
            Err(_) => return Ok(Vec::new()),
        }
        Ok(self.log.read(place, from, ReadLimit::default()).await.map_err(unread)?.records)
    }

    async fn blob(&self, hash: &BlobHash) -> Result<Bytes, LedgerError> {
        self.blobs.get(hash, limits::BLOB_BYTES as u64).await.map_err(|error| unstored("fetch a blob", error))
    }

    async fn put_blob(&self, bytes: Bytes) -> Result<BlobRef, LedgerError> {
        self.blobs.put(bytes).await.map_err(|error| unstored("store a blob", error))
    }

    async fn say(&self, record: Bytes) -> Result<(), LedgerError> {
        let operation = "say an event";
        let refused = |code: &str, reason: String| LedgerError::Refused { operation, code: code.into(), reason };
        let topic = record::open(&record).map_err(|error| refused("CRN-2001", error.to_string()))?.event.topic();
        let place = Place::new(Stream::Topic(topic), self.partition);
        match self.log.append(place, vec![record].into()).await {
            Ok(_) => Ok(()),
            Err(error @ AppendError::Full { .. }) => {
                Err(LedgerError::Full { operation, code: error.code().into(), reason: error.to_string() })
            }
            // Nobody knows: the same bytes may be sent again.
            Err(error @ (AppendError::Unknown { .. } | AppendError::Io { .. })) => {
                Err(LedgerError::Unreachable { operation, reason: error.to_string() })
            }
            Err(error) => Err(refused(error.code(), error.to_string())),
        }
    }
}

fn unread(error: ReadError) -> LedgerError {
    let operation = "read the journal";
    match error {
        ReadError::Io { .. } => LedgerError::Unreachable { operation, reason: error.to_string() },
        _ => LedgerError::Refused { operation, code: error.code().into(), reason: error.to_string() },
    }
}

fn unstored(operation: &'static str, error: BlobError) -> LedgerError {
    match error {
        BlobError::Missing { hash } => LedgerError::Missing { hash },
        BlobError::Damaged { hash } => LedgerError::Damaged { hash },
        BlobError::Full { .. } => LedgerError::Full { operation, code: error.code().into(), reason: error.to_string() },
        BlobError::Store { .. } => LedgerError::Unreachable { operation, reason: error.to_string() },
        _ => LedgerError::Refused { operation, code: error.code().into(), reason: error.to_string() },
    }
}
