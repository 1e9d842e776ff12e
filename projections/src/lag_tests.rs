//! Lag counts work and nothing else, and a question sees what was decided before it.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::{
    Options,
    testing::{Journal, author, rows},
};
use cairn_log::Place;
use cairn_schemas::{Encoding, Topic, block::Next};
use datafusion::error::DataFusionError;
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};
use tokio::sync::watch;

async fn open(journal: &Journal, dir: &Path, options: Options) -> Projections {
    Projections::open(journal.log.clone(), dir, options).await.unwrap()
}

async fn lag(projections: &Projections, fold: &str) -> Vec<Value> {
    rows(projections, &format!("SELECT lag_records, lag_ms FROM consumer_lag WHERE fold = '{fold}' ORDER BY partition")).await
}

fn behind(records: u64, ms: u64) -> Value {
    json!({"lag_records": records, "lag_ms": ms})
}

#[tokio::test]
async fn only_work_is_lag() {
    let mut journal = Journal::begin(2, Encoding::Cose).await;
    let dir = tempfile::tempdir().unwrap();
    let projections = open(&journal, dir.path(), Options::default()).await;
    projections.catch_up().await.unwrap();
    projections.flush().await.unwrap();
    assert_eq!(lag(&projections, "journal").await, [behind(0, 0), behind(0, 0)]);
    let note = journal.note(&mut author(8), "said");
    journal.block(1, vec![note]).await;
    journal.clock.advance(5_000);
    assert_eq!(lag(&projections, "journal").await, [behind(0, 0), behind(1, 5_000)]);
    // What does not count is passed, and no lag of the tables: only rows are.
    journal.log.append(Place::journal(1), vec![b"noise".as_slice().into()].into()).await.unwrap();
    projections.catch_up().await.unwrap();
    assert_eq!(lag(&projections, "journal").await, [behind(0, 0), behind(0, 0)]);
    assert_eq!(lag(&projections, "audit").await, [behind(0, 0), behind(1, 5_000)]);
    assert_eq!(lag(&projections, "votes").await, [behind(0, 0), behind(0, 0)]);
    projections.flush().await.unwrap();
    assert_eq!(lag(&projections, "audit").await, [behind(0, 0), behind(0, 0)]);
}

/// One fold beside the tables.
#[derive(Debug)]
struct Other;

#[async_trait]
impl Folds for Other {
    async fn lags(&self, now: i64) -> Vec<FoldLag> {
        vec![FoldLag { partition: 0, fold: "decider", height: Some(3), records: 7, age_ms: u64::try_from(now).unwrap(), rest_ms: 0 }]
    }
}

#[tokio::test]
async fn folds_beside_the_tables_are_told_of() {
    let journal = Journal::begin(1, Encoding::Cose).await;
    let projections = Projections::in_memory(journal.log.clone(), Options::default()).await.unwrap().with_folds(Arc::new(Other));
    let now = u64::try_from(journal.log.time().await.unwrap()).unwrap();
    assert_eq!(lag(&projections, "decider").await, [behind(7, now)]);
}

#[tokio::test]
async fn a_decider_elsewhere_is_behind_by_what_its_journal_has_not_taken() {
    let journal = Journal::begin(2, Encoding::Cose).await;
    let projections = Projections::in_memory(journal.log.clone(), Options::default()).await.unwrap();
    projections.catch_up().await.unwrap();
    assert_eq!(lag(&projections, "decider").await, [behind(0, 0), behind(0, 0)]);
    let place = |topic| Place::new(Stream::Topic(topic), 1);
    journal.log.append(place(Topic::Audit), vec!["one".into(), "two".into()].into()).await.unwrap();
    journal.clock.advance(2_000);
    journal.log.append(place(Topic::Votes), vec!["three".into()].into()).await.unwrap();
    journal.clock.advance(1_000);
    assert_eq!(lag(&projections, "decider").await, [behind(0, 0), behind(3, 3_000)]);
    let taken = Next::start().map(|next| Next { offset: if next.topic == Topic::Audit { 2 } else { 0 }, ..next });
    projections.note_decided(1, taken);
    assert_eq!(lag(&projections, "decider").await, [behind(0, 0), behind(1, 1_000)]);
}

#[tokio::test]
async fn a_question_waits_for_what_was_decided_before_it() {
    let mut journal = Journal::begin(1, Encoding::Cose).await;
    let options = Options { fresh_wait: Duration::from_millis(40), ..Options::default() };
    let impatient = Projections::in_memory(journal.log.clone(), options).await.unwrap();
    assert!(matches!(impatient.wait_fresh().await, Err(SqlError::Behind { partition: 0, reached: 0, end: 2 })));
    impatient.catch_up().await.unwrap();
    impatient.wait_fresh().await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let projections = open(&journal, dir.path(), Options::default()).await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn({
        let projections = projections.clone();
        async move { projections.run(stopped).await }
    });
    let mut bob = author(8);
    for said in 1..=20 {
        let note = journal.note(&mut bob, "said");
        journal.block(0, vec![note]).await;
        projections.wait_fresh().await.unwrap();
        assert_eq!(rows(&projections, "SELECT text FROM audit").await.len(), said);
    }
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_halted_fold_is_named_and_the_others_go_on() {
    let mut journal = Journal::begin(2, Encoding::Cose).await;
    let dir = tempfile::tempdir().unwrap();
    let projections = open(&journal, dir.path(), Options::default()).await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn({
        let projections = projections.clone();
        async move { projections.run(stopped).await }
    });
    projections.wait_ready().await;
    assert!(projections.halts().is_empty());
    // A format that no binary of today writes.
    journal.log.append(Place::journal(1), vec![b"CRNB\xff".as_slice().into()].into()).await.unwrap();
    while projections.halts().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(projections.halts().into_iter().collect::<Vec<_>>(), [(1, "CRN-4001")]);
    let note = journal.note(&mut author(8), "said");
    let height = journal.block(0, vec![note]).await;
    projections.wait_height(0, height).await;
    assert_eq!(rows(&projections, "SELECT text FROM audit").await.len(), 1);
    assert!(matches!(projections.wait_fresh().await, Err(SqlError::Behind { partition: 1, .. })));
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

#[test]
fn a_silent_log_is_no_fault_of_the_tables() {
    let told = || DataFusionError::External(Box::new(ProjectionError::Silent { seconds: 10 }));
    for error in [told(), DataFusionError::Context("reading consumer_lag".to_owned(), Box::new(told()))] {
        let error = SqlError::of(error);
        assert_eq!((error.code(), error.to_string().as_str()), ("CRN-1012", "the log has not said within 10 s where it ends"));
        assert!(error.next().contains("brokers"));
    }
}
