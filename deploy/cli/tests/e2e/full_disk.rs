//! A full disk: what cannot be kept is refused, what was acknowledged stays, and with space the node goes on.
//!
//! Owns a small disk of its own (tmpfs), which only root can mount: otherwise the test says so and ends.

use crate::{
    logs::only_in_a_folder,
    node::{Node, Running, cairn, run, until},
    voice::{Voice, note, send},
    workers::{small, write_csv},
};
use cairn_schemas::Encoding;
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

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

/// Who sends is told what is full, and so is the log of the node and of each worker that waits; with space the job goes on.
#[test]
fn a_full_blob_store_is_named_to_all_and_the_job_goes_on() {
    let disk = match Disk::mount() {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: no disk of its own could be mounted: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (dir, log) = (at("node"), |name: &str| fs::File::create(at(name) + ".log").unwrap());
    fs::create_dir(&dir).unwrap();
    symlink(disk.0.path(), Path::new(&dir).join("blobs")).unwrap();
    let mut up = cairn(&["up", "--listen", "127.0.0.1:0", "--workers", "0", "--dir", &dir]);
    up.stderr(log("node"));
    let node = Node::started(up, Path::new(&dir), None);
    let workers = ["dan", "eve"].map(|name| {
        let mut command = cairn(&["worker", "--node", &node.url, "--name", name, "--dir", &at(name)]);
        command.stdout(Stdio::null()).stderr(log(name));
        let worker = Running::start(command);
        let opened = format!("SELECT count(*) AS n FROM accounts WHERE account = '{name}'");
        until("the worker opens its account", || (node.count(&opened) > 0).then_some(()));
        let pays = format!("{{\"from\":\"issuer\",\"to\":\"{name}\",\"amount\":\"5000000\"}}");
        run(&["say", "transfer.posted.v1", &pays, "--key", "issuer", "--dir", &dir]).good();
        worker
    });
    let staked = "SELECT count(*) AS n FROM balances WHERE account LIKE 'stake:%' AND balance = 5000000";
    until("both stakes are locked", || (node.count(staked) == 2).then_some(()));
    // They compute nothing before the disk is full.
    workers.iter().for_each(|worker| worker.signal("STOP"));
    fs::write(at("first"), small()).unwrap();
    fs::write(at("second"), small().replace("data_seed: 2", "data_seed: 3")).unwrap();
    write_csv(Path::new(&at("data")));
    let submit = |job: &str| run(&["submit", &at(job), "--data", &at("data"), "--dir", &dir]);
    submit("first").good();
    disk.fill();
    let begun = Instant::now();
    let refused = submit("second").bad(1);
    let named = ["CRN-5306", "no space", "next: free space"];
    assert!(named.iter().all(|part| refused.contains(part)) && !refused.contains("cairn up"), "{refused}");
    workers.iter().for_each(|worker| worker.signal("CONT"));
    let warned = |name: &str| fs::read_to_string(at(name) + ".log").unwrap().lines().filter(|line| line.contains("CRN-5306")).count();
    until("a worker says what it waits for", || (warned("dan") + warned("eve") > 0).then_some(()));
    fs::remove_file(disk.ballast()).unwrap();
    run(&["watch", "--dir", &dir, "--timeout", "120"]).good();
    let most = 1 + usize::try_from(begun.elapsed().as_secs() / 60).unwrap();
    assert!((1..=most).contains(&warned("node")), "the node: at most once a minute");
    assert!(warned("dan") <= most && warned("eve") <= most, "a worker: at most once a minute");
    drop(workers);
    assert!(node.stop().success());
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
