//! HTTP as programs meet it: what is refused and how, and what is answered.
//!
//! Owns the table of bad requests. Refuses prose: a refusal is a status, a code, and nothing appended.

use crate::{
    node::{Node, Rng, until},
    voice::{Voice, note, send, transfer},
};
use cairn_schemas::{
    Account, Encoding, LeafHash, RealmId, Root,
    decision::LeafEntry,
    merkle,
    note::{Checkpoint, VerifierKey},
};
use serde_json::Value;
use std::fs;

const JSON: &str = "application/json";
const COSE: &str = "application/cose";

fn node() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::up(&folder.path().join("node"), &["--workers", "0"]);
    (folder, node)
}

/// Posts bytes that must be refused; the answer's code.
fn refused(node: &Node, what: &str, kind: &str, body: impl Into<Vec<u8>>, status: u16) -> String {
    let answer = node.ask("POST", "/v1/events", &[("content-type", kind)], body);
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    let code = answer.problem();
    assert!(code.starts_with("CRN-"), "{what}: {} {}", answer.kind, answer.text());
    code
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1)
}

#[test]
fn bad_events_get_a_code_and_nothing_is_appended() {
    let (_folder, node) = node();
    let mut voice = Voice::introduced(&node, 1, "tess");
    let before = voice.says(&node, note("before"), Encoding::Json).json()["offset"].as_u64().unwrap();
    let good = String::from_utf8(voice.sealed(note("good"), Encoding::Json)).unwrap();
    let pays = String::from_utf8(voice.sealed(transfer(Account::Named("tess".parse().unwrap()), "acme", 15), Encoding::Json)).unwrap();
    let elsewhere = Voice::new(2, RealmId([7; 32])).sealed(note("elsewhere"), Encoding::Json);
    let many = |count: usize| format!("[{}]", vec![good.as_str(); count].join(","));
    let table: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("nothing", vec![], 400, "CRN-2001"),
        ("not JSON", b"{\"event\":".to_vec(), 400, "CRN-2001"),
        ("not UTF-8", b"{\"event\":\"\xff\"}".to_vec(), 400, "CRN-2001"),
        ("no array", b"[1,".to_vec(), 400, "CRN-1101"),
        ("an array of numbers", b"[1]".to_vec(), 400, "CRN-2001"),
        ("deep nesting", [vec![b'['; 5_000], vec![b']'; 5_000]].concat(), 400, "CRN-"),
        ("an unknown type", changed(&good, "note.recorded.v1", "note.scribbled.v1").into(), 400, "CRN-2001"),
        ("an unknown key", changed(&good, "{\"data\"", "{\"colour\":\"red\",\"data\"").into(), 400, "CRN-2001"),
        ("an unknown key of the data", changed(&good, "{\"text\"", "{\"tint\":1,\"text\"").into(), 400, "CRN-2001"),
        ("a key beside the event", changed(&good, "{\"event\"", "{\"extra\":1,\"event\"").into(), 400, "CRN-2001"),
        ("a duplicate key", changed(&good, "\"seq\":", "\"seq\":1,\"seq\":").into(), 400, "CRN-2001"),
        ("a missing key", changed(&good, "\"text\":\"good\"", "").into(), 400, "CRN-2001"),
        ("a float amount", changed(&pays, "\"amount\":\"15\"", "\"amount\":1.5").into(), 400, "CRN-2001"),
        ("a number as amount", changed(&pays, "\"amount\":\"15\"", "\"amount\":15").into(), 400, "CRN-2001"),
        ("a fraction as amount", changed(&pays, "\"amount\":\"15\"", "\"amount\":\"1.5\"").into(), 400, "CRN-2001"),
        ("a negative amount", changed(&pays, "\"amount\":\"15\"", "\"amount\":\"-15\"").into(), 400, "CRN-2001"),
        ("a float number", changed(&good, "\"seq\":3", "\"seq\":3.0").into(), 400, "CRN-2001"),
        ("a number beyond 2^53", changed(&good, "\"seq\":3", "\"seq\":9007199254740993").into(), 400, "CRN-2001"),
        ("a lone surrogate", changed(&good, "\"good\"", "\"\\ud800\"").into(), 400, "CRN-2001"),
        ("a text of 9 000 bytes", changed(&good, "\"good\"", &format!("\"{}\"", "g".repeat(9_000))).into(), 400, "CRN-2001"),
        ("another amount than signed", changed(&pays, "\"15\"", "\"16\"").into(), 422, "CRN-1104"),
        ("another text than signed", changed(&good, "\"good\"", "\"evil\"").into(), 422, "CRN-1104"),
        ("an unknown realm", elsewhere, 404, "CRN-1105"),
        ("a good one beside a bad one", format!("[{good},{}]", changed(&good, "\"good\"", "\"evil\"")).into(), 422, "CRN-1104"),
        ("1025 events", many(1_025).into(), 413, "CRN-1102"),
        ("a body of 17 MiB", vec![b' '; 17 << 20], 413, "CRN-1103"),
    ];
    for (what, body, status, code) in table {
        let answered = refused(&node, what, JSON, body, status);
        assert!(answered.starts_with(code), "{what}: {answered}");
    }
    let after = voice.says(&node, note("after"), Encoding::Json).json()["offset"].as_u64().unwrap();
    assert_eq!(after, before + 1, "something was appended");
}

