//! Snapshots: a state and its chain at rest, so that a restart folds only what came after.
//!
//! Owns their bytes, their names in a store, `<partition>/<height>.snap`, how many are kept, and the choice of the newest whole one.
//! Refuses to be needed: without snapshots, or with damaged ones, the whole journal is folded.
//!
//! Two processors that save the same height say the same of it, and each puts whole bytes: whoever comes last is as right.
//!
//! Bytes: `CRNS` ‖ version ‖ length of the chain (u32, big-endian) ‖ chain ‖ state ‖ SHA-256 of all before.

mod verify;

pub use verify::{Finding, SnapshotCheck, verify_snapshots};

use super::{Pool, RunError};
use crate::decider::State;
use bytes::Bytes;
use cairn_log::{
    journal::Chain,
    store::{Object, Store, StoreError},
};
use cairn_schemas::StateHash;
use sha2::{Digest, Sha256};
use std::num::NonZeroUsize;

const MAGIC: &[u8; 5] = b"CRNS\x01";
/// Snapshots kept of each partition unless told otherwise: should the newest be damaged, an older one saves most of the folding.
const KEPT: NonZeroUsize = NonZeroUsize::new(3).unwrap();
/// Bytes of one snapshot: below what an object store takes in one piece.
const BYTES: u64 = 4 * 1024 * 1024 * 1024;
const ENDING: &str = ".snap";

/// A state behind the last record of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub chain: Chain,
    pub state: State,
}

impl Snapshot {
    /// The bytes of a snapshot of these two.
    pub fn bytes_of(chain: &Chain, state: &State) -> Option<Vec<u8>> {
        let (chain, state) = (chain.to_bytes().ok()?, state.to_bytes().ok()?);
        let length = u32::try_from(chain.len()).ok()?.to_be_bytes();
        let mut bytes = [MAGIC.as_slice(), &length, &chain, &state].concat();
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        Some(bytes)
    }

    /// Reads a snapshot; none if it is not whole, or not of that partition.
    pub fn read(partition: u32, bytes: &[u8]) -> Option<Snapshot> {
        let (content, sum) = bytes.split_last_chunk::<32>()?;
        if Sha256::digest(content).as_slice() != sum {
            return None;
        }
        let (length, rest) = content.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let (chain, state) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        Some(Snapshot { chain: Chain::from_bytes(partition, chain).ok()?, state: State::from_bytes(state).ok()? })
    }
}

/// A snapshot as its store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub partition: u32,
    pub height: u64,
    /// Its key in the store.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was saved, milliseconds since 1970, by the store's clock.
    pub saved: i64,
}

/// The snapshots in a store. Clones are the same snapshots.
#[derive(Clone, Debug)]
pub struct Snapshots {
    store: Store,
    keep: NonZeroUsize,
}

impl Snapshots {
    /// The snapshots in a store; the newest three of each partition are kept.
    pub fn over(store: Store) -> Snapshots {
        Snapshots { store, keep: KEPT }
    }

    /// The same, keeping the newest `keep` of each partition.
    pub fn keeping(self, keep: NonZeroUsize) -> Snapshots {
        Snapshots { keep, ..self }
    }

    /// Saves a snapshot durably and deletes those that are too many.
    pub async fn save(&self, partition: u32, height: u64, bytes: Bytes) -> Result<(), RunError> {
        self.store.put(&key_of(partition, height), bytes).await.map_err(|source| RunError::Snapshot { partition, source })?;
        for old in self.list(partition).await?.into_iter().rev().skip(self.keep.get()) {
            self.store.delete(&old.key).await.map_err(|source| RunError::Snapshot { partition, source })?;
        }
        Ok(())
    }

    /// The snapshots of a partition, ascending by height, whole or not.
    pub async fn list(&self, partition: u32) -> Result<Vec<Kept>, RunError> {
        self.listed(&partition.to_string()).await.map_err(|source| RunError::Snapshot { partition, source })
    }

    /// The snapshots of all partitions, ascending by partition and height.
    pub async fn list_all(&self) -> Result<Vec<Kept>, StoreError> {
        self.listed("").await
    }

    async fn listed(&self, prefix: &str) -> Result<Vec<Kept>, StoreError> {
        let mut kept: Vec<Kept> = self.store.list(prefix).await?.into_iter().filter_map(Kept::of).collect();
        kept.sort_unstable_by_key(|kept| (kept.partition, kept.height));
        Ok(kept)
    }

    /// Reads one. Opening a large state takes its time, so that is done in the pool.
    pub async fn load(&self, kept: &Kept, pool: Pool) -> Result<Snapshot, RunError> {
        let Kept { partition, key, .. } = kept.clone();
        let bytes = self.store.get(&key, BYTES).await.map_err(|source| RunError::Snapshot { partition, source })?;
        let read = pool.run(move || Snapshot::read(partition, &bytes)).await;
        read.filter(|snapshot| snapshot.chain.height() == Some(kept.height)).ok_or(RunError::SnapshotDamaged { key })
    }

    /// The newest whole snapshot of a partition. A damaged one is reported and passed over, and so is a store that does not answer.
    pub async fn newest(&self, partition: u32, pool: Pool) -> Option<Snapshot> {
        for kept in self.reported(self.list(partition).await)?.iter().rev() {
            if let Some(snapshot) = self.reported(self.load(kept, pool).await) {
                return Some(snapshot);
            }
        }
        None
    }

    /// The state hash at each height of which there is a whole snapshot: what a replay must meet.
    pub async fn hashes(&self, partition: u32, pool: Pool) -> Vec<(u64, StateHash)> {
        let mut hashes = Vec::new();
        for kept in self.reported(self.list(partition).await).unwrap_or_default() {
            let snapshot = self.reported(self.load(&kept, pool).await);
            hashes.extend(snapshot.and_then(|snapshot| Some((kept.height, snapshot.state.hash().ok()?))));
        }
        hashes
    }

    fn reported<T>(&self, read: Result<T, RunError>) -> Option<T> {
        read.inspect_err(|error| tracing::warn!(code = error.code(), "a snapshot is passed over: {error}")).ok()
    }
}

impl Kept {
    /// What a listed object is; none if it has no snapshot's name.
    fn of(object: Object) -> Option<Kept> {
        let (partition, file) = object.key.split_once('/')?;
        let (partition, height) = (partition.parse().ok()?, file.strip_suffix(ENDING)?.parse().ok()?);
        let is_named_so = object.key == key_of(partition, height);
        is_named_so.then_some(Kept { partition, height, key: object.key, size: object.size, saved: object.modified })
    }
}

/// Heights are written with leading zeros: names sort as numbers.
fn key_of(partition: u32, height: u64) -> String {
    format!("{partition}/{height:020}{ENDING}")
}
