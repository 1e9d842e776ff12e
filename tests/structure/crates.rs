//! Crates: who may know whom, and that a shared stack is there once.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::{none, root};

/// DESIGN, "Direction, and nothing else": what each crate of ours knows of ours.
const DIRECTION: &[(&str, &[&str])] = &[
    ("cairn-schemas", &[]),
    ("cairn-kernels", &[]),
    ("cairn-log", &["cairn-schemas"]),
    ("cairn-gateway", &["cairn-schemas", "cairn-log"]),
    ("cairn-processors", &["cairn-schemas", "cairn-log", "cairn-kernels"]),
    ("cairn-projections", &["cairn-schemas", "cairn-log"]),
    ("cairn", &["cairn-schemas", "cairn-log", "cairn-gateway", "cairn-kernels", "cairn-processors", "cairn-projections"]),
];

/// The crate that links into nothing, and so may know everything.
const TESTS: &str = "cairn-tests";

/// Pure crates: they start no runtime and open no socket.
const WITHOUT_TOKIO: &[&str] = &["cairn-schemas", "cairn-kernels"];

/// Stacks whose types cross our interfaces; a second copy would not fit the first, and costs minutes of build.
const ONCE: &[&str] = &["arrow", "parquet", "object_store", "datafusion", "deltalake", "tokio", "hyper", "axum", "tower-http"];

/// cargo, from the sources alone: these checks need no network.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).args(["--locked", "--offline"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Our crates by name, each with its dependencies as `(name, kind, path)`.
fn members() -> BTreeMap<String, Vec<(String, String, bool)>> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let dependency = |of: &Value| {
        let kind = of["kind"].as_str().unwrap_or("normal").to_owned();
        (of["name"].as_str().unwrap().to_owned(), kind, of["path"].is_string())
    };
    let package = |of: &Value| {
        let dependencies = of["dependencies"].as_array().unwrap().iter().map(dependency).collect();
        (of["name"].as_str().unwrap().to_owned(), dependencies)
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn the_crates_are_those_of_the_design() {
    let expected: BTreeSet<&str> = DIRECTION.iter().map(|(name, _)| *name).chain([TESTS]).collect();
    let members = members();
    assert_eq!(members.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    assert!(members.len() - 1 <= 8, "at most eight product crates");
}

#[test]
fn dependencies_go_one_way() {
    let members = members();
    let mut breaches = Vec::new();
    for (name, allowed) in DIRECTION {
        for (dependency, kind, _) in members[*name].iter().filter(|(_, _, ours)| *ours) {
            // A crate's own tests may use what its neighbours below it offer, never what lies above.
            if !allowed.contains(&dependency.as_str()) {
                breaches.push(format!("{name} → {dependency} ({kind})"));
            }
        }
    }
    none("a crate knows another that it must not", breaches);
}

#[test]
fn pure_crates_have_no_runtime() {
    let members = members();
    let mut breaches = Vec::new();
    for name in WITHOUT_TOKIO {
        breaches
            .extend(members[*name].iter().filter(|(dependency, ..)| dependency == "tokio").map(|(_, kind, _)| format!("{name} ({kind})")));
    }
    none("a pure crate depends on tokio", breaches);
}

#[test]
fn what_only_tests_use_is_named_once_more_in_the_tests_crate() {
    let members = members();
    let plain: BTreeSet<&str> =
        members.values().flatten().filter(|(_, kind, _)| kind == "normal").map(|(name, ..)| name.as_str()).collect();
    let mut breaches = BTreeSet::new();
    for (name, dependencies) in &members {
        for (dependency, ..) in dependencies.iter().filter(|(_, kind, _)| kind == "dev") {
            if !plain.contains(dependency.as_str()) && !members.contains_key(dependency) {
                breaches.insert(format!("{name} → {dependency}: add it to [dependencies] of tests/Cargo.toml, which says why"));
            }
        }
    }
    none("a dependency of tests alone would compile the others twice", breaches.into_iter().collect());
}

#[test]
fn a_shared_stack_is_there_once() {
    let tree = cargo(&["tree", "--duplicates", "--depth", "0", "--prefix", "none", "--edges", "normal", "--workspace"]);
    let of_a_shared_stack = |name: &str| {
        ONCE.iter().any(|once| name == *once || name.strip_prefix(once).is_some_and(|rest| rest.starts_with('-') && *once != "tokio"))
    };
    let twice: Vec<String> = tree.lines().filter(|line| line.split(' ').next().is_some_and(of_a_shared_stack)).map(str::to_owned).collect();
    none("two copies of one stack", twice);
}
