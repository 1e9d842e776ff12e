//! The log's clock over Kafka: what an append would be stamped with.
//!
//! Owns an estimate that no later stamp of the same broker's clock falls below. Kafka does not tell its time; each
//! acknowledged record carries the broker's stamp, which lies before its acknowledgement. So stamp minus the moment of
//! hearing it is at most the broker's lead over us, and the largest such lead of late is the best bound. Before the first
//! acknowledgement it is our own clock. Refuses to go back.

use crate::{Clock, SystemClock};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Leads that count: enough to meet a quick answer, few enough to follow a clock that is being set.
const LEADS: usize = 32;

#[derive(Debug)]
pub(super) struct BrokerClock {
    /// Our wall clock when the log was opened, microseconds since 1970; from there on the monotonic clock counts, so that a
    /// jump of our own clock shows as a difference from the log's.
    wall_us: i64,
    started: Instant,
    leads: Mutex<Leads>,
    latest: AtomicI64,
}

#[derive(Debug, Default)]
struct Leads {
    us: [i64; LEADS],
    heard: usize,
}

impl BrokerClock {
    pub fn new() -> Self {
        let wall_us = SystemClock::default().now_ms().saturating_mul(1_000);
        BrokerClock { wall_us, started: Instant::now(), leads: Mutex::default(), latest: AtomicI64::new(0) }
    }

    /// Hears the stamp of a record that was acknowledged just now, milliseconds since 1970.
    pub fn hear(&self, stamp_ms: i64) {
        self.hear_at(stamp_ms, self.local_us());
    }

    /// The time of the log, milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now_at(self.local_us())
    }

    fn hear_at(&self, stamp_ms: i64, local_us: i64) {
        self.latest.fetch_max(stamp_ms, Ordering::AcqRel);
        let mut leads = self.leads.lock().unwrap_or_else(PoisonError::into_inner);
        let next = leads.heard % LEADS;
        leads.us[next] = stamp_ms.saturating_mul(1_000).saturating_sub(local_us);
        leads.heard += 1;
    }

    fn now_at(&self, local_us: i64) -> i64 {
        let leads = self.leads.lock().unwrap_or_else(PoisonError::into_inner);
        let lead = leads.us[..leads.heard.min(LEADS)].iter().max().copied().unwrap_or(0);
        drop(leads);
        let now = local_us.saturating_add(lead).div_euclid(1_000);
        self.latest.fetch_max(now, Ordering::AcqRel).max(now)
    }

    fn local_us(&self) -> i64 {
        self.wall_us.saturating_add(i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A broker that leads or lags by any amount, with any delay to and fro, never stamps below a time we told.
        #[test]
        fn no_stamp_falls_below_a_time_that_was_told(
            lead_us in -10_000_000i64..10_000_000,
            steps in prop::collection::vec((0i64..5_000, 0i64..50_000, 0i64..50_000), 1..100),
        ) {
            let (clock, mut local) = (BrokerClock::new(), 1_000_000_000_000_000);
            let mut told = i64::MIN;
            for (index, (pause, there, back)) in steps.into_iter().enumerate() {
                local += pause;
                if index > 0 {
                    let now = clock.now_at(local);
                    prop_assert!(now >= told);
                    told = now;
                }
                local += there;
                let stamp = (local + lead_us).div_euclid(1_000);
                prop_assert!(stamp >= told, "stamped {stamp} after {told} was told");
                local += back;
                clock.hear_at(stamp, local);
                told = told.max(stamp);
            }
        }
    }
}
