//! Fairness: a busy topic does not keep the others waiting.

use super::world::*;
use crate::runner::{Options, Pool, take::Inputs};
use bytes::Bytes;
use cairn_log::memory::MemoryLog;
use cairn_log::{EventLog, ManualClock, Place};
use cairn_schemas::block::Next;
use cairn_schemas::{Stream, Topic};
use std::sync::Arc;

fn fill(log: &MemoryLog, topic: Topic, records: usize, bytes: usize) {
    let place = Place::new(Stream::Topic(topic), 0);
    (0..records).for_each(|_| drop(now(log.append(place, vec![Bytes::from(vec![b'x'; bytes])].into())).unwrap()));
}

fn inputs(log: &MemoryLog, queue_bytes: usize) -> Inputs {
    let options = Options { pool: Pool::Inline, queue_bytes, ..Options::default() };
    let mut inputs = now(Inputs::open(Arc::new(log.clone()), 0, options, &Next::start())).unwrap();
    now(inputs.fill()).unwrap();
    inputs
}

fn order(inputs: &mut Inputs) -> Vec<Topic> {
    std::iter::from_fn(|| {
        inputs.peek()?;
        inputs.pop().map(|input| input.topic)
    })
    .collect()
}

#[test]
fn a_busy_topic_delays_another_by_one_turn() {
    let log = MemoryLog::new(1, Arc::new(ManualClock::new(START)));
    fill(&log, Topic::Jobs, 40, 16 * 1024);
    fill(&log, Topic::Payments, 3, 200);
    let order = order(&mut inputs(&log, 4 * 1024 * 1024));
    assert_eq!(order.iter().position(|topic| *topic == Topic::Payments), Some(4), "64 KiB of jobs come first");
    assert_eq!(order.len(), 43);
}

#[test]
fn turns_are_by_bytes_and_not_by_records() {
    let log = MemoryLog::new(1, Arc::new(ManualClock::new(START)));
    fill(&log, Topic::Gradients, 64, 16 * 1024);
    fill(&log, Topic::Votes, 1_000, 1_024);
    let order = order(&mut inputs(&log, 4 * 1024 * 1024));
    let first: Vec<_> = order.iter().take(8 * 68).collect();
    let share = first.iter().filter(|topic| ***topic == Topic::Votes).count();
    assert_eq!(share, 8 * 64, "of equal bytes, a vote is a sixteenth of a gradient");
}

#[test]
fn what_is_read_ahead_is_bounded_and_comes_in_order() {
    let log = MemoryLog::new(1, Arc::new(ManualClock::new(START)));
    fill(&log, Topic::Jobs, 100, 10_000);
    let mut inputs = inputs(&log, 100_000);
    assert!((90_000..=110_000).contains(&inputs.bytes()), "{}", inputs.bytes());
    assert_eq!(inputs.waiting(), 100);
    let mut offsets = Vec::new();
    while inputs.peek().is_some() {
        offsets.extend(inputs.pop().map(|input| input.record.offset));
        now(inputs.fill()).unwrap();
    }
    assert_eq!(offsets, (0..100).collect::<Vec<_>>());
    assert_eq!((inputs.waiting(), inputs.oldest()), (0, None));
}

#[test]
fn a_record_larger_than_a_turn_has_its_turn() {
    let log = MemoryLog::new(1, Arc::new(ManualClock::new(START)));
    fill(&log, Topic::Audit, 2, 900_000);
    fill(&log, Topic::Votes, 1, 10);
    assert_eq!(order(&mut inputs(&log, 4_000_000)), [Topic::Votes, Topic::Audit, Topic::Audit]);
}
