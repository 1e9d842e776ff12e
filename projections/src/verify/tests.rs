#![allow(clippy::unwrap_used)]

mod flipped;
mod forged;
mod seen;

use super::*;
use crate::{
    export::{
        FileEntry,
        tests::{exported, history},
    },
    testing::{Journal, key},
};
use arrow::{
    array::{RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
};
use cairn_schemas::{Encoding, SecretKey, note::VerifierKey};
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};
use sha2::{Digest, Sha256};
use std::{fs, fs::File, path::Path};
use tempfile::TempDir;

const ORIGIN: &str = "cairn.test/log/0";

/// The anchor of an auditor who was handed key 2.
fn trust() -> Trust {
    trust_of(ORIGIN, 2)
}

fn trust_of(origin: &str, seed: u8) -> Trust {
    Trust::parse(&VerifierKey::new(origin, key(seed).public()).unwrap().to_string()).unwrap()
}

fn check(dir: &Path) -> Result<Outcome, VerifyError> {
    verify(dir, Some(&trust()), None, &mut |_| {})
}

/// The failure's code and file; each code stands in the registry.
fn failure(outcome: Result<Outcome, VerifyError>) -> (String, &'static str) {
    let error = outcome.unwrap_err();
    assert!(cairn_schemas::code::find(error.code()).is_some(), "{error}");
    assert!(error.to_string().starts_with(&error.file), "{error}");
    (error.file.clone(), error.code())
}

fn failed(dir: &Path) -> (String, &'static str) {
    failure(check(dir))
}

fn verified(outcome: Result<Outcome, VerifyError>) -> Report {
    match outcome {
        Ok(Outcome::Verified(report)) => report,
        other => panic!("not verified: {other:?}"),
    }
}

fn manifest_of(dir: &Path) -> Manifest {
    Manifest::open(&fs::read(dir.join(MANIFEST)).unwrap()).unwrap().0
}

/// The manifest as it must be for the files that are there now.
fn refitted(dir: &Path) -> Manifest {
    let mut manifest = manifest_of(dir);
    for file in &mut manifest.files {
        let bytes = fs::read(dir.join(&file.path)).unwrap();
        *file = FileEntry { path: file.path.clone(), size: bytes.len() as u64, sha256: Root(Sha256::digest(&bytes).into()) };
    }
    for table in &mut manifest.tables {
        table.rows = rows(&dir.join(&table.path)).num_rows() as u64;
    }
    manifest
}

/// Signs the manifest anew, after a change of it.
fn sign_again(dir: &Path, key: &SecretKey, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = refitted(dir);
    change(&mut manifest);
    fs::write(dir.join(MANIFEST), manifest.sign(key).unwrap()).unwrap();
}

/// Writes the fitting manifest under the signature that is there.
fn keep_signature(dir: &Path) {
    let split = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let at = text.rfind(",\"signature\":").unwrap();
        (text[..at].to_owned(), text[at..].to_owned())
    };
    let (_, signature) = split(&fs::read(dir.join(MANIFEST)).unwrap());
    let (payload, _) = split(&refitted(dir).sign(&key(2)).unwrap());
    fs::write(dir.join(MANIFEST), payload + &signature).unwrap();
}

fn rows(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn write_rows(path: &Path, rows: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

/// Writes a Parquet file anew with its rows in this order; a row may come twice or not at all.
fn pick(path: &Path, order: impl FnOnce(u32) -> Vec<u32>) {
    let before = rows(path);
    let order = UInt32Array::from(order(before.num_rows() as u32));
    write_rows(path, &take_record_batch(&before, &order).unwrap());
}

fn copy_of(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_into(dir, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn an_export_verifies_by_its_anchor_alone() {
    for encoding in [Encoding::Json, Encoding::Cose] {
        let journal = history(700, encoding).await;
        let (size, root) = journal.tree(0);
        let dir = exported(&journal, None).await;
        let mut told = 0;
        let report = verified(verify(dir.path(), Some(&trust()), None, &mut |at| told = at.done));
        assert_eq!((report.origin.as_str(), report.first, report.last, report.size, report.root), (ORIGIN, 0, size - 1, size, root));
        assert_eq!((report.events, report.files, told), (size - 4, 7, size));
        assert!(report.demo && report.from < report.until && report.seen == Seen::Never);
        assert_eq!(report.signed_by, [VerifierKey::new(ORIGIN, key(2).public()).unwrap().to_string()]);
    }
}

#[tokio::test]
async fn without_an_anchor_nothing_is_verified() {
    let dir = exported(&history(7, Encoding::Cose).await, None).await;
    let outcome = verify(dir.path(), None, None, &mut |_| {}).unwrap();
    assert!(matches!(&outcome, Outcome::Unanchored(report) if report.events > 0), "{outcome:?}");
    fs::write(dir.path().join(CHECKPOINT), "changed").unwrap();
    assert_eq!(failure(verify(dir.path(), None, None, &mut |_| {})), (CHECKPOINT.to_owned(), "CRN-6304"));
}

#[tokio::test]
async fn another_anchor_is_none() {
    let dir = exported(&history(7, Encoding::Cose).await, None).await;
    let by = |trust: Trust| failure(verify(dir.path(), Some(&trust), None, &mut |_| {}));
    assert_eq!(by(trust_of(ORIGIN, 3)), (MANIFEST.to_owned(), "CRN-6309"));
    assert_eq!(by(trust_of("cairn.test/log/1", 2)), (CHECKPOINT.to_owned(), "CRN-6313"));
    assert_eq!(by(trust_of("elsewhere.test/log/0", 2)), (CHECKPOINT.to_owned(), "CRN-6313"));
}

#[tokio::test]
async fn every_range_verifies_and_says_what_it_is() {
    let journal = history(16, Encoding::Json).await;
    let (size, _) = journal.tree(0);
    for first in 0..size {
        for last in [first, (first + size) / 2, size - 2, size - 1] {
            if last >= first {
                let dir = exported(&journal, Some(first..=last)).await;
                let report = verified(check(dir.path()));
                assert_eq!((report.first, report.last, report.size), (first, last, size));
            }
        }
    }
}

#[test]
fn anchors_are_read_from_a_vkey_or_a_file() {
    let line = VerifierKey::new(ORIGIN, key(2).public()).unwrap().to_string();
    assert_eq!(Trust::read(&line).unwrap(), trust());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.vkey");
    fs::write(&path, format!("# handed over on paper\n\n{line}\n{}\n", line.replace("/0+", "/1+"))).unwrap();
    assert_eq!(Trust::read(path.to_str().unwrap()).unwrap_err().code(), "CRN-6325", "a name that is not the key's");
    fs::write(&path, format!("# handed over on paper\n\n{line}\n")).unwrap();
    assert_eq!(Trust::read(path.to_str().unwrap()).unwrap(), trust());
    fs::write(&path, "\n# nothing\n").unwrap();
    assert_eq!(Trust::read(path.to_str().unwrap()).unwrap_err().code(), "CRN-6325");
    assert_eq!(Trust::read("not/there").unwrap_err().code(), "CRN-6325");
}

#[tokio::test]
async fn a_folder_that_is_no_export_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(failed(dir.path()), (MANIFEST.to_owned(), "CRN-6302"));
    assert_eq!(failed(&dir.path().join("nowhere")).1, "CRN-6301");
    fs::write(dir.path().join(MANIFEST), vec![b' '; 2 * 1024 * 1024]).unwrap();
    assert_eq!(failed(dir.path()), (MANIFEST.to_owned(), "CRN-6304"), "nothing is read beyond its bound");
}
