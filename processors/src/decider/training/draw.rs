//! Draws: chance that nobody chooses and everybody can repeat.
//!
//! Owns the seed of a challenge and unbiased draws from it: a share, distinct steps, one of several workers; and the order in
//! which workers of equal standing are given tasks. Refuses state: it is given numbers and names.
//!
//! Until verifiable random functions stand, a lone processor can grind the seed by choosing the block before (see `TRUST.md`).

use cairn_schemas::{
    event::{Assurance, VerifyTerms},
    ids::{BlockHash, EventHash, Root, TaskId},
    sign::PublicKey,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

use crate::decider::books::{CERTAIN, rate};

const SEED_TAG: &[u8] = b"cairn challenge seed v1\0";
const DRAW_TAG: &[u8] = b"cairn draw v1\0";
const ORDER_TAG: &[u8] = b"cairn assignment v1\0";
/// Numbers drawn before a biased one is taken: each is refused with probability below one half.
const TRIES: u64 = 256;

/// The seed of an attempt's challenge: SHA-256 over a tag, the block before the draw, task, attempt and commitment.
pub fn seed(prev: BlockHash, task: &TaskId, attempt: u32, commitment: EventHash) -> Root {
    let hash = Sha256::new().chain_update(SEED_TAG).chain_update(prev.0).chain_update(task.job.0);
    let hash = hash.chain_update(task.index.to_be_bytes()).chain_update(attempt.to_be_bytes()).chain_update(commitment.0);
    Root(hash.finalize().into())
}

/// Where a worker stands among equals for this attempt.
pub fn order(task: &TaskId, attempt: u32, worker: &PublicKey) -> [u8; 32] {
    let hash = Sha256::new().chain_update(ORDER_TAG).chain_update(task.job.0).chain_update(task.index.to_be_bytes());
    hash.chain_update(attempt.to_be_bytes()).chain_update(worker.0).finalize().into()
}

/// The steps of an attempt that are done again, ascending; none if it is not checked.
pub fn steps(seed: Root, leaves: u32, terms: &VerifyTerms) -> Vec<u32> {
    let all = leaves.saturating_sub(1);
    let rate = rate(terms.assurance, &terms.rate);
    if rate < CERTAIN && Draw::new(seed, b"share", 0).below(CERTAIN) >= rate {
        return Vec::new();
    }
    let wanted = if terms.assurance == Assurance::Full { all } else { terms.steps.min(all) };
    Draw::new(seed, b"steps", 0).distinct(wanted, all).into_iter().map(|step| step + 1).collect()
}

/// One of `candidates`, each as likely as any other; `turn` counts those drawn for the attempt before.
pub fn one_of<T: Copy>(seed: Root, turn: usize, candidates: &[T]) -> Option<T> {
    let count = u64::try_from(candidates.len()).ok().filter(|count| *count > 0)?;
    let at = Draw::new(seed, b"checker", turn as u64).below(count);
    candidates.get(usize::try_from(at).ok()?).copied()
}

/// A stream of numbers from a seed and a label.
struct Draw {
    hash: Sha256,
    count: u64,
}

impl Draw {
    fn new(seed: Root, label: &[u8], turn: u64) -> Draw {
        Draw {
            hash: Sha256::new()
                .chain_update(DRAW_TAG)
                .chain_update(seed.0)
                .chain_update((label.len() as u64).to_be_bytes())
                .chain_update(label)
                .chain_update(turn.to_be_bytes()),
            count: 0,
        }
    }

    fn next(&mut self) -> u64 {
        let digest: [u8; 32] = self.hash.clone().chain_update(self.count.to_be_bytes()).finalize().into();
        self.count += 1;
        digest[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// A number below `end`, which is not zero. The last numbers of the range would favour the small ones, so they are drawn again.
    fn below(&mut self, end: u64) -> u64 {
        let fair = u64::MAX - (u64::MAX % end + 1) % end;
        let drawn = (0..TRIES).map(|_| self.next()).find(|number| *number <= fair);
        drawn.unwrap_or(0) % end
    }

    /// `count` distinct numbers below `end`, every choice as likely as any other (Floyd's sampling).
    fn distinct(&mut self, count: u32, end: u32) -> BTreeSet<u32> {
        let mut chosen = BTreeSet::new();
        for last in end - count..end {
            let number = self.below(u64::from(last) + 1) as u32;
            let fresh = if chosen.contains(&number) { last } else { number };
            chosen.insert(fresh);
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
