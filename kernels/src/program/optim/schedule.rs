//! Learning rates as scalar expressions of the step.

use crate::error::ProgramError;
use crate::program::{Binary, Draft, Dtype, Id, Relation, Unary};

/// How a rate changes with the step. Steps beyond 2²⁴ are rounded to f32.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant { rate: f32 },
    /// Times `factor` from each of the milestones on, one product after another.
    Step { rate: f32, factor: f32, milestones: Vec<u32> },
    /// rate × (step + 1) ÷ warmup before step `warmup`, then the rate.
    Warmup { rate: f32, warmup: u32 },
    /// peak × (step + 1) ÷ warmup before step `warmup`; then floor + (peak − floor) × (1 − progress), with progress as for `Cosine`.
    Linear { peak: f32, floor: f32, warmup: u32, total: u32 },
    /// peak × (step + 1) ÷ warmup before step `warmup`; then floor + (peak − floor) × (1 + cos(π × progress)) × ½, where progress
    /// goes from 0 to 1 at step `total` and stays (Loshchilov and Hutter 2017).
    Cosine { peak: f32, floor: f32, warmup: u32, total: u32 },
}

/// More milestones than a job could mean.
const MILESTONES: usize = 64;

impl Schedule {
    /// The rate at `step`, a scalar u32: a scalar f32.
    pub fn rate(&self, draft: &mut Draft, step: Id) -> Result<Id, ProgramError> {
        match self {
            &Self::Constant { rate } => draft.constant(rate),
            Self::Step { rate, factor, milestones } => stepped(draft, step, *rate, *factor, milestones),
            &Self::Warmup { rate, warmup } => {
                let after = draft.constant(rate)?;
                warmed(draft, step, rate, warmup, after)
            }
            &Self::Linear { peak, floor, warmup, total } => {
                let progress = progress(draft, step, warmup, total)?;
                let one = draft.constant(1.0)?;
                let left = draft.subtract(one, progress)?;
                let falling = between(draft, floor, peak, left)?;
                warmed(draft, step, peak, warmup, falling)
            }
            &Self::Cosine { peak, floor, warmup, total } => {
                let progress = progress(draft, step, warmup, total)?;
                let left = half_wave(draft, progress)?;
                let falling = between(draft, floor, peak, left)?;
                warmed(draft, step, peak, warmup, falling)
            }
        }
    }
}

fn stepped(draft: &mut Draft, step: Id, rate: f32, factor: f32, milestones: &[u32]) -> Result<Id, ProgramError> {
    if milestones.len() > MILESTONES || !milestones.is_sorted() {
        return refuse(format!("milestones are at most {MILESTONES}, ascending"));
    }
    let (mut value, mut rate) = (draft.constant(rate)?, rate);
    for &milestone in milestones {
        rate *= factor;
        let (milestone, after) = (draft.integer(milestone)?, draft.constant(rate)?);
        let reached = draft.compare(Relation::LessOrEqual, milestone, step)?;
        value = draft.select(reached, after, value)?;
    }
    Ok(value)
}

/// From 0 at step `warmup` to 1 at step `total`, where it stays.
fn progress(draft: &mut Draft, step: Id, warmup: u32, total: u32) -> Result<Id, ProgramError> {
    if warmup >= total {
        return refuse(format!("warm-up ends at step {warmup}, the schedule at {total}"));
    }
    let (one, start) = (draft.constant(1.0)?, draft.constant(warmup as f32)?);
    let step = draft.cast(step, Dtype::F32)?;
    let since = draft.subtract(step, start)?;
    let part = draft.divided_by(since, total - warmup)?;
    draft.zip(Binary::Minimum, part, one)
}

/// (1 + cos(π × progress)) × ½.
fn half_wave(draft: &mut Draft, progress: Id) -> Result<Id, ProgramError> {
    let one = draft.constant(1.0)?;
    let angle = draft.scale(progress, std::f32::consts::PI)?;
    let cosine = draft.map(Unary::Cos, angle)?;
    let twice = draft.add(one, cosine)?;
    draft.scale(twice, 0.5)
}

/// floor + (peak − floor) × share with one rounding.
fn between(draft: &mut Draft, floor: f32, peak: f32, share: Id) -> Result<Id, ProgramError> {
    let (range, floor) = (draft.constant(peak - floor)?, draft.constant(floor)?);
    draft.fma(range, share, floor)
}

/// peak × (step + 1) ÷ warmup before step `warmup`, then `after`.
fn warmed(draft: &mut Draft, step: Id, peak: f32, warmup: u32, after: Id) -> Result<Id, ProgramError> {
    if warmup == 0 {
        return Ok(after);
    }
    let (one, peak) = (draft.constant(1.0)?, draft.constant(peak)?);
    let done = draft.cast(step, Dtype::F32)?;
    let next = draft.add(done, one)?;
    let product = draft.multiply(peak, next)?;
    let rising = draft.divided_by(product, warmup)?;
    let end = draft.integer(warmup)?;
    let warming = draft.compare(Relation::Less, step, end)?;
    draft.select(warming, rising, after)
}

fn refuse(reason: String) -> Result<Id, ProgramError> {
    Err(ProgramError::Layer { layer: "schedule", reason })
}
