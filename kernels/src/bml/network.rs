//! Networks: a template's layers, each with its parameters, in the order in which a state has them.
//!
//! Owns the names, shapes and first values of parameters and the table of layers. One walk of a template serves two ends:
//! without given parameters it finds which there are, with them it composes the program. Refuses gradients and rules.

use super::template::{Activation, Norm};
use crate::contract::scalar::sqrt;
use crate::error::ProgramError;
use crate::program::layers::{self, Affine, LstmState, LstmWeights, Made, Projections, Randomness};
use crate::program::{Draft, Id, Op, Type};

/// ε of norms: what most implementations of them use.
const EPSILON: f32 = 1e-5;
/// The deviation of embeddings (Radford et al. 2019).
const EMBEDDING: f32 = 0.02;
/// Sites of dropouts begin where programs' begin.
const FIRST_SITE: u32 = crate::contract::philox::PROGRAM_SITES;

/// A tensor of a state: its name in files, its type, and what it begins as.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    pub name: String,
    pub of: Type,
    pub initial: Initial,
}

/// What a tensor begins as; random ones from the job's seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initial {
    Zero,
    One,
    /// From −limit to limit.
    Uniform {
        limit: f32,
    },
    /// With mean 0.
    Normal {
        deviation: f32,
    },
    /// The bias of an LSTM's four gates: 1 for the second, which forgets, else 0 (Jozefowicz et al. 2015).
    Forget,
}

/// How a weight is scaled by the number of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Uniform within √(6 ÷ inputs): before a ReLU (He et al. 2015).
    He,
    /// Uniform within √(3 ÷ inputs): a variance of 1 ÷ inputs.
    Unit,
    /// Uniform within √(3 ÷ (inputs × parts)): what `parts` additions to one value share.
    Residual { parts: u32 },
}

/// One layer, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name; that of its parameters begins with it.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// Its result for one record, without the axis of records.
    pub shape: Vec<u32>,
    /// Elements of its parameters.
    pub parameters: u64,
}

/// A model in the making.
pub struct Network<'a> {
    pub draft: &'a mut Draft,
    /// The parameters, if they are already in the draft.
    given: &'a [Id],
    randomness: Option<Randomness>,
    sites: u32,
    pub variables: Vec<Variable>,
    pub layers: Vec<Layer>,
    counted: u64,
}

impl<'a> Network<'a> {
    /// A network over given parameters, none to find which there are. It drops values if there is randomness.
    pub fn new(draft: &'a mut Draft, given: &'a [Id], randomness: Option<Randomness>) -> Self {
        Self { draft, given, randomness, sites: FIRST_SITE, variables: vec![], layers: vec![], counted: 0 }
    }

    /// x·W + b over the last axis.
    pub fn linear(&mut self, name: &str, x: Id, outputs: u32, start: Start) -> Made {
        let inputs = self.last(x);
        let affine = self.affine(name, &[inputs, outputs], inputs, start)?;
        let y = layers::linear(self.draft, x, affine)?;
        Ok(self.row(name, "linear", y))
    }

    /// A convolution of images that keeps height and width; `kernel` is odd.
    pub fn conv2d(&mut self, name: &str, x: Id, outputs: u32, kernel: u32) -> Made {
        let inputs = self.last(x);
        let affine = self.affine(name, &[kernel, kernel, inputs, outputs], kernel * kernel * inputs, Start::He)?;
        let y = layers::conv2d(self.draft, x, affine, 1, kernel / 2)?;
        Ok(self.row(name, &format!("convolution {kernel} × {kernel}"), y))
    }

    /// The maximum of each window of `side` × `side`.
    pub fn max_pool(&mut self, x: Id, side: u32) -> Made {
        let y = self.draft.push(Op::MaxPool { x, kernel: side, stride: side })?;
        Ok(self.row("", &format!("maximum of {side} × {side}"), y))
    }

