//! Jobs of every template: checked, explained, and trained by workers of a node to their payment.

use crate::node::{Node, cairn, ran, run};
use std::{fs, path::Path};

/// The jobs that are shipped, by the names of their files.
const SHIPPED: [(&str, &str); 5] = [
    ("job.yaml", include_str!("../../../job.yaml")),
    ("cnn.yaml", include_str!("../../../jobs/cnn.yaml")),
    ("mnist.yaml", include_str!("../../../jobs/mnist.yaml")),
    ("lstm.yaml", include_str!("../../../jobs/lstm.yaml")),
    ("transformer.yaml", include_str!("../../../jobs/transformer.yaml")),
];

/// The same job on fewer records, for a round of an epoch, on what is built in or in `folder`.
fn tiny(text: &str) -> String {
    let cut = |line: &str| match line.trim_start().split_once(": ") {
        Some(("rounds" | "epochs", _)) => format!("{}1", &line[..line.find(": ").unwrap() + 2]),
        Some(("schedule", _)) => "  schedule: {warmup: 2, decay: linear}".to_owned(),
        Some(("batch", _)) => "  batch: 8".to_owned(),
        Some(("data", rest)) => {
            let (source, _) = rest.split_once("train:").unwrap();
            format!("data: {source}train: 64, test: 16}}")
        }
        _ => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().map(cut).collect();
    // The perceptron's is written on one line.
    lines
        .join("\n")
        .replace("rounds: 4, epochs: 2, shards: 3, batch: 50", "rounds: 1, epochs: 1, shards: 2, batch: 8")
        .replace("count=10000", "count=80")
        + "\n"
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_job_is_checked_and_explained_before_anybody_signs_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in SHIPPED {
        let path = written(folder.path(), name, text);
        let checked = &run(&["job", "check", &path, "--format", "json"]).rows()[0];
        assert!(checked["parameters"].as_u64().unwrap() > 1_000, "{checked}");
        let explained = &run(&["job", "explain", &path, "--format", "json"]).rows()[0];
        let layers = explained["layers"].as_array().unwrap();
        let counted: u64 = layers.iter().map(|layer| layer["parameters"].as_u64().unwrap()).sum();
        assert_eq!(explained["parameters"], counted, "{explained}");
        assert_eq!(explained["programs"], checked["programs"]);
        assert!(explained["train"]["peak_bytes"].as_u64().unwrap() > explained["state_bytes"].as_u64().unwrap());
        let told = run(&["job", "explain", &path]).good();
        for word in ["parameters", "a step", "operations", "escrow", layers.last().unwrap()["name"].as_str().unwrap()] {
            assert!(told.contains(word), "{word}: {told}");
        }
    }
    for template in ["mlp", "cnn", "lstm", "transformer"] {
        let example = run(&["job", "example", template]).good();
        run(&["job", "check", &written(folder.path(), "example.yaml", &example)]).good();
    }
}

#[test]
fn every_fault_of_a_job_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = SHIPPED[1].1.replace("hidden:", "hiden:").replace("rounds: 2", "rounds: two").replace("attempts: 3", "attempts: 0");
    let path = written(folder.path(), "job.yaml", &text);
    let said = run(&["job", "check", &path]).bad(2);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].starts_with("error[CRN-2103]") && lines[0].contains("job.yaml:3:") && lines[0].ends_with("did you mean \"hidden\"?"));
    assert!(lines[1].starts_with("error[CRN-2107]") && lines[1].contains("train.rounds"));
    assert!(lines[2].starts_with("error[CRN-2107]") && lines[2].contains("attempts"));
    assert_eq!(run(&["submit", &path]).bad(2), said, "submitting says the same");
    assert!(run(&["job", "check", "none.yaml"]).bad(2).contains("CRN-1001"));
}

#[test]
fn jobs_of_every_template_are_trained_checked_and_paid() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(&folder.path().join("node"), &["--workers", "2"]);
    let dir = node.dir.to_str().unwrap();
    let text = folder.path().join("text");
    fs::create_dir(&text).unwrap();
    fs::write(text.join("stones.txt"), "a stone on a stone marks the way, and whoever comes after adds one.\n".repeat(120)).unwrap();
    for (name, shipped) in SHIPPED.into_iter().filter(|(name, _)| *name != "mnist.yaml") {
        let path = written(folder.path(), name, &tiny(shipped));
        let mut arguments = vec!["submit", &path, "--dir", dir, "--wait", "--timeout", "120", "--format", "json"];
        if shipped.contains("level: char") {
            arguments.extend(["--data", text.to_str().unwrap()]);
        }
        let rows = run(&arguments).rows();
        let ended = rows.last().unwrap();
        assert_eq!(ended["state"], "completed", "{name}: {ended}");
        let labels = if shipped.contains("context: 32") { 16 * 32 } else { 16 };
        assert_eq!(ended["total"].to_string().trim_matches('"'), labels.to_string(), "{name}: {ended}");
    }
    assert_eq!(node.count("SELECT count(*) AS n FROM jobs WHERE state = 'completed'"), 4);
    assert_eq!(node.count("SELECT count(*) AS n FROM slashes"), 0);
}

/// The demo writes from its own pages; cut off and asked again it writes the same.
#[test]
fn the_text_demo_writes_the_same_sample_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let asked = ["demo", "--job", "text", "--dir", dir, "--format", "json"];
    let (first, again) = (run(&asked).rows(), run(&asked).rows());
    let sample = first[0]["sample"].as_str().unwrap();
    assert!(sample.chars().count() > 400, "{sample}");
    assert!(first[0]["accuracy"].as_f64().unwrap() > 0.2, "spaces alone are a sixth of a text: {}", first[0]);
    assert_eq!((&first[0]["sample"], &first[0]["accuracy"]), (&again[0]["sample"], &again[0]["accuracy"]));
}

#[test]
fn a_worker_refuses_a_device_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let said = run(&["worker", "--name", "dan", "--dir", home, "--device", "cuda:4000000"]).bad(1);
    assert!(said.contains("CRN-2411") && said.contains("next: "), "{said}");
    let said = run(&["worker", "--name", "dan", "--dir", home, "--device", "gpu"]).bad(2);
    assert!(said.contains("gpu"), "{said}");
    // So do those of a node, by its configuration.
    let up = |device| ran(cairn(&["up", "--dir", home, "--listen", "127.0.0.1:0"]).env("CAIRN_WORKER_DEVICE", device));
    assert!(up("cuda:4000000").bad(1).contains("CRN-2411"));
    assert!(up("gpu").bad(2).contains("worker.device"));
}
