#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    prove::Checkpoints,
    testing::{Journal, author, key},
};
use cairn_schemas::{Encoding, Root, note::Checkpoint};
use std::{fs, path::Path, sync::Arc};
use tokio::sync::watch;

/// A journal whose partition 0 has a block for each number, of so many notes.
async fn journal(blocks: &[usize], word: &str) -> Journal {
    let mut journal = Journal::begin(1, Encoding::Cose).await;
    let mut ann = author(4);
    for notes in blocks {
        add(&mut journal, &mut ann, *notes, word).await;
    }
    journal
}

async fn add(journal: &mut Journal, by: &mut crate::testing::Author, notes: usize, word: &str) {
    let decisions = (0..notes).map(|_| journal.note(by, word)).collect();
    journal.block(0, decisions).await;
}

fn signing(dir: &Path, journal: &Journal, seed: u8) -> (Arc<CheckpointFiles>, Signing) {
    let files = Arc::new(CheckpointFiles::open(dir).unwrap());
    (files.clone(), Signing::new(files, journal.log.clone(), 0, key(seed)))
}

fn anchor() -> VerifierKey {
    VerifierKey::new("cairn.test/log/0", key(2).public()).unwrap()
}

async fn refused(dir: &Path, journal: &Journal, seed: u8) -> &'static str {
    let (_, mut signing) = signing(dir, journal, seed);
    let error = signing.advance().await.unwrap_err();
    assert!(cairn_schemas::code::find(error.code()).is_some(), "{error}");
    error.code()
}

#[tokio::test]
async fn what_was_read_back_is_signed_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = author(4);
    let mut journal = Journal::begin(1, Encoding::Cose).await;
    let (files, mut signing) = signing(dir.path(), &journal, 2);
    assert_eq!(signing.advance().await.unwrap(), None, "an empty tree is not signed");
    add(&mut journal, &mut ann, 3, "a").await;
    let first = signing.advance().await.unwrap().unwrap();
    assert_eq!((first.size, first.root), journal.tree(0));
    assert_eq!(signing.advance().await.unwrap(), None, "nothing grew");
    add(&mut journal, &mut ann, 2, "b").await;
    let second = signing.advance().await.unwrap().unwrap();
    let keys = [anchor()];
    let (read, by) = Checkpoint::open(&fs::read(dir.path().join("checkpoints/0/latest")).unwrap(), &keys).unwrap();
    assert_eq!((read.origin.as_str(), read.size, Root(read.root)), ("cairn.test/log/0", 5, second.root));
    assert_eq!(by, vec![&anchor()]);
    assert_eq!(files.latest(0), Some(second.clone()));
    assert_eq!(files.all(), vec![first.clone(), second.clone()]);
    let again = CheckpointFiles::open(dir.path()).unwrap();
    assert_eq!(again.all(), vec![first, second.clone()], "the past is read again");
    assert_eq!(again.wait(0, 5).await, Some(second));
}

#[tokio::test]
async fn a_signer_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = author(4);
    let mut journal = Journal::begin(1, Encoding::Cose).await;
    add(&mut journal, &mut ann, 3, "a").await;
    let (_, mut first) = signing(dir.path(), &journal, 2);
    first.advance().await.unwrap().unwrap();
    drop(first);
    let (_, mut second) = signing(dir.path(), &journal, 2);
    assert_eq!(second.advance().await.unwrap(), None);
    add(&mut journal, &mut ann, 1, "b").await;
    assert_eq!(second.advance().await.unwrap().unwrap().size, 4);
}

#[tokio::test]
async fn a_signer_in_doubt_does_not_sign() {
    let dir = tempfile::tempdir().unwrap();
    let real = journal(&[2, 2], "real").await;
    let (_, mut first) = signing(dir.path(), &real, 2);
    first.advance().await.unwrap().unwrap();
    assert_eq!(refused(dir.path(), &real, 2).await, "CRN-6212", "another signer is at work");
    drop(first);
    let latest = dir.path().join("checkpoints/0/latest");
    let kept = fs::read(&latest).unwrap();
    assert_eq!(refused(dir.path(), &journal(&[2], "real").await, 2).await, "CRN-6213", "the journal was cut");
    assert_eq!(refused(dir.path(), &journal(&[2, 2, 1], "fork").await, 2).await, "CRN-6213", "the same sizes, other leaves");
    assert_eq!(refused(dir.path(), &journal(&[2, 3], "real").await, 2).await, "CRN-6213", "the signed tree is never met");
    assert_eq!(refused(dir.path(), &real, 7).await, "CRN-6214", "a key of nobody's");
    assert_eq!(fs::read(&latest).unwrap(), kept, "and what was signed stands");
    fs::write(&latest, [&kept[..10], b"x", &kept[11..]].concat()).unwrap();
    assert_eq!(refused(dir.path(), &real, 2).await, "CRN-6211", "what was signed last cannot be read");
}

#[tokio::test]
async fn the_head_is_replaced_only_where_it_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = author(4);
    let mut journal = Journal::begin(1, Encoding::Cose).await;
    add(&mut journal, &mut ann, 1, "a").await;
    let (_, mut signing) = signing(dir.path(), &journal, 2);
    signing.advance().await.unwrap().unwrap();
    let latest = dir.path().join("checkpoints/0/latest");
    let mine = fs::read(&latest).unwrap();
    fs::write(&latest, b"somebody else's").unwrap();
    add(&mut journal, &mut ann, 1, "b").await;
    assert_eq!(signing.advance().await.unwrap_err().code(), "CRN-6212");
    assert_eq!(fs::read(&latest).unwrap(), b"somebody else's");
    fs::write(&latest, mine).unwrap();
    assert_eq!(signing.advance().await.unwrap().unwrap().size, 2, "once it is back, signing goes on");
}

#[tokio::test]
async fn a_signer_runs_until_it_is_told_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = author(4);
    let mut journal = Journal::begin(1, Encoding::Cose).await;
    let (files, signing) = signing(dir.path(), &journal, 2);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(signing.run(std::time::Duration::ZERO, stopped));
    for size in 1..=3 {
        add(&mut journal, &mut ann, 1, "a").await;
        assert_eq!(files.wait(0, size).await.unwrap().size, size);
    }
    add(&mut journal, &mut ann, 1, "b").await;
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(files.latest(0).unwrap().size, 4, "what was there at the end is signed");
}

#[test]
fn an_auditor_gets_a_line_per_partition() {
    let genesis = Genesis {
        name: "test".parse().unwrap(),
        nonce: cairn_schemas::ByteString(vec![0; 16]),
        time: cairn_schemas::Timestamp::default(),
        partitions: 2,
        admins: vec![key(1).public()],
        processors: vec![key(1).public()],
        origin: "cairn.test/log".parse().unwrap(),
        checkpoint_keys: vec![key(2).public()],
        rules: 1,
        demo: true,
    };
    let lines: Vec<VerifierKey> = anchors(&genesis).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(lines.iter().map(VerifierKey::name).collect::<Vec<_>>(), ["cairn.test/log/0", "cairn.test/log/1"]);
    assert!(lines.iter().all(|line| *line.key() == key(2).public()));
}