    /// A record's elements as one axis.
    pub fn flatten(&mut self, x: Id) -> Made {
        let shape = self.draft.type_of(x).shape.clone();
        let width = Type::f32(&shape[1..]).elements() as u32;
        self.draft.reshape(x, &[shape[0], width])
    }

    /// A function of each element.
    pub fn activation(&mut self, x: Id, activation: Activation) -> Made {
        let y = match activation {
            Activation::Relu => layers::relu(self.draft, x),
            Activation::Gelu => layers::gelu(self.draft, x),
            Activation::Silu => layers::silu(self.draft, x),
        }?;
        Ok(self.row("", activation.name(), y))
    }

    /// While training, +0 for a share of the elements; else x.
    pub fn dropout(&mut self, x: Id, rate: f32) -> Made {
        match self.randomness {
            Some(randomness) if rate > 0.0 => {
                self.sites += 1;
                layers::dropout(self.draft, x, randomness, self.sites - 1, rate)
            }
            _ => Ok(x),
        }
    }

    /// x + what a part adds to it, of which a share is dropped.
    pub fn residual(&mut self, x: Id, added: Id, rate: f32) -> Made {
        let added = self.dropout(added, rate)?;
        self.draft.add(x, added)
    }

    /// A row of a table for each token.
    pub fn embedding(&mut self, name: &str, tokens: Id, rows: u32, width: u32) -> Made {
        let table = self.variable(name, "weight", &[rows, width], Initial::Normal { deviation: EMBEDDING })?;
        let y = self.draft.push(Op::Embedding { table, ids: tokens })?;
        Ok(self.row(name, "embedding", y))
    }

    /// x + a row for each of its places.
    pub fn positions(&mut self, name: &str, x: Id) -> Made {
        let shape = self.draft.type_of(x).shape.clone();
        let table = self.variable(name, "weight", &shape[1..], Initial::Normal { deviation: EMBEDDING })?;
        let y = self.draft.add(x, table)?;
        Ok(self.row(name, "learnt places", y))
    }

    /// A norm of the last axis.
    pub fn norm(&mut self, name: &str, x: Id, norm: Norm) -> Made {
        let width = self.last(x);
        let gain = self.variable(name, "gain", &[width], Initial::One)?;
        match norm {
            Norm::Rms => {
                let y = layers::rms_norm(self.draft, x, gain, EPSILON)?;
                Ok(self.row(name, "RMS norm", y))
            }
            Norm::Layer => {
                let bias = self.variable(name, "bias", &[width], Initial::Zero)?;
                let y = layers::layer_norm(self.draft, x, gain, bias, EPSILON)?;
                Ok(self.row(name, "layer norm", y))
            }
        }
    }

    /// Causal attention in `heads` parts of the width.
    pub fn attention(&mut self, name: &str, x: Id, heads: u32, output: Start) -> Made {
        let width = self.last(x);
        let mut project = |part: &str, start| self.affine(&format!("{name}.{part}"), &[width, width], width, start);
        let projections = Projections {
            query: project("query", Start::Unit)?,
            key: project("key", Start::Unit)?,
            value: project("value", Start::Unit)?,
            output: project("output", output)?,
        };
        let y = layers::multi_head_attention(self.draft, x, &projections, heads, true)?;
        Ok(self.row(name, &format!("causal attention, {heads} heads"), y))
    }

    /// Tokens\[batch, time\] as `time` embeddings of \[batch, width\]. Each is looked up alone: to cut one tensor apart would
    /// give gradients of the whole for each step.
    pub fn embedded_steps(&mut self, name: &str, tokens: Id, rows: u32, width: u32) -> Result<Vec<Id>, ProgramError> {
        let [batch, time] = self.draft.type_of(tokens).shape[..] else { return Err(no_sequence(name)) };
        let table = self.variable(name, "weight", &[rows, width], Initial::Normal { deviation: 1.0 })?;
        let mut steps = vec![];
        for step in 0..time {
            let ids = self.draft.slice(tokens, 1, step, 1)?;
            let ids = self.draft.reshape(ids, &[batch])?;
            steps.push(self.draft.push(Op::Embedding { table, ids })?);
        }
        self.table_row(name, "embedding", vec![time, width]);
        Ok(steps)
    }

