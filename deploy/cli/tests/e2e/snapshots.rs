//! Snapshots and the archive as an operator meets them: shown, verified, and enough to start or to audit from.
//!
//! Owns what is said of a damaged or missing one. Refuses a second look at formats: those are tested beside them.

use crate::{
    logs,
    node::{Node, cairn, ran, run, until},
    voice::{Voice, note},
};
use cairn_schemas::Encoding;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A node that saves a snapshot every two blocks and archives its journal into a folder, founded and stopped.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new() -> Kept {
        let kept = Kept { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(kept.dir()).unwrap();
        let config = logs::configuration(&kept.dir()).replace("snapshot_blocks = 1000", "snapshot_blocks = 2");
        let (before, archive) = config.split_once("[archive]").unwrap();
        let archive = archive.replacen("url = \"\"", &format!("url = \"{}\"", kept.archive().display()), 1);
        fs::write(kept.dir().join("cairn.toml"), format!("{before}[archive]{archive}")).unwrap();
        let node = Node::up(&kept.dir(), &["--workers", "1"]);
        let mut issuer = Voice::founder(&node, "issuer");
        // Over brokers none is saved while what lies behind the last one is being deleted.
        let mut said = 0;
        until("three snapshots are saved", || {
            said += 1;
            issuer.says(&node, note(&format!("note {said}")), Encoding::Cose);
            let saved = fs::read_dir(kept.dir().join("snapshots/0")).into_iter().flatten();
            let saved = saved.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|of| of == "snap")));
            (said >= 5 && saved.count() >= 3).then_some(())
        });
        assert!(node.stop().success());
        kept
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    fn ask(&self, arguments: &[&str]) -> crate::node::Ran {
        run(&[arguments, &["--dir", self.dir().to_str().unwrap(), "--format", "json"]].concat())
    }

    fn replay(&self) -> crate::node::Ran {
        self.ask(&["replay", "--check", "--archive", self.archive().to_str().unwrap()])
    }
}

/// Files of a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn flip(path: &Path) -> Vec<u8> {
    let whole = fs::read(path).unwrap();
    let mut bad = whole.clone();
    bad[whole.len() / 2] ^= 1;
    fs::write(path, bad).unwrap();
    whole
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn snapshots_are_listed_and_verified_and_a_damaged_one_is_named() {
    let kept = Kept::new();
    let listed = kept.ask(&["snapshot", "list"]).rows();
    // A node that stops between saving one and deleting the oldest leaves one more, until it saves the next.
    assert!((3..=4).contains(&listed.len()), "{listed:?}");
    let verified = kept.ask(&["snapshot", "verify"]).rows();
    let states = |rows: &[Value], column: &str| rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(states(&verified, "finding"), vec!["met"; listed.len()]);
    assert_eq!(states(&verified, "folded"), states(&listed, "state"));
    let archive = kept.archive();
    let from_archive = kept.ask(&["snapshot", "verify", "--archive", archive.to_str().unwrap()]).rows();
    assert_eq!(from_archive, verified, "the archive leads to the same states");
    let newest = files(&kept.dir().join("snapshots/0")).pop().unwrap();
    flip(&newest);
    assert_eq!(states(&kept.ask(&["snapshot", "list"]).rows(), "state").pop().unwrap(), "damaged");
    let said = kept.ask(&["snapshot", "verify"]).bad(3);
    assert!(said.contains("error[CRN-5203]") && said.contains(name(&newest)), "{said}");
    // A node starts from an older one.
    assert!(Node::up(&kept.dir(), &[]).stop().success());
    assert!(run(&["snapshot", "list", "--dir", "nothing-there"]).bad(2).contains("nothing-there"));
}

#[test]
fn an_archive_is_replayed_alone_and_what_is_missing_or_damaged_is_named() {
    let kept = Kept::new();
    let alone = kept.replay().rows().remove(0);
    let beside = kept.ask(&["replay", "--check"]).rows().remove(0);
    for figure in ["blocks", "decisions", "signatures", "root", "state_hash", "height"] {
        assert_eq!(alone[figure], beside[figure], "{figure}");
    }
    assert!(beside["snapshots"].as_u64() >= Some(1) && alone["problem_count"] == 0);
    // More lives make more segments.
    for _ in 0..2 {
        let node = Node::up(&kept.dir(), &[]);
        let mut issuer = Voice::founder(&node, "issuer");
        issuer.says(&node, note("once more"), Encoding::Cose);
        assert!(node.stop().success());
    }
    let segments = files(&kept.archive().join("journal/0"));
    assert!(segments.len() >= 3, "{segments:?}");
    let whole = flip(&segments[1]);
    let said = kept.replay().bad(3);
    assert!(said.contains("error[CRN-5501]") && said.contains(name(&segments[1])), "{said}");
    fs::remove_file(&segments[1]).unwrap();
    let said = kept.replay().bad(3);
    assert!(said.contains("error[CRN-5502]") && said.contains("block "), "{said}");
    fs::write(&segments[1], whole).unwrap();
    kept.replay().good();
    let empty = tempfile::tempdir().unwrap();
    let said = run(&["replay", "--check", "--archive", empty.path().to_str().unwrap()]).bad(1);
    assert!(said.contains("error[CRN-5504]"), "{said}");
}

#[test]
fn a_store_of_another_instance_is_refused_and_left_as_it_is() {
    let kept = Kept::new();
    let other = kept.folder.path().join("other");
    for (name, store) in [("CAIRN_ARCHIVE_URL", kept.archive()), ("CAIRN_SNAPSHOTS_URL", kept.dir().join("snapshots"))] {
        let mut up = cairn(&["up", "--workers", "0", "--listen", "127.0.0.1:0", "--dir", other.to_str().unwrap()]);
        let said = ran(up.env(name, &store)).bad(1);
        assert!(said.contains("error[CRN-5405]") && said.contains("next: give each instance"), "{said}");
    }
    assert_eq!(kept.replay().rows()[0]["problems"], serde_json::json!([]));
    assert!(Node::up(&kept.dir(), &[]).stop().success());
}
