//! `cairn bench load` beside a story: what producers see while the story does things to processes.
//!
//! Owns the reading of its lines as they come, and what "recovered" means. Refuses to judge by itself: stories say what must hold.

use crate::{
    cluster::{Cluster, text},
    node::{Node, Running, cairn, run, until},
};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A latency that nobody takes for trouble on a machine on which everything else runs, too, milliseconds.
const CALM_MS: u64 = 1_000;
/// Seconds in a row that make a state, and no accident.
const IN_A_ROW: usize = 2;

/// A line and when it came.
type Line = (Instant, Value);

/// A load that goes on until it is stopped.
pub struct Load {
    process: Running,
    lines: Arc<Mutex<Vec<Line>>>,
    reading: JoinHandle<()>,
}

impl Load {
    /// Events a second, of two authors on each partition.
    pub fn start(cluster: &Cluster, rate: u32) -> Load {
        let (founded, node, rate) = (cluster.founded(), cluster.node(), rate.to_string());
        let mut command = cairn(&["bench", "load", "--dir", text(&founded), "--node", &node, "--rate", &rate]);
        command.args(["--seconds", "3600", "--authors", "2", "--format", "json"]).stdout(Stdio::piped());
        let mut process = Running::start(command);
        let (lines, read) = (Arc::<Mutex<Vec<Line>>>::default(), BufReader::new(process.0.stdout.take().unwrap()));
        let shared = lines.clone();
        let reading = std::thread::spawn(move || {
            for line in read.lines() {
                shared.lock().unwrap().push((Instant::now(), serde_json::from_str(&line.unwrap()).unwrap()));
            }
        });
        Load { process, lines, reading }
    }

    /// The seconds told since a moment.
    pub fn since(&self, moment: Instant) -> Vec<Line> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|(came, line)| *came > moment && line["second"].is_u64()).cloned().collect()
    }

    /// Waits for calm seconds in a row after a moment; when the first of them was told.
    pub fn calm(&self, moment: Instant) -> Instant {
        until("decisions take their usual time", || {
            let seconds = self.since(moment);
            let (came, _) = seconds.windows(IN_A_ROW).find(|row| row.iter().all(|(_, second)| is_calm(second)))?.first()?;
            Some(*came)
        })
    }

    /// The longest that anything waited for its decision since a moment, milliseconds.
    pub fn longest_ms(&self, moment: Instant) -> u64 {
        let of = |second: &Value| second["p99_ms"].as_u64().unwrap_or(0).max(second["oldest_ms"].as_u64().unwrap_or(0));
        self.since(moment).iter().map(|(_, second)| of(second)).max().unwrap_or(0)
    }

    /// Ends it; the totals of a run in which nothing was lost and nothing doubled.
    pub fn stop(mut self) -> Value {
        self.process.signal("TERM");
        let status = until("the load ends", || self.process.ended());
        self.reading.join().unwrap();
        let lines = self.lines.lock().unwrap();
        let totals = lines.last().unwrap().1.clone();
        assert!(status.success(), "{totals}");
        for (name, value) in [("missing", 0), ("doubled", 0), ("rejected", 0)] {
            assert_eq!(totals[name], value, "{totals}");
        }
        assert_eq!(totals["acknowledged"], totals["sent"], "{totals}");
        assert_eq!(totals["decided"], totals["sent"], "{totals}");
        totals
    }
}

fn is_calm(second: &Value) -> bool {
    let is_below = |name: &str| second[name].as_u64().is_some_and(|ms| ms < CALM_MS);
    // What waits is told half a second late by the look at the journal.
    is_below("p99_ms") && second["oldest_ms"].as_u64().is_some_and(|ms| ms < 2 * CALM_MS)
}

/// Seconds, for a person.
pub fn seconds(of: Duration) -> String {
    format!("{:.1} s", of.as_secs_f64())
}

#[test]
fn a_load_is_decided_once_and_may_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(folder.path(), &["--partitions", "2"]);
    for more in [["--kind", "note"], ["--kind", "transfer"]] {
        let dir = ["--dir", text(folder.path()), "--format", "json"];
        let load = ["bench", "load", "--realms", "3", "--authors", "2", "--rate", "200", "--seconds", "2"];
        let rows = run(&[&load[..], &more, &dir].concat()).rows();
        let (totals, seconds) = rows.split_last().unwrap();
        assert_eq!((&totals["sent"], &totals["decided"]), (&400.into(), &400.into()), "{totals}");
        assert!(
            totals["p50_ms"].as_u64() <= totals["p99_ms"].as_u64() && totals["p99_ms"].as_u64() <= totals["max_ms"].as_u64(),
            "{totals}"
        );
        let sum = |name: &str| seconds.iter().map(|second| second[name].as_u64().unwrap()).sum::<u64>();
        assert_eq!([sum("sent"), sum("acknowledged"), sum("decided")], [400; 3], "{seconds:?}");
        let kind = format!("SELECT count(*) AS n FROM events WHERE type LIKE '{}.%' AND partition = 1", more[1]);
        assert!(node.count(&kind) >= 100, "the second partition has a realm, too");
    }
    let said = run(&["bench", "load", "--dir", text(folder.path()), "--rate", "1000000", "--seconds", "1000"]).bad(2);
    assert!(said.contains("at most"), "{said}");
    assert!(node.stop().success());
}
