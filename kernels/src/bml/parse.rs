//! Text to job: the keys, their ranges, and the rules between them.
//!
//! Owns the order of checks: form first, then single values, then combinations, each fault with its place.

use data_encoding::HEXLOWER_PERMISSIVE;

use super::error::JobError;
use super::fields::Fields;
use super::job::{Assurance, Data, Deadlines, Job, Level, Pay, Text, Train, Verify, Workers, limits};
use super::model::Model;
use super::optimiser::{self, Rule, Schedule};
use super::template::Template;
use super::yaml;
use crate::data::RecordType;
use crate::error::ProgramError;

const KEYS: [&str; 10] = ["cairn", "name", "model", "data", "train", "workers", "verify", "deadlines", "attempts", "pay"];
const DATA_KEYS: [&str; 5] = ["url", "text", "hash", "train", "test"];
const TRAIN_KEYS: [&str; 10] = ["rounds", "epochs", "shards", "batch", "sgd", "adamw", "clip", "schedule", "seed", "data_seed"];

impl Job {
    /// Reads a job. `file` is its name in errors.
    ///
    /// `data.hash` may be absent; such a job is completed with [`Job::with_data`] before it is signed.
    pub fn parse(file: &str, text: &str) -> Result<Self, JobError> {
        Self::review(file, text).map_err(|mut faults| faults.swap_remove(0))
    }

    /// Reads a job as [`Job::parse`] does, and names one fault of each of its parts, in the order in which jobs have them.
    ///
    /// `Err` has at least one fault. Rules between parts are asked when each part is right in itself.
    pub fn review(file: &str, text: &str) -> Result<Self, Vec<JobError>> {
        let root = yaml::read(file, text).map_err(|fault| vec![fault])?;
        let top = Fields::open(file, "", &root).map_err(|fault| vec![fault])?;
        let mut faults = vec![];
        let known = top.only(&KEYS);
        let (form, name) = (top.word("cairn", &[("job/v1", ())]), top.text("name", limits::NAME));
        let model = top.part("model").and_then(|fields| Ok((Template::read(&fields)?, fields)));
        let data = top.mapping("data", &DATA_KEYS).and_then(|fields| Ok((data_of(&fields)?, fields)));
        let train = top.mapping("train", &TRAIN_KEYS).and_then(|fields| Ok((train_of(&fields)?, fields)));
        let workers = top.mapping("workers", &["min", "stake", "bond"]).and_then(|fields| Ok((workers_of(&fields)?, fields)));
        let verify = top.mapping("verify", &["assurance", "rate", "steps"]).and_then(|fields| verify_of(&fields));
        let deadlines = top.mapping("deadlines", &["accept_s", "task_s", "check_s"]).and_then(|fields| deadlines_of(&fields));
        let attempts = top.integer("attempts", 1..=limits::ATTEMPTS);
        let pay = top.mapping("pay", &["escrow", "task", "check"]).and_then(|fields| Ok((pay_of(&fields)?, fields)));
        let mut taken = Taken(&mut faults);
        taken.of(known);
        let read = (taken.of(form), taken.of(name), taken.of(model), taken.of(data), taken.of(train), taken.of(workers));
        let rest = (taken.of(verify), taken.of(deadlines), taken.of(attempts), taken.of(pay));
        let (Some(()), Some(name), Some((model, of_model)), Some((data, of_data)), Some((train, of_train)), Some((workers, of_workers))) =
            read
        else {
            return Err(faults);
        };
        let (Some(verify), Some(deadlines), Some(attempts), Some((pay, of_pay))) = rest else { return Err(faults) };
        if !faults.is_empty() {
            return Err(faults);
        }
        let job = Self { name, model, data, train, workers, verify, deadlines, attempts, pay };
        let work = job.check_work(&of_model, &of_data, &of_train);
        let checks = [work, job.check_money(&of_workers, &of_pay)];
        let faults: Vec<JobError> = checks.into_iter().filter_map(Result::err).collect();
        if faults.is_empty() { Ok(job) } else { Err(faults) }
    }

