//! Sudden death: the demo is killed at random moments and started again, until it ends.
//!
//! Owns what must hold then: everything that anybody saw decided is there once, the books balance, the job ends once, and the
//! journal decides to itself again. Four folders.

use crate::books;
use crate::logs::over_kafka;
use crate::node::{Http, LOOK, Node, Rng, Running, cairn, run, until};
use cairn_schemas::record;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Kills that must land in each folder's story. Over Kafka the brokers take seconds to give the partition of a dead process to the
/// next, so there are fewer, and they come later.
fn kills() -> usize {
    if over_kafka() { 2 } else { 6 }
}

/// Who finishes what the kills left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Demo,
    Up,
}

#[test]
fn a_demo_killed_at_any_moment_goes_on_first() {
    story(0xca11, Finish::Demo);
}

#[test]
fn a_demo_killed_at_any_moment_goes_on_second() {
    story(0xca12, Finish::Demo);
}

#[test]
fn a_demo_killed_at_any_moment_goes_on_third() {
    story(0xca13, Finish::Demo);
}

#[test]
fn a_demo_killed_at_any_moment_is_finished_by_up() {
    story(0xca14, Finish::Up);
}

/// A folder, what was seen decided in it, and when it was killed.
struct Story {
    folder: TempDir,
    http: Http,
    seen: BTreeSet<String>,
    kills: Vec<u64>,
}

/// Between 50 ms and 8 s (over Kafka 16 s), early moments more often: there most is begun.
fn moment(rng: &mut Rng) -> Duration {
    let (share, longest) = (rng.below(1_000_000), if over_kafka() { 16_000 } else { 8_000 });
    Duration::from_millis(50 + (longest - 50) * (share * share / 1_000_000) / 1_000_000)
}

/// `CAIRN_SEED` makes other moments of the same stories.
fn story(seed: u64, finish: Finish) {
    let more = std::env::var("CAIRN_SEED").map_or(0, |text| text.parse::<u64>().unwrap());
    let mut rng = Rng(seed ^ (more << 16));
    let mut story = Story::new();
    let mut landed = 0;
    while landed < kills() {
        let after = moment(&mut rng);
        if story.run_and_kill(|_, since| since >= after) {
            landed += 1;
            story.replay_is_clean();
        } else {
            // It was faster than the kill: its folder is judged, and the story goes on in a new one.
            story.is_well(finish);
            story = Story::new();
        }
    }
    if finish == Finish::Up {
        story.reach_a_job(&mut rng);
        story.finish_by_up();
    }
    story.is_well(finish);
}

/// A story that ended badly leaves its folder to whoever looks for the reason.
impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            println!("killed after {:?} ms; the folder is kept: {}", self.kills, self.folder.path().display());
        }
    }
}

impl Story {
    fn new() -> Story {
        Story { folder: tempfile::tempdir().unwrap(), http: Http::new(), seen: BTreeSet::new(), kills: Vec::new() }
    }

