//! Models: the tensors of a job's state.
//!
//! Owns their order: the template's parameters as its layers come, then the optimiser's tensors. Refuses values: `trace::State` has those.

use super::job::Job;
use super::network::{Initial, Layer, Network, Variable};
use super::template::Record;
use crate::error::ProgramError;
use crate::program::{Draft, Op, Type};

/// The tensors of a state, and the layers that they are of.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    variables: Vec<Variable>,
    parameters: usize,
    layers: Vec<Layer>,
    /// Bytes of the largest value that a record makes on its way through.
    widest: u64,
}

impl Model {
    /// The tensors of a job.
    ///
    /// Errors: layers that do not fit each other or are beyond a program's limits. Nothing is allocated for them.
    pub fn of(job: &Job) -> Result<Self, ProgramError> {
        let mut draft = Draft::new();
        let features = draft.push(input(super::compile::FEATURES, job.model.record().features(1)))?;
        let mut network = Network::new(&mut draft, &[], None);
        job.model.logits(&mut network, features)?;
        let (mut variables, layers) = (network.variables, network.layers);
        let parameters = variables.len();
        variables.extend(job.train.rule.variables(&variables));
        Ok(Self { parameters, layers, widest: draft.widest(), variables })
    }

    /// A model of parameters with these names and types, and no optimiser: what a foreign file of tensors may be.
    pub fn of_tensors(tensors: impl IntoIterator<Item = (String, Type)>) -> Self {
        let variables: Vec<Variable> = tensors.into_iter().map(|(name, of)| Variable { name, of, initial: Initial::Zero }).collect();
        Self { parameters: variables.len(), layers: vec![], widest: 0, variables }
    }

    /// The parameters, by tensor id.
    pub fn parameters(&self) -> &[Variable] {
        &self.variables[..self.parameters]
    }

    /// All tensors of a state, by id: parameters, then what the optimiser keeps.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The layers, from features to logits.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Elements of all parameters.
    pub fn count(&self) -> u64 {
        self.parameters().iter().map(|variable| variable.of.elements()).sum()
    }

    /// Bytes of a state's elements.
    pub fn state_bytes(&self) -> u64 {
        self.variables.iter().map(|variable| variable.of.bytes()).fold(0, u64::saturating_add)
    }

    /// Records that an evaluation takes at once: as many as make no value larger than [`PIECE_BYTES`], so that its memory
    /// does not grow with the test set.
    pub fn piece(&self, record: &Record, test: u32) -> u32 {
        let widest = self.widest.max(record.bytes()).max(1);
        u32::try_from(PIECE_BYTES / widest).unwrap_or(u32::MAX).clamp(1, test)
    }
}

/// Bytes of the largest value of an evaluation.
const PIECE_BYTES: u64 = 64 << 20;

/// Argument `slot` of a program.
pub(super) fn input(slot: u32, of: Type) -> Op {
    Op::Input { slot, dtype: of.dtype, shape: of.shape }
}
