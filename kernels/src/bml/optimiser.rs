//! Optimisers of a job: the rule by which a step changes a state, the limit of its gradients, and its rate.
//!
//! Owns their keys, the tensors that a rule keeps beside the parameters, and the end of a training step as instructions.
//! Refuses the rules' expressions, which are `program::optim`'s.

use super::error::{Fault, JobError};
use super::fields::Fields;
use super::network::{Initial, Variable};
use crate::error::ProgramError;
use crate::program::optim::{self, AdamW, Moments, Schedule as Rates};
use crate::program::{Draft, Id, Op, Type};

/// The rule by which a step changes a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    Sgd(Sgd),
    AdamW(Adam),
}

/// Stochastic gradient descent with momentum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    pub rate: f32,
    pub momentum: f32,
}

/// Adam with decoupled decay of weights; biases, gains and other vectors do not decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    pub rate: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub epsilon: f32,
    pub decay: f32,
}

/// How the rate goes with the steps of all rounds together: up to its full value, then down to 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Steps in which the rate rises.
    pub warmup: u32,
    pub decay: Decay,
}

/// How a rate falls from the end of the warm-up to the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    None,
    Linear,
    Cosine,
}

const DECAYS: [(&str, Decay); 3] = [("cosine", Decay::Cosine), ("linear", Decay::Linear), ("none", Decay::None)];

impl Rule {
    /// Reads `sgd` or `adamw` of the mapping `train`: exactly one of them is there.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, JobError> {
        match (fields.has("sgd"), fields.has("adamw")) {
            (false, false) => Err(fields.fault(Fault::MissingKey { key: "train.sgd\" or \"train.adamw".to_owned() })),
            (true, true) => Err(fields.conflict("adamw", "train has one optimiser: sgd or adamw".to_owned())),
            (true, false) => Sgd::read(&fields.mapping("sgd", &["rate", "momentum"])?).map(Self::Sgd),
            (false, true) => Adam::read(&fields.mapping("adamw", &["rate", "beta1", "beta2", "epsilon", "decay"])?).map(Self::AdamW),
        }
    }

    /// Its canonical text.
    pub(super) fn render(&self) -> String {
        match self {
            Self::Sgd(Sgd { rate, momentum }) => format!("sgd: {{rate: \"{rate}\", momentum: \"{momentum}\"}}"),
            Self::AdamW(Adam { rate, beta1, beta2, epsilon, decay }) => {
                format!("adamw: {{rate: \"{rate}\", beta1: \"{beta1}\", beta2: \"{beta2}\", epsilon: \"{epsilon}\", decay: \"{decay}\"}}")
            }
        }
    }

    /// The rate when no schedule lowers it.
    pub fn rate(&self) -> f32 {
        match self {
            Self::Sgd(of) => of.rate,
            Self::AdamW(of) => of.rate,
        }
    }

    /// What it keeps beside these parameters, behind them in a state.
    pub(super) fn variables(&self, parameters: &[Variable]) -> Vec<Variable> {
        let kept = |prefix: &str| {
            let of = |x: &Variable| Variable { name: format!("{prefix}.{}", x.name), of: x.of.clone(), initial: Initial::Zero };
            parameters.iter().map(of).collect::<Vec<_>>()
        };
        let power = |name: &str| Variable { name: name.to_owned(), of: Type::f32(&[]), initial: Initial::One };
        match self {
            Self::Sgd(_) => kept("velocity"),
            Self::AdamW(_) => [kept("first"), kept("second"), vec![power("power.beta1"), power("power.beta2")]].concat(),
        }
    }

    /// The next state's tensors from this one's, parameters first, and the gradients of the parameters.
    pub(super) fn update(&self, draft: &mut Draft, state: &[Id], gradients: &[Id], rate: Rate) -> Result<Vec<Id>, ProgramError> {
        let (parameters, kept) = state.split_at(gradients.len());
        match self {
            Self::Sgd(of) => of.update(draft, parameters, kept, gradients, rate),
            Self::AdamW(of) => of.update(draft, parameters, kept, gradients, rate),
        }
    }
}

/// A step's rate: the same in all, or a value of the step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rate {
    Constant(f32),
    Of(Id),
}

impl Sgd {
    fn read(fields: &Fields<'_>) -> Result<Self, JobError> {
        Ok(Self { rate: rate(fields)?, momentum: share(fields, "momentum")? })
    }

