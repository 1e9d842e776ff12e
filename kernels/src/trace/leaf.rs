//! Leaves of a trace: what is claimed of each.
//!
//! Owns the claim. Refuses its hash and the trace's root: the ledger's schemas write those, with task, attempt and worker.

use super::merkle::Digest;

/// One leaf of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafClaim {
    /// From 0, the task's input.
    pub index: u32,
    pub value: LeafValue,
}

/// What a leaf claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafValue {
    /// A state (or an aggregation's contributions) and, after a step, the last batch's loss and gradient norm as f32 bits.
    State { root: Digest, loss_bits: u32, grad_norm_bits: u32 },
    /// An evaluation's integers.
    Score { correct: u32, total: u32 },
}
