//! Job to programs: one training step, the evaluation of a piece of the test set, and the drawing of tokens.
//!
//! Owns the slots of inputs and the order of a step: state, features, labels, layers, loss, gradients, rule. Refuses to run: replay
//! needs the programs' bytes only, never this file.

use super::job::Job;
use super::model::{Model, input};
use super::network::Network;
use super::optimiser::Rate;
use super::template::Record;
use crate::contract::philox::PROGRAM_SITES;
use crate::error::ProgramError;
use crate::program::layers::{Randomness, cross_entropy};
use crate::program::optim::{clip, global_norm};
use crate::program::{Binary, Draft, Dtype, Id, Op, Program, Type, Unary, gradient};

/// Slots of inputs.
pub(super) const FEATURES: u32 = 0;
const LABELS: u32 = 1;
const SEED: u32 = 2;
const SAMPLES: u32 = 3;
const STEP: u32 = 4;

/// The programs of a job: what its tasks execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// One step. Reads a state; inputs 0 the batch's features, 1 its labels, and, as far as it needs them, 2 the job's seed
    /// (two words, low first), 3 the number of each record, 4 the step among those of all rounds. Returns the next state's
    /// tensors, then the batch's mean loss, then the norm of its gradient before any clipping.
    pub train: Program,
    /// Reads a state; input 0 the features of a piece of the test records. Returns the likeliest class for each label.
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
        let model = Model::of(self)?;
        Ok(Programs { train: train(self, &model)?, evaluate: evaluate(self, &model)? })
    }

    /// A program that draws tokens: state; input 0 one record's features, 2 a seed, 3 one sample, 4 the step. Returns for each
    /// place a token drawn from softmax(logits ÷ temperature): the largest of logits ÷ temperature − log(−log u) with u uniform
    /// in (0, 1) (Gumbel 1954).
    ///
    /// Errors: a model whose records are no tokens; a temperature that is not above 0.
    pub fn generator(&self, temperature: f32) -> Result<Program, ProgramError> {
        let refuse = |reason: &str| Err(ProgramError::Layer { layer: "generator", reason: reason.to_owned() });
        let Record::Tokens { context, vocabulary } = self.model.record() else { return refuse("its records are no tokens") };
        if temperature.is_nan() || temperature <= 0.0 {
            return refuse("its temperature must be above 0");
        }
        let mut draft = Draft::new();
        let parameters = states(&mut draft, &Model::of(self)?, true)?;
        let logits = forward(self, &mut draft, &parameters, 1, None)?;
        let Randomness { seed, samples, step } = randomness(&mut draft, 1)?;
        let words = draft.push(Op::Random { seed, samples, step, site: PROGRAM_SITES, shape: vec![context, vocabulary] })?;
        let noise = gumbel(&mut draft, words)?;
        let noise = draft.reshape(noise, &[context, vocabulary])?;
        let cooled = draft.scale(logits, 1.0 / temperature)?;
        let x = draft.add(cooled, noise)?;
        let drawn = draft.push(Op::Argmax { x })?;
        draft.finish(vec![drawn])
    }
}

fn train(job: &Job, model: &Model) -> Result<Program, ProgramError> {
    let mut draft = Draft::new();
    let state = states(&mut draft, model, false)?;
    let parameters = &state[..model.parameters().len()];
    let (features, labels) = (job.model.record().features(job.train.batch), job.model.record().labels(job.train.batch));
    let features = draft.push(input(FEATURES, features))?;
    let labels = draft.push(input(LABELS, labels))?;
    let randomness = if job.model.dropout() > 0.0 { Some(randomness(&mut draft, job.train.batch)?) } else { None };
    let logits = job.model.logits(&mut Network::new(&mut draft, parameters, randomness), features)?;
    let loss = cross_entropy(&mut draft, logits, labels)?;
    let gradients = gradient(&mut draft, loss, parameters)?;
    let (gradients, norm) = match job.train.clip {
        None => {
            let norm = global_norm(&mut draft, &gradients)?;
            (gradients, norm)
        }
        Some(limit) => clip(&mut draft, &gradients, limit)?,
    };
    let rate = match job.train.schedule {
        None => Rate::Constant(job.train.rule.rate()),
        Some(schedule) => {
            let step = match randomness {
                Some(Randomness { step, .. }) => step,
                None => draft.push(input(STEP, Type::u32(&[])))?,
            };
            Rate::Of(schedule.rates(job.train.rule.rate(), job.all_steps()).rate(&mut draft, step)?)
        }
    };
    let mut outputs = job.train.rule.update(&mut draft, &state, &gradients, rate)?;
    outputs.extend([loss, norm]);
    draft.finish(outputs)
}

fn evaluate(job: &Job, model: &Model) -> Result<Program, ProgramError> {
    let mut draft = Draft::new();
    let parameters = states(&mut draft, model, true)?;
    let records = model.piece(&job.model.record(), job.data.test);
    let x = forward(job, &mut draft, &parameters, records, None)?;
    let classes = draft.push(Op::Argmax { x })?;
    draft.finish(vec![classes])
}

/// Logits\[labels, classes\] of some records.
fn forward(job: &Job, draft: &mut Draft, parameters: &[Id], records: u32, randomness: Option<Randomness>) -> Result<Id, ProgramError> {
    let record = job.model.record();
    let features = draft.push(input(FEATURES, record.features(records)))?;
    let logits = job.model.logits(&mut Network::new(draft, parameters, randomness), features)?;
    let labels = u32::try_from(record.labels(records).elements()).unwrap_or(u32::MAX);
    draft.reshape(logits, &[labels, record.classes()])
}

/// A model's tensors as instructions, or its parameters alone.
fn states(draft: &mut Draft, model: &Model, parameters_only: bool) -> Result<Vec<Id>, ProgramError> {
    let variables = if parameters_only { model.parameters() } else { model.variables() };
    let ops = (0..).zip(variables).map(|(tensor, variable)| Op::State { tensor, shape: variable.of.shape.clone() });
    ops.map(|op| draft.push(op)).collect()
}

/// What random words are drawn under.
fn randomness(draft: &mut Draft, samples: u32) -> Result<Randomness, ProgramError> {
    Ok(Randomness {
        seed: draft.push(input(SEED, Type::u32(&[2])))?,
        samples: draft.push(input(SAMPLES, Type::u32(&[samples])))?,
        step: draft.push(input(STEP, Type::u32(&[])))?,
    })
}

/// −log(−log u) with u = (word + ½) ÷ 2³², kept below 1.
fn gumbel(draft: &mut Draft, words: Id) -> Result<Id, ProgramError> {
    let word = draft.cast(words, Dtype::F32)?;
    let half = draft.constant(0.5)?;
    let middle = draft.add(word, half)?;
    let u = draft.scale(middle, 1.0 / 4_294_967_296.0)?;
    let below = draft.constant(1.0 - f32::EPSILON / 2.0)?;
    let u = draft.zip(Binary::Minimum, u, below)?;
    let log = draft.map(Unary::Log, u)?;
    let positive = draft.map(Unary::Negate, log)?;
    let log = draft.map(Unary::Log, positive)?;
    draft.map(Unary::Negate, log)
}