    fn check_work(&self, model: &Fields<'_>, data: &Fields<'_>, train: &Fields<'_>) -> Result<(), JobError> {
        let tasks = u64::from(self.train.rounds) * (u64::from(self.train.shards) + 1) + 1;
        if tasks > limits::TASKS {
            return Err(train.conflict("rounds", format!("{tasks} tasks, at most {} are taken", limits::TASKS)));
        }
        let shard = self.data.train / self.train.shards;
        if self.train.batch > shard {
            let reason = format!("a batch of {} from shards of {shard} records: lower batch or shards", self.train.batch);
            return Err(train.conflict("batch", reason));
        }
        let steps = u64::from(shard / self.train.batch) * u64::from(self.train.epochs);
        if steps > limits::STEPS {
            return Err(train.conflict("epochs", format!("{steps} steps of one task, at most {} are taken", limits::STEPS)));
        }
        self.check_schedule(steps * u64::from(self.train.rounds), train)?;
        self.check_records(data)?;
        let bytes = (u64::from(self.data.train) + u64::from(self.data.test)) * self.record_type().bytes();
        if bytes > limits::DATA_BYTES {
            return Err(data.conflict("train", format!("{bytes} bytes of decoded records, at most {} are taken", limits::DATA_BYTES)));
        }
        let unfit = |error: ProgramError| model.conflict(self.model.size_key(), error.to_string());
        let material = Model::of(self).map_err(unfit)?.state_bytes().saturating_mul(u64::from(self.train.shards));
        if material > limits::MATERIAL_BYTES {
            let reason = format!("{material} bytes of states from all shards, at most {} are aggregated", limits::MATERIAL_BYTES);
            return Err(model.conflict(self.model.size_key(), reason));
        }
        self.compile().map(drop).map_err(unfit)
    }

