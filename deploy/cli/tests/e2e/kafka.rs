//! Over Kafka: the main job in one process, and the same ledger led by processes of their own that die, pause and come back.
//!
//! Owns what must hold there: a job ends, the books balance, nobody halts, nobody duels, and the journal decides to itself again.
//! Refuses to start a broker: `CAIRN_KAFKA` names one (tests/run.sh starts real ones), and without it these tests are ignored.

pub mod archived;
mod cut;
mod scaling;
mod traced;

use crate::{
    cluster::{Cluster, log_url, text},
    node::run,
};

#[test]
#[ignore = "needs CAIRN_KAFKA: tests/run.sh starts brokers"]
fn the_main_job_runs_over_kafka_and_again() {
    let (folder, log) = (tempfile::tempdir().unwrap(), log_url("demo"));
    let dir = folder.path().join("node");
    let ran = run(&["demo", "--dir", text(&dir), "--log", &log, "--format", "json"]).rows();
    let report = ran.last().unwrap();
    assert!(report["accuracy"].as_f64().unwrap() >= 0.94, "{report}");
    assert_eq!(report["workers"][2]["slashed"], "5000000", "{report}");
    let again = run(&["demo", "--dir", text(&dir), "--log", &log, "--format", "json"]).rows();
    assert_eq!(again.last().unwrap()["accuracy"], report["accuracy"]);
    run(&["replay", "--check", "--dir", text(&dir)]).good();
    let export = folder.path().join("export");
    run(&["export", "--dir", text(&dir), "--to", text(&export)]).good();
    run(&["verify", text(&export), "--trust", text(&dir.join("checkpoint.vkey"))]).good();
    // Another log for the same folder is refused.
    let said = run(&["demo", "--dir", text(&dir), "--log", "kafka://127.0.0.1:1/other"]).bad(2);
    assert!(said.contains("keeps its log"), "{said}");
}

#[test]
#[ignore = "needs CAIRN_KAFKA: tests/run.sh starts brokers"]
fn roles_in_processes_of_their_own_do_a_job_while_processors_die() {
    let (cluster, first) = Cluster::begin("roles", "2");
    let _workers = cluster.workers();
    let mut leaders = vec![first, cluster.processor("second")];
    let mut kills = 0;
    let ended = cluster.job(|cluster| {
        if kills < 3 {
            kills += 1;
            // The one that dies leaves whatever it led to the other, and a new one joins.
            leaders.remove(0).process.kill();
            leaders.push(cluster.processor(&format!("after-{kills}")));
        }
    });
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(kills, 3);
    cluster.is_well();
}

/// One that joined would take partitions from those that can lead them.
#[test]
#[ignore = "needs CAIRN_KAFKA: tests/run.sh starts brokers"]
fn a_processor_whose_key_nobody_authorised_joins_nothing() {
    let (cluster, first) = Cluster::begin("stranger", "4");
    let (led, epochs) = (cluster.led(&first), cluster.epochs());
    let (dir, key) = (cluster.folder.path().join("stranger"), cluster.founded().join("keys/acme.key"));
    let said = run(&["processor", "--dir", text(&dir), "--log", &cluster.log, "--key", text(&key), "--listen", "127.0.0.1:0"]).bad(1);
    assert!(said.contains("error[CRN-3104]"), "{said}");
    assert_eq!((cluster.led(&first), cluster.epochs()), (led, epochs), "nobody lost anything to it");
    // A gateway alone has no tables, and who asks it for some is told whom to ask.
    let status = |node: &str| run(&["status", "--dir", text(&dir), "--node", node]);
    assert!(status(&cluster.gateway.url).bad(2).contains("--node GATEWAY,PROJECTOR"));
    [cluster.projector.url.clone(), cluster.node()].iter().for_each(|node| drop(status(node).good()));
    cluster.is_well();
}

#[test]
#[ignore = "needs CAIRN_KAFKA: tests/run.sh starts brokers"]
fn topics_are_made_audited_and_missed() {
    let log = log_url("topics");
    let said = run(&["topics", "check", "--log", &log]).bad(1);
    assert!(said.contains("CRN-5144"), "{said}");
    run(&["topics", "create", "--log", &log, "--partitions", "3", "--copies", "1"]).good();
    let found = run(&["topics", "check", "--log", &log, "--format", "json"]).rows();
    assert!(found.iter().all(|row| row["is"] == "weigh"), "{found:?}");
    let said = run(&["topics", "create", "--log", &log, "--partitions", "4", "--copies", "1"]).bad(1);
    assert!(said.contains("CRN-5145"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let said = run(&["gateway", "--dir", text(folder.path())]).bad(2);
    assert!(said.contains("one process"), "{said}");
    run(&["topics", "check", "--log", "kafka://nobody"]).bad(2);
}
