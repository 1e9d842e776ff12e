//! What a node acknowledged outlives it: events are sent without a pause while the node is killed again and again.
//!
//! Owns the count: everything that was ever answered with 202 is decided, once, in the order of its lane.

use crate::{
    logs::over_kafka,
    node::{Http, Node, PATIENCE, Rng, run, signal, until},
    voice::{Voice, note},
};
use cairn_schemas::Encoding;
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

const KILLS: u64 = 6;

/// Sends until the node is gone: hashes that were acknowledged, and the bytes that were not.
fn send_until_death(node: &Node, tess: &mut Voice, unsure: Option<Vec<u8>>) -> (Vec<String>, Vec<u8>) {
    let (url, mut told) = (format!("{}/v1/events", node.url), Vec::new());
    // Whoever was not answered sends the same bytes again.
    let mut bytes = unsure.unwrap_or_else(|| tess.seal(note("first"), Encoding::Cose));
    let http = Http::new();
    loop {
        match http.ask("POST", &url, &[("content-type", "application/cose")], bytes.clone(), PATIENCE) {
            Ok(answer) if answer.status == 202 => told.push(answer.json()["event_hash"].as_str().unwrap().to_owned()),
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => return (told, bytes),
        }
        bytes = tess.seal(note("next"), Encoding::Cose);
    }
}

#[test]
fn what_was_acknowledged_is_decided_once_however_often_the_node_dies() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng(0xacced);
    let mut tess = Voice::introduced(&Node::up(folder.path(), &["--workers", "0"]), 51, "tess");
    let (mut acknowledged, mut unsure) = (BTreeSet::new(), None);
    // An append over Kafka takes longer than one to a folder.
    let longest = if over_kafka() { 3_000 } else { 700 };
    for _ in 0..KILLS {
        let mut node = Node::up(folder.path(), &[]);
        let (pid, after) = (node.process.0.id(), Duration::from_millis(20 + rng.below(longest)));
        let (told, left) = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(after);
                signal(pid, "KILL");
            });
            send_until_death(&node, &mut tess, unsure.take())
        });
        until("the node is dead", || node.process.ended());
        acknowledged.extend(told);
        unsure = Some(left);
    }
    assert!(acknowledged.len() > 10, "too few to mean anything: {}", acknowledged.len());
    let node = Node::up(folder.path(), &[]);
    let notes = || -> Vec<Value> { node.sql("SELECT event_hash, seq, verdict FROM events WHERE type = 'note.recorded.v1' ORDER BY leaf") };
    let hash = |row: &Value| row["event_hash"].as_str().unwrap().to_owned();
    let decided = until("everything acknowledged is decided", || {
        let rows = notes();
        acknowledged.is_subset(&rows.iter().map(hash).collect()).then_some(rows)
    });
    // The audit lane begins with the key: notes go on from its second place, without a gap and without a copy.
    for (at, row) in decided.iter().enumerate() {
        assert_eq!((row["seq"].as_u64(), row["verdict"].as_str()), (Some(at as u64 + 2), Some("accepted")), "{row}");
    }
    assert!(node.stop().success());
    let reports = run(&["replay", "--check", "--dir", folder.path().to_str().unwrap(), "--format", "json"]).rows();
    assert!(reports.iter().all(|report| report["problem_count"] == 0), "{reports:?}");
}
