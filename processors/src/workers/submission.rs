//! Submissions: the terms that a job's YAML means.
//!
//! Owns the one function from YAML to `job.submitted`. Whoever submits says its result; every worker computes it again and
//! accepts nothing that differs. Refuses data: the YAML must already pin what its records decode to.

use cairn_kernels::{
    bml::{self, Job, Model, Programs},
    trace::{Plan, State, TaskKind},
};
use cairn_schemas::{
    Account, Amount, BlobHash, BlobRef, Line, Rate, Root, StateRoot,
    event::{Assurance, DataSource, Deadlines, JobSubmitted, PayTerms, TaskPlan, VerifyTerms, WorkerTerms},
    ids::IdError,
};
use std::{str::FromStr, sync::Arc};

/// Why a job's YAML is no submission.
#[derive(Debug, thiserror::Error)]
pub enum SubmissionError {
    #[error("the job does not pin its data: data.hash is missing")]
    Unpinned,
    #[error("{key}: {source}")]
    Value { key: &'static str, source: IdError },
    #[error(transparent)]
    Kernel(#[from] cairn_kernels::Error),
}

impl SubmissionError {
    pub fn code(&self) -> &'static str {
        match self {
            SubmissionError::Unpinned => "CRN-7131",
            SubmissionError::Value { .. } => "CRN-7132",
            SubmissionError::Kernel(error) => error.code(),
        }
    }
}

/// The terms of `job`, paid from `account`, whose text is stored as `yaml`; and the programs, whose bytes are to be stored too.
pub fn submission(job: &Job, yaml: BlobRef, account: Account) -> Result<(JobSubmitted, Programs), SubmissionError> {
    let programs = job.compile().map_err(cairn_kernels::Error::from)?;
    let model = Arc::new(Model::of(job).map_err(cairn_kernels::Error::from)?);
    let bytes = programs.to_bytes();
    let terms = JobSubmitted {
        name: value("name", &job.name)?,
        account,
        yaml,
        program: blob_ref(&bytes),
        data: data(job)?,
        initial: StateRoot(State::initial(&model, job.train.seed).root()),
        plan: plan(job, &programs)?,
        workers: WorkerTerms {
            min: job.workers.min,
            stake: amount("workers.stake", job.workers.stake)?,
            bond: amount("workers.bond", job.workers.bond)?,
        },
        verify: VerifyTerms {
            assurance: match job.verify.assurance {
                bml::Assurance::Sampled => Assurance::Sampled,
                bml::Assurance::Full => Assurance::Full,
            },
            rate: value::<Rate>("verify.rate", &job.verify.rate.to_string())?,
            steps: job.verify.steps,
        },
        deadlines: deadlines(&job.deadlines),
        attempts: job.attempts,
        pay: PayTerms {
            escrow: amount("pay.escrow", job.pay.escrow)?,
            task: amount("pay.task", job.pay.task)?,
            check: amount("pay.check", job.pay.check)?,
        },
    };
    Ok((terms, programs))
}

/// The name of bytes as a blob.
pub fn blob_ref(bytes: &[u8]) -> BlobRef {
    BlobRef { hash: BlobHash(*blake3::hash(bytes).as_bytes()), size: bytes.len() as u64 }
}

/// Train and test are counted in labels, one for each position of a text: what an evaluation tells right is counted among them.
fn data(job: &Job) -> Result<DataSource, SubmissionError> {
    Ok(DataSource {
        url: value::<Line>("data.url", &job.data.url)?,
        hash: Root(job.data.hash.ok_or(SubmissionError::Unpinned)?),
        train: u64::from(job.data.train) * u64::from(job.model.record().positions()),
        test: job.test_labels(),
    })
}

/// Leaves depend on the kind of a task alone, so the first of each kind tells them.
fn plan(job: &Job, programs: &Programs) -> Result<TaskPlan, SubmissionError> {
    let (job, programs) = (Arc::new(job.clone()), Arc::new(programs.clone()));
    let leaves = |kind| -> Result<u32, SubmissionError> {
        Ok(Plan::new(job.clone(), programs.clone(), kind).map_err(cairn_kernels::Error::from)?.leaves())
    };
    Ok(TaskPlan {
        rounds: job.train.rounds,
        shards: job.train.shards,
        train_leaves: leaves(TaskKind::Train { round: 0, shard: 0 })?,
        aggregate_leaves: leaves(TaskKind::Aggregate { round: 0 })?,
        evaluate_leaves: leaves(TaskKind::Evaluate)?,
    })
}

fn deadlines(of: &bml::Deadlines) -> Deadlines {
    let ms = |seconds: u32| u64::from(seconds) * 1_000;
    Deadlines { accept_ms: ms(of.accept_s), task_ms: ms(of.task_s), check_ms: ms(of.check_s) }
}

fn amount(key: &'static str, minor: u128) -> Result<Amount, SubmissionError> {
    value(key, &minor.to_string())
}

fn value<T: FromStr<Err = IdError>>(key: &'static str, text: &str) -> Result<T, SubmissionError> {
    text.parse().map_err(|source| SubmissionError::Value { key, source })
}
