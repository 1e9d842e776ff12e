//! Dropout by integers: which element stays is a comparison of random words, the same on every machine.

use super::{Made, axes};
use crate::error::ProgramError;
use crate::program::{Draft, Id, Op, Relation};

/// What randomness is drawn under, as values: it comes with each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Randomness {
    /// u32\[2\]: the job's seed, low word first.
    pub seed: Id,
    /// u32\[batch\]: the global number of each sample, so that a batch may be split.
    pub samples: Id,
    /// u32: the step.
    pub step: Id,
}

/// x\[batch, …\] ÷ (1 − rate) where the word of its element is at least rate × 2³², else +0 (Srivastava et al. 2014).
///
/// `site` tells the dropouts of a program apart. Rates outside \[0, 1) are refused.
pub fn dropout(draft: &mut Draft, x: Id, randomness: Randomness, site: u32, rate: f32) -> Made {
    if !(0.0..1.0).contains(&rate) {
        return Err(ProgramError::Layer { layer: "dropout", reason: format!("the rate is {rate}, from 0 to below 1 is wanted") });
    }
    let shape = axes(draft, "dropout", x)?;
    let Randomness { seed, samples, step } = randomness;
    let words = draft.push(Op::Random { seed, samples, step, site, shape: shape[1..].to_vec() })?;
    // Exact: 24 bits times a power of two, then the fraction cut.
    let threshold = draft.integer((f64::from(rate) * 4_294_967_296.0) as u32)?;
    let stays = draft.compare(Relation::LessOrEqual, threshold, words)?;
    let scaled = draft.scale(x, 1.0 / (1.0 - rate))?;
    let zero = draft.constant(0.0)?;
    draft.select(stays, scaled, zero)
}
