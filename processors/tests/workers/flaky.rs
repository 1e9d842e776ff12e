//! A ledger that loses every third event, and does not know about every fourth.

use async_trait::async_trait;
use bytes::Bytes;
use cairn_log::Record;
use cairn_processors::ledger::{Ledger, LedgerError};
use cairn_schemas::{BlobHash, BlobRef};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[derive(Debug)]
pub struct Flaky {
    inner: Arc<dyn Ledger>,
    said: AtomicU64,
    lost: AtomicU64,
}

impl Flaky {
    pub fn new(inner: Arc<dyn Ledger>) -> Flaky {
        Flaky { inner, said: AtomicU64::new(0), lost: AtomicU64::new(0) }
    }

    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Ledger for Flaky {
    async fn journal(&self, partition: u32, from: u64) -> Result<Vec<Record>, LedgerError> {
        self.inner.journal(partition, from).await
    }

    async fn blob(&self, hash: &BlobHash) -> Result<Bytes, LedgerError> {
        self.inner.blob(hash).await
    }

    async fn put_blob(&self, bytes: Bytes) -> Result<BlobRef, LedgerError> {
        self.inner.put_blob(bytes).await
    }

    async fn say(&self, record: Bytes) -> Result<(), LedgerError> {
        let unknown = || LedgerError::Unreachable { operation: "say", reason: "the line was cut".into() };
        let turn = self.said.fetch_add(1, Ordering::Relaxed);
        if turn % 3 == 2 {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return Err(unknown());
        }
        self.inner.say(record).await?;
        if turn % 4 == 3 { Err(unknown()) } else { Ok(()) }
    }
}
