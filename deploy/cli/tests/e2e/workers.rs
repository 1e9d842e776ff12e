//! Workers and records from outside of the node: processes of their own, and folders of files.
//!
//! Owns two small jobs whose records are drawn here. Refuses accuracy: whether a model learns is shown elsewhere.

use crate::node::{Node, Rng, Running, cairn, run, until};
use cairn_kernels::bml::Example;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

/// A job on a hundred records of four values.
pub fn small() -> String {
    let text = Example {
        model: "{template: mlp, input: 4, hidden: [8], classes: 2}",
        data: r#"{url: "builtin:digits?seed=7&count=100", train: 80, test: 20}"#,
        train: r#"{rounds: 1, epochs: 1, shards: 2, batch: 10, sgd: {rate: "0.1", momentum: "0.9"}, seed: 1, data_seed: 2}"#,
        pay: r#"{escrow: "4000000", task: "500000", check: "90000"}"#,
        ..Example::SMALL
    };
    text.to_string()
}

/// A hundred records of four values; the label says whether the first is bright.
fn records() -> Vec<(u8, [u8; 4])> {
    let mut rng = Rng(0xda7a);
    let mut byte = || u8::try_from(rng.below(256)).unwrap();
    let mut record = || [byte(), byte(), byte(), byte()];
    (0..100).map(|_| record()).map(|values| (u8::from(values[0] > 127), values)).collect()
}

pub fn write_csv(folder: &Path) {
    let line = |(label, [a, b, c, d]): (u8, [u8; 4])| format!("{label},{a},{b},{c},{d}\n");
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("records.csv"), records().into_iter().map(line).collect::<String>()).unwrap();
}

/// The IDX format of MNIST: magic, sizes, bytes.
fn write_idx(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let sizes = |sizes: &[u32]| sizes.iter().flat_map(|size| size.to_be_bytes()).collect::<Vec<_>>();
    let images = records().iter().flat_map(|(_, values)| *values).collect::<Vec<_>>();
    let labels = records().iter().map(|(label, _)| *label).collect::<Vec<_>>();
    fs::write(folder.join("train-images-idx3-ubyte"), [sizes(&[0x803, 100, 2, 2]), images].concat()).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte"), [sizes(&[0x801, 100]), labels].concat()).unwrap();
}

/// Submits the small job with these records and waits for its end.
fn submit(node: &Node, data: &Path) -> Value {
    let job = data.with_extension("yaml");
    fs::write(&job, small()).unwrap();
    let (dir, job, data) = (node.dir.to_str().unwrap(), job.to_str().unwrap(), data.to_str().unwrap());
    let rows = run(&["submit", job, "--data", data, "--dir", dir, "--wait", "--timeout", "120", "--format", "json"]).rows();
    rows.last().unwrap().clone()
}

fn is_done(node: &Node, ended: &Value) {
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(ended["total"].to_string().trim_matches('"'), "20", "{ended}");
    let job = ended["job"].as_str().unwrap();
    let paid = node.sql(&format!("SELECT DISTINCT credit FROM entries WHERE kind = 'payment' AND job = '{job}'"));
    assert!(!paid.is_empty());
    assert_eq!(node.count(&format!("SELECT count(*) AS n FROM jobs WHERE state = 'completed' AND job = '{job}'")), 1);
    assert_eq!(node.count("SELECT count(*) AS n FROM slashes"), 0);
}

#[test]
fn records_come_from_folders_of_idx_or_csv() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(&folder.path().join("node"), &["--workers", "2"]);
    let (csv, idx, none) = (folder.path().join("csv"), folder.path().join("idx"), folder.path().join("none"));
    write_csv(&csv);
    write_idx(&idx);
    let ended = submit(&node, &csv);
    is_done(&node, &ended);
    let again = submit(&node, &idx);
    is_done(&node, &again);
    until("the tasks are counted", || node.get("/metrics").text().contains("cairn_tasks{state=\"").then_some(()));
    // The same records make the same model, however they were written down.
    assert_eq!(ended["correct"], again["correct"]);
    let hashes = node.sql("SELECT DISTINCT data_hash, result FROM jobs WHERE state = 'completed'");
    assert_eq!(hashes.len(), 1, "{hashes:?}");
    // A folder without records is refused before anything is signed.
    fs::create_dir_all(&none).unwrap();
    let job = csv.with_extension("yaml");
    let said = run(&["submit", job.to_str().unwrap(), "--data", none.to_str().unwrap(), "--dir", node.dir.to_str().unwrap()]).bad(2);
    assert!(said.contains("CRN-22"), "{said}");
    assert_eq!(node.count("SELECT count(DISTINCT job) AS n FROM jobs"), 2);
}

