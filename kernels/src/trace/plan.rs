//! Plans: how many leaves a task's trace has, and how each is made from the one before.
//!
//! Owns the order of records in each batch and the segments of a train task. Refuses the clock, files and randomness:
//! two machines with the same arguments make the same bits.

use std::sync::Arc;

use super::aggregate;
use super::leaf::{LeafClaim, LeafValue};
use super::material::{Contribution, Material, Score};
use super::merkle::Digest;
use super::state::State;
use super::task::TaskKind;
use crate::bml::{Job, Model, Programs};
use crate::contract::philox::{self, Site};
use crate::contract::shuffle::Shuffle;
use crate::data::DataSet;
use crate::error::{Error, KernelError, ProgramError};
use crate::exec::{Executor, Tensor};

/// Steps of one transition of a train task. A state of the default job hashes in 0.4 ms, a step takes about 1 ms: at
/// eight steps a leaf the trace costs at most 5 % of the training, as the contract asks.
pub const COMMIT_EVERY: u32 = 8;

/// One task of a job, ready to be done or re-executed.
#[derive(Debug, Clone)]
pub struct Plan {
    job: Arc<Job>,
    programs: Arc<Programs>,
    model: Arc<Model>,
    kind: TaskKind,
}

impl Plan {
    /// The plan of one task. `programs` MUST be those whose hash the job fixed.
    ///
    /// Errors: a job whose layers do not fit each other, which `Job::parse` does not give.
    pub fn new(job: Arc<Job>, programs: Arc<Programs>, kind: TaskKind) -> Result<Self, ProgramError> {
        let model = Arc::new(Model::of(&job)?);
        Ok(Self { job, programs, model, kind })
    }

    /// What the task does.
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// Leaves of its trace: the input's, then one for each transition. The same for all tasks of one kind.
    pub fn leaves(&self) -> u32 {
        1 + match self.kind {
            TaskKind::Train { .. } => self.job.steps().div_ceil(COMMIT_EVERY),
            TaskKind::Aggregate { .. } | TaskKind::Evaluate => 1,
        }
    }

    /// The input of the task from the results of `TaskKind::inputs`, in that order; each MUST be a state.
    pub fn input(&self, results: Vec<Material>) -> Result<Material, KernelError> {
        let states = results.iter().map(|result| result.state(self.kind.name()).cloned()).collect::<Result<Vec<_>, _>>()?;
        match (self.kind, &states[..]) {
            (TaskKind::Train { round: 0, .. }, []) => Ok(Material::State(State::initial(&self.model, self.job.train.seed))),
            (TaskKind::Train { round: 1.., .. } | TaskKind::Evaluate, [state]) => Ok(Material::State(state.clone())),
            (TaskKind::Aggregate { .. }, states) if states.len() == self.job.train.shards as usize => {
                let contribution =
                    |(shard, state): (u32, &State)| Contribution { records: self.job.shard_records(shard), state: state.clone() };
                Ok(Material::Contributions((0u32..).zip(states).map(contribution).collect()))
            }
            _ => Err(KernelError::Contributions { reason: format!("{} results for a {} task", states.len(), self.kind.name()) }),
        }
    }

    /// Reads the blob that stands behind leaf `leaf`. Strict: bytes that are not of this model and leaf are refused.
    pub fn material(&self, leaf: u32, bytes: &[u8]) -> Result<Material, KernelError> {
        match (self.kind, leaf) {
            _ if leaf >= self.leaves() => Err(KernelError::NoLeaf { leaf, leaves: self.leaves() }),
            (TaskKind::Aggregate { .. }, 0) => Material::contributions(&self.model, bytes),
            (TaskKind::Evaluate, 1) => Material::score(bytes),
            _ => State::from_bytes(&self.model, bytes).map(Material::State),
        }
    }

    /// Does the whole task from its input and returns the result. `on_leaf` sees every leaf in order, from 0, with the
    /// material behind it.
    pub fn run(
        &self,
        executor: &Executor,
        data: &DataSet,
        input: Material,
        mut on_leaf: impl FnMut(&LeafClaim, &Material),
    ) -> Result<Material, Error> {
        on_leaf(&LeafClaim { index: 0, value: input.claim() }, &input);
        let mut material = input;
        for leaf in 1..self.leaves() {
            let (claim, next) = self.transition(executor, data, &material, leaf)?;
            on_leaf(&claim, &next);
            material = next;
        }
        Ok(material)
    }

    /// Recomputes leaf `leaf`, from 1, from the material of leaf `leaf` − 1.
    pub fn transition(
        &self,
        executor: &Executor,
        data: &DataSet,
        predecessor: &Material,
        leaf: u32,
    ) -> Result<(LeafClaim, Material), Error> {
        if leaf == 0 || leaf >= self.leaves() {
            return Err(KernelError::NoLeaf { leaf, leaves: self.leaves() }.into());
        }
        data.fits(&self.job)?;
        let (value, material) = match self.kind {
            TaskKind::Train { round, shard } => {
                let (state, root, [loss_bits, grad_norm_bits]) =
                    self.segment(executor, data, predecessor.state("train")?, (round, shard), leaf)?;
                (LeafValue::State { root, loss_bits, grad_norm_bits }, Material::State(state))
            }
            TaskKind::Aggregate { .. } => {
                let state = Material::State(aggregate::average(self.contributions(predecessor)?)?);
                (state.claim(), state)
            }
            TaskKind::Evaluate => {
                let score = Material::Score(self.evaluate(executor, data, predecessor.state("evaluate")?)?);
                (score.claim(), score)
            }
        };
        Ok((LeafClaim { index: leaf, value }, material))
    }

