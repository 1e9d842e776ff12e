//! READMEs: the paths that they name exist.

use std::fs;
use std::path::Path;

use crate::{files, none, root, shown};

/// The words of a README that a reader would type: those in `spans of code` and in fenced blocks.
fn typed(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            words.extend(line.split_whitespace().map(str::to_owned));
        } else {
            words.extend(line.split('`').skip(1).step_by(2).flat_map(str::split_whitespace).map(str::to_owned));
        }
    }
    words
}

/// A word as a path, if it is one of the repository: it starts with a folder of the top level, or stands beside the README.
fn as_path(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| "\"'(),;:".contains(c)).trim_start_matches("./").trim_end_matches('.');
    let first = word.split_once('/')?.0;
    let ours = ["deploy", "ingest", "kernels", "processors", "projections", "schemas", "sql", "tests"].contains(&first);
    (ours && !word.contains(['*', '{', '<', '…', '$', '='])).then_some(word)
}

#[test]
fn paths_in_readmes_exist() {
    let mut breaches = Vec::new();
    let mut checked = 0;
    for readme in files(root(), &["README.md"]) {
        let beside = readme.parent().unwrap_or(Path::new(""));
        for word in typed(&fs::read_to_string(&readme).unwrap()) {
            let Some(path) = as_path(&word) else { continue };
            checked += 1;
            if !root().join(path).exists() && !beside.join(path).exists() {
                breaches.push(format!("{}: {path}", shown(&readme)));
            }
        }
    }
    none("a README names what is not there", breaches);
    assert!(checked > 0, "no README names any path, not even the two commands");
}

#[test]
fn the_readme_gives_both_commands() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["deploy/quickstart.sh", "tests/run.sh"] {
        assert!(typed(&readme).iter().any(|word| word.trim_start_matches("./") == command), "README.md does not name {command}");
    }
}

#[test]
fn each_room_has_a_readme() {
    let rooms = ["deploy", "ingest/log", "ingest/gateway", "kernels", "processors", "projections", "schemas", "sql", "tests"];
    none(
        "a folder without a README",
        rooms.iter().filter(|room| !root().join(room).join("README.md").is_file()).map(|room| (*room).to_owned()).collect(),
    );
}