    /// The hidden values of a layer of cells at each step, from rest.
    pub fn lstm(&mut self, name: &str, steps: &[Id], width: u32) -> Result<Vec<Id>, ProgramError> {
        let Some(&first) = steps.first() else { return Err(no_sequence(name)) };
        let (batch, inputs) = (self.draft.type_of(first).shape[0], self.last(first));
        let initial = Initial::Uniform { limit: 1.0 / sqrt(width as f32) };
        let weights = LstmWeights {
            input: self.variable(name, "input", &[inputs, 4 * width], initial)?,
            hidden: self.variable(name, "hidden", &[width, 4 * width], initial)?,
            bias: self.variable(name, "bias", &[4 * width], Initial::Forget)?,
        };
        let rest = self.draft.push(Op::Fill { bits: 0, shape: vec![batch, width] })?;
        let mut state = LstmState { hidden: rest, cell: rest };
        let mut seen = vec![];
        for &x in steps {
            state = layers::lstm_cell(self.draft, x, state, weights)?;
            seen.push(state.hidden);
        }
        self.table_row(name, "LSTM", vec![steps.len() as u32, width]);
        Ok(seen)
    }

    /// \[batch, width\] of each step as \[batch, time, width\].
    pub fn joined(&mut self, steps: &[Id]) -> Made {
        let mut parts = vec![];
        for &x in steps {
            let [batch, width] = self.draft.type_of(x).shape[..] else { return Err(no_sequence("joined steps")) };
            parts.push(self.draft.reshape(x, &[batch, 1, width])?);
        }
        self.draft.concat(&parts, 1)
    }

    fn affine(&mut self, name: &str, shape: &[u32], inputs: u32, start: Start) -> Result<Affine, ProgramError> {
        let limit = match start {
            Start::He => sqrt(6.0 / inputs as f32),
            Start::Unit => sqrt(3.0 / inputs as f32),
            Start::Residual { parts } => sqrt(3.0 / (inputs as f32 * parts as f32)),
        };
        let weight = self.variable(name, "weight", shape, Initial::Uniform { limit })?;
        let bias = self.variable(name, "bias", &shape[shape.len() - 1..], Initial::Zero)?;
        Ok(Affine { weight, bias: Some(bias) })
    }

    /// The next parameter: a given one, or a new tensor of the state.
    fn variable(&mut self, name: &str, part: &str, shape: &[u32], initial: Initial) -> Made {
        let tensor = self.variables.len();
        let of = Type::f32(shape);
        self.counted = self.counted.saturating_add(of.elements());
        self.variables.push(Variable { name: format!("{name}.{part}"), of, initial });
        match self.given.get(tensor) {
            Some(&id) => Ok(id),
            None => self.draft.push(Op::State { tensor: tensor as u32, shape: shape.to_vec() }),
        }
    }

    /// Notes that a layer made `y`.
    fn row(&mut self, name: &str, kind: &str, y: Id) -> Id {
        let shape = self.draft.type_of(y).shape.get(1..).unwrap_or_default().to_vec();
        self.table_row(name, kind, shape);
        y
    }

    fn table_row(&mut self, name: &str, kind: &str, shape: Vec<u32>) {
        let parameters = std::mem::take(&mut self.counted);
        self.layers.push(Layer { name: name.to_owned(), kind: kind.to_owned(), shape, parameters });
    }

    fn last(&self, x: Id) -> u32 {
        self.draft.type_of(x).shape.last().copied().unwrap_or(1)
    }
}

fn no_sequence(name: &str) -> ProgramError {
    ProgramError::Layer { layer: "lstm", reason: format!("{name} has no steps of [batch, width]") }
}
