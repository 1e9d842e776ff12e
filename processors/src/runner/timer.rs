//! Timers: how a leader waits for a moment.
//!
//! Owns the two kinds of waiting, in real time and in virtual time. Refuses to tell the time: clocks do.

use cairn_log::Clock;
use futures::future::{BoxFuture, FutureExt};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Waits. Every future is safe to drop.
pub trait Timer: Send + Sync + fmt::Debug {
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()>;
}

/// Real time. Needs a tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealTime;

impl Timer for RealTime {
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(pause).boxed()
    }
}

/// Time that stands still until somebody moves it: a clock and a timer that agree. With it a runner over a log in memory
/// needs no runtime, and a seeded simulation repeats exactly.
#[derive(Debug)]
pub struct VirtualTime {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    now: i64,
    /// Sleepers by the millisecond at which they wake, then by the order in which they went to sleep.
    sleepers: BTreeMap<(i64, u64), oneshot::Sender<()>>,
    slept: u64,
}

impl VirtualTime {
    pub fn new(now_ms: i64) -> VirtualTime {
        VirtualTime { inner: Mutex::new(Inner { now: now_ms, sleepers: BTreeMap::new(), slept: 0 }) }
    }

    /// When the next sleeper wakes, milliseconds since 1970; sleepers that were dropped do not count.
    pub fn next(&self) -> Option<i64> {
        let mut inner = self.lock();
        inner.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        inner.sleepers.keys().next().map(|(due, _)| *due)
    }

    /// Moves time on to `now_ms`, if that is later, and wakes whoever is due, in order.
    pub fn advance_to(&self, now_ms: i64) {
        let mut inner = self.lock();
        inner.now = inner.now.max(now_ms);
        while let Some(entry) = inner.sleepers.first_entry().filter(|entry| entry.key().0 <= now_ms) {
            // A sleeper that was dropped is not missed.
            let _ = entry.remove().send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualTime {
    fn now_ms(&self) -> i64 {
        self.lock().now
    }
}

impl Timer for VirtualTime {
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        let (wake, woken) = oneshot::channel();
        let mut inner = self.lock();
        let due = inner.now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        inner.slept += 1;
        let key = (due, inner.slept);
        inner.sleepers.insert(key, wake);
        woken.map(drop).boxed()
    }
}
