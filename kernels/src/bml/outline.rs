//! Outlines: what a job asks of a machine and of a purse, before it runs.
//!
//! Owns the figures of a checked job. Refuses their look, which is a command's.

use super::job::Job;
use super::model::Model;
use super::network::Layer;
use crate::error::ProgramError;
use crate::program::Program;
use crate::trace::COMMIT_EVERY;

/// A job in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    pub template: &'static str,
    /// From features to logits.
    pub layers: Vec<Layer>,
    /// Elements of all parameters.
    pub parameters: u64,
    /// Bytes of a state: parameters, and what the optimiser keeps.
    pub state_bytes: u64,
    /// One step on a batch.
    pub train: Run,
    /// One piece of the test records.
    pub evaluate: Run,
    /// Records of such a piece.
    pub piece: u32,
    pub tasks: u32,
    /// Steps of one train task, and leaves of its trace.
    pub steps: u32,
    pub leaves: u32,
    /// Labels of all test records.
    pub test_labels: u64,
    /// What tasks and checks cost at most; none: more than any amount.
    pub cost: Option<u128>,
    pub escrow: u128,
    /// The address of the programs.
    pub programs: [u8; 32],
}

/// One run of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub instructions: usize,
    /// The most bytes that its tensors take at any moment.
    pub peak_bytes: u64,
    /// Floating-point operations.
    pub operations: u64,
}

impl Run {
    fn of(program: &Program) -> Self {
        Self { instructions: program.ops().len(), peak_bytes: program.peak_bytes(), operations: program.operations() }
    }
}

impl Job {
    /// What the job asks for.
    ///
    /// Errors: layers that do not fit each other, which `Job::parse` does not give.
    pub fn outline(&self) -> Result<Outline, ProgramError> {
        let (model, programs) = (Model::of(self)?, self.compile()?);
        Ok(Outline {
            template: self.model.name(),
            layers: model.layers().to_vec(),
            parameters: model.count(),
            state_bytes: model.state_bytes(),
            train: Run::of(&programs.train),
            evaluate: Run::of(&programs.evaluate),
            piece: model.piece(&self.model.record(), self.data.test),
            tasks: self.task_count(),
            steps: self.steps(),
            leaves: 1 + self.steps().div_ceil(COMMIT_EVERY),
            test_labels: self.test_labels(),
            cost: self.cost(),
            escrow: self.pay.escrow,
            programs: programs.hash(),
        })
    }
}
