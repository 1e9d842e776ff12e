//! Tables on disk: rows and positions stand or fall together, whatever is lost.

use crate::{
    Checkpoints, Options, Projections, SignedCheckpoint,
    delta::{Cold, Found, home},
    error::ProjectionError,
    follow,
    rows::Table,
    tables::tables_dir,
    testing::{Journal, author, economy, opened, rows},
};
use cairn_schemas::{Encoding, Root};
use std::{collections::BTreeMap, fs, sync::Arc};
use tokio::sync::watch;

/// Every row of every table, as text.
async fn everything(projections: &Projections) -> BTreeMap<&'static str, Vec<String>> {
    let mut all = BTreeMap::new();
    for table in Table::folded() {
        let mut found: Vec<String> =
            rows(projections, &format!("SELECT * FROM {}", table.name())).await.iter().map(ToString::to_string).collect();
        found.sort();
        all.insert(table.name(), found);
    }
    all
}

#[tokio::test]
async fn rows_are_the_same_hot_cold_and_half_and_half() {
    let mut journal = economy(Encoding::Json).await;
    let dir = tempfile::tempdir().unwrap();
    let projections = opened(&journal, dir.path()).await;
    let hot = everything(&projections).await;
    projections.tables().flush().await.unwrap();
    assert_eq!(*projections.tables().hot_bytes().borrow(), 0);
    assert_eq!(everything(&projections).await, hot);
    let again = opened(&journal, dir.path()).await;
    assert_eq!(*again.tables().hot_bytes().borrow(), 0, "nothing is folded twice");
    assert_eq!(everything(&again).await, hot);
    let mut bob = author(8);
    let note = journal.note(&mut bob, "later");
    journal.block(0, vec![note]).await;
    let half = opened(&journal, dir.path()).await;
    assert_eq!(rows(&half, "SELECT text FROM audit").await.len(), 1 + hot["audit"].len());
    assert_eq!(rows(&half, "SELECT count(*) AS n FROM decisions").await[0]["n"], 11);
}

#[tokio::test]
async fn a_crash_between_any_two_commits_loses_and_doubles_nothing() {
    let journal = economy(Encoding::Json).await;
    let expected = everything(&crate::testing::folded(&journal).await).await;
    for written in 0..=Table::folded().count() {
        let dir = tempfile::tempdir().unwrap();
        let projections = opened(&journal, dir.path()).await;
        for table in Table::folded().take(written) {
            projections.tables().flush_table(table).await.unwrap();
        }
        drop(projections);
        let again = opened(&journal, dir.path()).await;
        assert_eq!(everything(&again).await, expected, "after {written} commits");
        again.tables().flush().await.unwrap();
        assert_eq!(everything(&opened(&journal, dir.path()).await).await, expected, "after {written} commits and a flush");
    }
}

#[tokio::test]
async fn a_damaged_table_is_folded_anew() {
    let journal = economy(Encoding::Json).await;
    let dir = tempfile::tempdir().unwrap();
    let projections = opened(&journal, dir.path()).await;
    let expected = everything(&projections).await;
    projections.tables().flush().await.unwrap();
    drop(projections);
    let file = |table: Table, ends: &str| {
        let folder = home(&tables_dir(dir.path()), table);
        let folder = if ends == ".json" { folder.join("_delta_log") } else { folder };
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().ends_with(ends))
            .collect();
        files.sort();
        files.pop().unwrap()
    };
    fs::remove_file(file(Table::Entries, ".parquet")).unwrap();
    fs::write(file(Table::Events, ".json"), "not json").unwrap();
    fs::write(file(Table::Blocks, ".json"), "").unwrap();
    let torn = file(Table::Jobs, ".parquet");
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(file(Table::Tasks, ".parquet"), vec![0; fs::metadata(file(Table::Tasks, ".parquet")).unwrap().len() as usize]).unwrap();
    fs::remove_dir_all(home(&tables_dir(dir.path()), Table::Keys)).unwrap();

    let reading = Projections::open_read_only(journal.log.clone(), dir.path(), Options::default()).await.unwrap();
    assert_eq!(everything(&reading).await, expected, "a reader folds what it cannot use, and changes nothing");
    assert!(!home(&tables_dir(dir.path()), Table::Keys).exists());
    let again = opened(&journal, dir.path()).await;
    assert_eq!(everything(&again).await, expected);
    again.tables().flush().await.unwrap();
    let once_more = opened(&journal, dir.path()).await;
    assert_eq!(*once_more.tables().hot_bytes().borrow(), 0);
    assert_eq!(everything(&once_more).await, expected);
}

#[tokio::test]
async fn tables_ahead_of_their_journal_halt() {
    let journal = economy(Encoding::Json).await;
    let dir = tempfile::tempdir().unwrap();
    opened(&journal, dir.path()).await.tables().flush().await.unwrap();
    let cut = Journal::begin(1, Encoding::Json).await;
    let projections = Projections::open(cut.log.clone(), dir.path(), Options::default()).await.unwrap();
    let error = projections.catch_up().await.unwrap_err();
    assert!(matches!(error, ProjectionError::JournalBehind { .. }), "{error}");
    assert_eq!(error.code(), "CRN-6106");
}