#[test]
fn bad_binary_events_get_a_code_and_nothing_is_appended() {
    let (_folder, node) = node();
    let mut voice = Voice::introduced(&node, 3, "tess");
    let before = voice.says(&node, note("before"), Encoding::Cose).json()["offset"].as_u64().unwrap();
    let good = voice.sealed(note("good"), Encoding::Cose);
    assert_eq!(refused(&node, "text", "text/plain", good.clone(), 415), "CRN-1101");
    assert_eq!(refused(&node, "50 000 bytes", COSE, vec![0xd2; 50_000], 413), "CRN-2002");
    assert_eq!(refused(&node, "a sequence of nothing sensible", "application/cbor-seq", vec![0xff, 0xff], 400), "CRN-1101");
    refused(&node, "a byte behind it", COSE, [good.as_slice(), b"\0"].concat(), 400);
    refused(&node, "cut off", COSE, &good[..good.len() - 1], 400);
    let mut signature = good.clone();
    *signature.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&node, "a flipped signature", COSE, signature, 422), "CRN-1104");
    let mut rng = Rng(0x0c05e);
    for _ in 0..100 {
        let (at, bit) = (rng.below(good.len() as u64), rng.below(8));
        let mut bytes = good.clone();
        bytes[usize::try_from(at).unwrap()] ^= 1 << bit;
        let answer = node.ask("POST", "/v1/events", &[("content-type", COSE)], bytes);
        assert!((400..500).contains(&answer.status), "bit {bit} of byte {at}: {} {}", answer.status, answer.text());
        assert!(answer.problem().starts_with("CRN-"), "bit {bit} of byte {at}: {}", answer.text());
    }
    let after = voice.says(&node, note("after"), Encoding::Cose).json()["offset"].as_u64().unwrap();
    assert_eq!(after, before + 1, "something was appended");
}

