//! What must hold when the soak is over: everything acknowledged is decided once, the books balance, the jobs ended, and an auditor agrees.
//!
//! Owns these questions. Refuses trust in one reader: both projectors are asked, and the journal is decided again.

use super::{
    PARTITIONS, Soak,
    authors::{Author, FUNDS},
    stage::{Kind, dir_of},
};
use crate::{
    books,
    cluster::text,
    node::{run, until},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// Events of one question.
const PAGE: usize = 5_000;

pub fn judge(soak: &mut Soak, authors: &[Author], submitted: u64) {
    println!("all are back; {}", told(soak, authors));
    let began = Instant::now();
    let projectors: Vec<String> = soak.actors.iter().filter(|actor| actor.kind == Kind::Projector).map(|actor| actor.url.clone()).collect();
    soak.actors.iter().filter(|actor| actor.kind != Kind::Worker).for_each(|actor| soak.is_ready(actor));
    for url in &projectors {
        let ask = |question: &str| until(question, || soak.http.sql(url, question, Duration::from_secs(30)));
        authors.iter().for_each(|author| is_decided_once(author, ask));
        jobs_ended_once(ask, submitted);
        assert_eq!(ask("SELECT * FROM slashes"), Vec::<Value>::new(), "nobody honest is slashed");
        // Resent bytes are duplicates; anything else would be an author that lost its place.
        assert_eq!(ask("SELECT code, topic, topic_offset FROM dispositions WHERE code <> 'duplicate'"), Vec::<Value>::new());
        as_the_authors_say(&books::balance(ask), authors);
    }
    let ask = |question: &str| until(question, || soak.http.sql(&projectors[0], question, Duration::from_secs(30)));
    let figures =
        "SELECT partition, max(epoch) AS claims, max(height) AS blocks, count(*) AS n FROM blocks GROUP BY partition ORDER BY partition";
    println!("all is decided, once, {:.1} s later; {:?}", began.elapsed().as_secs_f64(), ask(figures));
    soak.actors.iter_mut().for_each(|actor| actor.check(&soak.ground));
    // The workers first, who would ask in vain.
    soak.actors.iter_mut().rev().for_each(|actor| actor.stop(&soak.ground));
    audited(soak);
}

fn told(soak: &Soak, authors: &[Author]) -> String {
    let (said, resent) = (soak.street.acknowledged.load(Ordering::Relaxed), soak.street.resent.load(Ordering::Relaxed));
    let longest = authors.iter().map(|author| author.longest).max().unwrap_or_default();
    format!("{said} events acknowledged, {resent} times the same bytes again, the longest wait {:.1} s", longest.as_secs_f64())
}

/// Everything that was acknowledged is there, accepted, once, and nothing else is.
fn is_decided_once(author: &Author, ask: impl Fn(&str) -> Vec<Value>) {
    let (key, realm) = (author.voice.key.public(), author.voice.realm);
    let of = format!("FROM events WHERE author = '{key}' AND realm = '{realm}'");
    let said = author.acknowledged.len() as u64;
    until(&format!("all that {} said is decided", author.name), || {
        (ask(&format!("SELECT count(*) AS n {of} AND verdict = 'accepted'"))[0]["n"].as_u64()? >= said).then_some(())
    });
    let mut decided: BTreeMap<String, u64> = BTreeMap::new();
    for from in (0..author.acknowledged.len()).step_by(PAGE) {
        let to = from + PAGE;
        for row in ask(&format!("SELECT event_hash {of} AND verdict = 'accepted' AND seq > {from} AND seq <= {to}")) {
            *decided.entry(row["event_hash"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    let lost: Vec<&String> = author.acknowledged.iter().filter(|hash| !decided.contains_key(*hash)).collect();
    assert!(lost.is_empty(), "{}: acknowledged and lost: {lost:?}", author.name);
    let twice: Vec<_> = decided.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{}: decided more than once: {twice:?}", author.name);
    assert_eq!(decided.len(), author.acknowledged.len(), "{}: decided and never said", author.name);
}

fn jobs_ended_once(ask: impl Fn(&str) -> Vec<Value>, submitted: u64) {
    let count = |question: &str| ask(question)[0]["n"].as_u64().unwrap();
    let jobs = || count("SELECT count(DISTINCT job) AS n FROM jobs");
    assert!(jobs() >= submitted, "{submitted} jobs were submitted");
    let ended = "SELECT count(*) AS n FROM jobs WHERE state = 'completed' OR state = 'failed'";
    until("every job ends", || (count(ended) >= jobs()).then_some(()));
    assert_eq!(count(ended), jobs(), "a job ended twice");
    let failed = ask("SELECT job, reason FROM jobs WHERE state = 'failed'");
    assert!(failed.is_empty(), "{failed:?}");
}

/// Every author holds what it was given and was paid, less what it paid.
fn as_the_authors_say(held: &books::Balances, authors: &[Author]) {
    for author in authors {
        let realm = author.voice.realm;
        let got: u128 = authors.iter().filter(|other| other.voice.realm == realm).filter_map(|other| other.paid.get(&author.name)).sum();
        let left = FUNDS + got - author.paid.values().sum::<u128>();
        let found = held.get(&(realm.to_string(), author.name.clone())).copied();
        assert_eq!(found, i128::try_from(left).ok(), "{}", author.name);
    }
}

/// The journal decides to itself again, before every snapshot, and exports of all partitions verify.
fn audited(soak: &Soak) {
    for actor in soak.actors.iter().filter(|actor| actor.kind == Kind::Processor) {
        let rows = run(&["replay", "--check", "--dir", &dir_of(&soak.ground, actor), "--format", "json"]).rows();
        assert!(rows.iter().all(|row| row["problem_count"] == 0 && row["blocks"].as_u64().unwrap() > 0), "{rows:?}");
        println!("replay --check in {}: {}", actor.name, rows.iter().map(figures).collect::<Vec<_>>().join("; "));
    }
    let missed = run(&["replay", "--check", "--dir", text(&soak.ground.founded())]).err;
    assert!(missed.contains("CRN-5111"), "the archive stood before a log that was not deleted: {missed}");
    let dir = dir_of(&soak.ground, &soak.actors[4]);
    for partition in 0..PARTITIONS {
        let out = soak.ground.folder.path().join(format!("export-{partition}"));
        run(&["export", "--dir", &dir, "--to", text(&out), "--partition", &partition.to_string()]).good();
        run(&["verify", text(&out), "--trust", text(&Path::new(&dir).join("checkpoint.vkey"))]).good();
    }
    println!("exports of {PARTITIONS} partitions verify");
}

fn figures(row: &Value) -> String {
    let void: u64 = row["void"].as_object().map_or(0, |reasons| reasons.values().filter_map(Value::as_u64).sum());
    format!(
        "partition {}: {} blocks, {} decisions, {void} void, {} problems",
        row["partition"], row["blocks"], row["decisions"], row["problem_count"]
    )
}
