//! An unclean election takes decided input back: the processor halts with a code, and nothing is skipped.
//!
//! Owns the story of the whole instance. Refuses the reader's side, which the log's own tests tell (`ingest/log/tests/kafka/unclean.rs`).

use crate::{
    brokers::{Behind, change},
    cluster::{Cluster, log_url, text},
    logs::block_on,
    node::{run, until},
};
use cairn_log::kafka::KafkaOptions;
use cairn_schemas::{Stream, Topic};

#[test]
#[ignore = "needs three brokers: tests/run.sh kafka"]
fn a_processor_halts_where_an_unclean_election_took_its_input_back() {
    let log = log_url("unclean");
    run(&["topics", "create", "--log", &log, "--partitions", "1", "--copies", "2"]).good();
    let (cluster, mut processor) = Cluster::begin_in(tempfile::tempdir().unwrap(), log.clone(), "1", &[]);
    let founded = cluster.folder.path().join("founded");
    let notes = KafkaOptions::from_url(&log).unwrap().topic(Stream::Topic(Topic::Audit));
    block_on(change(&notes, &[("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")]));
    until("the audit finds it", || {
        let found = run(&["topics", "check", "--log", &log]);
        (found.code == Some(1) && found.err.contains("CRN-5146")).then_some(())
    });
    let behind = Behind::of(&notes);
    for n in 0..5 {
        let note = format!("{{\"text\":\"doomed {n}\"}}");
        run(&["say", "note.recorded.v1", &note, "--key", "acme", "--dir", text(&founded), "--node", &cluster.node()]).good();
    }
    let decided = || cluster.sql("SELECT max(height) AS n FROM blocks")[0]["n"].as_u64().unwrap();
    let before = decided();
    let brokers = behind.elect_the_stale(&notes);
    assert_eq!(until("the processor halts", || processor.process.ended()).code(), Some(1));
    // Nor does another go on from there, once the topic is as it should be.
    block_on(change(&notes, &[("min.insync.replicas", "1")]));
    let key = founded.join("keys/processor.key");
    let dir = cluster.folder.path().join("next");
    let said = until("the topic is as it should be", || {
        let ended = run(&["processor", "--dir", text(&dir), "--log", &log, "--key", text(&key), "--listen", "127.0.0.1:0"]);
        (!ended.err.contains("CRN-5146")).then_some(ended)
    });
    let said = said.bad(1);
    assert!(said.contains("error[CRN-5112]") && said.contains("restore the log"), "{said}");
    assert_eq!(decided(), before, "a block was made of what is left");
    cluster.is_well();
    drop(brokers);
}
