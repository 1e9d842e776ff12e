//! Stochastic gradient descent with momentum.

use crate::error::ProgramError;
use crate::program::{Draft, Id, Op, Unary};

/// What one parameter becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sgd {
    pub parameter: Id,
    pub velocity: Id,
}

/// velocity′ = fma(momentum, velocity, gradient), parameter′ = fma(−rate, velocity′, parameter); `rate` is a scalar value.
pub fn sgd(draft: &mut Draft, before: Sgd, gradient: Id, momentum: f32, rate: Id) -> Result<Sgd, ProgramError> {
    let velocity = draft.push(Op::Velocity { velocity: before.velocity, gradient, momentum: momentum.to_bits() })?;
    Ok(Sgd { parameter: descend(draft, before.parameter, velocity, rate)?, velocity })
}

/// fma(−rate, velocity, parameter); `rate` is a scalar value.
pub fn descend(draft: &mut Draft, parameter: Id, velocity: Id, rate: Id) -> Result<Id, ProgramError> {
    let turned = draft.map(Unary::Negate, rate)?;
    draft.fma(turned, velocity, parameter)
}
