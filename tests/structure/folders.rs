//! Folders and files: one idea each, few enough to be found from the tree alone.

use std::fs;

use crate::{files, none, root, shown};

const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "deploy",
    "ingest",
    "kernels",
    "processors",
    "projections",
    "schemas",
    "sql",
    "target",
    "tests",
];

/// A file of code longer than this holds more than one idea.
const MOST_LINES: usize = 450;

/// Names that say nothing about what is inside.
const NAMELESS: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager", "handler", "service", "info"];

#[test]
fn the_top_level_is_that_of_the_design() {
    let mut breaches = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()) {
            breaches.push(name);
        }
    }
    none("the top level holds something that DESIGN does not name", breaches);
}

#[test]
fn files_are_short() {
    let mut breaches = Vec::new();
    for path in files(root(), &[".rs", ".py", ".sh"]) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > MOST_LINES {
            breaches.push(format!("{}: {lines} lines, at most {MOST_LINES}", shown(&path)));
        }
    }
    none("a file holds more than one idea", breaches);
}

#[test]
fn names_of_files_say_something() {
    let nameless = |path: &std::path::PathBuf| path.file_stem().is_some_and(|stem| NAMELESS.contains(&stem.to_string_lossy().as_ref()));
    none("a file is named after nothing", files(root(), &[".rs"]).iter().filter(|path| nameless(path)).map(|path| shown(path)).collect());
}

#[test]
fn each_file_of_code_says_what_it_owns() {
    let mut breaches = Vec::new();
    for path in files(root(), &[".rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        let is_tests = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
        if !is_tests && !text.starts_with("//!") {
            breaches.push(shown(&path));
        }
    }
    none("a file does not begin by saying what it owns (//!)", breaches);
}
