//! All brokers paused, past every time-out, under load and with the archive before the log: nobody answers, everybody says so, and all go on.
//!
//! Owns what people see of it: readiness, figures, pages of the journals. Refuses to excuse: what hangs afterwards is a failure.

use crate::{
    brokers::Brokers,
    cluster::{Cluster, Role, text},
    kafka::archived::{begin, is_well, until_deleted},
    load::{Load, seconds},
    node::{Running, run, until},
};
use std::time::{Duration, Instant};

const PARTITIONS: usize = 4;
const RATE: u32 = 60;
/// Within which a journal's page comes when nothing is wrong.
const PAGE: Duration = Duration::from_secs(10);

/// Within which a role ends that is asked to.
const STOP: Duration = Duration::from_secs(5);

/// Whether a role says that the log is silent, both ways.
fn is_silent(cluster: &Cluster, role: &Role) -> bool {
    let says = cluster.asks_ready(role).is_some_and(|why| why.contains("CRN-1012"));
    says && cluster.counts(role).get("cairn_log_silent_seconds").is_some_and(|silent| *silent >= 30.0)
}

/// Who asks how far folds are hears of the brokers first.
fn lag_says_so(cluster: &Cluster) {
    let said = run(&["lag", "--dir", text(&cluster.founded()), "--node", &cluster.projector.url]).bad(1);
    assert!(said.contains("error[CRN-1012]") && said.contains("brokers"), "{said}");
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
    lag_says_so(&cluster);
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

/// Whoever stops a role while no broker answers need not wait for them: what was acknowledged is there.
#[test]
#[ignore = "needs three brokers: tests/run.sh kafka"]
fn roles_stop_soon_while_no_broker_answers() {
    let (mut cluster, first) = begin("stopped", PARTITIONS, &["second"]);
    let load = Load::start(&cluster, RATE);
    load.calm(Instant::now());
    until_deleted(&cluster);
    println!("{}", load.stop());
    let events = "SELECT count(*) AS n FROM events";
    let before = cluster.sql(events);
    let brokers = Brokers::here();
    let all = |signal| (1..=brokers.count()).for_each(|number| brokers.signal(number, signal));
    all("STOP");
    // Requests that hang, of those who take events and of those who fold.
    let hanging: Vec<_> = (0..4)
        .map(|_| {
            let (founded, node) = (cluster.founded(), cluster.node());
            let body = "{\"text\":\"into the void\"}";
            std::thread::spawn(move || run(&["say", "note.recorded.v1", body, "--key", "acme", "--dir", text(&founded), "--node", &node]))
        })
        .collect();
    lag_says_so(&cluster);
    for role in [&first, &cluster.gateway, &cluster.projector] {
        role.process.signal("TERM");
    }
    let begun = Instant::now();
    let mut roles = [first, cluster.gateway, cluster.projector];
    until("all roles ended", || roles.iter_mut().all(|role| role.process.ended().is_some()).then_some(()));
    println!("all roles ended after {}", seconds(begun.elapsed()));
    assert!(begun.elapsed() < STOP, "{:?}", begun.elapsed());
    all("CONT");
    hanging.into_iter().for_each(|say| drop(say.join().unwrap()));
    let start = |role: &str| Role::start(role, &cluster.folder.path().join(role), &cluster.log, &[]);
    (cluster.gateway, cluster.projector) = (start("gateway"), start("projector"));
    let _second = cluster.processor("second");
    let now = until("the tables are there again", || Some(cluster.sql(events)).filter(|now| now.len() == before.len()));
    assert!(now[0]["n"].as_u64() >= before[0]["n"].as_u64(), "{now:?} {before:?}");
    is_well(&cluster);
}
