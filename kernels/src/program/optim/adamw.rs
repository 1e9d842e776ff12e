//! Adam with decoupled weight decay (Loshchilov and Hutter 2019).

use crate::error::ProgramError;
use crate::program::{Draft, Id, Unary};

/// The attributes of the rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// β₁, the decay of the mean of gradients.
    pub beta1: f32,
    /// β₂, the decay of the mean of their squares.
    pub beta2: f32,
    /// ε, added to the root.
    pub epsilon: f32,
    /// λ, the share of a parameter that a rate of 1 would take away.
    pub decay: f32,
}

/// A parameter with its two means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    pub parameter: Id,
    pub first: Id,
    pub second: Id,
}

/// What all parameters share in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdamStep {
    /// β₁ᵗ and β₂ᵗ of this step: the next state's.
    pub powers: [Id; 2],
    corrections: [Id; 2],
    rate: Id,
    kept: Id,
}

impl AdamStep {
    /// The same step for what does not decay: its kept share is 1.
    pub fn without_decay(&self, draft: &mut Draft) -> Result<Self, ProgramError> {
        Ok(Self { kept: draft.constant(1.0)?, ..*self })
    }
}

impl AdamW {
    /// powers′ = powers × β, corrections = 1 − powers′, and the kept share 1 − rate × λ. Powers are scalars of the state that
    /// start at 1; `rate` is a scalar value.
    pub fn step(&self, draft: &mut Draft, powers: [Id; 2], rate: Id) -> Result<AdamStep, ProgramError> {
        let one = draft.constant(1.0)?;
        let powers = [draft.scale(powers[0], self.beta1)?, draft.scale(powers[1], self.beta2)?];
        let corrections = [draft.subtract(one, powers[0])?, draft.subtract(one, powers[1])?];
        let lost = draft.scale(rate, self.decay)?;
        let kept = draft.subtract(one, lost)?;
        Ok(AdamStep { powers, corrections, rate: draft.map(Unary::Negate, rate)?, kept })
    }

    /// first′ = fma(β₁, first, (1 − β₁) × g), second′ = fma(β₂, second, (1 − β₂) × (g × g)), direction = (first′ ÷ correction₁) ÷
    /// (√(second′ ÷ correction₂) + ε), parameter′ = fma(−rate, direction, parameter × kept).
    pub fn update(&self, draft: &mut Draft, step: &AdamStep, before: Moments, gradient: Id) -> Result<Moments, ProgramError> {
        let square = draft.multiply(gradient, gradient)?;
        let first = moving(draft, self.beta1, before.first, gradient)?;
        let second = moving(draft, self.beta2, before.second, square)?;
        let [mean, variance] = [draft.divide(first, step.corrections[0])?, draft.divide(second, step.corrections[1])?];
        let (deviation, epsilon) = (draft.sqrt(variance)?, draft.constant(self.epsilon)?);
        let shifted = draft.add(deviation, epsilon)?;
        let direction = draft.divide(mean, shifted)?;
        let kept = draft.multiply(before.parameter, step.kept)?;
        Ok(Moments { parameter: draft.fma(step.rate, direction, kept)?, first, second })
    }
}

/// fma(β, mean, (1 − β) × x).
fn moving(draft: &mut Draft, beta: f32, mean: Id, x: Id) -> Result<Id, ProgramError> {
    let share = draft.scale(x, 1.0 - beta)?;
    let beta = draft.constant(beta)?;
    draft.fma(beta, mean, share)
}
