//! Checks: challenged transitions done again, sealed, and shown.
//!
//! Owns the seal and its salt, which follows from key, task and attempt, so that a crash loses none. Refuses judgement: what was
//! recomputed is said, whatever the worker claimed.

use super::bench::Case;
use cairn_schemas::{
    ByteString, SecretKey,
    event::{CheckFailed, CheckFailure, CheckRevealed, CheckSealed, TraceLeaf},
    trace,
};
use sha2::{Digest, Sha256};

const SALT_TAG: &str = "cairn check salt v1";

/// The salt of a seal: a hash of what only this key can sign (Ed25519 signs the same bytes alike, RFC 8032).
fn salt(key: &SecretKey, case: &Case) -> [u8; 32] {
    let about = Sha256::new()
        .chain_update(case.task.job.0)
        .chain_update(case.task.index.to_be_bytes())
        .chain_update(case.attempt.number.to_be_bytes())
        .finalize();
    Sha256::digest(key.sign_tagged(SALT_TAG, &about.into()).0).into()
}

pub fn sealed(key: &SecretKey, case: &Case, answer: &[TraceLeaf]) -> CheckSealed {
    let (task, attempt) = (case.task, case.attempt.number);
    CheckSealed { task, attempt, seal: trace::seal(&key.public(), &task, attempt, &salt(key, case), answer) }
}

pub fn revealed(key: &SecretKey, case: &Case, answer: &[TraceLeaf]) -> CheckRevealed {
    CheckRevealed { task: case.task, attempt: case.attempt.number, salt: ByteString(salt(key, case).into()), leaves: answer.to_vec() }
}

/// What is said when something that the worker named cannot be had.
pub fn failed(case: &Case) -> CheckFailed {
    CheckFailed { task: case.task, attempt: case.attempt.number, reason: CheckFailure::Unavailable }
}
