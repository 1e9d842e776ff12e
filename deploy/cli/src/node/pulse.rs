//! Pulse: whether what waits is taken, and whether the log answers at all.
//!
//! Owns the moment at which each fold of this process last moved, as looks from time to time show it, and telling people once one stands
//! still: a line in the log, a figure, the readiness of the process. Refuses to know why, and to do anything about it.

use cairn_gateway::{Metrics, Trouble};
use cairn_processors::runner::{self, Processor};
use cairn_projections::FoldLag;
use cairn_schemas::code;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// From when on a fold stands still that has something to take, and the log is silent. Beyond what a leader's loss or a broker's costs.
const LONG: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Fold {
    partition: u32,
    fold: &'static str,
}

/// What was seen of all folds.
#[derive(Debug)]
pub struct Pulse {
    seen: Mutex<Seen>,
    /// The decider here, which knows by itself when it last moved.
    processor: Option<Processor>,
    still: Family<Fold, Gauge>,
    silent: Gauge,
}

#[derive(Debug)]
struct Seen {
    answered: Instant,
    folds: BTreeMap<Key, Moved>,
    /// What people were told of.
    told: BTreeSet<Key>,
}

/// A fold of a partition; none for the log itself.
type Key = Option<(&'static str, u32)>;

#[derive(Clone, Copy, Debug)]
struct Moved {
    height: Option<u64>,
    since: Instant,
    /// How long what it has not taken may wait as it should.
    rest: Duration,
}

impl Pulse {
    pub fn new(metrics: &Metrics, processor: Option<Processor>) -> Pulse {
        let seen = Seen { answered: Instant::now(), folds: BTreeMap::new(), told: BTreeSet::new() };
        let pulse = Pulse { seen: Mutex::new(seen), processor, still: Family::default(), silent: Gauge::default() };
        metrics.register(|registry| {
            registry.register("cairn_standstill_seconds", "How long a fold has taken nothing of what waits", pulse.still.clone());
            registry.register("cairn_log_silent_seconds", "How long the log has answered no question", pulse.silent.clone());
        });
        pulse
    }

    /// The log answered, and folds were so far behind at that moment.
    pub fn answered(&self, lags: &[FoldLag], now: Instant) {
        let mut seen = self.lock();
        seen.answered = now;
        // A decider here tells of itself, and its lag is as old as its last turn.
        let is_own = |lag: &FoldLag| self.processor.is_some() && lag.fold == runner::Metrics::DECIDER;
        let folds = lags.iter().filter(|lag| !is_own(lag)).map(|lag| {
            let key = Some((lag.fold, lag.partition));
            let before = seen.folds.get(&key).filter(|moved| lag.records > 0 && moved.height == lag.height);
            (key, before.copied().unwrap_or(Moved { height: lag.height, since: now, rest: Duration::from_millis(lag.rest_ms) }))
        });
        seen.folds = folds.collect();
    }

    /// Tells people of what has begun to stand still, and of what moves again.
    pub fn tell(&self, now: Instant) {
        let still = self.still(now);
        let silent = now.saturating_duration_since(self.lock().answered);
        self.silent.set(i64::try_from(silent.as_secs()).unwrap_or(i64::MAX));
        self.still.clear();
        for (fold, partition, long) in &still {
            let seconds = i64::try_from(long.as_secs()).unwrap_or(i64::MAX);
            self.still.get_or_create(&Fold { partition: *partition, fold }).set(seconds);
        }
        let folds = still.iter().map(|(part, partition, long)| (Some((*part, *partition)), trouble(part, *partition, *long)));
        let log = (silent >= LONG).then(|| (None, Trouble::Silent { seconds: silent.as_secs() }));
        let troubles: BTreeMap<Key, Trouble> = folds.chain(log).collect();
        let told = std::mem::replace(&mut self.lock().told, troubles.keys().copied().collect());
        for (_, trouble) in troubles.iter().filter(|(key, _)| !told.contains(key)) {
            let next = code::find(trouble.code()).map_or("", |entry| entry.next);
            tracing::error!(code = trouble.code(), next, "ALARM: {trouble}");
        }
        for key in told.iter().filter(|key| !troubles.contains_key(key)) {
            match key {
                Some((fold, partition)) => tracing::info!(partition, fold, "the partition moves again"),
                None => tracing::info!("the log answers again"),
            }
        }
    }

    /// What keeps this process from its work. A decider elsewhere does not: it is told of in the log and the figures.
    pub fn troubles(&self, now: Instant) -> Vec<Trouble> {
        let silent = now.saturating_duration_since(self.lock().answered);
        let log = (silent >= LONG).then_some(Trouble::Silent { seconds: silent.as_secs() });
        let own = |fold: &str| fold != runner::Metrics::DECIDER || self.processor.is_some();
        let folds = self.still(now).into_iter().filter(|(fold, ..)| own(fold));
        log.into_iter().chain(folds.map(|(part, partition, long)| trouble(part, partition, long))).collect()
    }

    /// All that stand still, and for how long.
    fn still(&self, now: Instant) -> Vec<(&'static str, u32, Duration)> {
        let decider = self.processor.as_ref().map(|processor| processor.still(LONG)).unwrap_or_default();
        let mut still: Vec<_> = decider.into_iter().map(|(partition, long)| (runner::Metrics::DECIDER, partition, long)).collect();
        let seen = self.lock();
        // What is as old as the last answer says nothing of what was taken since.
        let silent = now.saturating_duration_since(seen.answered);
        still.extend(seen.folds.iter().filter_map(|(key, moved)| {
            let (fold, partition) = (*key)?;
            let long = now.saturating_duration_since(moved.since).saturating_sub(silent);
            (long >= LONG + moved.rest).then_some((fold, partition, long))
        }));
        still
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn trouble(part: &'static str, partition: u32, long: Duration) -> Trouble {
    Trouble::Still { part, partition, seconds: long.as_secs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLD: &str = "gateway";

    fn lag(fold: &'static str, partition: u32, height: u64, records: u64) -> FoldLag {
        FoldLag { partition, fold, height: Some(height), records, age_ms: 0, rest_ms: 0 }
    }

    fn after(seconds: u64, began: Instant) -> Instant {
        began + Duration::from_secs(seconds)
    }

    #[test]
    fn a_fold_stands_still_that_takes_nothing_of_what_waits() {
        let (pulse, began) = (Pulse::new(&Metrics::default(), None), Instant::now());
        for second in (0..=60).step_by(5) {
            // One has nothing to take, one takes, one stands still, and somebody else's decider does, too.
            let lags = [lag(FOLD, 0, 7, 0), lag(FOLD, 1, second, 9), lag(FOLD, 2, 7, 1), lag("decider", 3, 7, 1)];
            pulse.answered(&lags, after(second, began));
            pulse.tell(after(second, began));
            let troubles = pulse.troubles(after(second, began));
            assert_eq!(troubles, if second < 30 { vec![] } else { vec![trouble(FOLD, 2, Duration::from_secs(second))] });
        }
        assert_eq!(pulse.still.get_or_create(&Fold { partition: 3, fold: "decider" }).get(), 60, "the figures tell of it");
        pulse.answered(&[lag(FOLD, 2, 8, 1)], after(65, began));
        assert_eq!(pulse.troubles(after(65, began)), []);
    }

    /// Rows of a quiet table wait half a minute for more, on every node.
    #[test]
    fn rows_that_wait_as_they_should_do_not_stand_still() {
        let (pulse, began) = (Pulse::new(&Metrics::default(), None), Instant::now());
        let rest = u64::try_from(cairn_projections::Options::default().hot_age.as_millis()).unwrap_or(u64::MAX);
        for (second, told) in [(0, false), (30, false), (45, false), (60, true)] {
            pulse.answered(&[FoldLag { rest_ms: rest, ..lag("accounts", 0, 7, 1) }], after(second, began));
            assert_eq!(!pulse.troubles(after(second, began)).is_empty(), told, "after {second} s");
        }
    }

    #[test]
    fn a_log_that_answers_nothing_is_told_of_and_not_what_it_hides() {
        let (pulse, began) = (Pulse::new(&Metrics::default(), None), Instant::now());
        pulse.answered(&[lag(FOLD, 0, 7, 1)], after(1, began));
        assert_eq!(pulse.troubles(after(30, began)), []);
        assert_eq!(pulse.troubles(after(41, began)), [Trouble::Silent { seconds: 40 }]);
        pulse.answered(&[lag(FOLD, 0, 8, 0)], after(42, began));
        assert_eq!(pulse.troubles(after(42, began)), []);
    }
}
