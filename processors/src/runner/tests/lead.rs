//! Leading without trouble: what comes in is decided, in groups, once, and nothing else makes a block.

use super::world::*;
use crate::runner::{Decided, Processor};
use bytes::Bytes;
use cairn_log::memory::{AppendFault, MemoryLog};
use cairn_log::{EventLog, ManualClock, Place, ReadLimit, SystemClock, journal::genesis};
use cairn_schemas::decision::DispositionCode;
use cairn_schemas::{Timestamp, Topic, limits};
use std::sync::Arc;
use tokio::sync::oneshot;

#[test]
fn what_is_said_is_decided() {
    let mut world = World::new();
    let processor = world.processor(1);
    let decided = processor.decided(0);
    assert_eq!(*decided.borrow(), Decided::default());
    world.start(&processor);
    world.note(ACME, "one");
    world.until_taken();
    world.note(ACME, "two");
    world.until_taken();
    assert_eq!(world.verdicts(), ["accepted"; 4]);
    let report = world.check();
    assert_eq!((report.claims, report.blocks, report.decisions, report.signatures), (1, 3, 4, 4));
    let told = *decided.borrow();
    assert_eq!((told.height, told.epoch, told.tree_size), (Some(2), 1, 4));
    assert_eq!(told.time, Timestamp::from_millis(START).unwrap());
}

#[test]
fn what_happened_is_counted_under_its_names() {
    let mut world = World::new();
    let processor = world.processor(1);
    world.start(&processor);
    world.send(Topic::Votes, Bytes::from_static(b"noise"));
    now(world.log.append(Place::journal(0), vec![Bytes::from_static(b"noise")].into())).unwrap();
    world.until_taken();
    let text = shown(&processor);
    for line in [
        r#"cairn_decisions_total{partition="0",topic="audit",verdict="accepted"} 2"#,
        r#"cairn_dispositions_total{partition="0",code="malformed"} 1"#,
        "cairn_append_seconds_count 1",
        "cairn_decided_seconds_count 2",
        r#"cairn_lag_records{partition="0",fold="decider"} 0"#,
        r#"cairn_lag_seconds{partition="0",fold="decider"} 0"#,
    ] {
        assert!(text.lines().any(|told| told.starts_with(line)), "{line} in\n{text}");
    }
}

