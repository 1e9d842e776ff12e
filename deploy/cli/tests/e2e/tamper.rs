//! Exports that somebody changed: each is refused with a code that names the file.
//!
//! Owns the changes: any byte, a file less, a file more, another's checkpoint. Refuses to know how the verifier finds out.

use crate::{
    node::{Node, Rng, run, until},
    voice::{Voice, note, transfer},
};
use cairn_schemas::{
    Account, Encoding, SecretKey,
    note::{Checkpoint, Signer, VerifierKey},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Flips of each file; every one of them is a process.
const FLIPS: u64 = 8;

struct Export {
    folder: tempfile::TempDir,
    files: Vec<String>,
}

impl Export {
    /// An export of a small node with accepted and rejected events.
    fn new() -> Export {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("node");
        let node = Node::up(&dir, &["--workers", "1"]);
        let mut tess = Voice::introduced(&node, 21, "tess");
        let mut issuer = Voice::founder(&node, "issuer");
        issuer.says(&node, transfer(Account::Issuer, "tess", 5), Encoding::Json);
        tess.says(&node, transfer(Account::Named("tess".parse().unwrap()), "acme", 9), Encoding::Cose);
        tess.says(&node, note("to be proven"), Encoding::Cose);
        let decided = node.count("SELECT count(*) AS n FROM decisions");
        let latest = || fs::read(dir.join("checkpoints/0/latest")).ok();
        until("the checkpoint covers everything", || {
            let note = String::from_utf8(latest()?).ok()?;
            (note.lines().nth(1)? == decided.to_string()).then_some(())
        });
        assert!(node.stop().success());
        let mut export = Export { folder, files: Vec::new() };
        let out = export.out();
        let arguments = ["export", "--dir", dir.to_str().unwrap(), "--to", out.to_str().unwrap()];
        run(&arguments).good();
        // Nothing is written over: the second time the folder is not empty.
        assert!(run(&arguments).bad(1).contains("error[CRN-62"));
        export.files = files(&out);
        assert!(export.files.len() >= 7, "{:?}", export.files);
        export
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn anchor(&self) -> String {
        self.folder.path().join("node/checkpoint.vkey").to_str().unwrap().to_owned()
    }

    /// Verifies as somebody who never saw this instance before; the exit and what is said.
    fn verify(&self, trust: &str) -> (Option<i32>, String) {
        let memory = tempfile::tempdir().unwrap();
        let memory = memory.path().join("seen");
        let ran = run(&["verify", self.out().to_str().unwrap(), "--trust", trust, "--memory", memory.to_str().unwrap()]);
        (ran.code, ran.err)
    }

    /// Must be refused with a code of verification, naming the file.
    fn is_refused(&self, what: &str, file: &str) {
        let (code, said) = self.verify(&self.anchor());
        assert_eq!(code, Some(3), "{what}: {said}");
        assert!(said.contains("error[CRN-63"), "{what}: {said}");
        assert!(said.contains(file), "{what} does not name {file}: {said}");
    }

    /// Verified against the anchor; without one it is no success, however whole the folder is.
    fn holds(&self) {
        let (code, said) = self.verify(&self.anchor());
        assert_eq!(code, Some(0), "{said}");
        let ran = run(&["verify", self.out().to_str().unwrap()]);
        assert!(ran.out.contains("UNANCHORED"), "{}", ran.out);
        assert!(ran.bad(5).contains("error[CRN-6300]"));
    }
}

/// Paths below a folder, sorted.
fn files(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_flipped_bit_in_any_file_is_found_and_named() {
    let export = Export::new();
    export.holds();
    let mut rng = Rng(0xf11b);
    for file in &export.files {
        let path = export.out().join(file);
        let whole = fs::read(&path).unwrap();
        // The first and the last byte, and some between.
        let length = whole.len() as u64;
        for at in [0, length - 1].into_iter().chain((2..FLIPS).map(|_| rng.below(length)).collect::<Vec<_>>()) {
            let mut bytes = whole.clone();
            bytes[usize::try_from(at).unwrap()] ^= 1 << rng.below(8);
            fs::write(&path, bytes).unwrap();
            export.is_refused(&format!("byte {at} of {file} ({length} bytes)"), file);
        }
        fs::write(&path, whole).unwrap();
    }
    export.holds();
}

#[test]
fn a_missing_cut_or_added_file_is_found_and_named() {
    let export = Export::new();
    for file in &export.files {
        let path = export.out().join(file);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        export.is_refused(&format!("without {file}"), file);
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        export.is_refused(&format!("half of {file}"), file);
        fs::write(&path, whole).unwrap();
    }
    for more in ["more.parquet", "proofs/more.json", ".hidden"] {
        let path = export.out().join(more);
        fs::write(&path, "more").unwrap();
        export.is_refused(&format!("with {more}"), more);
        fs::remove_file(path).unwrap();
    }
    // Two files that changed places are both whole, and both wrong.
    let (one, other) = (export.out().join("events.parquet"), export.out().join("decisions.parquet"));
    let (kept, moved) = (fs::read(&one).unwrap(), fs::read(&other).unwrap());
    fs::write(&one, moved).unwrap();
    fs::write(&other, kept).unwrap();
    export.is_refused("two files in each other's place", ".parquet");
}

#[test]
fn a_forged_checkpoint_is_found() {
    let export = Export::new();
    let path = export.out().join("checkpoint");
    let honest = fs::read(&path).unwrap();
    let anchor: VerifierKey = fs::read_to_string(export.anchor()).unwrap().lines().next().unwrap().parse().unwrap();
    let keys = [anchor];
    let (checkpoint, _) = Checkpoint::open(&honest, &keys).unwrap();
    let forger = Signer::new(&checkpoint.origin, SecretKey::from_seed([66; 32])).unwrap();
    // The same text under another key, and another root under that key.
    fs::write(&path, checkpoint.sign(&[&forger]).unwrap().to_string()).unwrap();
    export.is_refused("a checkpoint of another key", "checkpoint");
    fs::write(&path, Checkpoint { root: [9; 32], ..checkpoint.clone() }.sign(&[&forger]).unwrap().to_string()).unwrap();
    export.is_refused("a checkpoint of another root", "checkpoint");
    fs::write(&path, honest).unwrap();
    // An auditor who trusts somebody else is not convinced either.
    let (code, said) = export.verify(&forger.verifier().to_string());
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("error[CRN-63"), "{said}");
    export.holds();
}
