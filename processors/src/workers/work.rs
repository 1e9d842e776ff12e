//! Work: a task done, its trace, and the openings of it.
//!
//! Owns the one walk from leaf to leaf, what is kept of it, and the words that commit to it and open it. Train, aggregate and
//! evaluate are one thing here: a plan knows its own transitions. Refuses storage: what is opened is stored by the bench.

use super::{Trouble, bench::Case, submission::blob_ref};
use bytes::Bytes;
use cairn_kernels::trace::{LeafClaim, LeafValue, Material, Plan, State, TaskKind};
use cairn_schemas::{
    BlobRef, PublicKey, Root, StateRoot,
    event::{Opening, Score, TraceLeaf, WorkCommitted, WorkOpened},
    merkle::batch::Batch,
    trace,
};
use std::collections::{BTreeMap, BTreeSet};

use super::shelf::Ready;

/// States of one attempt kept in memory, bytes; beyond it only the result is, and challenged states are made again.
const KEPT_BYTES: u64 = 64 * 1024 * 1024;

/// A task that was done.
#[derive(Debug)]
pub struct Work {
    pub leaves: Vec<TraceLeaf>,
    /// What stands behind leaves, as far as it was kept; the last always.
    pub kept: BTreeMap<u32, Material>,
    pub result: Bytes,
    pub named: BlobRef,
    pub score: Option<Score>,
}

/// The plan of a task.
pub fn plan(ready: &Ready, index: u32) -> Result<Plan, Trouble> {
    let kind = TaskKind::at(&ready.job, index).map_err(cairn_kernels::Error::from)?;
    Ok(Plan::new(ready.job.clone(), ready.programs.clone(), kind).map_err(cairn_kernels::Error::from)?)
}

/// Whether the states of a whole attempt may be kept.
pub fn fits(ready: &Ready, leaves: u32) -> bool {
    ready.model.state_bytes().saturating_mul(u64::from(leaves)) <= KEPT_BYTES
}

/// A state that an earlier task made, which has the root that the journal says.
pub fn state(ready: &Ready, named: &BlobRef, root: StateRoot, bytes: &[u8]) -> Result<Material, Trouble> {
    let state = State::from_bytes(&ready.model, bytes).map_err(|error| unfit(named, &error.to_string()))?;
    stands_behind(named, root, Material::State(state))
}

/// The material, if it has this root.
pub fn stands_behind(named: &BlobRef, root: StateRoot, material: Material) -> Result<Material, Trouble> {
    if material.root() == root.0 { Ok(material) } else { Err(unfit(named, "its root is another")) }
}

pub fn unfit(named: &BlobRef, reason: &str) -> Trouble {
    Trouble::Unfit { hash: named.hash, reason: reason.into() }
}

/// A kernel's claim as the ledger writes it.
pub fn leaf(claim: &LeafClaim, material: &Material) -> TraceLeaf {
    let (state, figures) = match claim.value {
        LeafValue::State { root, loss_bits, grad_norm_bits } => (root, [u64::from(loss_bits), u64::from(grad_norm_bits)]),
        LeafValue::Score { correct, total } => (material.root(), [u64::from(correct), u64::from(total)]),
    };
    TraceLeaf { index: claim.index, state: StateRoot(state), figures }
}

/// Walks a task from its input, whose root leaf 0 shows, to its last leaf; `next` makes a leaf from what stands behind the one before.
pub fn walk(
    leaves: u32,
    root: StateRoot,
    input: Material,
    keep: impl Fn(u32) -> bool,
    mut next: impl FnMut(&Material, u32) -> Result<(TraceLeaf, Material), Trouble>,
) -> Result<Work, Trouble> {
    let mut trace = vec![TraceLeaf { index: 0, state: root, figures: [0, 0] }];
    let mut kept = BTreeMap::new();
    let mut material = input;
    for index in 1..leaves {
        let (claim, made) = next(&material, index)?;
        trace.push(claim);
        let before = std::mem::replace(&mut material, made);
        if index > 1 && keep(index - 1) {
            kept.insert(index - 1, before);
        }
    }
    let result = Bytes::from(material.to_bytes());
    let score = match &material {
        Material::Score(score) => Some(Score { correct: u64::from(score.correct), total: u64::from(score.total) }),
        _ => None,
    };
    kept.insert(leaves.saturating_sub(1), material);
    Ok(Work { leaves: trace, kept, named: blob_ref(&result), result, score })
}

impl Work {
    /// The commitment to this work.
    pub fn committed(&self, case: &Case, worker: PublicKey) -> WorkCommitted {
        WorkCommitted {
            instance: case.instance,
            task: case.task,
            attempt: case.attempt.number,
            worker,
            program: case.terms.program.hash,
            input: case.attempt.input,
            leaves: self.leaves.len() as u32,
            trace: trace::root(&case.task, case.attempt.number, &worker, &self.leaves),
            result: self.named,
            score: self.score.clone(),
        }
    }

    /// The opening of some leaves, ascending, with the states that were stored for them.
    pub fn opened(
        &self,
        case: &Case,
        worker: &PublicKey,
        indexes: &BTreeSet<u32>,
        stored: &BTreeMap<u32, BlobRef>,
    ) -> Result<WorkOpened, Trouble> {
        let tree = Batch::new(&trace::leaf_hashes(&case.task, case.attempt.number, worker, &self.leaves));
        let opening = |index: &u32| {
            let leaf = self.leaves.get(*index as usize).copied().ok_or(Trouble::Irreproducible)?;
            let path = tree.prove(*index as usize).map_err(|_| Trouble::Irreproducible)?;
            Ok(Opening { leaf, path: path.into_iter().map(Root).collect(), state: stored.get(index).copied() })
        };
        let openings = indexes.iter().map(opening).collect::<Result<_, Trouble>>()?;
        Ok(WorkOpened { task: case.task, attempt: case.attempt.number, openings })
    }
}
