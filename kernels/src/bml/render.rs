//! Job to text: the one canonical YAML of a job.
//!
//! Owns the order of keys and the spelling of values. `Job::parse` of the text gives an equal job; equal jobs give equal text.

use data_encoding::HEXLOWER;

use super::job::{Assurance, Job, Level};

impl Job {
    /// The canonical text: what is hashed, signed and shown.
    pub fn to_yaml(&self) -> String {
        let Self { model, data, train, workers, verify, deadlines, pay, .. } = self;
        let hash = data.hash.map_or(String::new(), |hash| format!("hash: \"{}\", ", HEXLOWER.encode(&hash)));
        let text = data.text.map_or(String::new(), |text| {
            let level = match text.level {
                Level::Byte => "byte",
                Level::Char => "char",
            };
            format!("text: {{level: {level}, context: {}}}, ", text.context)
        });
        let clip = train.clip.map_or(String::new(), |limit| format!(", clip: \"{limit}\""));
        let schedule = train.schedule.map_or(String::new(), |schedule| format!(", {}", schedule.render()));
        let assurance = match verify.assurance {
            Assurance::Sampled => "sampled",
            Assurance::Full => "full",
        };
        [
            "cairn: job/v1".to_owned(),
            format!("name: {}", quoted(&self.name)),
            format!("model: {{template: {}, {}}}", model.name(), model.render()),
            format!("data: {{url: {}, {text}{hash}train: {}, test: {}}}", quoted(&data.url), data.train, data.test),
            format!(
                "train: {{rounds: {}, epochs: {}, shards: {}, batch: {}, {}{clip}{schedule}, seed: {}, data_seed: {}}}",
                train.rounds,
                train.epochs,
                train.shards,
                train.batch,
                train.rule.render(),
                train.seed,
                train.data_seed
            ),
            format!("workers: {{min: {}, stake: \"{}\", bond: \"{}\"}}", workers.min, workers.stake, workers.bond),
            format!("verify: {{assurance: {assurance}, rate: \"{}\", steps: {}}}", verify.rate, verify.steps),
            format!("deadlines: {{accept_s: {}, task_s: {}, check_s: {}}}", deadlines.accept_s, deadlines.task_s, deadlines.check_s),
            format!("attempts: {}", self.attempts),
            format!("pay: {{escrow: \"{}\", task: \"{}\", check: \"{}\"}}", pay.escrow, pay.task, pay.check),
        ]
        .join("\n")
            + "\n"
    }

    /// BLAKE3 of the canonical text: the address of the YAML's blob.
    pub fn yaml_hash(&self) -> [u8; 32] {
        *blake3::hash(self.to_yaml().as_bytes()).as_bytes()
    }
}

/// A YAML double-quoted scalar that any text survives.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(c),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}
