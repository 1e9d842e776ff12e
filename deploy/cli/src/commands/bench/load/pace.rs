//! Pace: when each event is due, and the authors who say them.
//!
//! Owns the schedule, which knows nothing of answers, and one author's way through its share: whatever is due goes out in one request,
//! and the next request waits until that one is durable, for a lane has an order. Refuses new bytes in doubt: what was signed is sent again.

use super::{cast::Voice, meter::Meter};
use crate::{
    client::{Client, Heard},
    exit::Failure,
    speaker,
};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

/// What a run is to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub realms: u32,
    pub pace: Pace,
}

/// Event n of the run is due n / rate seconds after its begin, and said by author n mod authors.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Events a second.
    pub rate: u32,
    pub events: u64,
    pub authors: u64,
    /// Events of one request, at most.
    pub batch: u64,
    pub begun: Instant,
    /// The wall clock at the begin, milliseconds since 1970.
    pub wall_ms: i64,
}

impl Pace {
    /// The same, from now on.
    pub fn begin(self) -> Pace {
        Pace { begun: Instant::now(), wall_ms: speaker::now().millis(), ..self }
    }

    /// When the last event is due.
    pub fn end(&self) -> Instant {
        self.begun + self.after(self.events)
    }

    fn after(&self, event: u64) -> Duration {
        Duration::from_secs_f64(event as f64 / f64::from(self.rate))
    }

    /// Events of an author.
    fn share(&self, author: u64) -> u64 {
        (self.events + self.authors - 1 - author) / self.authors
    }

    /// How long after the begin an author's k-th event is due.
    fn due(&self, author: u64, k: u64) -> Duration {
        self.after(k * self.authors + author)
    }

    /// How many of an author's events are due after so long.
    fn due_after(&self, author: u64, elapsed: Duration) -> u64 {
        let due = (elapsed.as_secs_f64() * f64::from(self.rate)).floor() as u64 + 1;
        (due.max(author) - author).div_ceil(self.authors).min(self.share(author))
    }
}

/// Says an author's share, each event not before it is due; or as much of it as is due until `enough` turns true.
pub async fn speak(
    mut voice: Voice,
    nth: u64,
    pace: Pace,
    client: Client,
    meter: Meter,
    mut enough: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let (mut said, share) = (0, pace.share(nth));
    while said < share {
        tokio::select! {
            biased;
            _ = enough.wait_for(|enough| *enough) => break,
            () = sleep_until(pace.begun + pace.due(nth, said)) => {}
        }
        // The timer's own grain must not leave the event that it was set for.
        let due = pace.due_after(nth, pace.begun.elapsed()).max(said + 1);
        let until = due.min(said + pace.batch);
        let mut records = Vec::new();
        let mut hashes = Vec::new();
        for k in said..until {
            let kept = voice.say()?;
            let due_ms = i64::try_from(pace.due(nth, k).as_millis()).unwrap_or(i64::MAX);
            meter.sent(kept.head.hash, pace.wall_ms.saturating_add(due_ms));
            hashes.push(kept.head.hash);
            records.push(kept.record);
        }
        // Bounded by the run's patience, which ends this task.
        while let Heard::Later(pause) = client.append(&records).await? {
            meter.sent_again();
            sleep(pause).await;
        }
        meter.acknowledged(&hashes);
        voice.settled()?;
        said = until;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_due_once_and_in_its_time() {
        // A microsecond for what fractions of a second lose in binary.
        let grain = Duration::from_micros(1);
        for (rate, events, authors) in
            [(1, 1, 1), (1, 7, 3), (3, 10, 4), (7, 100, 48), (999, 1_000, 59), (4_999, 2_000, 1), (5_000, 13, 60)]
        {
            let pace = Pace { rate, events, authors, batch: 1, begun: Instant::now(), wall_ms: 0 };
            assert_eq!((0..authors).map(|author| pace.share(author)).sum::<u64>(), events);
            for (author, ms) in (0..authors).flat_map(|author| (0..4_000).step_by(37).map(move |ms| (author, ms))) {
                let (elapsed, share) = (Duration::from_millis(ms), pace.share(author));
                let due = pace.due_after(author, elapsed);
                assert!(due == 0 || pace.due(author, due - 1) <= elapsed + grain, "{pace:?}: {author} too early after {ms} ms");
                assert!(due == share || pace.due(author, due) + grain > elapsed, "{pace:?}: {author} too late after {ms} ms");
            }
        }
    }
}
