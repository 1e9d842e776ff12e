//! The voice: what a worker says, until the journal shows that it was heard.
//!
//! Owns the author and its outbox, the order of sending, and sending again after any doubt, always the same bytes. Refuses to
//! decide what is said, and to go on with a lane that another writer forked.

use super::{
    WorkerError,
    duty::Duty,
    view::{News, View},
};
use crate::{
    author::Author,
    ledger::{Ledger, LedgerError},
};
use cairn_log::{Clock, SystemClock};
use cairn_schemas::{Body, RealmId, Timestamp, decision::DispositionCode, record};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::Instant;

/// The first pause before the same bytes are sent again; each next is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// After so long without a verdict what was sent counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// One author at one ledger.
#[derive(Debug)]
pub struct Voice {
    author: Author,
    ledger: Arc<dyn Ledger>,
    clock: SystemClock,
    pause: Duration,
    /// Something pending did certainly not arrive: whatever comes after it waits its turn.
    lost: bool,
    /// When what is pending is sent again; none if nothing is.
    again: Option<Instant>,
}

impl Voice {
    /// A voice that first sends again whatever its outbox still holds.
    pub fn new(author: Author, ledger: Arc<dyn Ledger>) -> Voice {
        let lost = !author.pending().is_empty();
        Voice { author, ledger, clock: SystemClock::default(), pause: PAUSE, lost, again: lost.then(Instant::now) }
    }

    /// Duties that were answered and not yet heard.
    pub fn pending(&self, view: &View) -> BTreeSet<Duty> {
        self.pending_bodies().iter().filter_map(|body| view.duty_of(body)).collect()
    }

    /// What was said and not yet heard. The outbox checked these bytes when it took them.
    pub fn pending_bodies(&self) -> Vec<Body> {
        self.author.pending().iter().filter_map(|kept| record::open(&kept.record).ok()).map(|signed| signed.event.body).collect()
    }

    /// Says the next event of its lane. What was said before and is still in doubt goes first.
    pub async fn say(&mut self, realm: RealmId, body: Body) -> Result<(), WorkerError> {
        let now = Timestamp::from_millis(self.clock.now_ms()).unwrap_or_default();
        let kept = self.author.say(realm, body, now)?;
        if self.lost {
            self.send_again().await;
        } else if let Err(error) = self.ledger.say(kept.record).await {
            self.lose(&error);
        } else {
            self.again.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
        Ok(())
    }

    /// Returns when what is pending is to be sent again; never if nothing is.
    pub async fn in_doubt(&self) {
        match self.again {
            Some(again) => tokio::time::sleep_until(again).await,
            None => std::future::pending().await,
        }
    }

    /// Sends everything again that was not heard, in the order of the lanes.
    pub async fn send_again(&mut self) {
        for kept in self.author.pending() {
            if let Err(error) = self.ledger.say(kept.record).await {
                return self.lose(&error);
            }
        }
        // Sent is not yet heard.
        self.lost = false;
        self.again = Some(Instant::now() + PATIENCE.max(self.next_pause()));
    }

    fn lose(&mut self, error: &LedgerError) {
        let pause = self.next_pause();
        tracing::warn!(%error, code = error.code(), pause_ms = pause.as_millis(), "what was said is sent again later");
        self.lost = true;
        self.again = Some(Instant::now() + pause);
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        pause
    }

    /// Learns what the journal decided on what was said.
    pub fn hear(&mut self, news: &News, view: &View) -> Result<(), WorkerError> {
        for ((realm, topic), head) in view.lanes() {
            self.author.learn(realm, topic, head);
        }
        for heard in &news.heard {
            self.author.settled(heard.realm, heard.topic, heard.head.seq)?;
            self.pause = PAUSE;
            if !self.lost {
                self.again = Some(Instant::now() + PATIENCE);
            }
        }
        let pending = self.author.pending();
        for kept in &pending {
            let hash = record::record_hash(&kept.record);
            for (_, code) in news.disposed.iter().filter(|(record, _)| *record == hash) {
                self.disposed(hash, *code)?;
            }
        }
        if pending.is_empty() {
            (self.lost, self.again) = (false, None);
        }
        Ok(())
    }

    fn disposed(&mut self, record: cairn_schemas::RecordHash, code: DispositionCode) -> Result<(), WorkerError> {
        match code {
            DispositionCode::Duplicate => Ok(()),
            // What stood before it in the lane is still on its way, or the key is.
            DispositionCode::Gap | DispositionCode::Unadmitted => {
                let soon = Instant::now() + self.next_pause();
                self.lost = true;
                self.again = Some(self.again.map_or(soon, |again| again.min(soon)));
                Ok(())
            }
            DispositionCode::Fork => Err(WorkerError::Forked),
            code => Err(WorkerError::Disposed { record, code }),
        }
    }
}
