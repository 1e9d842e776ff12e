//! Verifying: records become events whose signatures were checked, each once, in batches.
//!
//! Owns the reading of records and the threads on which signatures are verified. Refuses judgement: what a bad signature
//! means, admission says.

use cairn_log::Record;
use cairn_schemas::{RecordHash, SignedEvent, Topic, codec::CodecError, record, sign};
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Records verified by one thread at once: enough for the batch equation to pay off.
const SHARE: usize = 64;

/// Where work runs that only computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pool {
    /// On the caller's thread: a seeded simulation repeats exactly.
    Inline,
    /// On all cores.
    #[default]
    Threads,
}

impl Pool {
    /// Runs `work` and waits for it.
    pub async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match self {
            Pool::Inline => work(),
            Pool::Threads => match tokio::task::spawn_blocking(work).await {
                Ok(done) => done,
                Err(failed) => std::panic::resume_unwind(failed.into_panic()),
            },
        }
    }
}

/// A record of a topic, read and verified.
#[derive(Clone, Debug)]
pub struct Input {
    pub topic: Topic,
    pub record: Record,
    pub hash: RecordHash,
    pub signed: Result<SignedEvent, CodecError>,
    /// Whether the signature holds; false where there is none to check.
    pub authentic: bool,
}

/// Reads and verifies records, in their order.
pub async fn verify(pool: Pool, records: Vec<(Topic, Record)>) -> Vec<Input> {
    // A handful is done sooner than handed over.
    if pool == Pool::Inline || records.len() <= 2 {
        return verify_share(records);
    }
    pool.run(move || {
        let mut rest = records;
        let mut shares = Vec::new();
        while !rest.is_empty() {
            let tail = rest.split_off(rest.len().min(SHARE));
            shares.push(std::mem::replace(&mut rest, tail));
        }
        shares.into_par_iter().flat_map_iter(verify_share).collect()
    })
    .await
}

fn verify_share(records: Vec<(Topic, Record)>) -> Vec<Input> {
    let mut inputs: Vec<Input> = records.into_iter().map(read).collect();
    let items: Vec<sign::Item<'_>> = inputs.iter().filter_map(|input| input.signed.as_ref().ok()).map(item).collect();
    let verdicts = sign::verify_batch(&items);
    let readable = inputs.iter_mut().filter(|input| input.signed.is_ok());
    readable.zip(verdicts).for_each(|(input, verdict)| input.authentic = verdict);
    inputs
}

fn item(signed: &SignedEvent) -> sign::Item<'_> {
    sign::Item { key: signed.kid, message: &signed.to_be_signed, signature: signed.signature }
}

/// A decoder that panics is a defect of ours, and must not let an author halt a partition: the record is malformed then.
fn read((topic, record): (Topic, Record)) -> Input {
    let opened = catch_unwind(AssertUnwindSafe(|| record::open(&record.bytes)));
    let signed = opened.unwrap_or_else(|_| Err(CodecError::Schema("the decoder panicked on it".into())));
    Input { topic, hash: record::record_hash(&record.bytes), signed, record, authentic: false }
}

/// Whether the signature of each event holds, in order.
pub fn verify_signed(pool: Pool, events: &[&SignedEvent]) -> Vec<bool> {
    let items: Vec<_> = events.iter().map(|signed| item(signed)).collect();
    match pool {
        Pool::Inline => sign::verify_batch(&items),
        Pool::Threads => items.par_chunks(SHARE).flat_map_iter(sign::verify_batch).collect(),
    }
}