    fn dir(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Runs the demo and kills it once `when` says so; whether the kill came before its end.
    fn run_and_kill(&mut self, mut when: impl FnMut(&Story, Duration) -> bool) -> bool {
        let mut command = cairn(&["demo", "--dir", self.dir()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let mut demo = Running::start(command);
        loop {
            if let Some(status) = demo.ended() {
                assert!(status.success(), "{status} by itself after kills at {:?} ms", self.kills);
                return false;
            }
            if when(self, start.elapsed()) {
                break;
            }
            self.look();
            std::thread::sleep(LOOK.min(Duration::from_millis(20)));
        }
        demo.kill();
        self.kills.push(u64::try_from(start.elapsed().as_millis()).unwrap());
        true
    }

    fn url(&self) -> Option<String> {
        let told: Value = serde_json::from_slice(&fs::read(self.folder.path().join("node.json")).ok()?).ok()?;
        told["url"].as_str().map(str::to_owned)
    }

    fn ask(&self, question: &str) -> Option<Vec<Value>> {
        self.http.sql(&self.url()?, question, Duration::from_millis(500))
    }

    /// What a reader sees now must never be taken back.
    fn look(&mut self) {
        if let Some(rows) = self.ask("SELECT event_hash FROM events") {
            self.seen.extend(rows.iter().map(|row| row["event_hash"].as_str().unwrap().to_owned()));
        }
    }

    /// `up` finishes jobs, but it submits none: the last kill comes after the job was accepted.
    fn reach_a_job(&mut self, rng: &mut Rng) {
        let mut rest = None;
        let after = moment(rng) / 4;
        self.run_and_kill(|story, since| {
            if rest.is_none() && story.ask("SELECT job FROM jobs").is_some_and(|jobs| !jobs.is_empty()) {
                rest = Some(since + after);
            }
            rest.is_some_and(|end| since >= end)
        });
        self.replay_is_clean();
    }

    fn finish_by_up(&self) {
        let node = Node::up(self.folder.path(), &[]);
        until("the job completes", || (node.count("SELECT count(*) AS n FROM jobs WHERE state = 'completed'") == 1).then_some(()));
        assert!(node.stop().success());
    }

    fn replay_is_clean(&self) -> Vec<Value> {
        let reports = run(&["replay", "--check", "--dir", self.dir(), "--format", "json"]).rows();
        for report in &reports {
            assert_eq!(report["problem_count"].as_u64().unwrap_or(0), 0, "after kills at {:?} ms: {report}", self.kills);
        }
        reports
    }

    /// Everything that must hold of a folder whose story is over.
    fn is_well(&self, finish: Finish) {
        println!("killed after {:?} ms; {} events were seen decided meanwhile", self.kills, self.seen.len());
        self.report_is_complete();
        let node = Node::up(self.folder.path(), &[]);
        self.everything_said_is_decided_once(&node);
        books_balance(&node);
        job_is_done_once(&node);
        assert!(node.stop().success(), "{finish:?}");
        let reports = self.replay_is_clean();
        assert!(reports.iter().all(|report| report["blocks"].as_u64().unwrap() > 0));
        self.export_verifies();
    }

    fn report_is_complete(&self) {
        let report = &run(&["demo", "--dir", self.dir(), "--format", "json"]).rows()[0];
        let amount = |value: &Value| value.as_str().unwrap().parse::<u128>().unwrap();
        let context = format!("after kills at {:?} ms: {report}", self.kills);
        assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{context}");
        let escrow = &report["escrow"];
        assert_eq!(amount(&escrow["funded"]), 12_000_000, "{context}");
        assert_eq!(amount(&escrow["paid"]) + amount(&escrow["refunded"]), 12_000_000, "{context}");
        let workers = report["workers"].as_array().unwrap();
        let names: Vec<_> = workers.iter().map(|worker| worker["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["ada", "bob", "cyd"], "{context}");
        for worker in workers {
            let cheats = worker["name"] == "cyd";
            assert_eq!(amount(&worker["slashed"]), if cheats { 5_000_000 } else { 0 }, "{context}");
            assert_eq!(amount(&worker["paid"]) == 0, cheats, "{context}");
        }
        assert!(report["checkpoint"]["size"].as_u64().unwrap() > 0 && report["checkpoint"]["vkey"].is_string(), "{context}");
    }

    fn everything_said_is_decided_once(&self, node: &Node) {
        let kept = outbox(self.folder.path());
        assert!(!kept.is_empty());
        until("every signed event of the outbox is decided", || {
            let decided: BTreeSet<_> = hashes(node).into_iter().collect();
            kept.is_subset(&decided).then_some(())
        });
        let all = hashes(node);
        let decided: BTreeSet<_> = all.iter().cloned().collect();
        assert_eq!(decided.len(), all.len(), "an event stands there twice");
        let lost: Vec<_> = self.seen.difference(&decided).collect();
        assert!(lost.is_empty(), "seen decided and lost after kills at {:?} ms: {lost:?}", self.kills);
        let twice = "SELECT realm, topic, author, seq FROM events GROUP BY realm, topic, author, seq HAVING count(*) > 1";
        assert_eq!(node.sql(twice), Vec::<Value>::new());
        // Resent bytes are duplicates; anything else would be an author that lost its place.
        let others = "SELECT code, topic, topic_offset FROM dispositions WHERE code <> 'duplicate'";
        assert_eq!(node.sql(others), Vec::<Value>::new(), "after kills at {:?} ms", self.kills);
    }

    fn export_verifies(&self) {
        let (out, memory) = (self.folder.path().join("export"), self.folder.path().join("memory"));
        let (out, memory) = (out.to_str().unwrap(), memory.to_str().unwrap());
        run(&["export", "--dir", self.dir(), "--to", out]).good();
        let anchor = format!("{}/checkpoint.vkey", self.dir());
        run(&["verify", out, "--trust", &anchor, "--memory", memory]).good();
    }
}

fn hashes(node: &Node) -> Vec<String> {
    node.sql("SELECT event_hash FROM events").iter().map(|row| row["event_hash"].as_str().unwrap().to_owned()).collect()
}

/// Hashes of the signed events that lie in the outbox.
fn outbox(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.join("outbox")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "event") {
                found.insert(record::open(&fs::read(path).unwrap()).unwrap().hash.to_string());
            }
        }
    }
    found
}

/// The books balance, and nobody was funded twice.
fn books_balance(node: &Node) {
    books::balance(|question| node.sql(question));
    let funded = "SELECT credit, count(*) AS n FROM entries WHERE debit = 'issuer' GROUP BY credit ORDER BY credit";
    let funded: Vec<_> =
        node.sql(funded).iter().map(|row| (row["credit"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap())).collect();
    assert_eq!(funded, ["acme", "ada", "bob", "cyd"].map(|name| (name.to_owned(), 1)));
}

fn job_is_done_once(node: &Node) {
    assert_eq!(node.count("SELECT count(DISTINCT job) AS n FROM jobs"), 1);
    assert_eq!(node.count("SELECT count(*) AS n FROM jobs WHERE state = 'completed'"), 1);
    assert_eq!(node.count("SELECT count(*) AS n FROM jobs WHERE state = 'failed'"), 0);
}
