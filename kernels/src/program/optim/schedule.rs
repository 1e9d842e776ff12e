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
            &Self::Cosine { peak, floor, warmup, total } => {
                if warmup >= total {
                    return refuse(format!("warm-up ends at step {warmup}, the schedule at {total}"));
                }
                let falling = cosine(draft, step, peak, floor, warmup, total)?;
                if warmup == 0 { Ok(falling) } else { warmed(draft, step, peak, warmup, falling) }
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

fn cosine(draft: &mut Draft, step: Id, peak: f32, floor: f32, warmup: u32, total: u32) -> Result<Id, ProgramError> {
    let (one, start) = (draft.constant(1.0)?, draft.constant(warmup as f32)?);
    let step = draft.cast(step, Dtype::F32)?;
    let since = draft.subtract(step, start)?;
    let part = draft.divided_by(since, total - warmup)?;
    let progress = draft.zip(Binary::Minimum, part, one)?;
    let angle = draft.scale(progress, std::f32::consts::PI)?;
    let cosine = draft.map(Unary::Cos, angle)?;
    let twice = draft.add(one, cosine)?;
    let share = draft.scale(twice, 0.5)?;
    let (range, floor) = (draft.constant(peak - floor)?, draft.constant(floor)?);
    draft.fma(range, share, floor)
}

fn warmed(draft: &mut Draft, step: Id, peak: f32, warmup: u32, after: Id) -> Result<Id, ProgramError> {
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
