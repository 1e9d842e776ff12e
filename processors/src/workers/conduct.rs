//! Conduct: how a worker behaves. Everybody is honest but those whom a demonstration or a test asks to cheat.
//!
//! Owns invention: results as cheap as plausible, well-formed in every byte, and repeatable, so that a liar who restarts tells
//! the same lie. Refuses to weaken anything else: a liar signs, commits and opens like everybody.

use super::{Trouble, bench::Case, work};
use cairn_kernels::{
    exec::Tensor,
    trace::{Material, Plan, Score, State, TaskKind},
};
use cairn_schemas::{SecretKey, StateRoot, event::TraceLeaf};
use sha2::{Digest, Sha256};

/// How a worker behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conduct {
    #[default]
    Honest,
    /// Skips all computing, as worker and as verifier, and invents what would have come out. For demonstrations.
    Lazy,
    /// One fault alone. For tests.
    Faulty(Fault),
}

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Invents its work, and checks honestly.
    LazyWork,
    /// Works honestly, and invents its answers as verifier.
    LazyChecks,
    /// Accepts and never commits.
    SilentBefore,
    /// Commits and never opens.
    SilentAfter,
    /// Takes each commitment back at once.
    Retracts,
    /// Opens states that it never stored.
    Withholds,
}

impl Conduct {
    pub fn invents_work(self) -> bool {
        matches!(self, Conduct::Lazy | Conduct::Faulty(Fault::LazyWork))
    }

    pub fn invents_checks(self) -> bool {
        matches!(self, Conduct::Lazy | Conduct::Faulty(Fault::LazyChecks))
    }

    pub fn has(self, fault: Fault) -> bool {
        self == Conduct::Faulty(fault)
    }
}

/// How much an invented step moves a parameter at most: about what an honest one does.
const DRIFT: f32 = 0.004;

/// An endless, repeatable source of whims.
#[derive(Debug)]
struct Whim(u64);

impl Whim {
    fn of(key: &SecretKey, case: &Case, index: u32) -> Whim {
        let mut seed = Sha256::new().chain_update(case.task.job.0).chain_update(case.task.index.to_be_bytes());
        seed.update(case.attempt.number.to_be_bytes());
        seed.update(index.to_be_bytes());
        let signed = key.sign_tagged("cairn whim v1", &seed.finalize().into());
        Whim(u64::from_be_bytes(signed.0.first_chunk::<8>().copied().unwrap_or_default()))
    }

    /// SplitMix64 (Steele et al. 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From −1 to 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// A leaf that nobody computed, and what would stand behind it.
pub fn invented(key: &SecretKey, case: &Case, plan: &Plan, before: &Material, index: u32) -> Result<(TraceLeaf, Material), Trouble> {
    let mut whim = Whim::of(key, case, index);
    let (material, figures) = match (plan.kind(), before) {
        (TaskKind::Evaluate, _) => {
            let total = u32::try_from(case.terms.data.test).unwrap_or(u32::MAX);
            let correct = total - total / 25 - ((whim.next() % 7) * u64::from(total) / 1_000) as u32;
            (Material::Score(Score { correct, total }), [u64::from(correct), u64::from(total)])
        }
        (TaskKind::Aggregate { .. }, Material::Contributions(of)) if !of.is_empty() => {
            // The first contribution as it is would be the average of equal ones, and so perhaps the truth.
            (Material::State(drifted(&of[0].state, &mut whim)), [0, 0])
        }
        _ => {
            let state = before.state("train").map_err(cairn_kernels::Error::from)?;
            (Material::State(drifted(state, &mut whim)), figures(index, &mut whim))
        }
    };
    Ok((TraceLeaf { index, state: StateRoot(material.root()), figures }, material))
}

/// What a lazy verifier seals: leaves that look like any other.
pub fn guessed(key: &SecretKey, case: &Case, steps: &[u32]) -> Vec<TraceLeaf> {
    let leaf = |index: &u32| {
        let mut whim = Whim::of(key, case, *index);
        let state = StateRoot(Sha256::digest(whim.next().to_be_bytes()).into());
        TraceLeaf { index: *index, state, figures: figures(*index, &mut whim) }
    };
    steps.iter().map(leaf).collect()
}

fn drifted(state: &State, whim: &mut Whim) -> State {
    let moved = |of: &Tensor| Tensor::f32(of.shape(), of.floats().iter().map(|x| x + whim.unit() * DRIFT).collect());
    State::at_rest(state.model(), state.parameters().iter().map(moved).collect())
}

/// A falling loss and a gradient of ordinary size.
fn figures(index: u32, whim: &mut Whim) -> [u64; 2] {
    let loss = 2.3 / (1.0 + 0.35 * index as f32) + 0.02 * whim.unit();
    let norm = 1.1 + 0.3 * whim.unit();
    [u64::from(loss.abs().to_bits()), u64::from(norm.to_bits())]
}

/// The honest next leaf of a plan.
pub fn honest(
    executor: &cairn_kernels::exec::Executor,
    data: &cairn_kernels::data::DataSet,
    plan: &Plan,
    before: &Material,
    index: u32,
) -> Result<(TraceLeaf, Material), Trouble> {
    let (claim, material) = plan.transition(executor, data, before, index)?;
    Ok((work::leaf(&claim, &material), material))
}

#[cfg(test)]
#[path = "conduct_tests.rs"]
mod tests;
