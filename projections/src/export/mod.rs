//! Export: a range of a partition's history as Parquet with its proof, for a reader who has neither this service nor our word.
//!
//! Owns the folder's files: `manifest.json` (signed), `checkpoint`, `genesis.cbor`, `decisions.parquet`, a table for each of
//! [`DERIVED`] and `proofs/range.json`. Reads the journal itself, never the tables: what is exported is what was decided.
//! Refuses a target that holds anything, a range that no checkpoint covers, and a journal that is not the checkpoint's.

mod error;
mod leaves;
mod manifest;
mod sheet;
mod target;
#[cfg(test)]
pub(crate) mod tests;

pub use error::ExportError;
pub(crate) use leaves::{LeafRow, Leaves};
pub use manifest::{Claim, Column, FileEntry, Head, Manifest, RangeProof, TableEntry};
pub(crate) use manifest::{ManifestError, columns_of};
pub use target::Target;

use crate::{
    checkpoint::verifier_keys,
    fold::Fold,
    prove::SignedCheckpoint,
    rows::{LeafAt, Table},
    tree::Tree,
};
use cairn_log::{
    EventLog,
    journal::{Chain, Follower, Step, ValidBlock},
};
use cairn_schemas::{
    Root, SecretKey,
    codec::cbor,
    decision::{Decision, LeafEntry},
    genesis::Genesis,
    merkle::{self, Range},
    note::Checkpoint,
};
use sheet::{Sheet, Stage};
use std::{ops::RangeInclusive, sync::Arc};

/// The file of all leaves.
pub const DECISIONS: &str = "decisions.parquet";
/// The signed checkpoint that the range stands under.
pub const CHECKPOINT: &str = "checkpoint";
/// The instance's genesis document, deterministic CBOR.
pub const GENESIS: &str = "genesis.cbor";
/// The proof that the leaves are those of the range.
pub const PROOF: &str = "proofs/range.json";
/// What the files are and what they claim; written last.
pub const MANIFEST: &str = "manifest.json";
/// The tables whose rows follow from each decision alone, and so can be recomputed from any range.
pub const DERIVED: [Table; 2] = [Table::Entries, Table::Events];

/// Leaves that are built and written at once.
pub(crate) const BATCH_ROWS: usize = 512;
/// Bytes of decisions at which a batch is written before it is full.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The file of a derived table.
pub fn file_of(table: Table) -> String {
    format!("{}.parquet", table.name())
}

/// What to export.
#[derive(Clone, Debug)]
pub struct Request {
    /// The newest checkpoint of the partition: exports stand under it.
    pub checkpoint: SignedCheckpoint,
    /// First and last leaf; everything under the checkpoint if `None`.
    pub range: Option<RangeInclusive<u64>>,
    /// A checkpoint key of the instance: it signs the manifest.
    pub key: SecretKey,
}

/// How far an export or its check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Leaves done.
    pub done: u64,
    /// Leaves in all.
    pub of: u64,
}