#[test]
fn bad_requests_get_a_problem_with_a_code() {
    let (_folder, node) = node();
    let unknown = "00".repeat(32);
    let sql = |question: &'static str| ("POST", "/v1/sql".to_owned(), vec![], question.as_bytes().to_vec(), 400, "CRN-61");
    let table: Vec<(&str, String, Vec<(&str, &str)>, Vec<u8>, u16, &str)> = vec![
        ("GET", "/v1/realms".into(), vec![("host", "evil.example")], vec![], 403, "CRN-1111"),
        ("GET", "/v1/realms".into(), vec![("origin", "https://evil.example")], vec![], 403, "CRN-1111"),
        ("GET", "/v1/realms".into(), vec![("origin", "null")], vec![], 403, "CRN-1111"),
        ("POST", "/v1/events".into(), vec![("origin", "http://evil.example")], b"{}".to_vec(), 403, "CRN-1111"),
        ("POST", "/v1/events?wait=maybe".into(), vec![], b"{}".to_vec(), 400, "CRN-1112"),
        ("POST", "/v1/events?speed=9".into(), vec![], b"{}".to_vec(), 400, "CRN-1112"),
        ("GET", "/v1/journal".into(), vec![], vec![], 400, "CRN-1112"),
        ("GET", "/v1/journal?partition=0&from=-1".into(), vec![], vec![], 400, "CRN-1112"),
        ("GET", "/v1/journal?partition=9&from=0".into(), vec![], vec![], 404, "CRN-1114"),
        ("GET", "/v1/journal?partition=0&from=999999".into(), vec![], vec![], 416, "CRN-1114"),
        ("GET", "/v1/journal/chain".into(), vec![], vec![], 400, "CRN-1112"),
        ("GET", "/v1/journal/chain?partition=9".into(), vec![], vec![], 404, "CRN-1114"),
        ("GET", format!("/v1/blobs/{unknown}"), vec![], vec![], 404, "CRN-1110"),
        ("GET", "/v1/blobs/../../etc/passwd".into(), vec![], vec![], 404, ""),
        ("GET", "/v1/blobs/..%2f..%2fnode.json".into(), vec![], vec![], 400, "CRN-1112"),
        ("PUT", format!("/v1/blobs/{unknown}"), vec![], b"other bytes".to_vec(), 422, "CRN-1109"),
        ("GET", format!("/v1/events/{unknown}"), vec![], vec![], 404, "CRN-"),
        ("GET", "/v1/events/' OR 1=1 --".into(), vec![], vec![], 400, "CRN-"),
        ("GET", format!("/v1/receipts/{unknown}"), vec![], vec![], 404, "CRN-"),
        ("POST", "/v1/sql".into(), vec![("content-type", JSON)], b"{\"sql\":1}".to_vec(), 400, "CRN-61"),
        ("POST", "/v1/sql".into(), vec![("content-type", JSON)], b"{\"sql\":\"SELECT 1\",\"more\":1}".to_vec(), 400, "CRN-61"),
        sql(""),
        sql("SELEC 1"),
        sql("SELECT * FROM nowhere"),
        sql("SELECT nothing FROM events"),
        sql("SELECT 1; SELECT 2"),
        sql("CREATE TABLE x AS SELECT 1"),
        sql("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'"),
        sql("CREATE VIEW v AS SELECT 1"),
        sql("DROP TABLE events"),
        sql("INSERT INTO events SELECT * FROM events"),
        sql("DELETE FROM events"),
        sql("UPDATE events SET seq = 1"),
        sql("COPY (SELECT 1) TO '/tmp/cairn-must-not-be.csv'"),
        sql("SET datafusion.execution.batch_size = 1"),
        sql("PREPARE p AS SELECT 1"),
        sql("SELECT * FROM '/etc/passwd'"),
    ];
    for (method, path, headers, body, status, code) in table {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = node.ask(method, &path, &headers, body);
        assert_eq!(answer.status, status, "{method} {path} {headers:?} {shown}: {}", answer.text());
        assert!(answer.problem().starts_with(code), "{method} {path} {headers:?} {shown}: {}", answer.text());
    }
    assert!(!std::path::Path::new("/tmp/cairn-must-not-be.csv").exists());
    assert_eq!(node.get("/healthz").status, 200);
}

/// What no route takes is refused in the same form as everything else.
#[test]
fn unknown_routes_and_methods_get_a_problem_with_a_code() {
    let (_folder, node) = node();
    for (method, path, status) in
        [("GET", "/v2/events", 404), ("GET", "/v1/nothing", 404), ("DELETE", "/v1/events", 405), ("GET", "/v1/sql", 405)]
    {
        let answer = node.ask(method, path, &[], "");
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.problem(), "CRN-1113", "{method} {path}: {}", answer.text());
    }
}

