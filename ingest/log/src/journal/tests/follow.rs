//! Following a log: from the front, from a saved place, from a place that is gone; and how an instance begins.

use super::*;
use crate::journal::{Follower, JournalError};
use crate::memory::{AppendFault, MemoryLog};
use crate::{EventLog, ManualClock, Place};
use std::sync::Arc;

fn log() -> (MemoryLog, Arc<dyn EventLog>) {
    let log = MemoryLog::new(2, Arc::new(ManualClock::new(START)));
    (log.clone(), Arc::new(log))
}

async fn append(log: &Arc<dyn EventLog>, records: &[Bytes]) {
    for record in records {
        log.append(Place::journal(0), vec![record.clone()].into()).await.unwrap();
    }
}

#[tokio::test]
async fn a_follower_takes_what_is_there_and_waits_for_what_comes() {
    let (memory, log) = log();
    let (mut desk, records) = Desk::open();
    append(&log, &records).await;
    memory.faults().gap(Place::journal(0), 3);
    let mut follower = Follower::new(log.clone(), Chain::new(0));
    assert_eq!(follower.catch_up(drop).await.unwrap(), 2);
    let waiting = tokio::spawn(async move {
        let taken = follower.next().await.unwrap();
        (follower, taken)
    });
    tokio::task::yield_now().await;
    append(&log, &[desk.block(1)]).await;
    let (mut follower, taken) = waiting.await.unwrap();
    assert_eq!(taken.offset, 5);
    assert!(matches!(taken.step, Step::Block(_)));
    append(&log, &[Bytes::from_static(b"noise")]).await;
    follower.next().await.unwrap();
    assert_eq!(follower.voids().get(&VoidReason::Malformed), Some(&1));
}

#[tokio::test]
async fn a_follower_goes_on_from_a_saved_chain() {
    let (_, log) = log();
    let (mut desk, records) = Desk::open();
    append(&log, &records).await;
    let mut follower = Follower::new(log.clone(), Chain::new(0));
    follower.catch_up(drop).await.unwrap();
    let saved = follower.into_chain().to_bytes().unwrap();
    append(&log, &[Bytes::from_static(b"noise"), desk.block(1)]).await;
    let mut follower = Follower::new(log.clone(), Chain::from_bytes(0, &saved).unwrap());
    assert_eq!(follower.catch_up(drop).await.unwrap(), 2);
    assert_eq!(follower.chain().prev(), desk.chain.prev());
}

#[tokio::test]
async fn a_saved_chain_halts_on_a_log_that_is_not_its_own() {
    let (_, records) = Desk::open();
    let mut chain = Chain::new(0);
    records.iter().for_each(|record| drop(take(&mut chain, record, START).unwrap()));

    let (_, replaced) = log();
    append(&replaced, &[records[0].clone(), records[0].clone()]).await;
    let error = Follower::new(replaced, chain.clone()).try_next().await.unwrap_err();
    assert!(matches!(error, JournalError::PositionMismatch { offset: 1, .. }), "{error}");

    let (_, cut) = log();
    let mut follower = Follower::new(cut, chain);
    for _ in 0..2 {
        assert_eq!(follower.try_next().await.unwrap_err().code(), "CRN-5112", "a halt stays a halt");
    }
}

#[tokio::test]
async fn a_halting_record_halts_every_time() {
    let (_, log) = log();
    let (desk, records) = Desk::open();
    append(&log, &records).await;
    let mut newer = desk.propose(1).to_record();
    newer[4] = 9;
    append(&log, &[Bytes::from(newer)]).await;
    let mut follower = Follower::new(log, Chain::new(0));
    for _ in 0..2 {
        assert_eq!(follower.catch_up(drop).await.unwrap_err().code(), "CRN-4001");
    }
}

#[tokio::test]
async fn an_instance_begins_once_however_often_it_is_begun() {
    let (memory, log) = log();
    // Cut off after the first partition: no space for the second.
    memory.faults().next_append(Place::journal(1), AppendFault::Full);
    assert_eq!(genesis::create(&log, &document(), &key(1)).await.unwrap_err().code(), "CRN-5106");
    memory.faults().next_append(Place::journal(1), AppendFault::UnknownLost);
    memory.faults().next_append(Place::journal(1), AppendFault::UnknownWritten);
    genesis::create(&log, &document(), &key(1)).await.unwrap();
    genesis::create(&log, &document(), &key(1)).await.unwrap();
    for partition in 0..2 {
        let mut follower = Follower::new(log.clone(), Chain::of(document().id().unwrap(), partition));
        follower.catch_up(drop).await.unwrap();
        assert_eq!(follower.chain().height(), Some(0));
    }
    let other = Genesis { nonce: ByteString(vec![8; 16]), ..document() };
    assert_eq!(genesis::create(&log, &other, &key(1)).await.unwrap_err().code(), "CRN-4006");
}

#[tokio::test]
async fn a_document_that_does_not_fit_begins_nothing() {
    let (_, log) = log();
    let cases = [
        (Genesis { partitions: 3, ..document() }, 1),
        (Genesis { partitions: 0, ..document() }, 1),
        (Genesis { admins: vec![], ..document() }, 1),
        (document(), 2),
    ];
    for (genesis, signer) in cases {
        assert_eq!(genesis::create(&log, &genesis, &key(signer)).await.unwrap_err().code(), "CRN-4007");
    }
    let late = Genesis { time: document().time.plus(60_000), ..document() };
    assert_eq!(genesis::create(&log, &late, &key(1)).await.unwrap_err().code(), "CRN-4008");
}
