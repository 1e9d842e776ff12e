//! Watching: one journal of a live instance, followed for the decisions of a run.
//!
//! Owns the look at it, twice a second: the log's own time of a valid block says when its events were decided, so that looking seldom costs
//! no precision. That time is the log's and the time an event was due is ours: clocks must be in step, as everywhere in Cairn.
//! Refuses a rule of its own: a block counts if the one follower says so.

use super::meter::Meter;
use crate::{
    afar::{self, Afar},
    client::Client,
    exit::{Exit, Failure},
};
use cairn_log::journal::{Follower, JournalError, Step, Taken};
use cairn_processors::ledger::LedgerError;
use cairn_schemas::{
    decision::{Decision, Subject, Verdict},
    record,
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::sleep;

/// Between two looks at a journal.
const LOOK: Duration = Duration::from_millis(500);

/// One journal and whom to tell.
#[derive(Debug)]
pub struct Watch {
    follower: Follower,
    meter: Meter,
}

impl Watch {
    /// From the journal's end on: what was there before is none of the run's, and the node's word for it is enough.
    pub async fn begin(client: Client, partition: u32, meter: Meter) -> Result<Watch, Failure> {
        let chain = client.chain(partition).await.map_err(|error| {
            let (exit, code) = (if error.passes() { Exit::Unreachable } else { Exit::Failed }, error.code().to_owned());
            Failure::new(exit, &code, error)
        })?;
        Ok(Watch { follower: Follower::new(Arc::new(Afar::new(client, partition)), chain), meter })
    }

    /// Takes what comes, for good. A node that does not answer may be back soon; a journal that halts its readers will not.
    pub async fn run(mut self) -> Result<Infallible, Failure> {
        loop {
            let meter = &self.meter;
            match self.follower.catch_up(|taken| tell(meter, &taken)).await {
                Ok(_) => sleep(LOOK).await,
                Err(error) if afar::cause(&error).is_some_and(LedgerError::passes) => sleep(LOOK).await,
                Err(error) => return Err(unread(error)),
            }
        }
    }
}

fn tell(meter: &Meter, taken: &Taken) {
    let Step::Block(block) = &taken.step else { return };
    block.body.decisions.iter().for_each(|decision| tell_one(meter, decision, taken.time));
}

fn tell_one(meter: &Meter, decision: &Decision, at_ms: i64) {
    let Subject::Event { record, .. } = &decision.subject else { return };
    // A record that this binary cannot read is none that it wrote.
    if let Ok(signed) = record::open(&record.0) {
        meter.decided(signed.hash, at_ms, decision.verdict == Verdict::Accepted);
    }
}

/// Why a journal cannot be followed.
pub fn unread(error: JournalError) -> Failure {
    afar::failed(error.code(), error)
}