#[test]
fn answers_have_the_form_of_their_questions() {
    let (_folder, node) = node();
    let mut voice = Voice::introduced(&node, 4, "tess");
    let json = |voice: &mut Voice, text: &str| String::from_utf8(voice.seal(note(text), Encoding::Json)).unwrap();
    let one = send(&node, json(&mut voice, "one").into(), "");
    assert_eq!(one.status, 202);
    let keys: Vec<_> = one.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["event_hash", "id", "offset", "partition", "topic"]);
    // Two in an array, one in an array, and a sequence of two: always as many answers.
    let both = format!("[{},{}]", json(&mut voice, "two"), json(&mut voice, "three"));
    let both = node.ask("POST", "/v1/events?wait=decided", &[("content-type", JSON)], both);
    assert_eq!((both.status, both.json().as_array().unwrap().len()), (200, 2), "{}", both.text());
    assert!(both.json().as_array().unwrap().iter().all(|answer| answer["verdict"] == "accepted" && answer["leaf"].is_u64()));
    let single = format!(" [ {} ] ", json(&mut voice, "four"));
    let single = node.ask("POST", "/v1/events", &[("content-type", JSON)], single);
    assert_eq!((single.status, single.json().as_array().unwrap().len()), (202, 1));
    let sequence = [voice.seal(note("five"), Encoding::Cose), voice.seal(note("six"), Encoding::Cose)].concat();
    let sequence = node.ask("POST", "/v1/events?wait=decided", &[("content-type", "application/cbor-seq")], sequence);
    assert_eq!((sequence.status, sequence.json().as_array().unwrap().len()), (200, 2), "{}", sequence.text());
    // Keys in another order and with spaces: the same event.
    let loose: Value = serde_json::from_str(&json(&mut voice, "seven")).unwrap();
    let loose =
        format!("{{ \"signature\" : {}, \"event\" : {} }}", loose["signature"], serde_json::to_string_pretty(&loose["event"]).unwrap());
    assert_eq!(send(&node, loose.into(), "?wait=decided").json()["verdict"], "accepted");
}

#[test]
fn a_rejected_event_is_answered_with_its_verdict() {
    let (_folder, node) = node();
    let mut voice = Voice::introduced(&node, 5, "tess");
    let answer = voice.says(&node, transfer(Account::Named("tess".parse().unwrap()), "acme", 1), Encoding::Json);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!(told["verdict"], "rejected");
    assert!(told["code"].is_string() && told["height"].is_u64() && told["leaf"].is_u64(), "{told}");
    let asked = node.get(&format!("/v1/events/{}", told["event_hash"].as_str().unwrap())).json();
    assert_eq!((&asked["verdict"], &asked["code"], &asked["leaf"]), (&told["verdict"], &told["code"], &told["leaf"]));
    // Someone else's account is as little one's own as an empty one is full.
    let told = voice.says(&node, transfer(Account::Named("acme".parse().unwrap()), "tess", 1), Encoding::Cose).json();
    assert_eq!(told["verdict"], "rejected", "{told}");
}

#[test]
fn the_same_bytes_many_times_are_decided_once() {
    let (_folder, node) = node();
    let mut issuer = Voice::founder(&node, "issuer");
    let paid = || node.sql("SELECT balance FROM balances WHERE account = 'acme'")[0]["balance"].as_str().unwrap().parse::<u128>().unwrap();
    let before = paid();
    let bytes = issuer.seal(transfer(Account::Issuer, "acme", 7), Encoding::Cose);
    let first = send(&node, bytes.clone(), "?wait=decided").json();
    let again = send(&node, bytes.clone(), "?wait=decided").json();
    assert_eq!((&first["height"], &first["leaf"], &first["verdict"]), (&again["height"], &again["leaf"], &again["verdict"]));
    // At once, and before anything of it is decided.
    let bytes = issuer.seal(transfer(Account::Issuer, "acme", 70), Encoding::Json);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let (bytes, url) = (bytes.clone(), format!("{}/v1/events", node.url));
            scope.spawn(move || {
                let http = crate::node::Http::new();
                assert_eq!(http.ask("POST", &url, &[("content-type", JSON)], bytes, crate::node::PATIENCE).unwrap().status, 202);
            });
        }
    });
    // Whatever comes after the copies in the same lane is decided after them.
    assert_eq!(issuer.says(&node, transfer(Account::Issuer, "acme", 700), Encoding::Cose).json()["verdict"], "accepted");
    assert_eq!(paid(), before + 777);
    assert_eq!(node.sql("SELECT event_hash FROM events GROUP BY event_hash HAVING count(*) > 1"), Vec::<Value>::new());
    assert_eq!(node.count("SELECT count(*) AS n FROM dispositions WHERE code <> 'duplicate'"), 0);
}

