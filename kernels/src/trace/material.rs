//! What stands behind a leaf: a state, the contributions to an aggregation, or a score.
//!
//! Owns roots and bytes of each; the bytes are what a worker uploads and opens. Refuses to say which leaf has which: `plan` does.

use std::sync::Arc;

use super::leaf::LeafValue;
use super::merkle::{self, Digest};
use super::state::State;
use crate::bml::Model;
use crate::error::KernelError;

/// The domain of a task's inputs, as in the ledger's schemas (`trace::inputs_root`).
const INPUT_TAG: &[u8] = b"cairn task input v1\0";

/// The material of one leaf.
#[derive(Debug, Clone, PartialEq)]
pub enum Material {
    /// Parameters and what the optimiser keeps.
    State(State),
    /// What an aggregation is given: one contribution for each shard, in order.
    Contributions(Vec<Contribution>),
    /// What an evaluation makes.
    Score(Score),
}

/// One shard's result, and the records it was learnt from.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    pub records: u32,
    pub state: State,
}

/// How many labels of the test records the model told rightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    pub correct: u32,
    pub total: u32,
}

impl Material {
    /// Its name in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::State(_) => "a state",
            Self::Contributions(_) => "contributions",
            Self::Score(_) => "a score",
        }
    }

    /// What a leaf with this material claims when no step has made it: the claim of leaf 0 and of an aggregate or a score.
    pub fn claim(&self) -> LeafValue {
        match self {
            Self::Score(score) => LeafValue::Score { correct: score.correct, total: score.total },
            _ => LeafValue::State { root: self.root(), loss_bits: 0, grad_norm_bits: 0 },
        }
    }

    /// The root. A state's is its own. Contributions have that of a tree over a tag and each state's root, which the ledger
    /// computes from the results that it has accepted. A score's is the leaf over its bytes.
    pub fn root(&self) -> Digest {
        match self {
            Self::State(state) => state.root(),
            Self::Contributions(contributions) => {
                let leaf = |of: &Contribution| merkle::leaf(&[INPUT_TAG, &of.state.root()].concat());
                merkle::root(&contributions.iter().map(leaf).collect::<Vec<_>>())
            }
            Self::Score(_) => merkle::leaf(&self.to_bytes()),
        }
    }

    /// Its blob. A state is a safetensors file; contributions are a count, then for each its records, its length and its
    /// state; a score is its two integers. Integers are u32 little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::State(state) => state.to_bytes(),
            Self::Contributions(contributions) => {
                let mut bytes = (contributions.len() as u32).to_le_bytes().to_vec();
                for of in contributions {
                    let state = of.state.to_bytes();
                    bytes.extend([of.records, state.len() as u32].iter().flat_map(|word| word.to_le_bytes()));
                    bytes.extend(state);
                }
                bytes
            }
            Self::Score(Score { correct, total }) => [correct.to_le_bytes(), total.to_le_bytes()].concat(),
        }
    }

    /// The state, or an error naming what was found instead.
    pub fn state(&self, task: &'static str) -> Result<&State, KernelError> {
        match self {
            Self::State(state) => Ok(state),
            other => Err(KernelError::Predecessor { task, wanted: "a state", found: other.name() }),
        }
    }

    /// Reads contributions of states of `model`.
    pub(super) fn contributions(model: &Arc<Model>, bytes: &[u8]) -> Result<Self, KernelError> {
        let mut reader = Words(bytes);
        let mut contributions = vec![];
        for _ in 0..reader.word()? {
            let records = reader.word()?;
            let length = reader.word()? as usize;
            contributions.push(Contribution { records, state: State::from_bytes(model, reader.take(length)?)? });
        }
        reader.end()?;
        Ok(Self::Contributions(contributions))
    }

    /// Reads a score.
    pub(super) fn score(bytes: &[u8]) -> Result<Self, KernelError> {
        let mut reader = Words(bytes);
        let score = Score { correct: reader.word()?, total: reader.word()? };
        reader.end()?;
        Ok(Self::Score(score))
    }
}

struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], KernelError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| broken("they end early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, KernelError> {
        let taken = self.take(4)?;
        Ok(u32::from_le_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    fn end(&self) -> Result<(), KernelError> {
        if self.0.is_empty() { Ok(()) } else { Err(broken("bytes follow the end")) }
    }
}

fn broken(reason: &str) -> KernelError {
    KernelError::Bytes { subject: "material", reason: reason.to_owned() }
}
