//! A log that keeps its tail alone, with the archive before it.
//!
//! Owns what must hold then: whoever reads from the beginning reads through the archive, whoever leads next starts from a snapshot,
//! and whoever does not know the archive is told that the log has deleted what it wants.

use crate::{
    cluster::{Cluster, Role, log_url, text},
    node::{run, until},
};
use std::{fs, path::Path};

/// A configuration with a snapshot every second block, and blocks archived within seconds; with shared snapshots and the archive, if it is to know them.
fn configure(folder: &Path, role: &str, log: &str, archived: bool) {
    let at = |section: &str| format!("{}/{section}", text(folder));
    let mut config = include_str!("../../../../cairn.toml")
        .replace("snapshot_blocks = 1000", "snapshot_blocks = 2")
        .replace("patience_s = 300", "patience_s = 1")
        .replace("delete = false", "delete = true");
    for (section, url) in [("log", log), ("snapshots", &at("snapshots")), ("archive", &at("archive"))] {
        if section == "log" || archived {
            let (before, after) = config.split_once(&format!("\n[{section}]")).unwrap();
            config = format!("{before}\n[{section}]{}", after.replacen("url = \"\"", &format!("url = \"{url}\""), 1));
        }
    }
    fs::create_dir_all(folder.join(role)).unwrap();
    fs::write(folder.join(role).join("cairn.toml"), config).unwrap();
}

#[test]
#[ignore = "needs CAIRN_KAFKA: tests/run.sh starts brokers"]
fn what_is_archived_is_deleted_from_the_log_and_still_read() {
    let (folder, log) = (tempfile::tempdir().unwrap(), log_url("archived"));
    for role in ["gateway", "projector", "first", "late", "later"] {
        configure(folder.path(), role, &log, true);
    }
    let (mut cluster, mut first) = Cluster::begin_in(folder, log, "1", &[]);
    let founded = cluster.folder.path().join("founded");
    let note = |cluster: &Cluster, text_of: &str| {
        let body = format!("{{\"text\":\"{text_of}\"}}");
        run(&["say", "note.recorded.v1", &body, "--key", "acme", "--dir", text(&founded), "--node", &cluster.node()]).good();
    };
    // A folder that does not know the archive misses the front of the journal, once it is deleted.
    let mut said = 0;
    let missed = until("the front of the journal is deleted", || {
        said += 1;
        note(&cluster, &format!("note {said}"));
        let ran = run(&["replay", "--check", "--dir", text(&founded)]);
        (ran.code != Some(0)).then_some(ran.err)
    });
    assert!(missed.contains("error[CRN-5111]"), "{missed}");
    let rows = "SELECT topic, author, seq, event_hash FROM events ORDER BY topic, author, seq";
    let before = cluster.sql(rows);
    // A reader and a leader that begin now have all that was there before them.
    first.process.signal("TERM");
    until("the first processor hands on", || first.process.ended());
    let _late = cluster.processor("late");
    cluster.projector = Role::start("projector", &cluster.folder.path().join("later"), &cluster.log, &[]);
    note(&cluster, "afterwards");
    until("a new projector has every row", || {
        let now = cluster.sql(rows);
        (now.len() == before.len() + 1 && before.iter().all(|row| now.contains(row))).then_some(())
    });
    let archive = cluster.folder.path().join("archive");
    let alone = run(&["replay", "--check", "--archive", text(&archive), "--dir", text(&founded), "--format", "json"]).rows();
    assert!(alone[0]["problem_count"] == 0 && alone[0]["blocks"].as_u64() > Some(2), "{alone:?}");
    run(&["snapshot", "verify", "--archive", text(&archive), "--dir", text(&cluster.folder.path().join("late"))]).good();
}
