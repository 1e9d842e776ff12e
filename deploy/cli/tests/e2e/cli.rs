//! The command line as people and scripts meet it: exits, errors that say what to do, files that stay safe.
//!
//! Owns the table of exits. Refuses to test words for their own sake: a hint is asserted where somebody would be lost without it.

use crate::{
    logs,
    node::{Node, cairn, run, until},
    voice::{Voice, note, transfer},
};
use cairn_schemas::{Account, Encoding};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn example() -> String {
    run(&["submit", "--example"]).good()
}

#[test]
fn each_kind_of_failure_has_its_exit() {
    let folder = tempfile::tempdir().unwrap();
    let dir = text(folder.path());
    let job = folder.path().join("job.yaml");
    fs::write(&job, example()).unwrap();
    let (nobody, job) = ("http://127.0.0.1:1", text(&job));
    let table: &[(&[&str], i32, &str)] = &[
        (&[], 2, "Usage"),
        (&["nonsense"], 2, "Usage"),
        (&["sql", "--nonsense"], 2, "Usage"),
        (&["up", "--listen", "nowhere"], 2, "--listen"),
        (&["up", "--workers", "99"], 2, "--workers"),
        (&["replay", "--dir", dir], 2, "--check"),
        (&["submit", "nothing.yaml", "--dir", dir], 2, "nothing.yaml"),
        (&["say", "nothing.said.v1", "{}", "--dir", dir], 2, "nothing.said.v1"),
        (&["say", "note.recorded.v1", "{", "--dir", dir], 2, "note.recorded.v1"),
        (&["keygen", "Not A Name", "--dir", dir], 2, "NAME"),
        (&["submit", job, "--dir", dir], 4, "cairn up"),
        (&["submit", job, "--dir", dir, "--node", nobody], 4, nobody),
        (&["say", "note.recorded.v1", "{\"text\":\"x\"}", "--dir", dir], 4, "cairn up"),
        (&["worker", "--name", "dan", "--dir", dir], 4, "cairn up"),
        (&["status", "--dir", dir], 4, "cairn up"),
        (&["watch", "--dir", dir], 4, "cairn up"),
        (&["sql", "SELECT 1", "--node", nobody], 4, nobody),
        (&["verify", dir, "--trust", "nobody"], 3, "error[CRN-63"),
        (&["verify", "nothing-there"], 3, "nothing-there"),
    ];
    for (arguments, exit, says) in table {
        let said = run(arguments).bad(*exit);
        assert!(said.contains(says), "{arguments:?} does not say {says}: {said}");
    }
    // An empty folder is a journal of no blocks, and that is no failure.
    let rows = run(&["replay", "--check", "--dir", dir, "--format", "json"]).rows();
    assert!(rows.iter().all(|row| row["blocks"] == 0 && row["problem_count"] == 0), "{rows:?}");
}

#[test]
fn a_typing_error_in_a_job_is_shown_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job.yaml");
    for (right, wrong, place, says) in [
        ("hidden:", "hiden:", "job.yaml:3:36", "did you mean \"hidden\""),
        ("rounds:", "round:", "job.yaml:5:9", "did you mean \"rounds\""),
        ("attempts: 3", "attempts: many", "job.yaml:9:11", "error[CRN-2107]"),
        ("attempts: 3", "attempts: 3\nattempts: 4", "job.yaml:10:1", "error[CRN-2105]"),
        ("attempts: 3\n", "", "job.yaml", "attempts"),
        ("classes: 10}", "classes: 10", "job.yaml:4:", "error[CRN-2101]"),
    ] {
        let example = example();
        assert!(example.contains(right), "{right} in {example}");
        fs::write(&job, example.replacen(right, wrong, 1)).unwrap();
        let said = run(&["submit", text(&job), "--dir", text(folder.path())]).bad(2);
        assert!(said.contains(place) && said.contains(says), "{wrong}: {place}, {says} in {said}");
    }
}

#[test]
fn a_folder_has_one_node_which_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(folder.path(), &["--workers", "1"]);
    for says in ["directory", text(folder.path()), " submit ", "ada"] {
        assert!(node.greeting.contains(says), "{says} in {}", node.greeting);
    }
    let holder = node.process.0.id().to_string();
    // Over Kafka anybody may read beside the node.
    let reads = logs::only_in_a_folder("a log in a folder has one reader").then_some(["replay", "--check", "--format=json"]);
    for arguments in [["up", "--listen", "127.0.0.1:0"]].into_iter().chain(reads) {
        let said = run(&[arguments.as_slice(), &["--dir", text(folder.path())]].concat()).bad(1);
        assert!(said.contains("CRN-5122") && said.contains(&holder), "{said}");
    }
    assert!(folder.path().join("node.json").exists());
    assert_eq!(node.stop().code(), Some(0));
    assert!(!folder.path().join("node.json").exists());
    let mut node = Node::up(folder.path(), &[]);
    node.process.signal("INT");
    assert_eq!(until("the node stops", || node.process.ended()).code(), Some(0));
}

