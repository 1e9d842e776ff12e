//! Snapshots: a restart from one is a restart from the beginning.

use super::world::*;
use crate::runner::{Finding, Options, Pool, Processor, ReplayOptions, Snapshot, Snapshots, replay, verify_snapshots};
use cairn_log::{
    EventLog, Place, ReadLimit,
    archive::{self, Archive, ArchiveLog, Archiver},
    store::Store,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn with_snapshots(world: &World, seed: u8, folder: &Path) -> Processor {
    let processor = world.processor(seed);
    let options = Options { snapshot_blocks: 2, ..processor.options.clone() };
    processor.with_options(options).with_snapshots(snapshots(folder))
}

fn snapshots(folder: &Path) -> Snapshots {
    Snapshots::over(Store::local(folder).unwrap())
}

fn newest(snapshots: &Snapshots) -> Option<Snapshot> {
    now(snapshots.newest(0, Pool::Inline))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.join("0")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A life of twelve blocks, led from the beginning.
fn life(folder: &Path) -> World {
    let mut world = World::new();
    let led = world.start(&with_snapshots(&world, 1, folder));
    world.until_taken();
    for n in 0..11 {
        world.note(ACME, &format!("note {n}"));
        world.until_taken();
        world.pass(10);
    }
    led.kill();
    world
}

fn goes_on(mut world: World, folder: &Path) -> World {
    let led = world.start(&with_snapshots(&world, 2, folder));
    world.note(ACME, "after the restart");
    world.until_taken();
    led.kill();
    world.check();
    world
}

#[test]
fn a_restart_from_a_snapshot_is_a_restart_from_the_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let world = goes_on(life(dir.path()), dir.path());
    assert_eq!(files(dir.path()).len(), 3, "older ones are removed");
    let options = ReplayOptions { pool: Pool::Inline, snapshots: Some(snapshots(dir.path())) };
    let report = world.replay(&options);
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.snapshots, 3, "each was met by the whole fold");
}

/// The format as it was first written: a node goes on from what an older one saved.
#[test]
fn a_snapshot_keeps_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    drop(life(dir.path()));
    let bytes = fs::read(files(dir.path()).pop().unwrap()).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/snapshot-v1.snap");
    if std::env::var("CAIRN_GOLDEN").is_ok_and(|value| value == "write") {
        fs::write(path, &bytes).unwrap();
    }
    assert!(fs::read(path).unwrap() == bytes, "the format changed: write a new version beside the old");
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let world = life(dir.path());
    let last = files(dir.path()).pop().unwrap();
    let whole = fs::read(&last).unwrap();
    let snapshots = snapshots(dir.path());
    let height = |snapshots: &Snapshots| newest(snapshots).map(|snapshot| snapshot.chain.height());
    let best = height(&snapshots);
    for at in [0, 5, 9, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&last, &damaged).unwrap();
        assert!(height(&snapshots) < best, "byte {at}");
    }
    fs::write(&last, &whole[..whole.len() - 7]).unwrap();
    goes_on(world, dir.path());
}

#[test]
fn with_every_snapshot_damaged_the_whole_journal_is_folded() {
    let dir = tempfile::tempdir().unwrap();
    let world = life(dir.path());
    files(dir.path()).iter().for_each(|file| fs::write(file, b"gone").unwrap());
    assert!(newest(&snapshots(dir.path())).is_none());
    goes_on(world, dir.path());
}

#[test]
fn a_snapshot_of_another_log_halts() {
    let dir = tempfile::tempdir().unwrap();
    drop(life(dir.path()));
    let mut other = World::new();
    let led = other.start(&with_snapshots(&other, 1, dir.path()));
    other.settle();
    // The other journal is shorter, so its place is not there; a longer one would hold another record.
    assert_eq!(led.code(), "CRN-5112");
}

#[test]
fn a_snapshot_that_lies_is_found_by_replay() {
    let dir = tempfile::tempdir().unwrap();
    let world = life(dir.path());
    let snapshots = snapshots(dir.path());
    let last = newest(&snapshots).unwrap();
    let fresh = crate::decider::State::new(&document(), 0).unwrap();
    let height = last.chain.height().unwrap();
    now(snapshots.save(0, height, Snapshot::bytes_of(&last.chain, &fresh).unwrap().into())).unwrap();
    let report = world.replay(&ReplayOptions { pool: Pool::Inline, snapshots: Some(snapshots.clone()) });
    assert_eq!(report.problem_count, 1, "{report:#?}");
    assert!(report.problems[0].what.contains("another state hash"));
    let found = findings(&world, &snapshots);
    assert_eq!(found.iter().map(|(_, finding)| *finding).collect::<Vec<_>>(), [Finding::Met, Finding::Met, Finding::Differs]);
}

fn findings(world: &World, snapshots: &Snapshots) -> Vec<(u64, Finding)> {
    findings_of(Arc::new(world.log.clone()), snapshots)
}