#[test]
fn health_readiness_and_metrics_are_there() {
    let (_folder, node) = node();
    assert_eq!(node.get("/healthz").status, 200);
    until("the node is ready", || (node.get("/readyz").status == 200).then_some(()));
    let mut voice = Voice::introduced(&node, 6, "tess");
    let bytes = voice.seal(note("counted"), Encoding::Cose);
    send(&node, bytes, "?wait=decided");
    // Every fold that the table of lags tells of is a metric, too, under the same two names.
    let folds = node.sql("SELECT fold FROM consumer_lag WHERE partition = 0");
    assert!(["decider", "gateway", "journal", "events"].iter().all(|name| folds.iter().any(|row| row["fold"] == *name)), "{folds:?}");
    let metric = |row: &Value| format!("cairn_lag_seconds{{partition=\"0\",fold=\"{}\"}}", row["fold"].as_str().unwrap());
    let text = until("every fold is counted", || {
        let text = node.get("/metrics").text();
        folds.iter().all(|row| text.contains(&metric(row))).then_some(text)
    });
    for name in [
        "cairn_decisions_total{partition=\"0\",topic=\"audit\",verdict=\"accepted\"}",
        "cairn_append_seconds_bucket",
        "cairn_decided_seconds_bucket",
        "cairn_lag_records{partition=\"0\",fold=\"decider\"}",
        "cairn_lag_records{partition=\"0\",fold=\"gateway\"}",
        "cairn_lag_records{partition=\"0\",fold=\"events\"}",
    ] {
        assert!(text.contains(name), "{name} in\n{text}");
    }
    let held = "cairn_balances{realm=\"main\",currency=\"crn\",kind=\"held\"} 0";
    until("money under way is shown", || node.get("/metrics").text().contains(held).then_some(()));
}

#[test]
fn what_the_operators_page_asks_is_answered() {
    let (_folder, node) = node();
    let page = include_str!("../../../OPERATING.md");
    let questions: Vec<&str> = page.split('`').filter(|span| span.starts_with("SELECT ")).collect();
    assert!(questions.len() > 3, "{questions:?}");
    for question in questions {
        node.sql(question);
    }
}

#[test]
fn a_receipt_leads_from_its_event_to_a_signed_checkpoint() {
    let (_folder, node) = node();
    let mut voice = Voice::introduced(&node, 8, "tess");
    let told = voice.says(&node, note("proven"), Encoding::Json).json();
    let path = format!("/v1/receipts/{}", told["event_hash"].as_str().unwrap());
    let receipt = until("a checkpoint covers the event", || Some(node.get(&path).json()).filter(|receipt| receipt["proof"].is_object()));
    let entry: LeafEntry = serde_json::from_value(receipt["entry"].clone()).unwrap();
    assert_eq!((Some(entry.leaf), entry.verdict.as_str()), (told["leaf"].as_u64(), "accepted"));
    let proof = &receipt["proof"];
    let anchor: VerifierKey = fs::read_to_string(node.dir.join("checkpoint.vkey")).unwrap().lines().next().unwrap().parse().unwrap();
    let keys = [anchor];
    let (checkpoint, _) = Checkpoint::open(proof["checkpoint"].as_str().unwrap().as_bytes(), &keys).unwrap();
    let hashes: Vec<Root> = serde_json::from_value(proof["path"].clone()).unwrap();
    let path: Vec<merkle::Hash> = hashes.iter().map(|hash| hash.0).collect();
    let leaf: LeafHash = entry.hash().unwrap();
    let holds = |leaf: &LeafHash| merkle::verify_inclusion(&leaf.0, entry.leaf, checkpoint.size, &path, &checkpoint.root);
    assert!(holds(&leaf));
    let rejected = LeafEntry { verdict: "rejected".into(), ..entry.clone() };
    assert!(!holds(&rejected.hash().unwrap()), "another verdict must not be proven by it");
}