#[test]
fn keys_are_never_replaced_and_never_open_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let dir = text(folder.path());
    let said = run(&["keygen", "acme", "--dir", dir]).good();
    assert!(said.starts_with("did:key:z6Mk"), "{said}");
    let path = folder.path().join("keys/acme.key");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    let secret = fs::read(&path).unwrap();
    assert!(!said.contains(String::from_utf8_lossy(&secret).trim()), "the secret is shown");
    assert!(run(&["keygen", "acme", "--dir", dir]).bad(1).contains("CRN-1003"));
    assert!(run(&["keygen", "acme", "--out", text(&path)]).bad(1).contains("CRN-1003"));
    assert_eq!(fs::read(&path).unwrap(), secret);
    // A founding author's key that others can read: the node does not start with it.
    assert!(Node::up(folder.path(), &["--workers", "1"]).stop().success());
    for entry in fs::read_dir(folder.path().join("keys")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    fs::set_permissions(folder.path().join("keys/issuer.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = run(&["up", "--listen", "127.0.0.1:0", "--dir", dir]).bad(1);
    assert!(said.contains("CRN-1003") && said.contains("issuer.key") && said.contains("chmod 600"), "{said}");
}

#[test]
fn every_command_explains_itself_with_examples() {
    let help = run(&["--help"]).good();
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    for name in
        ["up", "demo", "worker", "keygen", "job", "submit", "watch", "sql", "export", "verify", "replay", "status", "bench", "completions"]
    {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for name in names {
        let help = run(&[name, "--help"]).good();
        let examples = help.split("Examples:").nth(1).unwrap_or_else(|| panic!("{name} has no examples: {help}"));
        assert!(examples.contains(&format!("cairn {name}")), "{name}: {examples}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).good();
        assert!(script.contains("replay") && script.contains("--trust") | script.contains("trust"), "{shell}");
    }
}

#[test]
fn an_unknown_key_of_the_configuration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Node::up(folder.path(), &["--workers", "0"]).stop().success());
    let path = folder.path().join("cairn.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (bad, says) in [
        (format!("surprise = 1\n{good}"), "surprise"),
        (good.replacen("[server]", "[server]\nlisten_on = \"x\"", 1), "listen_on"),
        (good.replacen("127.0.0.1:7070", "0.0.0.0:7070", 1), "token_file"),
        (good.replacen("threads = 1", "threads = 0", 1), "threads"),
    ] {
        fs::write(&path, bad).unwrap();
        let said = run(&["up", "--listen", "127.0.0.1:0", "--dir", text(folder.path())]).bad(2);
        assert!(said.contains("CRN-1002") && said.contains(says), "{says}: {said}");
    }
    fs::write(&path, good).unwrap();
    assert!(Node::up(folder.path(), &[]).stop().success());
}

#[test]
fn a_node_with_a_token_answers_who_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, file) = (folder.path().join("node"), folder.path().join("token"));
    assert!(Node::up(&dir, &["--workers", "1"]).stop().success());
    keep_secret(&file, "s3cret-and-long-enough");
    let (config, example) = (dir.join("cairn.toml"), "# token_file = \"keys/token\"");
    let open = fs::read_to_string(&config).unwrap();
    assert!(open.contains(example), "{open}");
    fs::write(&config, open.replacen(example, &format!("token_file = \"{}\"", text(&file)), 1)).unwrap();
    let mut node = Node::up_with(&dir, &[], Some("s3cret-and-long-enough"));
    assert_eq!(node.get("/v1/realms").status, 200);
    for (method, path) in [("GET", "/v1/realms"), ("POST", "/v1/events"), ("POST", "/v1/sql"), ("GET", "/v1/journal?partition=0&from=0")] {
        for wrong in [None, Some("Bearer other".to_owned()), Some("s3cret-and-long-enough".to_owned())] {
            node.token = wrong;
            let answer = node.ask(method, path, &[], "");
            assert_eq!((answer.status, answer.problem().as_str()), (401, "CRN-1115"), "{method} {path}");
        }
    }
    // Whoever can read the node's folder, and whoever was given the token, speaks to it.
    let count = "SELECT count(*) AS n FROM events";
    run(&["status", "--dir", text(&dir)]).good();
    run(&["sql", count, "--dir", text(&dir)]).good();
    let far =
        |token: &Path| cairn(&["sql", count, "--node", &node.url, "--dir", "nowhere"]).env("CAIRN_TOKEN_FILE", token).output().unwrap();
    assert!(far(&file).status.success());
    let other = folder.path().join("other");
    keep_secret(&other, "other");
    assert!(!far(&other).status.success());
    assert!(node.stop().success());
}

