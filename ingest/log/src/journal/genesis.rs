//! Block 0: how an instance begins, on every partition with the same document.
//!
//! Owns its making, which is repeatable: the same document and key give the same bytes, and a beginning that was cut off is
//! finished by doing it again. Refuses to begin where another instance lives.

use super::{Chain, Draft, Follower, JournalError, Step};
use crate::{AppendError, EventLog, Place};
use bytes::Bytes;
use cairn_schemas::{
    SecretKey,
    block::{Block, Body, Next},
    codec::CodecError,
    genesis::Genesis,
    limits,
};
use std::sync::Arc;

/// How often an append of unknown outcome is sent again before it is reported.
const ATTEMPTS: usize = 8;

/// Block 0 of a partition. Its time is the document's, so that it has one form.
pub fn block(genesis: &Genesis, partition: u32, key: &SecretKey) -> Result<Block, CodecError> {
    let body = Body { genesis: Some(genesis.clone()), ..Body::default() };
    let draft = Draft { time: genesis.time, rules: genesis.rules, next: Next::start(), body };
    Chain::of(genesis.id()?, partition).form(draft, key)
}

/// Gives every partition of the log its block 0, if it has none; `key` is the document's first processor key.
///
/// Errors: the document does not fit the log or the key ([`JournalError::BadGenesis`]), or a partition belongs to
/// another instance ([`JournalError::OtherInstance`]). Partitions done before an error stay done.
pub async fn create(log: &Arc<dyn EventLog>, genesis: &Genesis, key: &SecretKey) -> Result<(), JournalError> {
    check(genesis, log.partitions(), key)?;
    for partition in 0..genesis.partitions {
        if !has_begun(log, genesis, partition).await? {
            begin(log, genesis, partition, key).await?;
        }
    }
    Ok(())
}

fn check(genesis: &Genesis, partitions: u32, key: &SecretKey) -> Result<(), JournalError> {
    let why = |why| Err(JournalError::BadGenesis(why));
    if genesis.partitions == 0 || genesis.partitions > limits::PARTITIONS {
        return why("it has 1 to 4096 partitions");
    }
    if genesis.partitions != partitions {
        return why("it has another number of partitions than the log");
    }
    if genesis.processors.first() != Some(&key.public()) {
        return why("block 0 is signed by the first of its processor keys, and the key at hand is another");
    }
    if genesis.admins.is_empty() {
        return why("without an admin key no realm could ever be opened");
    }
    Ok(())
}

/// The document that a partition begins with, if it has begun.
pub async fn find(log: &Arc<dyn EventLog>, partition: u32) -> Result<Option<Genesis>, JournalError> {
    let mut follower = Follower::new(log.clone(), Chain::new(partition));
    while let Some(taken) = follower.try_next().await? {
        if let Step::Genesis { genesis, .. } = taken.step {
            return Ok(Some(*genesis));
        }
    }
    Ok(None)
}

/// Whether block 0 of this instance is there.
async fn has_begun(log: &Arc<dyn EventLog>, genesis: &Genesis, partition: u32) -> Result<bool, JournalError> {
    let wanted = unencodable(genesis.id())?;
    let Some(found) = find(log, partition).await? else { return Ok(false) };
    let found = unencodable(found.id())?;
    if found == wanted { Ok(true) } else { Err(JournalError::OtherInstance { partition, found, wanted }) }
}

async fn begin(log: &Arc<dyn EventLog>, genesis: &Genesis, partition: u32, key: &SecretKey) -> Result<(), JournalError> {
    let record = Bytes::from(unencodable(block(genesis, partition, key))?.to_record());
    let place = Place::journal(partition);
    for attempt in 1..=ATTEMPTS {
        match log.append(place, vec![record.clone()].into()).await {
            Ok(_) => break,
            Err(AppendError::Unknown { .. }) if attempt < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
    if has_begun(log, genesis, partition).await? { Ok(()) } else { Err(JournalError::NoGenesis { partition }) }
}

fn unencodable<T>(made: Result<T, CodecError>) -> Result<T, JournalError> {
    made.map_err(|_| JournalError::BadGenesis("it cannot be encoded"))
}
