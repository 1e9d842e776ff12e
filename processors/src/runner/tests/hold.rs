//! Holding: what passes ends no leadership for good, and who lost leaves the winner alone as long as it decides.

use super::world::*;
use crate::runner::Ended;
use async_trait::async_trait;
use cairn_log::memory::AppendFault;
use cairn_log::{AppendError, Appended, Assignments, Batch, EventLog, Place, Read, ReadError, ReadLimit};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A log whose reads fail while it is cut off.
#[derive(Debug)]
struct Cut {
    log: Arc<dyn EventLog>,
    is_cut: AtomicBool,
    refused: AtomicU32,
}

impl Cut {
    fn of(world: &World) -> Arc<Cut> {
        Arc::new(Cut { log: Arc::new(world.log.clone()), is_cut: AtomicBool::new(false), refused: AtomicU32::new(0) })
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Relaxed);
    }
}

#[async_trait]
impl EventLog for Cut {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        self.log.append(place, batch).await
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        if self.is_cut.load(Ordering::Relaxed) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(ReadError::Io { place, source: io::ErrorKind::TimedOut.into() });
        }
        self.log.read(place, from, limit).await
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        self.log.wait(places).await
    }

    async fn time(&self) -> Result<i64, ReadError> {
        self.log.time().await
    }

    fn assignments(&self, member: &str) -> Assignments {
        self.log.assignments(member)
    }
}

#[test]
fn a_fetch_that_failed_is_no_end_of_a_leadership() {
    let mut world = World::new();
    let log = Cut::of(&world);
    let held = world.hold(&world.processor_over(1, log.clone()));
    world.until_taken();
    for n in 0..20 {
        log.cut(true);
        world.note(ACME, &format!("note {n}"));
        world.pass(10_000);
        assert_eq!(held.ended(), None);
        log.cut(false);
        // The pause after a failure is a minute at most, and begins anew once something was decided.
        world.pass(20_000);
        assert_eq!(world.blocks().len() as u32, n + 2);
    }
    assert_eq!(world.check().claims, 21);
}

#[test]
fn a_claim_that_failed_is_made_again() {
    let mut world = World::new();
    let processor = world.processor(1);
    (0..16).for_each(|_| world.log.faults().next_append(Place::journal(0), AppendFault::UnknownLost));
    let held = world.hold(&processor);
    world.settle();
    assert_eq!((held.ended(), world.blocks().len()), (None, 0));
    world.pass(30_000);
    assert_eq!((held.ended(), world.blocks().len()), (None, 1));
    assert_eq!(world.check().claims, 1);
}

#[test]
fn attempts_are_few_and_far_between_and_then_the_partition_halts() {
    let mut world = World::new();
    let log = Cut::of(&world);
    log.cut(true);
    let held = world.hold(&world.processor_over(1, log.clone()));
    world.pass(60_000);
    assert!(held.end.borrow().is_none());
    let refused = log.refused.load(Ordering::Relaxed);
    assert!((4..=7).contains(&refused), "{refused} attempts in the first minute");
    world.pass(600_000);
    assert_eq!(held.code(), "CRN-5116");
    assert_eq!(log.refused.load(Ordering::Relaxed), 10);
}

/// The winner heard late that it was to lead no more: the group gives the partition to the loser, and nobody decides.
#[test]
fn who_lost_to_one_that_is_gone_claims_again_once_records_wait() {
    let mut world = World::new();
    let held = world.hold(&world.processor(1));
    world.until_taken();
    let zombie = world.start(&world.processor(2));
    world.settle();
    zombie.kill();
    world.pass(600_000);
    assert_eq!(world.replay(&Default::default()).claims, 2, "nothing waits");
    world.note(ACME, "who decides?");
    world.pass(25_000);
    assert_eq!(world.replay(&Default::default()).claims, 2, "the winner may only be slow");
    world.until_taken();
    assert_eq!((held.ended(), world.check().claims), (None, 3));
}

#[test]
fn a_winner_that_decides_is_left_alone() {
    let mut world = World::new();
    let held = world.hold(&world.processor(1));
    world.until_taken();
    let winner = world.start(&world.processor(2));
    for n in 0..100 {
        world.note(ACME, &format!("note {n}"));
        world.pass(7_000);
    }
    assert_eq!((held.ended(), winner.ended()), (None, None));
    assert_eq!(world.check().claims, 2);
}

#[test]
fn two_who_both_hold_do_not_duel() {
    let mut world = World::new();
    let held = [1, 2].map(|seed| world.hold(&world.processor(seed)));
    for n in 0..100 {
        world.note(ACME, &format!("note {n}"));
        world.pass(7_000);
    }
    assert!(held.iter().all(|held| held.ended() != Some(Ended::Lost)));
    assert!(world.check().claims <= 3);
}