/// What `/metrics` would say of a processor.
fn shown(processor: &Processor) -> String {
    let (mut registry, mut text) = (prometheus_client::registry::Registry::default(), String::new());
    processor.metrics().register(&mut registry);
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[test]
fn an_append_that_the_log_did_not_take_is_counted_by_its_code() {
    let mut world = World::new();
    world.log.faults().next_append(Place::journal(0), AppendFault::Full);
    let processor = world.processor(1);
    world.start(&processor);
    world.until_taken();
    let line = r#"cairn_append_errors_total{partition="0",code="CRN-5106"} 1"#;
    assert!(shown(&processor).contains(line), "{}", shown(&processor));
}

#[test]
fn who_leads_no_longer_shows_no_lag() {
    let mut world = World::new();
    let processor = world.processor(1);
    let led = world.start(&processor);
    world.until_taken();
    assert!(shown(&processor).contains("cairn_lag_records{"));
    led.kill();
    world.settle();
    assert!(!shown(&processor).contains("cairn_lag_records{"), "{}", shown(&processor));
}

#[test]
fn what_is_not_admitted_is_disposed_of() {
    use DispositionCode::*;
    let mut world = World::new();
    world.start(&world.processor(1));
    let note = world.note(ACME, "one");
    let (_, skipped, _) = world.write(ACME, note_of("two"));
    let (_, early, _) = world.write(ACME, note_of("three"));
    let mut forged = skipped.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let stranger = world.write(77, note_of("who")).1;
    for record in [note.clone(), Bytes::from_static(b"noise"), early.clone(), forged.into(), stranger, Bytes::new()] {
        world.send(Topic::Audit, record);
    }
    world.send(Topic::Votes, note);
    world.send(Topic::Audit, Bytes::from(vec![0xd2; 100_000]));
    world.until_taken();
    // The last was too large for its topic's first turn.
    assert_eq!(world.dispositions(), [Duplicate, Malformed, Gap, BadSignature, Unadmitted, Malformed, WrongPartition, Malformed]);
    world.send(Topic::Audit, skipped);
    world.send(Topic::Audit, early);
    world.until_taken();
    let report = world.check();
    assert_eq!((report.dispositions, report.redisposed, report.unchecked), (8, 8, 0));
    assert_eq!(world.verdicts(), ["accepted"; 5]);
}

fn note_of(text: &str) -> cairn_schemas::event::NoteRecorded {
    cairn_schemas::event::NoteRecorded { text: text.parse().unwrap(), about: None, blob: None }
}

#[test]
fn without_inputs_there_are_no_blocks() {
    let mut world = World::new();
    world.start(&world.processor(1));
    world.until_taken();
    let blocks = world.blocks().len();
    world.pass(3_600_000);
    assert_eq!(world.blocks().len(), blocks);
    world.check();
}

#[test]
fn what_arrives_while_an_append_is_on_its_way_is_the_next_block() {
    let mut world = World::new();
    world.start(&world.processor(1));
    world.until_taken();
    let before = world.blocks().len();
    world.log.faults().hold(Place::journal(0));
    world.note(ACME, "first");
    world.settle();
    for n in 0..100 {
        world.note(ACME, &format!("note {n}"));
        world.settle();
    }
    world.log.faults().release(Place::journal(0));
    world.until_taken();
    let sizes: Vec<_> = world.blocks()[before..].iter().map(|block| events(block).count()).collect();
    assert_eq!(sizes, [1, 100]);
    world.check();
}

#[test]
fn a_backlog_fills_blocks_and_no_more_than_four_are_in_flight() {
    let mut world = World::new();
    world.start(&world.processor(1));
    world.until_taken();
    let before = world.blocks().len();
    let journal = Place::journal(0);
    world.log.faults().hold(journal);
    let text = "x".repeat(8_000);
    (0..700).for_each(|_| drop(world.note(ACME, &text)));
    world.settle();
    assert!((1..=limits::BLOCKS_IN_FLIGHT).contains(&world.log.faults().unsynced()), "blocks on their way");
    world.log.faults().release(journal);
    world.until_taken();
    let sizes: Vec<_> = world.blocks()[before..].iter().map(|block| block.body.to_cbor().unwrap().len()).collect();
    let full = sizes.iter().filter(|size| **size > limits::BLOCK_BYTES - limits::DECISION_BYTES).count();
    assert!(full + 2 >= sizes.len(), "{sizes:?}");
    world.check();
}

#[test]
fn a_panic_in_the_decider_is_that_events_rejection() {
    let mut world = World::new();
    world.start(&world.processor(1));
    world.note(ACME, "planted panic");
    world.note(ACME, "life goes on");
    world.until_taken();
    assert_eq!(world.verdicts(), ["accepted", "accepted", "internal", "accepted"]);
    let report = world.check();
    assert_eq!(report.rejected_internal, 1);
}

#[test]
fn records_left_out_by_the_log_are_not_missed() {
    let mut world = World::new();
    world.log.faults().gap(Place::new(cairn_schemas::Stream::Topic(Topic::Audit), 0), 7);
    world.log.faults().gap(Place::journal(0), 5);
    world.note(ACME, "behind the gap");
    let first = world.start(&world.processor(1));
    world.until_taken();
    first.kill();
    world.log.faults().gap(Place::journal(0), 1);
    now(world.log.delete_below(Place::new(cairn_schemas::Stream::Topic(Topic::Audit), 0), 9)).unwrap();
    world.note(ACME, "and after a restart");
    world.start(&world.processor(1));
    world.settle();
    assert_eq!(world.verdicts(), ["accepted"; 4]);
}

#[tokio::test]
async fn a_member_leads_what_it_is_given_and_stops_when_it_is_taken_away() {
    let clock = Arc::new(SystemClock::default());
    let memory = MemoryLog::new(1, clock.clone());
    let log: Arc<dyn EventLog> = Arc::new(memory.clone());
    let genesis = cairn_schemas::genesis::Genesis { time: Timestamp::from_millis(START - 100_000_000_000).unwrap(), ..document() };
    cairn_log::journal::genesis::create(&log, &genesis, &key(1)).await.unwrap();
    let processors = [Processor::new(log.clone(), key(1), clock.clone()), Processor::new(log, key(2), clock)];
    let mut told = processors.clone().map(|processor| processor.decided(0));
    let (stops, running): (Vec<_>, Vec<_>) = ["a", "b"]
        .into_iter()
        .zip(processors)
        .map(|(member, processor)| {
            let (stop, stopped) = oneshot::channel::<()>();
            (stop, tokio::spawn(async move { processor.run(member, async move { drop(stopped.await) }).await }))
        })
        .unzip();
    for (epoch, member) in [(1, 0), (2, 1), (3, 0)] {
        memory.faults().give(0, ["a", "b"][member]);
        told[member].wait_for(|decided| decided.epoch == epoch).await.unwrap();
    }
    drop(stops);
    for task in running {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_member_whose_only_partition_halts_says_why() {
    let clock = Arc::new(SystemClock::default());
    let memory = MemoryLog::new(1, clock.clone());
    memory.faults().give(0, "a");
    let processor = Processor::new(Arc::new(memory), key(1), clock);
    assert!(processor.halts().is_empty());
    let error = processor.run("a", std::future::pending()).await.unwrap_err();
    assert_eq!(error.code(), "CRN-3108");
    assert_eq!(processor.halts(), std::collections::BTreeMap::from([(0, "CRN-3108")]));
    assert!(!error.next().is_empty());
}

/// Who joined with it would take the partition from those who can lead it.
#[tokio::test]
async fn a_member_whose_key_may_not_lead_does_not_join() {
    let clock = Arc::new(ManualClock::new(START));
    let memory = MemoryLog::new(1, clock.clone());
    let log: Arc<dyn EventLog> = Arc::new(memory.clone());
    genesis::create(&log, &document(), &key(1)).await.unwrap();
    memory.faults().give(0, "a");
    let end = memory.read(Place::journal(0), 0, ReadLimit::default()).await.unwrap().end;
    let processor = Processor::new(log, key(3), clock);
    let error = processor.run("a", std::future::pending()).await.unwrap_err();
    assert_eq!(error.code(), "CRN-3104");
    assert!(processor.halts().is_empty(), "it was given nothing that could halt");
    assert_eq!(memory.read(Place::journal(0), 0, ReadLimit::default()).await.unwrap().end, end);
}
