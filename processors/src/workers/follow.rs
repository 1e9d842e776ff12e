//! Following: the journal as a ledger serves it, folded by the one rule.
//!
//! Owns the chain, the view over it, and the pause after an answer that did not come. Refuses to believe the node: every record is
//! judged here again, so a node can be slow or silent towards a worker, but not lie about what was decided.

use super::{
    WorkerError,
    view::{News, View},
};
use crate::ledger::Ledger;
use cairn_log::journal::{Chain, Step};
use cairn_schemas::PublicKey;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until, timeout};

/// A journal that has nothing more to say for so long is read to its end.
const SILENCE: Duration = Duration::from_millis(300);
/// The first pause after a node did not answer; each next is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A reader of one partition's journal. Every future is safe to drop: what was read was folded, or will be read again.
#[derive(Debug)]
pub struct Follow {
    ledger: Arc<dyn Ledger>,
    chain: Chain,
    view: View,
    pause: Duration,
    resume: Instant,
}

impl Follow {
    pub fn new(ledger: Arc<dyn Ledger>, partition: u32, me: PublicKey) -> Follow {
        Follow { ledger, chain: Chain::new(partition), view: View::new(me), pause: PAUSE, resume: Instant::now() }
    }

    pub fn view(&self) -> &View {
        &self.view
    }

    /// The next records, folded; waits for them. What comes back is empty if the node had nothing to say for a while, or no answer.
    pub async fn next(&mut self) -> Result<News, WorkerError> {
        sleep_until(self.resume).await;
        let records = match self.ledger.journal(self.chain.partition(), self.chain.offset()).await {
            Ok(records) => records,
            Err(error) if error.passes() => {
                tracing::debug!(%error, pause_ms = self.pause.as_millis(), "the journal is asked again later");
                self.resume = Instant::now() + self.pause;
                self.pause = (self.pause * 2).min(PAUSE_MAX);
                return Ok(News::default());
            }
            Err(error) => return Err(error.into()),
        };
        self.pause = PAUSE;
        let mut news = News::default();
        for record in &records {
            if let Step::Block(block) | Step::Genesis { block, .. } = self.chain.take(record)? {
                news.join(self.view.take(&block));
            }
        }
        Ok(news)
    }

    /// Reads until the journal says nothing new for a moment: before that, an author must not speak.
    pub async fn catch_up(&mut self) -> Result<News, WorkerError> {
        let mut news = News::default();
        let mut silence = SILENCE;
        loop {
            let before = self.chain.offset();
            match timeout(silence, self.next()).await {
                Ok(more) => news.join(more?),
                Err(_) if self.chain.at().is_some() => return Ok(news),
                // Without block 0 nothing is known, not even the instance; or the way to the node is long, and its answer needs more time.
                Err(_) => {
                    silence = (silence * 2).min(PAUSE_MAX);
                    continue;
                }
            }
            if self.chain.offset() == before && self.chain.at().is_some() && self.pause == PAUSE {
                return Ok(news);
            }
        }
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
