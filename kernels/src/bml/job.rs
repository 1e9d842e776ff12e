//! A job: what is trained, on what, by how many, checked how, paid what.
//!
//! Owns the values, already checked, and the counts that follow from them (tasks, shards, steps). Refuses text, which is
//! `parse`'s and `render`'s.

use super::optimiser::{Rule, Schedule};
use super::template::{Record, Template};
use crate::data::RecordType;
use crate::program::Type;
use crate::trace::TaskKind;

/// Limits of a job, so that no YAML of a few lines asks for the machine.
pub mod limits {
    /// Tasks of a job, as everywhere in Cairn.
    pub const TASKS: u64 = 10_000;
    /// Steps of one train task: its trace is held in memory.
    pub const STEPS: u64 = 1 << 20;
    /// Values of one record, units of one layer.
    pub const WIDTH: u32 = 65_536;
    /// Layers of one kind.
    pub const LAYERS: usize = 8;
    /// Blocks of a transformer.
    pub const BLOCKS: u32 = 64;
    /// Classes: a label is one byte.
    pub const CLASSES: u32 = 256;
    /// Tokens of one record.
    pub const CONTEXT: u32 = 4_096;
    /// Tokens of one record of a network that is unrolled over them: the operands of one instruction.
    pub const UNROLLED: u32 = crate::program::limits::OPERANDS as u32;
    /// Records of a part of the data.
    pub const RECORDS: u32 = 1_000_000;
    /// Different characters of a text.
    pub const VOCABULARY: u32 = 65_536;
    /// Bytes of the features of all records together, as tensors hold them.
    pub const DATA_BYTES: u64 = 2 << 30;
    /// Bytes of one file of data, unpacked.
    pub const FILE_BYTES: u64 = 1 << 30;
    /// Bytes of what one task reads in one piece: all shards' states for an aggregation. One blob.
    pub const MATERIAL_BYTES: u64 = 256 << 20;
    /// Bytes of a name and of a URL.
    pub const NAME: usize = 64;
    pub const URL: usize = 1_024;
    /// Seconds of a deadline: a week.
    pub const DEADLINE_S: u32 = 7 * 24 * 3_600;
    /// Attempts at one task.
    pub const ATTEMPTS: u32 = 100;
    /// Staked workers that a job may wait for.
    pub const WORKERS: u32 = 10_000;
    /// Largest amount: 10^38 − 1 fits Decimal128.
    pub const AMOUNT: u128 = 10u128.pow(38) - 1;
    /// Largest seed: exact in every JSON reader.
    pub const SEED: u64 = (1 << 53) - 1;
}

/// A checked job. `Job::parse` makes one; every rule between its values holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub name: String,
    pub model: Template,
    pub data: Data,
    pub train: Train,
    pub workers: Workers,
    pub verify: Verify,
    pub deadlines: Deadlines,
    /// Attempts at one task before the job fails.
    pub attempts: u32,
    pub pay: Pay,
}

/// Where records come from and which they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    pub url: String,
    /// How the records are text; absent, they are values with a label.
    pub text: Option<Text>,
    /// Merkle root of the decoded records; absent only before the job is signed.
    pub hash: Option<[u8; 32]>,
    pub train: u32,
    pub test: u32,
}

/// How text is cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    pub level: Level,
    /// Tokens of one record.
    pub context: u32,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Byte,
    /// A Unicode scalar value.
    Char,
}

/// How the model is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Train {
    pub rounds: u32,
    pub epochs: u32,
    pub shards: u32,
    pub batch: u32,
    pub rule: Rule,
    /// The largest global norm that a gradient keeps.
    pub clip: Option<f32>,
    pub schedule: Option<Schedule>,
    /// Initial parameters.
    pub seed: u64,
    /// Order of records.
    pub data_seed: u64,
}

/// Who may work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// Staked workers at the start.
    pub min: u32,
    /// Minor units, as every amount.
    pub stake: u128,
    pub bond: u128,
}

/// How work is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    pub assurance: Assurance,
    /// Share of attempts that are challenged.
    pub rate: Millionths,
    /// Transitions re-executed of a challenged attempt.
    pub steps: u32,
}

/// What verification promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assurance {
    /// Some transitions of some attempts.
    Sampled,
    /// Every transition.
    Full,
}

/// A share in millionths, exact: the ledger has no floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millionths(pub u32);

/// Seconds until silence has consequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    pub accept_s: u32,
    pub task_s: u32,
    pub check_s: u32,
}

/// What is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pay {
    pub escrow: u128,
    /// For one verified task.
    pub task: u128,
    /// For one verifier of one attempt.
    pub check: u128,
}

impl Job {
    /// The type of the records that the model takes.
    pub fn record_type(&self) -> RecordType {
        match self.model.record() {
            Record::Values { shape, classes } => {
                RecordType::Values { values: u32::try_from(Type::f32(&shape).elements()).unwrap_or(u32::MAX), classes }
            }
            Record::Tokens { context, vocabulary } => RecordType::Tokens { context, vocabulary },
        }
    }

    /// Tasks in order: for each round one train task per shard and an aggregation; an evaluation at the end.
    pub fn tasks(&self) -> impl Iterator<Item = TaskKind> + use<> {
        let (rounds, shards) = (self.train.rounds, self.train.shards);
        (0..rounds)
            .flat_map(move |round| (0..shards).map(move |shard| TaskKind::Train { round, shard }).chain([TaskKind::Aggregate { round }]))
            .chain([TaskKind::Evaluate])
    }

    /// How many tasks there are.
    pub fn task_count(&self) -> u32 {
        self.train.rounds * (self.train.shards + 1) + 1
    }

    /// Records of one shard: record i of the shuffled order belongs to shard i mod shards.
    pub fn shard_records(&self, shard: u32) -> u32 {
        (self.data.train - shard).div_ceil(self.train.shards)
    }

    /// Batches of one epoch, the same for every shard; the remainder of each is dropped.
    pub fn batches(&self) -> u32 {
        self.data.train / self.train.shards / self.train.batch
    }

    /// Steps of one train task.
    pub fn steps(&self) -> u32 {
        self.batches() * self.train.epochs
    }

    /// Steps of all rounds together, as one shard makes them.
    pub fn all_steps(&self) -> u32 {
        self.steps().saturating_mul(self.train.rounds)
    }

    /// Labels of the test records: what an evaluation counts.
    pub fn test_labels(&self) -> u64 {
        u64::from(self.data.test) * u64::from(self.model.record().positions())
    }

    /// What its tasks and their checks cost at most: what its escrow has to cover. None: more than any amount.
    pub fn cost(&self) -> Option<u128> {
        u128::from(self.task_count()).checked_mul(self.pay.task.checked_add(self.pay.check)?)
    }

    /// The same job before its data are pinned: with it other data are read, to be pinned by [`Job::with_data`].
    pub fn unpinned(mut self) -> Self {
        self.data.hash = None;
        self
    }

    /// The same job on other data: what `--data` does before signing.
    pub fn with_data(mut self, url: String, hash: [u8; 32]) -> Self {
        self.data.url = url;
        self.data.hash = Some(hash);
        self
    }
}

impl Millionths {
    /// A share above 0 and at most 1 with up to six places.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(places) || places.len() > 6 || whole.len() > 1 {
            return None;
        }
        let value = whole.parse::<u32>().ok()? * 1_000_000 + format!("{places:0<6}").parse::<u32>().ok()?;
        (1..=1_000_000).contains(&value).then_some(Self(value))
    }
}

impl std::fmt::Display for Millionths {
    /// The shortest decimal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}
