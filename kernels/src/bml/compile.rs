//! Job to programs: one training step, and the evaluation of the whole test set.
//!
//! Owns the template `mlp` and the order of tensors in a state: weights and biases from input to output, then a velocity
//! for each in the same order. Refuses to run: replay needs the programs' bytes only, never this file.

use super::job::{Job, Mlp, Sgd};
use crate::error::ProgramError;
use crate::program::{Draft, Id, Op, Program, Type, gradient};

/// The tensors of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Types of the parameters, by tensor id.
    parameters: Vec<Type>,
}

impl Model {
    /// The tensors of a perceptron: for each layer a weight \[in, out\] and a bias \[out\].
    pub fn of(mlp: &Mlp) -> Self {
        let widths: Vec<u32> = [mlp.input].into_iter().chain(mlp.hidden.iter().copied()).chain([mlp.classes]).collect();
        let parameters = widths.windows(2).flat_map(|pair| [Type::f32(pair), Type::f32(&pair[1..])]).collect();
        Self { parameters }
    }

    /// Types of the parameters, by tensor id.
    pub fn parameters(&self) -> &[Type] {
        &self.parameters
    }

    /// Types of all tensors of a state: parameters, then a velocity for each.
    pub fn tensors(&self) -> impl Iterator<Item = &Type> {
        self.parameters.iter().chain(&self.parameters)
    }

    /// Bytes of a state's elements.
    pub fn state_bytes(&self) -> u64 {
        self.tensors().map(Type::bytes).sum()
    }
}

/// The programs of a job: what its tasks execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// One step. Reads a state; inputs 0 the batch's records, 1 its labels. Returns the next state's tensors, then the
    /// batch's mean loss, then the norm of its gradient.
    pub train: Program,
    /// Reads a state; input 0 the test records. Returns the class of each.
    pub evaluate: Program,
}

const MAGIC: &[u8; 4] = b"CRNB";

impl Programs {
    /// Both programs as one blob: "CRNB", then each with its length (u32 little-endian) before it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for program in [&self.train, &self.evaluate] {
            let part = program.to_bytes();
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&part);
        }
        bytes
    }

    /// Reads and checks both programs; bytes that `to_bytes` would not write are refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(ProgramError::Bytes { at: 0, reason: "these are no programs" })?;
        let (train, rest) = part(rest)?;
        let (evaluate, rest) = part(rest)?;
        if !rest.is_empty() {
            return Err(ProgramError::Bytes { at: bytes.len() - rest.len(), reason: "bytes after the end" });
        }
        Ok(Self { train: Program::from_bytes(train)?, evaluate: Program::from_bytes(evaluate)? })
    }

    /// BLAKE3 of the bytes: the address of the programs' blob, which a job fixes.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }
}

fn part(bytes: &[u8]) -> Result<(&[u8], &[u8]), ProgramError> {
    let short = ProgramError::Bytes { at: 4, reason: "the bytes end early" };
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(short.clone())?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(short)
}

impl Job {
    /// The programs that this job means.
    pub fn compile(&self) -> Result<Programs, ProgramError> {
        let model = Model::of(&self.model);
        Ok(Programs {
            train: train(&model, &self.model, self.train.batch, self.train.sgd)?,
            evaluate: evaluate(&model, &self.model, self.data.test)?,
        })
    }
}

fn train(model: &Model, mlp: &Mlp, batch: u32, sgd: Sgd) -> Result<Program, ProgramError> {
    let mut draft = Draft::new();
    let parameters = state(&mut draft, model, 0)?;
    let velocities = state(&mut draft, model, parameters.len() as u32)?;
    let features = draft.push(input(0, Type::f32(&[batch, mlp.input])))?;
    let labels = draft.push(input(1, Type::u32(&[batch])))?;
    let logits = forward(&mut draft, &parameters, features)?;
    let losses = draft.push(Op::CrossEntropy { logits, labels })?;
    let loss = draft.push(Op::Mean { x: losses })?;
    let gradients = gradient(&mut draft, loss, &parameters)?;
    let norm = norm(&mut draft, &gradients)?;
    let mut next_velocities = vec![];
    for (&velocity, &gradient) in velocities.iter().zip(&gradients) {
        next_velocities.push(draft.push(Op::Velocity { velocity, gradient, momentum: sgd.momentum.to_bits() })?);
    }
    let mut outputs = vec![];
    for (&parameter, &velocity) in parameters.iter().zip(&next_velocities) {
        outputs.push(draft.push(Op::Descend { parameter, velocity, rate: sgd.rate.to_bits() })?);
    }
    outputs.extend(next_velocities);
    outputs.extend([loss, norm]);
    draft.finish(outputs)
}

fn evaluate(model: &Model, mlp: &Mlp, records: u32) -> Result<Program, ProgramError> {
    let mut draft = Draft::new();
    let parameters = state(&mut draft, model, 0)?;
    let features = draft.push(input(0, Type::f32(&[records, mlp.input])))?;
    let logits = forward(&mut draft, &parameters, features)?;
    let classes = draft.push(Op::Argmax { x: logits })?;
    draft.finish(vec![classes])
}

/// The model's tensors as instructions, the first of them being tensor `first` of the state.
fn state(draft: &mut Draft, model: &Model, first: u32) -> Result<Vec<Id>, ProgramError> {
    let ops = (first..).zip(&model.parameters).map(|(tensor, of)| Op::State { tensor, shape: of.shape.clone() });
    ops.map(|op| draft.push(op)).collect()
}

fn input(slot: u32, of: Type) -> Op {
    Op::Input { slot, dtype: of.dtype, shape: of.shape }
}

/// x·W + b for each layer, ReLU between layers; the logits.
fn forward(draft: &mut Draft, parameters: &[Id], features: Id) -> Result<Id, ProgramError> {
    let layers = parameters.len() / 2;
    let mut x = features;
    for (index, layer) in parameters.chunks(2).enumerate() {
        let product = draft.push(Op::MatMul { a: x, b: layer[0], a_transposed: false, b_transposed: false })?;
        x = draft.push(Op::AddBias { x: product, bias: layer[1] })?;
        if index + 1 < layers {
            x = draft.push(Op::Relu { x })?;
        }
    }
    Ok(x)
}

/// √ Σ squares, tensor after tensor in the order of their ids.
fn norm(draft: &mut Draft, gradients: &[Id]) -> Result<Id, ProgramError> {
    let mut total = draft.push(Op::SumSquares { x: gradients[0] })?;
    for &x in &gradients[1..] {
        let b = draft.push(Op::SumSquares { x })?;
        total = draft.push(Op::Add { a: total, b })?;
    }
    draft.push(Op::Sqrt { x: total })
}
