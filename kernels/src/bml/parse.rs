//! Text to job: the keys, their ranges, and the rules between them.
//!
//! Owns the order of checks: form first, then single values, then combinations, each fault with its place.

use data_encoding::HEXLOWER_PERMISSIVE;

use super::compile::Model;
use super::error::JobError;
use super::fields::Fields;
use super::job::{Assurance, Data, Deadlines, Job, Level, Mlp, Pay, Sgd, Text, Train, Verify, Workers, limits};
use super::yaml;
use crate::data::RecordType;

const KEYS: [&str; 10] = ["cairn", "name", "model", "data", "train", "workers", "verify", "deadlines", "attempts", "pay"];

impl Job {
    /// Reads a job. `file` is its name in errors.
    ///
    /// `data.hash` may be absent; such a job is completed with [`Job::with_data`] before it is signed.
    pub fn parse(file: &str, text: &str) -> Result<Self, JobError> {
        let root = yaml::read(file, text)?;
        let top = Fields::of(file, "", &root, &KEYS)?;
        top.word("cairn", &[("job/v1", ())])?;
        let model = top.mapping("model", &["template", "input", "hidden", "classes"])?;
        let data = top.mapping("data", &["url", "text", "hash", "train", "test"])?;
        let train = top.mapping("train", &["rounds", "epochs", "shards", "batch", "sgd", "seed", "data_seed"])?;
        let workers = top.mapping("workers", &["min", "stake", "bond"])?;
        let pay = top.mapping("pay", &["escrow", "task", "check"])?;
        let job = Self {
            name: top.text("name", limits::NAME)?,
            model: model_of(&model)?,
            data: data_of(&data)?,
            train: train_of(&train)?,
            workers: Workers {
                min: workers.integer("min", 1..=limits::WORKERS)?,
                stake: workers.integer("stake", 1..=limits::AMOUNT)?,
                bond: workers.integer("bond", 1..=limits::AMOUNT)?,
            },
            verify: verify_of(&top.mapping("verify", &["assurance", "rate", "steps"])?)?,
            deadlines: deadlines_of(&top.mapping("deadlines", &["accept_s", "task_s", "check_s"])?)?,
            attempts: top.integer("attempts", 1..=limits::ATTEMPTS)?,
            pay: Pay {
                escrow: pay.integer("escrow", 1..=limits::AMOUNT)?,
                task: pay.integer("task", 1..=limits::AMOUNT)?,
                check: pay.integer("check", 1..=limits::AMOUNT)?,
            },
        };
        job.check_work(&model, &data, &train)?;
        job.check_money(&workers, &pay)?;
        Ok(job)
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
        self.check_records(data)?;
        let bytes = (u64::from(self.data.train) + u64::from(self.data.test)) * self.record_type().bytes();
        if bytes > limits::DATA_BYTES {
            return Err(data.conflict("train", format!("{bytes} bytes of decoded records, at most {} are taken", limits::DATA_BYTES)));
        }
        let material = Model::of(&self.model).state_bytes() * u64::from(self.train.shards);
        if material > limits::MATERIAL_BYTES {
            let reason = format!("{material} bytes of states from all shards, at most {} are aggregated", limits::MATERIAL_BYTES);
            return Err(model.conflict("hidden", reason));
        }
        self.compile().map(drop).map_err(|error| model.conflict("hidden", error.to_string()))
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
            _ => Ok(()),
        }
    }

    fn check_money(&self, workers: &Fields<'_>, pay: &Fields<'_>) -> Result<(), JobError> {
        let Pay { escrow, task, check } = self.pay;
        let most = u128::from(self.task_count()).checked_mul(task.saturating_add(check));
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

fn model_of(fields: &Fields<'_>) -> Result<Mlp, JobError> {
    fields.word("template", &[("mlp", ())])?;
    let hidden = fields.integers("hidden", 1..=limits::WIDTH)?;
    if hidden.len() > limits::LAYERS {
        return Err(fields.conflict("hidden", format!("{} hidden layers, at most {} are taken", hidden.len(), limits::LAYERS)));
    }
    Ok(Mlp { input: fields.integer("input", 1..=limits::WIDTH)?, hidden, classes: fields.integer("classes", 2..=limits::CLASSES)? })
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
    let sgd = fields.mapping("sgd", &["rate", "momentum"])?;
    Ok(Train {
        rounds: fields.integer("rounds", 1..=limits::TASKS as u32)?,
        epochs: fields.integer("epochs", 1..=1_000)?,
        shards: fields.integer("shards", 1..=limits::TASKS as u32)?,
        batch: fields.integer("batch", 1..=limits::RECORDS)?,
        sgd: Sgd {
            rate: sgd.decimal("rate", "a decimal above 0 and at most 1000", |rate| rate > 0.0 && rate <= 1000.0)?,
            momentum: sgd.decimal("momentum", "a decimal from 0 to below 1", |momentum| (0.0..1.0).contains(&momentum))?,
        },
        seed: fields.integer("seed", 0..=limits::SEED)?,
        data_seed: fields.integer("data_seed", 0..=limits::SEED)?,
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
