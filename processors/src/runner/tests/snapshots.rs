//! Snapshots: a restart from one is a restart from the beginning.

use super::world::*;
use crate::runner::{Options, Processor, ReplayOptions, Snapshots};
use std::fs;
use std::path::{Path, PathBuf};

fn with_snapshots(world: &World, seed: u8, folder: &Path) -> Processor {
    let processor = world.processor(seed);
    let options = Options { snapshot_blocks: 2, ..processor.options.clone() };
    processor.with_options(options).with_snapshots(Snapshots::at(folder))
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
    let options = ReplayOptions { snapshots: Some(Snapshots::at(dir.path())), ..ReplayOptions::default() };
    let report = world.replay(&options);
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.snapshots, 3, "each was met by the whole fold");
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let world = life(dir.path());
    let newest = files(dir.path()).pop().unwrap();
    let whole = fs::read(&newest).unwrap();
    let snapshots = Snapshots::at(dir.path());
    let height = |snapshots: &Snapshots| snapshots.newest(0).map(|snapshot| snapshot.chain.height());
    let best = height(&snapshots);
    for at in [0, 5, 9, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&newest, &damaged).unwrap();
        assert!(height(&snapshots) < best, "byte {at}");
    }
    fs::write(&newest, &whole[..whole.len() - 7]).unwrap();
    goes_on(world, dir.path());
}

#[test]
fn with_every_snapshot_damaged_the_whole_journal_is_folded() {
    let dir = tempfile::tempdir().unwrap();
    let world = life(dir.path());
    files(dir.path()).iter().for_each(|file| fs::write(file, b"gone").unwrap());
    assert!(Snapshots::at(dir.path()).newest(0).is_none());
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
    let snapshots = Snapshots::at(dir.path());
    let newest = snapshots.newest(0).unwrap();
    let fresh = crate::decider::State::new(&document(), 0).unwrap();
    let height = newest.chain.height().unwrap();
    snapshots.save(0, height, &crate::runner::Snapshot::bytes_of(&newest.chain, &fresh).unwrap()).unwrap();
    let report = world.replay(&ReplayOptions { snapshots: Some(snapshots), ..ReplayOptions::default() });
    assert_eq!(report.problem_count, 1, "{report:#?}");
    assert!(report.problems[0].what.contains("another state hash"));
}
