//! Rivals: two who believe that they lead, and those who may not.

use super::world::*;
use crate::runner::Ended;
use async_trait::async_trait;
use bytes::Bytes;
use cairn_log::archive::{Archive, Archiver};
use cairn_log::store::Store;
use cairn_log::{AppendError, Appended, Assignments, Batch, EventLog, Place, Read, ReadError, ReadLimit};
use cairn_schemas::block::Body;
use cairn_schemas::{Fact, Topic};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// A log that one of its users cannot write to for a while: its appends wait at the gate, and land when it opens.
#[derive(Debug)]
struct Gated {
    log: Arc<dyn EventLog>,
    open: watch::Receiver<bool>,
}

#[async_trait]
impl EventLog for Gated {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        let _ = self.open.clone().wait_for(|open| *open).await;
        self.log.append(place, batch).await
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
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

fn gated(world: &World) -> (watch::Sender<bool>, Arc<dyn EventLog>) {
    let (gate, open) = watch::channel(true);
    (gate, Arc::new(Gated { log: Arc::new(world.log.clone()), open }))
}

#[test]
fn a_new_leader_ends_the_old_one() {
    let mut world = World::new();
    let first = world.start(&world.processor(1));
    world.until_taken();
    let second = world.start(&world.processor(2));
    world.settle();
    assert_eq!((first.ended(), second.ended()), (Some(Ended::Lost), None));
    world.note(ACME, "to the second");
    world.until_taken();
    assert_eq!(world.check().claims, 2);
}

/// A zombie forms a block, sleeps through another's claim and blocks, and its append lands then.
#[test]
fn the_block_of_a_zombie_is_void() {
    for seed in [1, 2] {
        let mut world = World::new();
        let (gate, log) = gated(&world);
        let zombie = world.start(&world.processor_over(1, log));
        world.until_taken();
        gate.send_replace(false);
        world.note(ACME, "decided by both");
        world.settle();
        // The successor holds another key, or is a restart with the same.
        let successor = world.start(&world.processor(seed));
        world.until_taken();
        world.note(ACME, "and on");
        world.until_taken();
        gate.send_replace(true);
        world.pass(10_000);
        assert_eq!((zombie.ended(), successor.ended()), (Some(Ended::Lost), None));
        world.note(ACME, "and on and on");
        world.until_taken();
        assert_eq!(world.verdicts(), ["accepted"; 5]);
        world.check();
    }
}

/// The zombie's block was sent before the claim lay there, and lands behind it.
#[test]
fn a_block_that_lands_behind_a_claim_is_void_and_its_inputs_are_decided_by_the_claimant() {
    let mut world = World::new();
    let (gate, log) = gated(&world);
    let zombie = world.start(&world.processor_over(1, log));
    world.until_taken();
    gate.send_replace(false);
    world.note(ACME, "decided by both");
    world.settle();
    let stubborn = world.processor(2);
    world.log.faults().hold(Place::journal(0));
    let successor = world.start(&stubborn);
    world.settle();
    gate.send_replace(true);
    world.settle();
    world.log.faults().release(Place::journal(0));
    world.until_taken();
    world.pass(1_000);
    assert_eq!((zombie.ended(), successor.ended()), (Some(Ended::Lost), None));
    assert_eq!(world.voids(), 1);
    world.check();
}

#[test]
fn two_at_once_do_not_duel() {
    for (one, other) in [(1, 2), (1, 1)] {
        let mut world = World::new();
        let rivals = [world.start(&world.processor(one)), world.start(&world.processor(other))];
        for n in 0..5 {
            world.note(ACME, &format!("note {n}"));
            world.until_taken();
            world.pass(1_000);
        }
        let ends: Vec<_> = rivals.iter().map(super::world::Led::ended).collect();
        assert_eq!(ends.iter().filter(|end| end.is_none()).count(), 1, "one leads: {ends:?}");
        let report = world.check();
        assert!(report.claims <= 3, "{} claims", report.claims);
        assert_eq!(world.verdicts(), ["accepted"; 7]);
    }
}

#[test]
fn leadership_goes_round_and_nothing_is_lost() {
    let mut world = World::new();
    for n in 0..20u8 {
        world.start(&world.processor(n % 2 + 1));
        world.note(ACME, &format!("note {n}"));
        if n % 3 == 0 {
            world.until_taken();
        }
    }
    world.until_taken();
    assert_eq!(world.verdicts(), ["accepted"; 22]);
    world.check();
}

#[test]
fn who_may_not_lead_does_not() {
    let mut world = World::new();
    let led = world.start(&world.processor(3));
    world.settle();
    assert_eq!(led.code(), "CRN-3104");

    let empty = cairn_log::memory::MemoryLog::new(1, world.time.clone());
    let led = world.start(&world.processor_over(1, Arc::new(empty)));
    world.settle();
    assert_eq!(led.code(), "CRN-3108");
}

#[test]
fn a_key_that_an_admin_authorised_may_lead() {
    let mut world = World::new();
    world.start(&world.processor(1));
    world.say(FOUNDER, cairn_schemas::event::ProcessorAuthorised { key: id(3) });
    world.until_taken();
    let facts = world.blocks().into_iter().flat_map(|block| block.body.decisions).flat_map(|decision| decision.facts);
    assert!(facts.into_iter().any(|fact| matches!(fact, Fact::ProcessorChanged { authorised: true, .. })));
    let third = world.start(&world.processor(3));
    world.note(ACME, "to the third");
    world.until_taken();
    assert_eq!(third.ended(), None);
    world.check();
}

/// The same journal over other topics: somebody replaced what was decided on.
#[test]
fn inputs_that_were_replaced_halt() {
    let mut world = World::new();
    let led = world.start(&world.processor(1));
    world.until_taken();
    led.kill();
    let other = cairn_log::memory::MemoryLog::new(1, world.time.clone());
    let journal: Vec<_> = world.records(cairn_schemas::Stream::Journal).into_iter().map(|record| record.bytes).collect();
    now(other.append(Place::journal(0), journal.into())).unwrap();
    let audit = Place::new(cairn_schemas::Stream::Topic(Topic::Audit), 0);
    now(other.append(audit, vec![Bytes::from_static(b"another"); 2].into())).unwrap();
    let led = world.start(&world.processor_over(1, Arc::new(other)));
    world.settle();
    assert_eq!(led.code(), "CRN-3106");

    let cut = cairn_log::memory::MemoryLog::new(1, world.time.clone());
    now(cut.append(
        Place::journal(0),
        world.records(cairn_schemas::Stream::Journal).into_iter().map(|record| record.bytes).collect::<Vec<_>>().into(),
    ))
    .unwrap();
    let led = world.start(&world.processor_over(1, Arc::new(cut)));
    world.settle();
    assert_eq!(led.code(), "CRN-5112");
}

#[test]
fn rules_that_this_binary_lacks_halt() {
    let mut world = World::new();
    let mut forger = super::replay::Forger::open(&mut world);
    let decisions = vec![forger.decide(&mut world, "by rules to come")];
    forger.publish(&world, Body { decisions, ..Body::default() }, |draft| draft.rules = 2);
    let led = world.start(&world.processor(2));
    world.settle();
    assert_eq!(led.code(), "CRN-3105");
}

/// Counts the records of the journal that are read.
#[derive(Debug)]
struct Counted {
    log: Arc<dyn EventLog>,
    journal: AtomicUsize,
}

#[async_trait]
impl EventLog for Counted {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        self.log.append(place, batch).await
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        // As a large journal would be read: in parts.
        let read = self.log.read(place, from, ReadLimit { records: limit.records.min(8), ..limit }).await?;
        self.journal.fetch_add(read.records.len(), Ordering::Relaxed);
        Ok(read)
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

/// A key that genesis does not name is asked of what is known already: a chain in the archive knows who was authorised before it.
#[test]
fn a_strangers_key_is_refused_without_reading_what_is_archived() {
    let mut world = World::new();
    world.start(&world.processor(1));
    world.say(FOUNDER, cairn_schemas::event::ProcessorAuthorised { key: id(3) });
    for n in 0..200 {
        world.note(ACME, &format!("note {n}"));
        world.until_taken();
    }
    let log: Arc<dyn EventLog> = Arc::new(world.log.clone());
    let archive = Archive::over(Store::open("memory:///").unwrap());
    let mut archiver = now(Archiver::open(log.clone(), archive.clone(), 0, Default::default())).unwrap();
    now(archiver.catch_up()).unwrap();
    now(archiver.flush()).unwrap();
    world.note(ACME, "behind the archive");
    world.until_taken();
    for (seed, allowed) in [(1, true), (3, true), (4, false)] {
        let counted = Arc::new(Counted { log: log.clone(), journal: AtomicUsize::new(0) });
        let checked = now(world.processor_over(seed, counted.clone()).with_archive(archive.clone()).check_key());
        assert_eq!(checked.map_err(|error| error.code()), if allowed { Ok(()) } else { Err("CRN-3104") });
        let read = counted.journal.load(Ordering::Relaxed);
        assert!(read <= 16, "{read} records for key {seed}");
    }
}