    /// The steps of segment `leaf`: `COMMIT_EVERY` of them, or what is left.
    fn segment(
        &self,
        executor: &Executor,
        data: &DataSet,
        from: &State,
        (round, shard): (u32, u32),
        leaf: u32,
    ) -> Result<(State, Digest, [u32; 2]), Error> {
        let first = (leaf - 1) * COMMIT_EVERY;
        let steps = first..self.job.steps().min(first + COMMIT_EVERY);
        let mut resident = executor.resident(from.tensors())?;
        for step in steps {
            let inputs = self.batch(data, &self.records(round, shard, step), round * self.job.steps() + step);
            resident.step(&self.programs.train, &inputs)?;
        }
        let foreign = KernelError::ForeignProgram { program: "train", wanted: "a state of the model, a loss and a norm" };
        match (State::of(&self.model, resident.state()?), &resident.rest()?[..]) {
            (Ok(state), [loss, norm]) => {
                // Hashed where the state was computed: on a device, there.
                let root = state.root_over(&resident.hashes()?);
                Ok((state, root, [loss.scalar_bits(), norm.scalar_bits()]))
            }
            _ => Err(foreign.into()),
        }
    }

    /// The records of one step's batch, computable alone: the epoch's permutation of the shard, then the deal of records to shards.
    fn records(&self, round: u32, shard: u32, step: u32) -> Vec<u32> {
        let Job { train, data, .. } = &*self.job;
        let (epoch, batch) = (step / self.job.batches(), step % self.job.batches());
        let deal = Shuffle::new(train.data_seed, data.train, Site::Deal, 0);
        let order = Shuffle::new(
            train.data_seed,
            self.job.shard_records(shard),
            Site::Epoch,
            (round * train.epochs + epoch) * train.shards + shard,
        );
        (batch * train.batch..(batch + 1) * train.batch).map(|place| deal.at(order.at(place) * train.shards + shard)).collect()
    }

    /// The inputs of one step: features, labels, the job's seed, the records' numbers, and the step among those of all rounds, so
    /// that a step's randomness and rate depend on nothing before it.
    fn batch(&self, data: &DataSet, records: &[u32], step: u32) -> [Tensor; 5] {
        [
            self.features(data, records),
            data.labels(records),
            Tensor::u32(&[2], philox::key(self.job.train.seed).to_vec()),
            Tensor::u32(&[records.len() as u32], records.to_vec()),
            Tensor::u32(&[], vec![step]),
        ]
    }

    /// The features of records, in the shape that the model takes.
    fn features(&self, data: &DataSet, records: &[u32]) -> Tensor {
        data.features(records).reshaped(&self.job.model.record().features(records.len() as u32).shape)
    }

    fn contributions<'a>(&self, predecessor: &'a Material) -> Result<&'a [Contribution], KernelError> {
        let Material::Contributions(contributions) = predecessor else {
            return Err(KernelError::Predecessor { task: "aggregate", wanted: "contributions", found: predecessor.name() });
        };
        let wanted: Vec<u32> = (0..self.job.train.shards).map(|shard| self.job.shard_records(shard)).collect();
        let found: Vec<u32> = contributions.iter().map(|of| of.records).collect();
        if found != wanted {
            return Err(KernelError::Contributions { reason: format!("records {found:?}, the job deals {wanted:?}") });
        }
        if let Some(shard) = contributions.iter().position(|of| !of.state.is_of(&self.model)) {
            return Err(KernelError::Contributions { reason: format!("the state of shard {shard} is not of the job's model") });
        }
        Ok(contributions)
    }

    /// Counts piece after piece; the last one is filled up with its first record, whose extra classes nobody counts.
    fn evaluate(&self, executor: &Executor, data: &DataSet, state: &State) -> Result<Score, Error> {
        let record = self.job.model.record();
        let (first, end) = (data.train(), data.train() + data.test());
        let piece = self.model.piece(&record, self.job.data.test);
        let mut correct = 0;
        for start in (first..end).step_by(piece as usize) {
            let filled: Vec<u32> = (start..start + piece).map(|of| if of < end { of } else { start }).collect();
            let outputs = executor.execute(&self.programs.evaluate, state.tensors(), &[self.features(data, &filled)])?;
            let classes = outputs.first().map_or(&[][..], Tensor::integers);
            if classes.len() as u64 != record.labels(piece).elements() {
                return Err(KernelError::ForeignProgram { program: "evaluate", wanted: "a class for each label" }.into());
            }
            let labels = data.labels(&(start..end.min(start + piece)).collect::<Vec<u32>>());
            correct += classes.iter().zip(labels.integers()).filter(|(class, label)| class == label).count() as u32;
        }
        Ok(Score { correct, total: self.job.test_labels() as u32 })
    }
}
