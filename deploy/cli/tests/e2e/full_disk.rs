//! A full disk: what cannot be kept is refused, what was acknowledged stays, and with space the node goes on.
//!
//! Owns a small disk of its own (tmpfs), which only root can mount: otherwise the test says so and ends.

use crate::{
    logs::only_in_a_folder,
    node::{Node, run, until},
    voice::{Voice, note, send},
};
use cairn_schemas::Encoding;
use std::{collections::BTreeSet, fs, io::Write, path::Path, process::Command};

/// Enough for a founded node, small enough to be filled at once.
const SIZE: &str = "size=48m";

struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Result<Disk, String> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder.path()).output();
        match mounted {
            Ok(ran) if ran.status.success() => Ok(Disk(folder)),
            Ok(ran) => Err(String::from_utf8_lossy(&ran.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn ballast(&self) -> std::path::PathBuf {
        self.0.path().join("ballast")
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = fs::File::create(self.ballast()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            let block = vec![1; size];
            while file.write_all(&block).is_ok() {}
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a node that a failed test left is killed right after.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_node_goes_on() {
    if !only_in_a_folder("a disk is full where the log lies on it") {
        return;
    }
    let disk = match Disk::mount() {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: no disk of its own could be mounted: {reason}"),
    };
    let dir = disk.0.path().join("node");
    let node = Node::up(&dir, &["--workers", "0"]);
    let mut tess = Voice::introduced(&node, 41, "tess");
    let mut acknowledged = BTreeSet::new();
    disk.fill();
    let text = "x".repeat(8_000);
    // The log keeps some space in hand; it ends.
    let (refused, answer) = (0..10_000)
        .find_map(|_| {
            let bytes = tess.seal(note(&text), Encoding::Json);
            let answer = send(&node, bytes.clone(), "");
            if answer.status == 202 {
                acknowledged.insert(answer.json()["event_hash"].as_str().unwrap().to_owned());
                return None;
            }
            Some((bytes, answer))
        })
        .expect("a full disk takes events for ever");
    assert!(matches!(answer.status, 503 | 507), "{}: {}", answer.status, answer.text());
    assert!(answer.problem().starts_with("CRN-11"), "{}", answer.text());
    fs::remove_file(disk.ballast()).unwrap();
    let told = until("the same bytes are taken", || {
        let answer = send(&node, refused.clone(), "?wait=decided");
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(told["verdict"], "accepted");
    acknowledged.insert(told["event_hash"].as_str().unwrap().to_owned());
    assert_eq!(tess.says(&node, note("and on"), Encoding::Cose).json()["verdict"], "accepted");
    all_are_there(&node, &acknowledged);
    assert!(node.stop().success());
    let node = Node::up(&dir, &[]);
    all_are_there(&node, &acknowledged);
    assert!(node.stop().success());
    replays(&dir);
}

fn all_are_there(node: &Node, acknowledged: &BTreeSet<String>) {
    until("everything acknowledged is decided", || {
        let rows = node.sql("SELECT event_hash FROM events WHERE verdict = 'accepted'");
        let decided: BTreeSet<_> = rows.iter().map(|row| row["event_hash"].as_str().unwrap().to_owned()).collect();
        acknowledged.is_subset(&decided).then_some(())
    });
}

fn replays(dir: &Path) {
    let rows = run(&["replay", "--check", "--dir", dir.to_str().unwrap(), "--format", "json"]).rows();
    assert!(rows.iter().all(|row| row["problem_count"] == 0 && row["blocks"].as_u64().unwrap() > 0), "{rows:?}");
}