    fn update(self, draft: &mut Draft, parameters: &[Id], kept: &[Id], gradients: &[Id], rate: Rate) -> Result<Vec<Id>, ProgramError> {
        let mut velocities = vec![];
        for (&velocity, &gradient) in kept.iter().zip(gradients) {
            velocities.push(draft.push(Op::Velocity { velocity, gradient, momentum: self.momentum.to_bits() })?);
        }
        let mut next = vec![];
        for (&parameter, &velocity) in parameters.iter().zip(&velocities) {
            next.push(match rate {
                Rate::Constant(rate) => draft.push(Op::Descend { parameter, velocity, rate: rate.to_bits() })?,
                Rate::Of(rate) => optim::descend(draft, parameter, velocity, rate)?,
            });
        }
        next.extend(velocities);
        Ok(next)
    }
}

impl Adam {
    fn read(fields: &Fields<'_>) -> Result<Self, JobError> {
        Ok(Self {
            rate: rate(fields)?,
            beta1: share(fields, "beta1")?,
            beta2: share(fields, "beta2")?,
            epsilon: fields.decimal("epsilon", "a decimal above 0 and at most 1", |x| x > 0.0 && x <= 1.0)?,
            decay: fields.decimal("decay", "a decimal from 0 to 10", |x| (0.0..=10.0).contains(&x))?,
        })
    }

    fn update(self, draft: &mut Draft, parameters: &[Id], kept: &[Id], gradients: &[Id], rate: Rate) -> Result<Vec<Id>, ProgramError> {
        let count = parameters.len();
        let rule = AdamW { beta1: self.beta1, beta2: self.beta2, epsilon: self.epsilon, decay: self.decay };
        let rate = match rate {
            Rate::Constant(rate) => draft.constant(rate)?,
            Rate::Of(rate) => rate,
        };
        let step = rule.step(draft, [kept[2 * count], kept[2 * count + 1]], rate)?;
        let vectors = step.without_decay(draft)?;
        let mut next = [vec![], vec![], vec![]];
        for index in 0..count {
            let before = Moments { parameter: parameters[index], first: kept[index], second: kept[count + index] };
            let step = if draft.type_of(before.parameter).shape.len() < 2 { &vectors } else { &step };
            let after = rule.update(draft, step, before, gradients[index])?;
            next.iter_mut().zip([after.parameter, after.first, after.second]).for_each(|(of, id)| of.push(id));
        }
        Ok([next.concat(), step.powers.to_vec()].concat())
    }
}

impl Schedule {
    /// Reads `schedule` of the mapping `train`, if it is there.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Option<Self>, JobError> {
        if !fields.has("schedule") {
            return Ok(None);
        }
        let of = fields.mapping("schedule", &["warmup", "decay"])?;
        Ok(Some(Self { warmup: of.integer("warmup", 0..=1 << 24)?, decay: of.word("decay", &DECAYS)? }))
    }

    /// Its canonical text.
    pub(super) fn render(&self) -> String {
        let decay = DECAYS.iter().find(|(_, decay)| *decay == self.decay).map_or("none", |(name, _)| name);
        format!("schedule: {{warmup: {}, decay: {decay}}}", self.warmup)
    }

    /// The rate of a step among `total`, as the scalar expression that it is.
    pub(super) fn rates(&self, peak: f32, total: u32) -> Rates {
        let (warmup, floor) = (self.warmup, 0.0);
        match self.decay {
            Decay::None => Rates::Warmup { rate: peak, warmup },
            Decay::Linear => Rates::Linear { peak, floor, warmup, total },
            Decay::Cosine => Rates::Cosine { peak, floor, warmup, total },
        }
    }
}

/// Reads `clip` of the mapping `train`, if it is there.
pub(super) fn clip(fields: &Fields<'_>) -> Result<Option<f32>, JobError> {
    if !fields.has("clip") {
        return Ok(None);
    }
    fields.decimal("clip", "a decimal above 0 and at most 1000000", |x| x > 0.0 && x <= 1e6).map(Some)
}

fn rate(fields: &Fields<'_>) -> Result<f32, JobError> {
    fields.decimal("rate", "a decimal above 0 and at most 1000", |rate| rate > 0.0 && rate <= 1000.0)
}

fn share(fields: &Fields<'_>, key: &str) -> Result<f32, JobError> {
    fields.decimal(key, "a decimal from 0 to below 1", |share| (0.0..1.0).contains(&share))
}