#[tokio::test]
async fn another_instance_finds_no_rows_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    opened(&economy(Encoding::Json).await, dir.path()).await.tables().flush().await.unwrap();
    // Two partitions: another genesis document, and so another instance.
    let other = Journal::begin(2, Encoding::Json).await;
    let projections = opened(&other, dir.path()).await;
    assert_eq!(rows(&projections, "SELECT partition, height FROM blocks ORDER BY partition").await.len(), 2);
    assert!(rows(&projections, "SELECT * FROM events").await.is_empty());
}

#[tokio::test]
async fn many_small_files_become_few() {
    let mut journal = Journal::begin(1, Encoding::Cose).await;
    let dir = tempfile::tempdir().unwrap();
    let root = tables_dir(dir.path());
    let instance = follow::expect_instance(&journal.log).await.unwrap();
    let mut bob = author(8);
    for round in 0..27 {
        let note = journal.note(&mut bob, &format!("note {round}"));
        journal.block(0, vec![note]).await;
        let projections = opened(&journal, dir.path()).await;
        projections.tables().flush_table(Table::Audit).await.unwrap();
    }
    let session = opened(&journal, dir.path()).await.engine().session();
    let Found::Whole(cold) = Cold::look(&root, Table::Audit, instance, 1, &session).await.unwrap() else { panic!("the table is whole") };
    assert!(cold.files() <= 24, "{} files", cold.files());
    assert_eq!(cold.positions().get(&0), Some(&27));
    assert_eq!(rows(&opened(&journal, dir.path()).await, "SELECT DISTINCT text FROM audit").await.len(), 27);
}

#[tokio::test]
async fn a_node_folds_as_it_goes_and_flushes_when_it_ends() {
    let mut journal = Journal::begin(2, Encoding::Json).await;
    let dir = tempfile::tempdir().unwrap();
    let projections = Projections::open(journal.log.clone(), dir.path(), Options::default()).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn({
        let projections = projections.clone();
        async move { projections.run(stopped).await }
    });
    projections.wait_ready().await;
    let (mut bob, mut eve) = (author(8), author(9));
    for partition in [0, 1, 1] {
        let note = journal.note(if partition == 0 { &mut bob } else { &mut eve }, "said");
        let height = journal.block(partition, vec![note]).await;
        projections.wait_height(partition, height).await;
    }
    let lags =
        rows(&projections, "SELECT partition, height, lag_records FROM consumer_lag WHERE fold = 'journal' ORDER BY partition").await;
    assert_eq!(
        lags,
        [
            serde_json::json!({"partition": 0, "height": 1, "lag_records": 0}),
            serde_json::json!({"partition": 1, "height": 2, "lag_records": 0})
        ]
    );
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(*projections.tables().hot_bytes().borrow(), 0);
    let reading = Projections::open_read_only(journal.log.clone(), dir.path(), Options::default()).await.unwrap();
    assert_eq!(rows(&reading, "SELECT text FROM audit").await.len(), 3);
}

/// Checkpoints of sizes 3 and up to `.0`.
#[derive(Debug)]
struct Signed(u64);

impl Checkpoints for Signed {
    fn newest(&self, partition: u32) -> Option<SignedCheckpoint> {
        self.all().pop().filter(|newest| newest.partition == partition)
    }

    fn all(&self) -> Vec<SignedCheckpoint> {
        let signed = |size| SignedCheckpoint { partition: 0, origin: "o".into(), size, root: Root([1; 32]), note: format!("note {size}") };
        (3..=self.0).map(signed).collect()
    }
}

#[tokio::test]
async fn each_checkpoint_is_kept_once() {
    let journal = economy(Encoding::Json).await;
    let dir = tempfile::tempdir().unwrap();
    let question = "SELECT size FROM checkpoints ORDER BY size";
    for newest in [3, 5, 5, 6] {
        let projections = opened(&journal, dir.path()).await.with_checkpoints(Arc::new(Signed(newest)));
        let expected: Vec<_> = (3..=newest).map(|size| serde_json::json!({"size": size})).collect();
        assert_eq!(rows(&projections, question).await, expected, "before the flush");
        projections.flush().await.unwrap();
        assert_eq!(rows(&projections, question).await, expected, "after it");
    }
    let reading = Projections::open_read_only(journal.log.clone(), dir.path(), Options::default()).await.unwrap();
    assert_eq!(rows(&reading, question).await.len(), 4);
}

#[tokio::test]
async fn a_directory_without_a_journal_has_no_rows() {
    let log = cairn_log::memory::MemoryLog::new(1, Arc::new(cairn_log::ManualClock::new(0)));
    let dir = tempfile::tempdir().unwrap();
    let reading = Projections::open_read_only(Arc::new(log), dir.path(), Options::default()).await.unwrap();
    assert!(rows(&reading, "SELECT * FROM blocks").await.is_empty());
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
}