    /// All rounds' steps are one number, and the rate has to come down after it went up.
    fn check_schedule(&self, steps: u64, train: &Fields<'_>) -> Result<(), JobError> {
        if steps > u64::from(u32::MAX) {
            return Err(train.conflict("rounds", format!("{steps} steps of all rounds, at most {} are taken", u32::MAX)));
        }
        match self.train.schedule {
            Some(Schedule { warmup, .. }) if u64::from(warmup) >= steps => {
                Err(train.conflict("schedule", format!("a warm-up of {warmup} steps, and all rounds together have {steps}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether the records are of the type that the model takes, as far as a job says.
    fn check_records(&self, data: &Fields<'_>) -> Result<(), JobError> {
        match (self.record_type(), self.data.text) {
            (RecordType::Values { .. }, Some(_)) => {
                Err(data.conflict("text", "the model takes values with a label, data.text gives tokens: leave it out".to_owned()))
            }
            (RecordType::Tokens { .. }, None) => {
                Err(data.conflict("url", "the model takes tokens: say data.text, as {level: char, context: 64}".to_owned()))
            }
            (RecordType::Tokens { context, .. }, Some(text)) if text.context != context => {
                Err(data.conflict("text", format!("data.text.context is {}, model.context is {context}", text.context)))
            }
            (RecordType::Tokens { vocabulary: 0..256, .. }, Some(Text { level: Level::Byte, .. })) => {
                Err(data.conflict("text", "there are 256 bytes: model.vocabulary must be 256 or more".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn check_money(&self, workers: &Fields<'_>, pay: &Fields<'_>) -> Result<(), JobError> {
        let Pay { escrow, task, check } = self.pay;
        let most = self.cost();
        if most.is_none_or(|most| most > escrow) {
            let needed = most.map_or("more than any amount".to_owned(), |most| most.to_string());
            let reason = format!("escrow {escrow} does not cover {} tasks × (task {task} + check {check}) = {needed}", self.task_count());
            return Err(pay.conflict("escrow", reason));
        }
        if self.workers.bond < task.saturating_mul(2) {
            let reason = format!("a bond of {} is less than twice a task's pay of {task}: silence would pay", self.workers.bond);
            return Err(workers.conflict("bond", reason));
        }
        if self.workers.stake < self.workers.bond {
            let reason = format!("a stake of {} cannot hold a bond of {}", self.workers.stake, self.workers.bond);
            return Err(workers.conflict("stake", reason));
        }
        Ok(())
    }
}

/// What parts were read, and the faults of the others.
struct Taken<'a>(&'a mut Vec<JobError>);

impl Taken<'_> {
    fn of<T>(&mut self, part: Result<T, JobError>) -> Option<T> {
        part.map_err(|fault| self.0.push(fault)).ok()
    }
}

fn data_of(fields: &Fields<'_>) -> Result<Data, JobError> {
    let hash = match fields.optional_text("hash", 64)? {
        None => None,
        Some(text) => Some(hash_of(&text).ok_or_else(|| fields.misread("hash", &text, "a hash of 64 hexadecimal digits"))?),
    };
    Ok(Data {
        url: fields.text("url", limits::URL)?,
        text: fields.optional_mapping("text", &["level", "context"])?.map(|text| text_of(&text)).transpose()?,
        hash,
        train: fields.integer("train", 1..=limits::RECORDS)?,
        test: fields.integer("test", 1..=limits::RECORDS)?,
    })
}

fn text_of(fields: &Fields<'_>) -> Result<Text, JobError> {
    Ok(Text {
        level: fields.word("level", &[("byte", Level::Byte), ("char", Level::Char)])?,
        context: fields.integer("context", 1..=limits::WIDTH)?,
    })
}

fn hash_of(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn train_of(fields: &Fields<'_>) -> Result<Train, JobError> {
    Ok(Train {
        rounds: fields.integer("rounds", 1..=limits::TASKS as u32)?,
        epochs: fields.integer("epochs", 1..=1_000)?,
        shards: fields.integer("shards", 1..=limits::TASKS as u32)?,
        batch: fields.integer("batch", 1..=limits::RECORDS)?,
        rule: Rule::read(fields)?,
        clip: optimiser::clip(fields)?,
        schedule: Schedule::read(fields)?,
        seed: fields.integer("seed", 0..=limits::SEED)?,
        data_seed: fields.integer("data_seed", 0..=limits::SEED)?,
    })
}

fn workers_of(fields: &Fields<'_>) -> Result<Workers, JobError> {
    Ok(Workers {
        min: fields.integer("min", 1..=limits::WORKERS)?,
        stake: fields.integer("stake", 1..=limits::AMOUNT)?,
        bond: fields.integer("bond", 1..=limits::AMOUNT)?,
    })
}

fn pay_of(fields: &Fields<'_>) -> Result<Pay, JobError> {
    Ok(Pay {
        escrow: fields.integer("escrow", 1..=limits::AMOUNT)?,
        task: fields.integer("task", 1..=limits::AMOUNT)?,
        check: fields.integer("check", 1..=limits::AMOUNT)?,
    })
}

fn verify_of(fields: &Fields<'_>) -> Result<Verify, JobError> {
    Ok(Verify {
        assurance: fields.word("assurance", &[("sampled", Assurance::Sampled), ("full", Assurance::Full)])?,
        rate: fields.millionths("rate")?,
        steps: fields.integer("steps", 1..=1_000)?,
    })
}

fn deadlines_of(fields: &Fields<'_>) -> Result<Deadlines, JobError> {
    let seconds = |key| fields.integer(key, 1..=limits::DEADLINE_S);
    Ok(Deadlines { accept_s: seconds("accept_s")?, task_s: seconds("task_s")?, check_s: seconds("check_s")? })
}
