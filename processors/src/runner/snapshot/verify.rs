//! Verifying snapshots: the journal folded from its front, and each snapshot held to the state behind its block.
//!
//! Owns the comparison. Refuses to decide anything again: that is replay's.

use super::{Kept, Snapshots};
use crate::runner::{Pool, RunError, fold::Fold};
use cairn_log::{
    EventLog,
    journal::{Chain, Step},
};
use cairn_schemas::StateHash;
use std::{collections::BTreeMap, sync::Arc};

/// What became of one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Its state and its chain are those behind its block.
    Met,
    /// The journal leads to another state, or another chain.
    Differs,
    /// It is not whole, or not of the height that its name says.
    Damaged,
    /// The journal ends before its block.
    Unreached,
}

impl Finding {
    /// The stable word in tables.
    pub const fn text(self) -> &'static str {
        match self {
            Finding::Met => "met",
            Finding::Differs => "differs",
            Finding::Damaged => "damaged",
            Finding::Unreached => "unreached",
        }
    }
}

/// One snapshot and what it turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotCheck {
    pub kept: Kept,
    pub finding: Finding,
    /// What it says; none if it is damaged.
    pub says: Option<StateHash>,
    /// What the journal leads to; none if it ends before.
    pub folded: Option<StateHash>,
}

/// Folds a partition's journal from its front and compares each of its snapshots, ascending by height. Changes nothing.
///
/// Errors are of reading only: a journal that must not be read on, a store that does not answer.
pub async fn verify_snapshots(
    log: Arc<dyn EventLog>,
    partition: u32,
    snapshots: &Snapshots,
    pool: Pool,
) -> Result<Vec<SnapshotCheck>, RunError> {
    let mut checks = Vec::new();
    let mut awaited = BTreeMap::new();
    for kept in snapshots.list(partition).await? {
        match snapshots.load(&kept, pool).await {
            Ok(snapshot) => {
                let says = snapshot.state.hash().ok();
                awaited.insert(kept.height, checks.len());
                checks.push((SnapshotCheck { kept, finding: Finding::Unreached, says, folded: None }, Some(snapshot.chain)));
            }
            Err(RunError::SnapshotDamaged { .. }) => {
                checks.push((SnapshotCheck { kept, finding: Finding::Damaged, says: None, folded: None }, None));
            }
            Err(error) => return Err(error),
        }
    }
    let mut fold = Fold::new(log, Chain::new(partition), None);
    while !awaited.is_empty() {
        let Some(taken) = fold.try_next().await? else { break };
        let (Step::Genesis { block, .. } | Step::Block(block)) = &taken.step else { continue };
        let Some((check, Some(chain))) = awaited.remove(&block.header.height).and_then(|at| checks.get_mut(at)) else { continue };
        check.folded = fold.state.as_ref().and_then(|state| state.hash().ok());
        let met = check.says == check.folded && same(chain, fold.follower.chain());
        check.finding = if met { Finding::Met } else { Finding::Differs };
    }
    Ok(checks.into_iter().map(|(check, _)| check).collect())
}

/// Whether a saved chain is the folded one. Void records move a chain's offset and nothing else: it was saved behind some of them.
fn same(saved: &Chain, folded: &Chain) -> bool {
    let told = |chain: &Chain| (chain.instance(), chain.epoch(), chain.owner(), chain.prev(), chain.at(), chain.time(), chain.root());
    told(saved) == told(folded) && saved.next() == folded.next() && saved.offset() >= folded.offset()
}
