//! Holding: a partition that this processor was given, led for as long as it was given.
//!
//! Owns going on after what passes: who fails claims again, after pauses that grow; who lost looks on, and claims again where records wait
//! and nobody decides them (the winner was a zombie that heard of its revocation a moment later). Refuses a duel: whoever decides is left alone.

use super::{Processor, RunError, run::Ended};
use cairn_log::{
    Backlog, Place, ReadError,
    journal::{Chain, Follower, Step},
};
use cairn_schemas::Stream;
use std::future::Future;
use std::time::Duration;

/// The pause after the first failure; each next is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Failures in a row, without a block of ours between them, with which the partition halts.
const FAILURES: u32 = 10;
/// How long records wait without anything new in the journal, before who lost takes the winner for gone.
const ABANDONED: Duration = Duration::from_secs(30);
/// Between two looks at what the winner does.
const LOOK: Duration = Duration::from_secs(2);

/// Failures in a row, and how far the partition was decided at the last of them.
#[derive(Debug, Default)]
struct Failures {
    count: u32,
    height: Option<u64>,
}

impl Failures {
    /// The pause before the next attempt; none when there were enough.
    fn again(&mut self, height: Option<u64>) -> Option<Duration> {
        self.count = if height > self.height { 1 } else { self.count + 1 };
        self.height = height;
        (self.count < FAILURES).then(|| PAUSE.saturating_mul(1 << (self.count - 1)).min(PAUSE_MAX))
    }
}

impl Processor {
    /// Leads a partition until `stop` or a halt, claiming it again after what passes.
    pub(super) async fn hold(&self, partition: u32, stop: impl Future<Output = ()>) -> Result<Ended, RunError> {
        tokio::select! {
            biased;
            () = stop => Ok(Ended::Stopped),
            ended = self.keep_leading(partition) => ended,
        }
    }

    async fn keep_leading(&self, partition: u32) -> Result<Ended, RunError> {
        let mut failures = Failures::default();
        loop {
            let lost = self.insist(partition, &mut failures).await?;
            tracing::info!(partition, epoch = lost.epoch(), "another processor leads the partition, which is still given to this one");
            self.until_abandoned(lost).await?;
            tracing::warn!(
                partition,
                "claiming again: records wait, and who leads the partition decided nothing for {} s",
                ABANDONED.as_secs()
            );
        }
    }

    /// Leads until it is lost, and tries again after what passes.
    async fn insist(&self, partition: u32, failures: &mut Failures) -> Result<Chain, RunError> {
        // Over all attempts: people are told of one that goes nowhere.
        let _beating = self.pulse.begin(partition);
        loop {
            let error = match self.claim_and_lead(partition).await {
                Err(error) if error.passes() => error,
                ended => return ended,
            };
            let height = self.decided(partition).borrow().height;
            let Some(pause) = failures.again(height) else { return Err(error) };
            let (code, attempt) = (error.code(), failures.count);
            tracing::warn!(partition, code, attempt, "the partition is claimed again in {} s: {error}", pause.as_secs());
            self.timer.sleep(pause).await;
        }
    }

    /// Looks on from where the partition was lost, until nobody decides what waits.
    async fn until_abandoned(&self, lost: Chain) -> Result<(), RunError> {
        let mut follower = Follower::new(self.log.clone(), lost);
        let mut quiet = Duration::ZERO;
        while quiet < ABANDONED {
            self.timer.sleep(LOOK).await;
            quiet = match self.is_left(&mut follower).await {
                Ok(true) => quiet + LOOK,
                Ok(false) => Duration::ZERO,
                Err(error) if error.passes() => quiet,
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }

    /// Whether records wait and the journal did not go on since the last look.
    async fn is_left(&self, follower: &mut Follower) -> Result<bool, RunError> {
        let mut went_on = false;
        while let Some(taken) = follower.try_next().await? {
            went_on |= !matches!(taken.step, Step::Void(_));
        }
        Ok(!went_on && self.waits(follower.chain()).await?)
    }

    /// Whether an input lies behind the positions of a chain.
    async fn waits(&self, chain: &Chain) -> Result<bool, RunError> {
        for next in chain.next() {
            let place = Place::new(Stream::Topic(next.topic), chain.partition());
            match Backlog::at(self.log.as_ref(), place, next.offset).await {
                Ok(backlog) if backlog.records == 0 => {}
                // What is gone was waiting, too; whoever leads says what is wrong.
                Ok(_) | Err(ReadError::Truncated { .. }) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}
