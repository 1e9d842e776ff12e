//! Clocks: where a log's append times come from.
//!
//! Owns the wall clock's one entrance and its promise never to go back. Refuses to wait: a clock only tells.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time, milliseconds since 1970-01-01 UTC. MUST NOT go back.
pub trait Clock: Send + Sync + fmt::Debug {
    fn now_ms(&self) -> i64;
}

/// The machine's wall clock, held still while the machine's own goes back.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicI64,
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let wall = i64::try_from(wall).unwrap_or(i64::MAX);
        self.latest.fetch_max(wall, Ordering::AcqRel).max(wall)
    }
}

/// A clock that a test or the simulator moves by hand.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
}

impl ManualClock {
    pub const fn new(now_ms: i64) -> Self {
        ManualClock { now: AtomicI64::new(now_ms) }
    }

    /// Moves the clock forward and returns the new time.
    pub fn advance(&self, by_ms: u32) -> i64 {
        self.now.fetch_add(i64::from(by_ms), Ordering::AcqRel).saturating_add(i64::from(by_ms))
    }

    /// Sets the clock, backwards too: what stands behind it must bear a clock that breaks its promise.
    pub fn set(&self, now_ms: i64) {
        self.now.store(now_ms, Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.now.load(Ordering::Acquire)
    }
}
