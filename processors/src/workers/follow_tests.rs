#![allow(clippy::unwrap_used)]
use super::*;
use crate::{
    ledger::{LedgerError, Local},
    workers::view::tale::key,
};
use async_trait::async_trait;
use bytes::Bytes;
use cairn_log::{Clock, EventLog, Record, SystemClock, blobs::Blobs, journal::genesis, memory::MemoryLog};
use cairn_schemas::{BlobHash, BlobRef, ByteString, Timestamp, genesis::Genesis};
use std::sync::atomic::{AtomicU32, Ordering};

/// A node far away: its first answers are errors, and each later one takes longer than the first patience of a reader.
#[derive(Debug)]
struct Far {
    near: Local,
    down: AtomicU32,
}

#[async_trait]
impl Ledger for Far {
    async fn journal(&self, partition: u32, from: u64) -> Result<Vec<Record>, LedgerError> {
        if self.down.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(LedgerError::Overloaded { operation: "read the journal" });
        }
        tokio::time::sleep(SILENCE + SILENCE / 2).await;
        self.near.journal(partition, from).await
    }

    async fn blob(&self, hash: &BlobHash) -> Result<Bytes, LedgerError> {
        self.near.blob(hash).await
    }

    async fn put_blob(&self, bytes: Bytes) -> Result<BlobRef, LedgerError> {
        self.near.put_blob(bytes).await
    }

    async fn say(&self, record: Bytes) -> Result<(), LedgerError> {
        self.near.say(record).await
    }
}

async fn begun() -> Arc<dyn EventLog> {
    let clock = Arc::new(SystemClock::default());
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(1, clock.clone()));
    let genesis = Genesis {
        name: "test".parse().unwrap(),
        nonce: ByteString(vec![7; 16]),
        time: Timestamp::from_millis(clock.now_ms()).unwrap(),
        partitions: 1,
        admins: vec![key(1).public()],
        processors: vec![key(2).public()],
        origin: "test.invalid/cairn".parse().unwrap(),
        checkpoint_keys: vec![key(3).public()],
        rules: 1,
        demo: true,
    };
    genesis::create(&log, &genesis, &key(2)).await.unwrap();
    log
}

#[tokio::test]
async fn a_node_that_is_away_and_then_slow_is_caught_up_with_all_the_same() {
    let near = Local::new(begun().await, Blobs::open("memory:///").unwrap(), 0);
    let far: Arc<dyn Ledger> = Arc::new(Far { near, down: AtomicU32::new(2) });
    let mut follow = Follow::new(far, 0, key(4).public());
    let caught_up = timeout(Duration::from_secs(30), follow.catch_up()).await.unwrap();
    assert_eq!(caught_up.unwrap(), News::default());
    assert!(follow.view().instance().is_some(), "block 0 was read");
}
