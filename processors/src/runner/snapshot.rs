//! Snapshots: a state and its chain at rest, so that a restart folds only what came after.
//!
//! Owns their files, `FOLDER/<partition>/<height>.snap`, and the choice of the newest whole one. Refuses to be needed: without
//! snapshots, or with damaged ones, the whole journal is folded.
//!
//! Bytes: `CRNS` ‖ version ‖ length of the chain (u32, big-endian) ‖ chain ‖ state ‖ SHA-256 of all before.

use super::RunError;
use crate::decider::State;
use cairn_log::{durable, journal::Chain};
use cairn_schemas::StateHash;
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 5] = b"CRNS\x01";
/// Snapshots kept of each partition: should the newest be damaged, an older one saves most of the folding.
const KEPT: usize = 3;

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

/// A folder of snapshots.
#[derive(Clone, Debug)]
pub struct Snapshots {
    folder: PathBuf,
}

impl Snapshots {
    pub fn at(folder: impl Into<PathBuf>) -> Snapshots {
        Snapshots { folder: folder.into() }
    }

    /// Writes a snapshot durably and removes those that are too many.
    pub fn save(&self, partition: u32, height: u64, bytes: &[u8]) -> Result<(), RunError> {
        let folder = self.of(partition);
        let path = folder.join(format!("{height:020}.snap"));
        let written = durable::make_folder(&folder).and_then(|()| durable::write(&path, bytes, durable::PUBLIC));
        written.map_err(|source| RunError::Snapshot { path, source })?;
        for old in self.newest_first(partition).into_iter().skip(KEPT) {
            durable::remove(&old).map_err(|source| RunError::Snapshot { path: old, source })?;
        }
        Ok(())
    }

    /// The newest whole snapshot of a partition. A damaged one is reported and passed over.
    pub fn newest(&self, partition: u32) -> Option<Snapshot> {
        self.newest_first(partition).into_iter().find_map(|path| load(partition, &path))
    }

    /// The state hash at each height of which there is a whole snapshot: what a replay must meet.
    pub fn hashes(&self, partition: u32) -> Vec<(u64, StateHash)> {
        let snapshots = self.newest_first(partition).into_iter().filter_map(|path| load(partition, &path));
        snapshots.filter_map(|snapshot| Some((snapshot.chain.height()?, snapshot.state.hash().ok()?))).collect()
    }

    fn of(&self, partition: u32) -> PathBuf {
        self.folder.join(partition.to_string())
    }

    fn newest_first(&self, partition: u32) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.of(partition)).into_iter().flatten().flatten();
        let mut paths: Vec<_> =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "snap")).collect();
        // Heights are written with leading zeros: names sort as numbers.
        paths.sort_unstable_by(|a, b| b.cmp(a));
        paths
    }
}

fn load(partition: u32, path: &Path) -> Option<Snapshot> {
    let read = fs::read(path).and_then(|bytes| Snapshot::read(partition, &bytes).ok_or(io::ErrorKind::InvalidData.into()));
    read.inspect_err(|error| tracing::warn!(code = "CRN-5202", path = %path.display(), "a snapshot is passed over: {error}")).ok()
}
