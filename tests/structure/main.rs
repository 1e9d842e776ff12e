//! The shape of the house: what DESIGN and STYLE say about crates, folders, files and words, checked on the sources themselves.
//!
//! Owns the rules that no compiler checks. Refuses to repair: it names the place and the rule.
#![allow(clippy::unwrap_used)]

mod crates;
mod folders;
mod readmes;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository: this crate lives one folder below it.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every file under a folder with one of these endings, in a fixed order; build outputs and hidden folders apart.
fn files(under: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![under.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let skipped = name.starts_with('.') || ["target", "node_modules", "__pycache__"].contains(&name.as_str());
            match path.is_dir() {
                true if !skipped => folders.push(path),
                false if endings.iter().any(|ending| name.ends_with(ending)) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// A path as the reader of a failure knows it: from the root of the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Fails with every breach at once, so that one run shows all there is to repair.
fn none(rule: &str, breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}
