//! Where the stories' logs lie: in the folder of each node, or over Kafka with `CAIRN_E2E_LOG=kafka`.
//!
//! Owns the topics of each folder: named when its first node starts, copied with it, deleted once it is gone. Refuses to weaken a story: what is
//! said of one log is said of the other, and what is about files alone asks [`only_in_a_folder`] and says why.

use crate::{brokers::admin, cluster::log_url};
use cairn_log::{
    EventLog, Place, ReadLimit,
    kafka::{KafkaLog, KafkaOptions, topics},
};
use cairn_schemas::Stream;
use rdkafka::admin::AdminOptions;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The log of each folder in which a node was started, by the folder.
static BEGUN: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

pub fn over_kafka() -> bool {
    match std::env::var("CAIRN_E2E_LOG").as_deref() {
        Err(_) | Ok("folder") => false,
        Ok("kafka") => true,
        Ok(other) => panic!("CAIRN_E2E_LOG is folder or kafka, not {other}"),
    }
}

/// Whether a story about files can be told here; where it cannot, it says so and ends.
pub fn only_in_a_folder(why: &str) -> bool {
    if over_kafka() {
        println!("skipped over Kafka: {why}");
    }
    !over_kafka()
}

/// The log with which a node begins that is started by these arguments, if not its folder.
pub fn begun_by(arguments: &[&str]) -> Option<String> {
    let starts = matches!(arguments.first(), Some(&("up" | "demo"))) && !arguments.contains(&"--log");
    let dir = arguments.iter().position(|argument| *argument == "--dir").and_then(|at| arguments.get(at + 1));
    dir.filter(|_| starts && over_kafka()).map(|dir| of(Path::new(dir)))
}

fn of(dir: &Path) -> String {
    let mut begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    sweep(&mut begun);
    begun.entry(dir.to_owned()).or_insert_with(|| log_url("e2e")).clone()
}

/// The configuration of a node that has not begun yet, with every default.
pub fn configuration(dir: &Path) -> String {
    let default = include_str!("../../../cairn.toml");
    let (before, after) = default.split_once("[log]").unwrap();
    let log = if over_kafka() { after.replacen("\nurl = \"\"", &format!("\nurl = \"{}\"", of(dir)), 1) } else { after.to_owned() };
    format!("{before}[log]{log}")
}

/// A story is over when its temporary folder is gone. Its topics would only cost the brokers memory.
fn sweep(begun: &mut BTreeMap<PathBuf, String>) {
    let is_over = |dir: &Path| {
        let story = dir.ancestors().find(|folder| folder.parent() == Some(&std::env::temp_dir()));
        story.is_some_and(|folder| !folder.exists())
    };
    let over: Vec<PathBuf> = begun.keys().filter(|dir| is_over(dir)).cloned().collect();
    for url in over.iter().filter_map(|dir| begun.remove(dir)) {
        delete(&url);
    }
}

fn delete(url: &str) {
    let options = KafkaOptions::from_url(url).unwrap();
    let names: Vec<String> = Stream::ALL.into_iter().map(|stream| options.topic(stream)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Topics that stay harm nobody: the brokers end with the tests.
    if let Err(error) = block_on(admin().delete_topics(&names, &AdminOptions::new())) {
        println!("{url} is left to the brokers: {error}");
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Copies the folder of a node that is stopped, with its log.
pub fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
    if over_kafka() {
        let (was, is, config) = (of(from), of(to), to.join("cairn.toml"));
        fs::write(&config, fs::read_to_string(&config).unwrap().replace(&was, &is)).unwrap();
        block_on(copy_records(&was, &is));
    }
}

async fn copy_records(from: &str, to: &str) {
    let (from, to) = (KafkaOptions::from_url(from).unwrap(), KafkaOptions::from_url(to).unwrap());
    let from = KafkaLog::open(from).await.unwrap();
    topics::create(&to, from.partitions(), 1).await.unwrap();
    let to = KafkaLog::open(to).await.unwrap();
    for place in Stream::ALL.into_iter().flat_map(|stream| (0..from.partitions()).map(move |partition| Place::new(stream, partition))) {
        let mut next = 0;
        loop {
            let read = from.read(place, next, ReadLimit::default()).await.unwrap();
            if read.records.is_empty() {
                break;
            }
            next = read.next(next);
            to.append(place, read.records.into_iter().map(|record| record.bytes).collect::<Vec<_>>().into()).await.unwrap();
        }
    }
}
