//! Pulse: when each partition that is to be led here was last seen to move.
//!
//! Owns the moments. Refuses to do anything about a partition that stands still: whoever watches tells people.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The partitions of one processor. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Mutex<BTreeMap<u32, Instant>>>);

/// Held while a partition is to be led; then it need not move any more.
#[derive(Debug)]
pub struct Beating {
    pulse: Pulse,
    partition: u32,
}

impl Pulse {
    pub fn begin(&self, partition: u32) -> Beating {
        self.beat(partition);
        Beating { pulse: self.clone(), partition }
    }

    /// It moves, or has nothing to do.
    pub fn beat(&self, partition: u32) {
        self.lock().insert(partition, Instant::now());
    }

    /// Those that did not move for at least so long, and for how long.
    pub fn still(&self, longer: Duration) -> BTreeMap<u32, Duration> {
        let since = self.lock().iter().map(|(partition, moved)| (*partition, moved.elapsed())).collect::<BTreeMap<_, _>>();
        since.into_iter().filter(|(_, still)| *still >= longer).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.pulse.lock().remove(&self.partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_stands_still_from_its_last_beat_until_it_is_led_no_more() {
        let pulse = Pulse::default();
        let beating = [2, 5].map(|partition| pulse.begin(partition));
        assert!(pulse.still(Duration::from_secs(60)).is_empty());
        assert_eq!(pulse.still(Duration::ZERO).into_keys().collect::<Vec<_>>(), [2, 5]);
        drop(beating);
        assert!(pulse.still(Duration::ZERO).is_empty());
    }
}