/// Writes an export to `target` and returns its manifest. Without a manifest what lies there is none, and may be deleted.
pub async fn export(
    log: Arc<dyn EventLog>,
    request: &Request,
    target: &Target,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Manifest, ExportError> {
    let (first, last) = bounds(request)?;
    target.check_empty().await?;
    let stage = target.stage()?;
    let mut book = Book::open(&stage, first, last, request.checkpoint.partition)?;
    let mut follower = Follower::new(log, Chain::new(request.checkpoint.partition));
    let genesis = book.fold(&mut follower, &request.checkpoint, progress).await?;
    check_signed(&genesis, request)?;
    let manifest = book.finish(&stage, &genesis, request)?;
    let signed = manifest.sign(&request.key)?;
    target.finish(&stage, &manifest, &signed).await?;
    Ok(manifest)
}

fn bounds(request: &Request) -> Result<(u64, u64), ExportError> {
    let (partition, size) = (request.checkpoint.partition, request.checkpoint.size);
    let end = size.checked_sub(1).ok_or(ExportError::NothingSigned { partition })?;
    let range = request.range.clone().unwrap_or(0..=end);
    let (first, last) = (*range.start(), *range.end());
    if first > last || last > end {
        return Err(ExportError::Range { partition, first, last, size });
    }
    Ok((first, last))
}

/// The checkpoint must be one of this instance and partition, and the key one of its checkpoint keys.
fn check_signed(genesis: &Genesis, request: &Request) -> Result<(), ExportError> {
    let given = &request.checkpoint;
    let keys = verifier_keys(genesis, given.partition)?;
    if !keys.iter().any(|key| *key.key() == request.key.public()) {
        return Err(ExportError::NotAuthorised { partition: given.partition });
    }
    let (checkpoint, _) = Checkpoint::open(given.note.as_bytes(), &keys)?;
    let same = (&checkpoint.origin, checkpoint.size, Root(checkpoint.root)) == (&given.origin, given.size, given.root);
    if same { Ok(()) } else { Err(ExportError::OtherJournal { partition: given.partition, size: given.size }) }
}

/// The sheets that are being written, and the tree beside them.
struct Book {
    first: u64,
    last: u64,
    partition: u32,
    tree: Tree,
    /// The right edge of the tree, as far as it is folded.
    edge: Range,
    /// The edge before the first leaf of the range.
    left: Option<Range>,
    leaves: Leaves,
    derived: Fold,
    decisions: Sheet,
    tables: Vec<(Table, Sheet)>,
}

impl Book {
    fn open(stage: &Stage, first: u64, last: u64, partition: u32) -> Result<Book, ExportError> {
        let sheet = |table: Table| Ok((table, stage.sheet(&file_of(table), table.schema())?));
        Ok(Book {
            first,
            last,
            partition,
            tree: Tree::default(),
            edge: Range::new(),
            left: None,
            leaves: Leaves::default(),
            derived: Fold::of(&DERIVED),
            decisions: stage.sheet(DECISIONS, Leaves::schema())?,
            tables: DERIVED.into_iter().map(sheet).collect::<Result<_, ExportError>>()?,
        })
    }

    /// Folds the journal up to the checkpoint's size; returns the genesis document met on the way.
    async fn fold(
        &mut self,
        follower: &mut Follower,
        checkpoint: &SignedCheckpoint,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Genesis, ExportError> {
        let (partition, size) = (checkpoint.partition, checkpoint.size);
        while self.edge.size() < size {
            let taken = follower.try_next().await?.ok_or(ExportError::OtherJournal { partition, size })?;
            if let Step::Block(block) = &taken.step {
                self.block(block, size)?;
                progress(Progress { done: self.edge.size(), of: size });
                tokio::task::yield_now().await;
            }
        }
        self.write_batch()?;
        if self.edge.root() != checkpoint.root.0 {
            return Err(ExportError::OtherJournal { partition, size });
        }
        follower.chain().genesis().cloned().ok_or(ExportError::OtherJournal { partition, size })
    }

    fn block(&mut self, block: &ValidBlock, size: u64) -> Result<(), ExportError> {
        let leaves = block.leaves.iter().zip(&block.entries).zip(&block.body.decisions);
        for ((hash, entry), decision) in leaves {
            if entry.leaf >= size {
                break;
            }
            if entry.leaf == self.first {
                self.left = Some(self.edge.clone());
            }
            self.edge.append(hash.0);
            self.tree.append(hash.0);
            if (self.first..=self.last).contains(&entry.leaf) {
                self.leaf(entry, decision)?;
            }
        }
        Ok(())
    }

    fn leaf(&mut self, entry: &LeafEntry, decision: &Decision) -> Result<(), ExportError> {
        let unreadable = |why: String| ExportError::Unreadable { partition: entry.partition, leaf: entry.leaf, why };
        let row = LeafRow::of(entry.clone(), decision.clone()).map_err(|error| unreadable(error.to_string()))?;
        self.derived.take_leaf(row.at, &row.entry, &row.decision, row.event.as_ref());
        self.leaves.push(&row);
        if self.leaves.rows() >= BATCH_ROWS || self.leaves.bytes() >= BATCH_BYTES {
            self.write_batch()?;
        }
        Ok(())
    }

    fn write_batch(&mut self) -> Result<(), ExportError> {
        if self.leaves.rows() == 0 {
            return Ok(());
        }
        self.decisions.write(&self.leaves.finish().map_err(|source| self.decisions.failed(source))?)?;
        for (table, batch) in self.derived.finish_leaves().map_err(|source| self.decisions.failed(source))? {
            if let Some((_, sheet)) = self.tables.iter_mut().find(|(own, _)| *own == table) {
                sheet.write(&batch)?;
            }
        }
        Ok(())
    }

    fn finish(self, stage: &Stage, genesis: &Genesis, request: &Request) -> Result<Manifest, ExportError> {
        let checkpoint = &request.checkpoint;
        let consistency = merkle::consistency(&self.tree, self.last + 1, checkpoint.size)?;
        let left = self.left.ok_or(ExportError::OtherJournal { partition: self.partition, size: checkpoint.size })?;
        let proof = RangeProof::new(&left, &consistency);
        let mut files = vec![
            stage.file(CHECKPOINT, checkpoint.note.as_bytes())?,
            stage.file(GENESIS, &cbor::to_vec(genesis)?)?,
            stage.file(PROOF, &proof.to_bytes()?)?,
        ];
        let mut tables = Vec::new();
        for sheet in [self.decisions].into_iter().chain(self.tables.into_iter().map(|(_, sheet)| sheet)) {
            let (file, table) = sheet.finish()?;
            files.push(file);
            tables.push(table);
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Manifest {
            version: manifest::VERSION,
            instance: genesis.id()?,
            partition: self.partition,
            claim: Claim::Range { first: self.first, last: self.last },
            checkpoint: Head { origin: checkpoint.origin.clone(), size: checkpoint.size, root: checkpoint.root },
            files,
            tables,
        })
    }
}

/// Where in history an entry stands.
pub(crate) fn place(entry: &LeafEntry, leaf_hash: cairn_schemas::LeafHash) -> LeafAt {
    LeafAt { partition: entry.partition, leaf: entry.leaf, leaf_hash, height: entry.height, at: entry.time }
}