fn keep_secret(path: &Path, secret: &str) {
    fs::write(path, secret).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn lag_is_a_row_a_partition_or_a_row_a_fold() {
    let folder = tempfile::tempdir().unwrap();
    let dir = text(folder.path());
    let node = Node::up(folder.path(), &["--workers", "1"]);
    let height = node.count("SELECT max(height) AS n FROM blocks");
    let lag = |more: &[&str]| run(&[&["lag", "--dir", dir, "--format", "json"], more].concat()).rows();
    let rows = lag(&[]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert!(row["decided"].as_u64() >= Some(height) && row["projected"].as_u64() >= Some(height), "{row}");
    for figure in ["undecided", "unprojected", "undecided_s", "unprojected_s"] {
        assert_eq!(row[figure].as_f64(), Some(0.0), "{figure}: {row}");
    }
    let folds = lag(&["--folds"]);
    for fold in ["decider", "gateway", "journal", "events"] {
        assert!(folds.iter().any(|row| row["fold"] == fold), "{fold}: {folds:?}");
    }
}

#[test]
fn a_live_node_and_its_stopped_folder_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let dir = text(folder.path());
    let node = Node::up(folder.path(), &["--workers", "2"]);
    let mut tess = Voice::introduced(&node, 31, "tess");
    tess.says(&node, transfer(Account::Named("tess".parse().unwrap()), "acme", 9), Encoding::Json);
    tess.says(&node, note("a\tb \"c\", d\n\u{1f600}"), Encoding::Json);
    let questions = [
        "SELECT * FROM events ORDER BY partition, leaf",
        "SELECT * FROM decisions ORDER BY partition, leaf",
        "SELECT * FROM entries ORDER BY partition, leaf, fact",
        "SELECT * FROM accounts ORDER BY partition, leaf, fact",
        "SELECT * FROM workers ORDER BY partition, leaf, fact",
        "SELECT * FROM keys ORDER BY partition, leaf, fact",
        "SELECT * FROM audit ORDER BY partition, leaf, fact",
        "SELECT * FROM realms ORDER BY partition, leaf, fact",
        "SELECT partition, height, root FROM blocks ORDER BY partition, height",
    ];
    let ask = || questions.map(|question| ["json", "csv"].map(|form| run(&["sql", question, "--dir", dir, "--format", form]).good()));
    let (live, refused) = (ask(), run(&["sql", "SELECT nothing", "--dir", dir]).bad(1));
    assert!(node.stop().success());
    let (stopped, refused_too) = (ask(), run(&["sql", "SELECT nothing", "--dir", dir]).bad(1));
    for ((question, live), stopped) in questions.iter().zip(live).zip(stopped) {
        assert!(live[0].lines().count() > 0, "{question}");
        assert_eq!(live, stopped, "{question}");
    }
    // Warnings about the log may stand before it.
    let code = |said: &str| said.split("error[").nth(1).and_then(|rest| rest.split(']').next()).unwrap().to_owned();
    assert_eq!(code(&refused), code(&refused_too));
    let by_variable = cairn(&["sql", "SELECT count(*) AS n FROM events", "--format", "json"]).env("CAIRN_DIR", dir).output().unwrap();
    let row: Value = serde_json::from_slice(&by_variable.stdout).unwrap();
    assert!(row["n"].as_u64().unwrap() > 0);
}

/// Somebody pipes into `head`: the reader is gone, and that is nobody's failure.
#[test]
fn a_closed_pipe_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [vec!["completions", "bash"], vec!["submit", "--example"], vec!["keygen", "acme", "--dir", text(folder.path())], vec!["--help"]]
    {
        let mut running = cairn(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(running.stdout.take());
        let ended = running.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!said.contains("panicked") && ended.status.code() == Some(0), "{arguments:?}: {:?} {said}", ended.status);
    }
}
