//! All brokers paused, past every time-out, under load and with the archive before the log: nobody answers, everybody says so, and all go on.
//!
//! Owns what people see of it: readiness, figures, pages of the journals. Refuses to excuse: what hangs afterwards is a failure.

use crate::{
    brokers::Brokers,
    cluster::{Cluster, Role},
    kafka::archived::{begin, is_well, until_deleted},
    load::{Load, seconds},
    node::{Running, until},
};
use std::time::{Duration, Instant};

const PARTITIONS: usize = 4;
const RATE: u32 = 60;
/// Within which a journal's page comes when nothing is wrong.
const PAGE: Duration = Duration::from_secs(10);

/// Whether a role says that the log is silent, both ways.
fn is_silent(cluster: &Cluster, role: &Role) -> bool {
    let says = cluster.asks_ready(role).is_some_and(|why| why.contains("CRN-1012"));
    says && cluster.counts(role).get("cairn_log_silent_seconds").is_some_and(|silent| *silent >= 30.0)
}

/// Every journal, from its archived front and at its end, and the tables.
fn answers(cluster: &Cluster) {
    let ask = |url: String| {
        let answer = cluster.http.ask("GET", &url, &[], Vec::new(), PAGE).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
    };
    for partition in 0..PARTITIONS {
        ask(format!("{}/v1/journal?partition={partition}&from=0", cluster.gateway.url));
    }
    ask(format!("{}/v1/realms", cluster.projector.url));
}

#[test]
#[ignore = "needs three brokers: tests/run.sh kafka"]
fn brokers_that_pause_are_told_of_and_waited_for() {
    let (cluster, first) = begin("paused", PARTITIONS, &["second"]);
    let mut processors = [first, cluster.processor("second")];
    let load = Load::start(&cluster, RATE);
    load.calm(Instant::now());
    until_deleted(&cluster);
    let brokers = Brokers::here();
    let all = |signal| (1..=brokers.count()).for_each(|number| brokers.signal(number, signal));
    let begun = Instant::now();
    all("STOP");
    let roles = [&cluster.gateway, &cluster.projector, &processors[0], &processors[1]];
    until("every role says that the log is silent", || roles.iter().all(|role| is_silent(&cluster, role)).then_some(()));
    println!("everybody said so after {}", seconds(begun.elapsed()));
    all("CONT");
    let woken = Instant::now();
    let calm = load.calm(woken);
    println!("decided as usual {} after the brokers went on", seconds(calm - woken));
    until("every role is ready", || roles.iter().all(|role| cluster.asks_ready(role).is_none()).then_some(()));
    answers(&cluster);
    println!("{}", load.stop());
    assert!(processors.iter_mut().map(|role| &mut role.process).all(|process| Running::ended(process).is_none()), "a processor ended");
    is_well(&cluster);
}
