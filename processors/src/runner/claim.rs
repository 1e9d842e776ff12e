//! Claiming: how a processor that was given a partition comes to own it.
//!
//! Owns the one claim, its reading back, and the look at the clock before it. Refuses duels: if another claim lies in the
//! journal at the epoch asked for, that one owns it.

use super::{Processor, RunError, append::append, fold::Fold};
use cairn_log::{Place, journal::Step};
use cairn_schemas::{block::Claim, limits};

/// Claims written before giving up to tell one's own from a twin's (a second process with the same key).
const ATTEMPTS: usize = 4;

/// Refuses a clock that is off from the log's: its blocks would be void, or would make deadlines fire early.
pub async fn check_clock(processor: &Processor, partition: u32) -> Result<(), RunError> {
    let off_ms = processor.clock.now_ms().saturating_sub(processor.log.time().await?);
    if off_ms.saturating_abs() <= limits::CLOCK_SKEW_MS { Ok(()) } else { Err(RunError::ClockSkew { partition, off_ms }) }
}

/// Claims the partition behind `fold` and folds up to the claim. `false`: another processor owns it.
pub async fn claim(processor: &Processor, fold: &mut Fold) -> Result<bool, RunError> {
    for _ in 0..ATTEMPTS {
        match claim_once(processor, fold).await? {
            Outcome::Owned => return Ok(true),
            Outcome::Lost => return Ok(false),
            Outcome::Ambiguous => {}
        }
    }
    Ok(false)
}

enum Outcome {
    Owned,
    Lost,
    /// A claim by this key counts, but whether this process or a twin wrote it cannot be told: the next epoch can be.
    Ambiguous,
}

async fn claim_once(processor: &Processor, fold: &mut Fold) -> Result<Outcome, RunError> {
    let (chain, key) = (fold.follower.chain(), &processor.key);
    let (partition, epoch) = (chain.partition(), chain.epoch() + 1);
    let instance = chain.instance().ok_or(RunError::NoGenesis { partition })?;
    if !chain.authorises(&key.public()) {
        return Err(RunError::NotAuthorised { partition, key: key.public() });
    }
    let record = Claim::signed(instance, partition, epoch, key).to_record();
    let appended = append(processor.clone(), Place::journal(partition), vec![record.into()].into()).await?;
    let own = appended.first().map_or(u64::MAX, |appended| appended.offset);
    loop {
        let taken = fold.next().await?;
        match taken.step {
            Step::Claim(claim) if claim.epoch != epoch || claim.key != key.public() => return Ok(Outcome::Lost),
            Step::Claim(_) if taken.offset == own => return Ok(Outcome::Owned),
            // The copy that counts lies before the one that was answered for.
            Step::Claim(_) => return Ok(Outcome::Ambiguous),
            _ if taken.offset >= own => return Ok(Outcome::Lost),
            _ => {}
        }
    }
}
