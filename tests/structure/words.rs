//! Words in the code: none that stand for unfinished work, none that only one machine knows, each error code in the one table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::{files, none, root, shown};

/// Written in halves, so that this file does not hold them.
const UNFINISHED: &[&str] =
    &[concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("FIX", "ME"), concat!("XX", "X:")];

/// Places of a single machine.
const PRIVATE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

const REGISTRY: &str = "schemas/src/code.rs";
const TEXTS: &[&str] = &[".rs", ".toml", ".sh", ".py", ".md", ".sql", ".txt", ".yaml", ".yml", ".json", ".cue"];

fn holding(endings: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(root(), endings) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for (number, line) in text.lines().enumerate() {
            found.extend(words.iter().filter(|word| line.contains(**word)).map(|word| format!("{}:{} {word}", shown(&path), number + 1)));
        }
    }
    found
}

#[test]
fn nothing_is_left_to_do() {
    none("unfinished work", holding(&[".rs", ".sh", ".py"], UNFINISHED));
}

#[test]
fn nothing_names_one_machine() {
    none("a path that only one machine has", holding(TEXTS, PRIVATE));
}

/// Every `CRN-nnnn` of a text, as often as it stands there.
fn codes(text: &str) -> Vec<String> {
    let after = text.split("CRN-").skip(1);
    after
        .filter_map(|rest| rest.get(..4))
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|digits| format!("CRN-{digits}"))
        .collect()
}

#[test]
fn each_error_code_stands_once_in_the_table() {
    let registry = fs::read_to_string(root().join(REGISTRY)).unwrap();
    let table = registry.split("#[cfg(test)]").next().unwrap();
    let mut registered = BTreeMap::new();
    for entry in table.split("code(").map(str::trim_start).filter(|entry| entry.starts_with("\"CRN-")) {
        *registered.entry(codes(entry).swap_remove(0)).or_insert(0) += 1;
    }
    let mut breaches: Vec<String> =
        registered.iter().filter(|(_, times)| **times != 1).map(|(code, times)| format!("{code}: {times} times")).collect();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files(root(), &[".rs"]).into_iter().filter(|path| !shown(path).starts_with(REGISTRY)) {
        for code in codes(&fs::read_to_string(&path).unwrap()) {
            used.entry(code).or_default().insert(shown(&path));
        }
    }
    breaches.extend(
        used.iter()
            .filter(|(code, _)| !registered.contains_key(*code))
            .map(|(code, places)| format!("{code}: not in {REGISTRY}; used in {places:?}")),
    );
    breaches.extend(registered.keys().filter(|code| !used.contains_key(*code)).map(|code| format!("{code}: in {REGISTRY}, used nowhere")));
    none("error codes and their table differ", breaches);
}