#[test]
fn workers_in_processes_of_their_own_do_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(&folder.path().join("node"), &["--workers", "0"]);
    let dir = node.dir.to_str().unwrap();
    let workers = ["dan", "eve"].map(|name| {
        let home = folder.path().join(name);
        let mut command = cairn(&["worker", "--node", &node.url, "--name", name, "--dir", home.to_str().unwrap()]);
        command.stdout(Stdio::null());
        Running::start(command)
    });
    for name in ["dan", "eve"] {
        until("the worker opens its account", || {
            (node.count(&format!("SELECT count(*) AS n FROM accounts WHERE account = '{name}'")) > 0).then_some(())
        });
        let pays = format!("{{\"from\":\"issuer\",\"to\":\"{name}\",\"amount\":\"5000000\"}}");
        run(&["say", "transfer.posted.v1", &pays, "--key", "issuer", "--dir", dir]).good();
    }
    let staked = "SELECT count(*) AS n FROM balances WHERE account LIKE 'stake:%' AND balance = 5000000";
    until("both stakes are locked", || (node.count(staked) == 2).then_some(()));
    let data = folder.path().join("csv");
    write_csv(&data);
    let ended = submit(&node, &data);
    is_done(&node, &ended);
    assert_eq!(node.count("SELECT count(DISTINCT credit) AS n FROM entries WHERE kind = 'payment' AND credit IN ('dan', 'eve')"), 2);
    for mut worker in workers {
        worker.signal("TERM");
        assert_eq!(until("the worker stops", || worker.ended()).code(), Some(0));
    }
    assert!(node.stop().success());
}

/// Whoever starts everything at once starts workers before their node answers.
#[test]
fn a_worker_waits_for_a_node_that_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(&folder.path().join("node"), &["--workers", "0"]);
    node.process.signal("STOP");
    let home = folder.path().join("dan");
    let mut command = cairn(&["worker", "--node", &node.url, "--name", "dan", "--dir", home.to_str().unwrap()]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut worker = Running::start(command);
    let mut said = BufReader::new(worker.0.stderr.take().unwrap());
    let mut line = String::new();
    assert!(said.read_line(&mut line).unwrap() > 0 && line.contains("CRN-1004") && line.contains("asked again"), "{line}");
    node.process.signal("CONT");
    until("the worker opens its account", || (node.count("SELECT count(*) AS n FROM accounts WHERE account = 'dan'") > 0).then_some(()));
}

/// Two that number one key's lanes fork them: the second is told who has the key, in whatever process that is.
#[test]
fn a_key_works_once_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(&folder.path().join("node"), &["--workers", "1"]);
    let (dir, home) = (node.dir.to_str().unwrap(), folder.path().join("dan"));
    let refused = |name: &str, dir: &str, holder: u32| {
        let said = run(&["worker", "--node", &node.url, "--name", name, "--dir", dir]).bad(1);
        let named = [&format!("worker {name}"), "CRN-7115", &format!("process {holder}"), "next: stop the other"];
        assert!(named.iter().all(|part| said.contains(part)), "{said}");
    };
    refused("ada", dir, node.process.0.id());
    let dan = || {
        let mut command = cairn(&["worker", "--node", &node.url, "--name", "dan", "--dir", home.to_str().unwrap()]);
        command.stdout(Stdio::piped());
        let mut worker = Running::start(command);
        let mut line = String::new();
        BufReader::new(worker.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("account dan lacks"), "{line}");
        worker
    };
    let mut first = dan();
    refused("dan", home.to_str().unwrap(), first.0.id());
    // A lock that outlived its holder would keep a worker from its stake.
    first.kill();
    drop(dan());
    assert!(node.stop().success());
}

/// Who speaks while another speaks with the same key waits for its turn, so that both are heard.
#[test]
fn those_who_speak_with_one_key_at_once_are_all_heard() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(&folder.path().join("node"), &["--workers", "0"]);
    let dir = node.dir.to_str().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| run(&["say", "note.recorded.v1", "{\"text\":\"at once\"}", "--dir", dir]).good());
        }
    });
    assert_eq!(node.count("SELECT count(*) AS n FROM events WHERE topic = 'audit' AND type = 'note.recorded.v1'"), 4);
    assert_eq!(node.count("SELECT count(*) AS n FROM dispositions WHERE code = 'fork'"), 0);
    // What nobody submitted is not waited for.
    let said = run(&["watch", &"0".repeat(64), "--dir", dir]).bad(1);
    assert!(said.contains("CRN-1013") && said.contains("no job 0000"), "{said}");
    assert!(node.stop().success());
}
