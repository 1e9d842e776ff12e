//! Two encodings, one meaning: the same events, said as JSON to one node and as COSE to its twin, give equal rows.
//!
//! Owns the comparison. What may differ is named: the encoding, block time, and the hashes that block time goes into.

use crate::{
    logs,
    node::Node,
    voice::{Voice, note, realm, transfer},
};
use cairn_schemas::{Account, Encoding};
use serde_json::Value;
use std::path::Path;

const TABLES: [&str; 9] = ["events", "decisions", "realms", "keys", "accounts", "entries", "workers", "audit", "votes"];
/// What depends on when a block was made, or on the record's own bytes.
const FREE: [&str; 4] = ["encoding", "at", "leaf_hash", "decision"];

/// Everything that two voices say in this story; some of it is rejected.
fn tell(dir: &Path, encoding: Encoding) -> Vec<(String, Value)> {
    let node = Node::up(dir, &[]);
    let mut tess = Voice::new(11, realm(&node));
    let mut issuer = Voice::founder(&node, "issuer");
    let mut said = Vec::from(tess.introduction("tess").map(|body| tess.says(&node, body, encoding).json()));
    said.push(issuer.says(&node, transfer(Account::Issuer, "tess", 50), encoding).json());
    let own = || Account::Named("tess".parse().unwrap());
    for body in
        [transfer(own(), "acme", 20), transfer(own(), "acme", 40), note("größer ≠ \"kleiner\"\n\t\u{1f600}"), transfer(own(), "nobody", 1)]
    {
        said.push(tess.says(&node, body, encoding).json());
    }
    let verdicts: Vec<_> = said.iter().map(|told| told["verdict"].as_str().unwrap().to_owned()).collect();
    assert!(verdicts.contains(&"accepted".to_owned()) && verdicts.contains(&"rejected".to_owned()), "{verdicts:?}");
    let rows = TABLES.iter().flat_map(|table| {
        let rows = node.sql(&format!("SELECT * FROM {table}"));
        rows.into_iter().map(|row| ((*table).to_owned(), bare(row)))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(table, row)| (table.clone(), row.to_string()));
    assert!(node.stop().success());
    rows
}

fn bare(mut row: Value) -> Value {
    let columns = row.as_object_mut().unwrap();
    for name in FREE {
        columns.remove(name);
    }
    row
}

#[test]
fn the_same_events_as_json_and_as_cose_give_equal_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("json"), folder.path().join("cose"));
    // Founded once and copied: instance, realm and founding authors are the same.
    assert!(Node::up(&one, &["--workers", "0"]).stop().success());
    logs::copy(&one, &other);
    let (json, cose) = (tell(&one, Encoding::Json), tell(&other, Encoding::Cose));
    assert_eq!(json.len(), cose.len());
    for (json, cose) in json.iter().zip(&cose) {
        assert_eq!(json, cose);
    }
}
