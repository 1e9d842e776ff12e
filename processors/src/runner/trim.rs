//! Trimming: what the log need not keep any more.
//!
//! Owns the floor: records are deleted only below the lower of the oldest snapshot kept and the last archived block, so that every
//! restart finds what it begins with in the log, and every other reader finds the rest in the archive. Refuses a log that keeps
//! everything nothing: it is left as it is.

use super::{Pool, RunError, Snapshots};
use cairn_log::{DeleteError, EventLog, Place, archive::Archive, journal::Chain};
use cairn_schemas::Stream;
use std::sync::Arc;

/// Deletes decided inputs and archived journal records of a partition, below the floor. Answers the journal's first kept offset; none
/// if nothing may be deleted, or the log keeps everything. Harmless at any time, from any number of processors.
pub async fn trim(
    log: &Arc<dyn EventLog>,
    archive: &Archive,
    snapshots: &Snapshots,
    partition: u32,
    pool: Pool,
) -> Result<Option<u64>, RunError> {
    // Below 0 is nothing, and whether the log deletes at all is told before anything is read.
    match log.delete_below(Place::journal(partition), 0).await {
        Err(DeleteError::Unsupported { .. }) => return Ok(None),
        asked => drop(asked?),
    }
    let Some(floor) = floor(archive, snapshots, partition, pool).await? else { return Ok(None) };
    // A restart meets the record at which the chain was saved.
    let Some(at) = floor.at() else { return Ok(None) };
    let journal = log.delete_below(Place::journal(partition), at).await?;
    for next in floor.next() {
        log.delete_below(Place::new(Stream::Topic(next.topic), partition), next.offset).await?;
    }
    Ok(Some(journal))
}

/// The lower of the oldest snapshot and the last archived block.
async fn floor(archive: &Archive, snapshots: &Snapshots, partition: u32, pool: Pool) -> Result<Option<Chain>, RunError> {
    let kept = snapshots.list(partition).await?;
    let Some(oldest) = kept.first() else { return Ok(None) };
    // A damaged one is of no use to a restart, and may be somebody's evidence: nothing is deleted until it is gone.
    let snapshot = snapshots.load(oldest, pool).await?.chain;
    let Some(archived) = archive.last(partition).await?.map(|segment| segment.chain) else { return Ok(None) };
    Ok(Some(if snapshot.height() <= archived.height() { snapshot } else { archived }))
}
