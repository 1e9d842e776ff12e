//! The archive: the journals at rest in a store, by height, for as long as there is an instance.
//!
//! Owns segments (immutable, checksummed, named by their heights), the [`Archiver`] that writes them behind a journal, and the
//! [`ArchiveLog`] that reads them as a log: alone, or before the tail that a log still holds. Refuses inputs: what a topic held is
//! in the blocks that decided it.
//!
//! Archivers need no lock. A segment's name fixes its records, so two that write the same one write the same bytes; and segments
//! may overlap (two that were told to flush at different moments), for a reader takes at each height whichever reaches furthest.

mod archiver;
mod error;
mod reader;
mod segment;
#[cfg(test)]
mod tests;

pub use archiver::{Archiver, Options, archive};
pub use error::ArchiveError;
pub use reader::ArchiveLog;
pub use segment::{Segment, Span};

use crate::journal::JournalError;
use crate::store::{Store, StoreError};
use segment::folder;

/// Bytes of one segment, far more than an archiver puts into one.
const BYTES: u64 = 256 * 1024 * 1024;

/// Segments in a store. Clones are the same archive.
#[derive(Clone, Debug)]
pub struct Archive {
    store: Store,
}

/// Segments that together tell of all heights from 0 on, as far as there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    pub spans: Vec<Span>,
    /// A height that no segment tells of, though one tells of a later one.
    pub gap: Option<u64>,
}

impl Archive {
    pub fn over(store: Store) -> Archive {
        Archive { store }
    }

    /// The fewest segments that tell a journal from block 0 on.
    pub async fn cover(&self, partition: u32) -> Result<Cover, ArchiveError> {
        let listed = self.store.list(&folder(partition)).await?;
        let mut spans: Vec<Span> = listed.iter().filter_map(|object| Span::of(partition, &object.key)).collect();
        spans.sort_unstable();
        Ok(cover(spans))
    }

    /// Reads one segment; whole, or not at all.
    pub async fn load(&self, partition: u32, span: Span) -> Result<Segment, ArchiveError> {
        let key = span.key(partition);
        match self.store.get(&key, BYTES).await {
            Ok(bytes) => Segment::read(partition, span, &bytes),
            Err(StoreError::TooLarge { .. }) => Err(ArchiveError::Damaged { key, reason: "it is larger than any segment" }),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a segment lies there.
    async fn has(&self, partition: u32, span: Span) -> Result<bool, ArchiveError> {
        Ok(self.store.has(&span.key(partition)).await?)
    }

    /// The last segment that is told without a gap; none if block 0 is not archived.
    pub async fn last(&self, partition: u32) -> Result<Option<Segment>, ArchiveError> {
        match self.cover(partition).await?.spans.last() {
            Some(span) => self.load(partition, *span).await.map(Some),
            None => Ok(None),
        }
    }

    /// Partitions of the archived instance, as its genesis document says.
    pub async fn partitions(&self) -> Result<u32, ArchiveError> {
        let listed = self.store.list("journal").await?;
        let partition = |key: &str| key.split('/').nth(1)?.parse().ok();
        for object in listed {
            let Some((partition, span)) = partition(&object.key).and_then(|partition| Some((partition, Span::of(partition, &object.key)?)))
            else {
                continue;
            };
            let segment = self.load(partition, span).await?;
            if let Some(genesis) = segment.chain.genesis() {
                return Ok(genesis.partitions);
            }
        }
        Err(ArchiveError::Empty)
    }

    /// Keeps a segment. On `Ok` it is durable. One that lies there already must be the same; a damaged one is replaced.
    async fn keep(&self, segment: &Segment) -> Result<(), ArchiveError> {
        let (partition, span) = (segment.partition, segment.span());
        let key = span.key(partition);
        let unencodable = |source| ArchiveError::from(JournalError::SavedChain { partition, source });
        let bytes = segment.to_bytes().map_err(unencodable)?;
        if self.store.create(&key, bytes.clone()).await? {
            return Ok(());
        }
        match self.load(partition, span).await {
            Ok(there) if there == *segment => Ok(()),
            Ok(_) => Err(ArchiveError::Conflict { key }),
            Err(ArchiveError::Damaged { reason, .. }) => {
                tracing::warn!(code = "CRN-5501", key, reason, "an archived segment is replaced");
                Ok(self.store.put(&key, bytes).await?)
            }
            Err(error) => Err(error),
        }
    }
}

/// Takes at each height, from 0 on, the segment that reaches furthest. `spans` ascend.
fn cover(spans: Vec<Span>) -> Cover {
    let mut rest = spans.into_iter().peekable();
    let mut cover = Cover::default();
    let mut height = 0;
    loop {
        let mut best: Option<Span> = None;
        while let Some(span) = rest.next_if(|span| span.first <= height) {
            let reaches = span.last >= height && best.is_none_or(|best| best.last < span.last);
            best = if reaches { Some(span) } else { best };
        }
        let Some(span) = best else { break };
        height = span.last.saturating_add(1);
        cover.spans.push(span);
    }
    cover.gap = rest.next().map(|_| height);
    cover
}
