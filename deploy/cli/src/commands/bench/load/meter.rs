//! The meter: each event of a run, from its signing to its decision.
//!
//! Owns the counts, the latencies and the verdict over the run. Refuses clocks: all times are told to it.

use super::{pace::Pace, tables::Found};
use crate::row::Row;
use cairn_schemas::EventHash;
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

/// Counts of one run. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// Sent and not decided.
    open: HashMap<EventHash, Open>,
    decided: HashSet<EventHash>,
    /// The time of the last decision that was met, milliseconds since 1970.
    latest_ms: i64,
    seconds: u64,
    second: Tally,
    whole: Tally,
    doubled: u64,
    rejected: u64,
    sent_again: u64,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    due_ms: i64,
    acknowledged: bool,
}

/// What a while brought.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    acknowledged: u64,
    /// From the time an event was due until it was decided, milliseconds, for each that was decided.
    took_ms: Vec<u32>,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.took_ms.extend(&other.took_ms);
    }
}

impl Meter {
    /// An event is about to be sent for the first time; it was due at `due_ms`, milliseconds since 1970.
    pub fn sent(&self, event: EventHash, due_ms: i64) {
        self.with(|counts| {
            counts.second.sent += 1;
            counts.open.insert(event, Open { due_ms, acknowledged: false });
        });
    }

    /// A request was not taken, or nobody knows, and goes out again.
    pub fn sent_again(&self) {
        self.with(|counts| counts.sent_again += 1);
    }

    /// Events are durable.
    pub fn acknowledged(&self, events: &[EventHash]) {
        self.with(|counts| {
            counts.second.acknowledged += events.len() as u64;
            for event in events {
                // One that is not open was decided before its acknowledgement came.
                counts.open.entry(*event).and_modify(|open| open.acknowledged = true);
            }
        });
    }

    /// A valid block decides an event; the log took it at `at_ms`, milliseconds since 1970.
    pub fn decided(&self, event: EventHash, at_ms: i64, accepted: bool) {
        self.with(|counts| {
            let Some(open) = counts.open.remove(&event) else {
                // Else it is somebody else's.
                counts.doubled += u64::from(counts.decided.contains(&event));
                return;
            };
            counts.decided.insert(event);
            counts.latest_ms = counts.latest_ms.max(at_ms);
            counts.rejected += u64::from(!accepted);
            // A log whose clock is a little behind ours does not decide before the event was due.
            counts.second.took_ms.push(u32::try_from((at_ms - open.due_ms).max(0)).unwrap_or(u32::MAX));
        });
    }

    /// Whether everything that was sent is decided.
    pub fn is_settled(&self) -> bool {
        self.with(|counts| counts.open.is_empty())
    }

    /// Closes a second: what it brought.
    pub fn second(&self, now_ms: i64) -> Row {
        self.with(|counts| {
            let second = std::mem::take(&mut counts.second);
            counts.seconds += 1;
            counts.whole.add(&second);
            let oldest = counts.open.values().map(|open| open.due_ms).min();
            Row::of([
                ("second", json!(counts.seconds)),
                ("sent", json!(second.sent)),
                ("acknowledged", json!(second.acknowledged)),
                ("decided", json!(second.took_ms.len())),
                ("p50_ms", percentile(&second.took_ms, 50)),
                ("p99_ms", percentile(&second.took_ms, 99)),
                ("waiting", json!(counts.open.len())),
                ("oldest_ms", json!(oldest.map_or(0, |due| (now_ms - due).max(0)))),
            ])
        })
    }

    /// The whole run, beside what the tables hold of it.
    pub fn totals(&self, found: Found) -> Totals {
        self.with(|counts| {
            let mut whole = std::mem::take(&mut counts.whole);
            whole.add(&std::mem::take(&mut counts.second));
            let missing = counts.open.values().filter(|open| open.acknowledged).count() as u64;
            let unacknowledged = counts.open.len() as u64 - missing;
            Totals {
                whole,
                missing,
                unacknowledged,
                doubled: counts.doubled,
                rejected: counts.rejected,
                sent_again: counts.sent_again,
                latest_ms: counts.latest_ms,
                found,
            }
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What became of a run.
#[derive(Debug)]
pub struct Totals {
    whole: Tally,
    /// Acknowledged and not decided.
    missing: u64,
    /// Neither acknowledged nor decided.
    unacknowledged: u64,
    /// Decided again.
    doubled: u64,
    rejected: u64,
    sent_again: u64,
    latest_ms: i64,
    found: Found,
}

impl Totals {
    pub fn row(&self, pace: Pace) -> Row {
        let decided = self.whole.took_ms.len();
        let seconds = ((self.latest_ms - pace.wall_ms).max(1)) as f64 / 1_000.0;
        Row::of([
            ("events", json!(pace.events)),
            ("sent", json!(self.whole.sent)),
            ("acknowledged", json!(self.whole.acknowledged)),
            ("decided", json!(decided)),
            ("decided_per_s", json!((decided as f64 / seconds).round())),
            ("p50_ms", percentile(&self.whole.took_ms, 50)),
            ("p99_ms", percentile(&self.whole.took_ms, 99)),
            ("max_ms", percentile(&self.whole.took_ms, 100)),
            ("sent_again", json!(self.sent_again)),
            ("rejected", json!(self.rejected)),
            ("missing", json!(self.missing + self.found.missing(decided as u64))),
            ("doubled", json!(self.doubled + self.found.doubled())),
        ])
    }

    /// What is not as it must be.
    pub fn fault(&self) -> Option<String> {
        let decided = self.whole.took_ms.len() as u64;
        let faults = [
            (self.unacknowledged, "events were never acknowledged"),
            (self.missing, "events were acknowledged and not decided in time"),
            (self.doubled, "events were decided more than once in the journal"),
            (self.rejected, "events were rejected"),
            (self.found.missing(decided), "decided events are not in the tables"),
            (self.found.doubled(), "events are in the tables more than once"),
        ];
        let said: Vec<String> = faults.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        (!said.is_empty()).then(|| said.join(", "))
    }
}

/// By nearest rank; null of nothing.
fn percentile(values: &[u32], percent: usize) -> Value {
    let mut sorted = values.to_vec();
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    if rank >= sorted.len() { Value::Null } else { json!(*sorted.select_nth_unstable(rank).1) }
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;