fn findings_of(log: Arc<dyn EventLog>, snapshots: &Snapshots) -> Vec<(u64, Finding)> {
    let checks = now(verify_snapshots(log, 0, snapshots, Pool::Inline)).unwrap();
    checks.into_iter().map(|check| (check.kept.height, check.finding)).collect()
}

#[test]
fn each_snapshot_is_verified_against_the_fold() {
    let dir = tempfile::tempdir().unwrap();
    let world = life(dir.path());
    let snapshots = snapshots(dir.path());
    let found = findings(&world, &snapshots);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|(_, finding)| *finding == Finding::Met), "{found:?}");
    let last = newest(&snapshots).unwrap();
    // One whose chain is of another place of the journal, one that is cut off, one of a height that the journal does not reach.
    let older = now(snapshots.load(&now(snapshots.list(0)).unwrap()[0], Pool::Inline)).unwrap();
    let file = |height: u64| dir.path().join(format!("0/{height:020}.snap"));
    fs::write(file(found[1].0), Snapshot::bytes_of(&older.chain, &last.state).unwrap()).unwrap();
    let whole = fs::read(file(found[2].0)).unwrap();
    fs::write(file(found[2].0), &whole[1..]).unwrap();
    let mut other = World::new();
    let led = other.start(&other.processor(1));
    other.until_taken();
    led.kill();
    assert_eq!(
        findings(&world, &snapshots).iter().map(|(_, finding)| *finding).collect::<Vec<_>>(),
        [Finding::Met, Finding::Damaged, Finding::Damaged]
    );
    fs::write(file(found[1].0), fs::read(file(found[0].0)).unwrap()).unwrap();
    assert_eq!(findings(&other, &snapshots)[0].1, Finding::Unreached);
}

/// The log is deleted behind snapshots and archive, while one leads; whoever leads next starts from the newest snapshot, and
/// whoever reads from the beginning reads through the archive.
#[test]
fn what_is_decided_and_archived_is_deleted_behind_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::over(Store::open("memory:///").unwrap());
    let mut world = World::new();
    let log: Arc<dyn EventLog> = Arc::new(world.log.clone());
    let led = world.start(&with_snapshots(&world, 1, dir.path()).with_archive(archive.clone()));
    for n in 0..9 {
        world.note(ACME, &format!("note {n}"));
        world.until_taken();
        world.pass(10);
    }
    let kept = |log: &Arc<dyn EventLog>| match now(log.read(Place::journal(0), 0, ReadLimit::default())) {
        Err(cairn_log::ReadError::Truncated { first, .. }) => first,
        read => read.map(|_| 0).unwrap(),
    };
    assert_eq!(kept(&log), 0, "what is not archived is not deleted");
    let all = world.records(cairn_schemas::Stream::Journal);
    let mut archiver = now(Archiver::open(log.clone(), archive.clone(), 0, archive::Options::default())).unwrap();
    now(archiver.catch_up()).unwrap();
    now(archiver.flush()).unwrap();
    for n in 9..11 {
        world.note(ACME, &format!("note {n}"));
        world.pass(1_000);
    }
    led.kill();
    let first = kept(&log);
    assert!(first > 0 && all.iter().any(|record| record.offset == first), "{first}");
    let whole: Arc<dyn EventLog> = Arc::new(ArchiveLog::before(archive, log.clone()));
    assert_eq!(now(whole.read(Place::journal(0), 0, ReadLimit::default())).unwrap().records[..], all[..]);
    assert!(findings_of(whole.clone(), &snapshots(dir.path())).iter().all(|(_, finding)| *finding == Finding::Met));
    let led = world.start(&with_snapshots(&world, 2, dir.path()));
    world.send(cairn_schemas::Topic::Votes, b"noise".as_slice().into());
    world.pass(1_000);
    led.kill();
    let report = now(replay(whole, 0, &ReplayOptions { pool: Pool::Inline, snapshots: None }, |_| ())).unwrap();
    assert!(report.is_clean() && report.dispositions == 1, "{report:#?}");
}

#[test]
fn as_many_are_kept_as_asked_and_what_is_no_snapshot_is_left_alone() {
    for keep in [1, 5] {
        let store = Store::open("memory:///").unwrap();
        now(store.put("0/notes.txt", "kept".into())).unwrap();
        now(store.put("1/00000000000000000009.snap", "of another partition".into())).unwrap();
        let snapshots = Snapshots::over(store.clone()).keeping(keep.try_into().unwrap());
        let world = World::new();
        let state = crate::decider::State::new(&document(), 0).unwrap();
        let bytes = Snapshot::bytes_of(&cairn_log::journal::Chain::new(0), &state).unwrap();
        for height in [3, 1, 2, 4, 4, 20, 100] {
            now(snapshots.save(0, height, bytes.clone().into())).unwrap();
        }
        let heights: Vec<u64> = now(snapshots.list(0)).unwrap().iter().map(|kept| kept.height).collect();
        assert_eq!(heights, [2, 3, 4, 20, 100][5 - keep..]);
        assert_eq!(now(store.list("")).unwrap().len(), keep + 2);
        drop(world);
    }
}
