//! Forgeries: rows, proofs and checkpoints that somebody made to fit, as far as their keys reach.

use super::*;
use crate::testing::{author, moved, tick};
use arrow::{
    array::{ArrayRef, AsArray, BinaryArray, Decimal128Array, StringArray},
    datatypes::Decimal128Type,
};
use cairn_schemas::{
    ByteString, Fact,
    decision::{Decision, Subject, Verdict},
    event::NoteRecorded,
    note::{Checkpoint, Signer},
};
use std::sync::Arc;

/// Replaces a column of a Parquet file.
fn change_column(path: &Path, name: &str, change: impl FnOnce(&ArrayRef) -> ArrayRef) {
    let before = rows(path);
    let at = before.schema().index_of(name).unwrap();
    let mut columns = before.columns().to_vec();
    columns[at] = change(&columns[at]);
    write_rows(path, &RecordBatch::try_new(before.schema(), columns).unwrap());
}

/// Replaces the bytes of one row.
fn change_bytes(path: &Path, column: &str, row: usize, change: impl FnOnce(&[u8]) -> Vec<u8>) {
    change_column(path, column, |bytes| {
        let mut values: Vec<Vec<u8>> = bytes.as_binary::<i32>().iter().map(|value| value.unwrap().to_vec()).collect();
        values[row] = change(&values[row]);
        Arc::new(BinaryArray::from_iter_values(values))
    });
}

#[tokio::test]
async fn reordered_rows_fail_whoever_signs() {
    let dir = exported(&history(20, Encoding::Cose).await, None).await;
    let path = dir.path().join(DECISIONS);
    pick(&path, |count| (0..count).map(|row| if row < 2 { 1 - row } else { row }).collect());
    assert!(["CRN-6304", "CRN-6305"].contains(&failed(dir.path()).1));
    let kept = copy_of(dir.path());
    keep_signature(kept.path());
    assert_eq!(failed(kept.path()), (MANIFEST.to_owned(), "CRN-6308"));
    sign_again(dir.path(), &key(9), |_| {});
    assert_eq!(failed(dir.path()), (MANIFEST.to_owned(), "CRN-6309"));
    sign_again(dir.path(), &key(2), |_| {});
    assert_eq!(failed(dir.path()), (DECISIONS.to_owned(), "CRN-6316"));
}

#[tokio::test]
async fn rewritten_without_a_change_it_still_verifies() {
    let dir = exported(&history(20, Encoding::Cose).await, None).await;
    pick(&dir.path().join(DECISIONS), |count| (0..count).collect());
    sign_again(dir.path(), &key(2), |_| {});
    verified(check(dir.path()));
}

#[tokio::test]
async fn a_leaf_left_out_of_a_range_fails() {
    let journal = history(20, Encoding::Json).await;
    let dir = exported(&journal, Some(5..=15)).await;
    pick(&dir.path().join(DECISIONS), |count| (0..count).filter(|row| *row != 4).collect());
    sign_again(dir.path(), &key(2), |_| {});
    assert_eq!(failed(dir.path()), (MANIFEST.to_owned(), "CRN-6310"), "fewer rows than the range has leaves");
    sign_again(dir.path(), &key(2), |manifest| manifest.tables[0].rows = 11);
    assert_eq!(failed(dir.path()), (DECISIONS.to_owned(), "CRN-6316"));
    let dir = exported(&journal, Some(5..=15)).await;
    pick(&dir.path().join(DECISIONS), |count| (0..count - 1).collect());
    sign_again(dir.path(), &key(2), |manifest| manifest.tables[0].rows = 11);
    assert_eq!(failed(dir.path()), (DECISIONS.to_owned(), "CRN-6319"), "the last one is missing");
    let dir = exported(&journal, Some(5..=15)).await;
    for table in DERIVED {
        pick(&dir.path().join(file_of(table)), |_| Vec::new());
    }
    pick(&dir.path().join(DECISIONS), |count| (0..count - 1).collect());
    sign_again(dir.path(), &key(2), |manifest| manifest.claim = crate::export::Claim::Range { first: 5, last: 14 });
    assert_eq!(failed(dir.path()).1, "CRN-6319", "rows of tables do not vanish with the claim");
}

#[tokio::test]
async fn a_smaller_claim_needs_its_own_proof() {
    let journal = history(20, Encoding::Json).await;
    let dir = exported(&journal, Some(5..=15)).await;
    let shorter = exported(&journal, Some(5..=14)).await;
    for name in [DECISIONS, "events.parquet", "entries.parquet"] {
        fs::copy(shorter.path().join(name), dir.path().join(name)).unwrap();
    }
    sign_again(dir.path(), &key(2), |manifest| manifest.claim = crate::export::Claim::Range { first: 5, last: 14 });
    assert_eq!(failed(dir.path()), (DECISIONS.to_owned(), "CRN-6315"));
    fs::copy(shorter.path().join(PROOF), dir.path().join(PROOF)).unwrap();
    sign_again(dir.path(), &key(2), |manifest| manifest.claim = crate::export::Claim::Range { first: 5, last: 14 });
    verified(check(dir.path()));
}

#[tokio::test]
async fn leaves_of_another_history_are_not_under_the_checkpoint() {
    let (mine, other) = (history(20, Encoding::Json).await, history(20, Encoding::Cose).await);
    let dir = exported(&mine, None).await;
    let foreign = exported(&other, None).await;
    for name in [DECISIONS, "events.parquet", "entries.parquet"] {
        fs::copy(foreign.path().join(name), dir.path().join(name)).unwrap();
    }
    sign_again(dir.path(), &key(2), |_| {});
    assert_eq!(failed(dir.path()), (DECISIONS.to_owned(), "CRN-6315"));
}

#[tokio::test]
async fn a_changed_decision_is_not_its_leafs() {
    let dir = exported(&history(5, Encoding::Cose).await, None).await;
    let path = dir.path().join(DECISIONS);
    let forged = Decision {
        subject: tick(Vec::new()).subject,
        verdict: Verdict::Accepted,
        facts: vec![Fact::MoneyMoved(moved("acme", "cyd", 1_000_000, None, None))],
    };
    change_bytes(&path, "decision", 3, |_| cbor::to_vec(&forged).unwrap());
    sign_again(dir.path(), &key(2), |_| {});
    assert_eq!(failed(dir.path()), (DECISIONS.to_owned(), "CRN-6317"));
}

#[tokio::test]
async fn lenient_bytes_are_refused() {
    let dir = exported(&history(5, Encoding::Cose).await, None).await;
    let path = dir.path().join(DECISIONS);
    for column in ["decision", "entry"] {
        let copy = copy_of(dir.path());
        let path = copy.path().join(DECISIONS);
        change_bytes(&path, column, 2, |bytes| [bytes, &[0]].concat());
        sign_again(copy.path(), &key(2), |_| {});
        assert_eq!(failed(copy.path()), (DECISIONS.to_owned(), "CRN-6320"), "trailing bytes in {column}");
        // A map head of one more byte than it needs: b8 03 for a3.
        change_bytes(&path, column, 2, |bytes| [&[0xb8, bytes[0] & 0x1f], &bytes[1..bytes.len() - 1]].concat());
        sign_again(copy.path(), &key(2), |_| {});
        assert_eq!(failed(copy.path()), (DECISIONS.to_owned(), "CRN-6320"), "a long head in {column}");
    }
    change_bytes(&path, "decision", 2, |_| vec![0; 70 * 1024]);
    sign_again(dir.path(), &key(2), |_| {});
    assert_eq!(failed(dir.path()), (DECISIONS.to_owned(), "CRN-6320"), "larger than any decision");
}

#[tokio::test]
async fn derived_rows_must_follow() {
    let dir = exported(&history(20, Encoding::Cose).await, None).await;
    let changed = |file: &str, column: &str, change: &dyn Fn(&ArrayRef) -> ArrayRef| {
        let copy = copy_of(dir.path());
        change_column(&copy.path().join(file), column, change);
        sign_again(copy.path(), &key(2), |_| {});
        let error = check(copy.path()).unwrap_err();
        assert!(error.to_string().contains(column), "{error}");
        failure(Err(error))
    };
    let richer = |amounts: &ArrayRef| -> ArrayRef {
        let amounts = amounts.as_primitive::<Decimal128Type>().values().iter().map(|minor| minor + 1);
        Arc::new(Decimal128Array::from_iter_values(amounts).with_precision_and_scale(38, 0).unwrap())
    };
    let same_word = |texts: &ArrayRef| -> ArrayRef { Arc::new(StringArray::from_iter_values(vec!["accepted"; texts.len()])) };
    assert_eq!(changed("entries.parquet", "amount", &richer), ("entries.parquet".to_owned(), "CRN-6319"));
    assert_eq!(changed(DECISIONS, "verdict", &same_word), (DECISIONS.to_owned(), "CRN-6319"));
    assert_eq!(changed("events.parquet", "verdict", &same_word), ("events.parquet".to_owned(), "CRN-6319"));
    for (name, order) in
        [("one too few", vec![0, 1, 2, 3, 4]), ("one twice", vec![0, 1, 2, 3, 4, 5, 5]), ("another order", vec![1, 0, 2, 3, 4, 5])]
    {
        let copy = copy_of(dir.path());
        pick(&copy.path().join("entries.parquet"), |_| order);
        sign_again(copy.path(), &key(2), |_| {});
        assert_eq!(failed(copy.path()), ("entries.parquet".to_owned(), "CRN-6319"), "{name}");
    }
}

#[tokio::test]
async fn an_operator_who_journals_what_nobody_signed_is_caught() {
    let mut journal = history(5, Encoding::Cose).await;
    let mut bob = author(6);
    let body = NoteRecorded { text: "I owe you everything".parse().unwrap(), about: None, blob: None };
    let mut said = journal.said(&mut bob, body, Verdict::Accepted, |_| Vec::new());
    let Subject::Event { record, .. } = &mut said.subject else { panic!("an event") };
    let mut bytes = record.0.clone();
    // The signature is the last thing in a COSE_Sign1.
    *bytes.last_mut().unwrap() ^= 1;
    *record = ByteString(bytes);
    journal.block(0, vec![said]).await;
    let dir = exported(&journal, None).await;
    assert_eq!(failed(dir.path()), (DECISIONS.to_owned(), "CRN-6318"));
}

#[tokio::test]
async fn a_forged_checkpoint_fails_whoever_signs() {
    let dir = exported(&history(20, Encoding::Cose).await, None).await;
    let path = dir.path().join(CHECKPOINT);
    let good = fs::read(&path).unwrap();
    let head = manifest_of(dir.path()).checkpoint;
    let note = |origin: &str, size: u64, root: [u8; 32], seed: u8| {
        let signer = Signer::new(origin, key(seed)).unwrap();
        Checkpoint { origin: origin.to_owned(), size, root, extensions: Vec::new() }.sign(&[&signer]).unwrap().to_string()
    };
    let with = |bytes: Vec<u8>, signer: u8| {
        let copy = copy_of(dir.path());
        fs::write(copy.path().join(CHECKPOINT), bytes).unwrap();
        sign_again(copy.path(), &key(signer), |_| {});
        failed(copy.path())
    };
    let own = |code| (CHECKPOINT.to_owned(), code);
    assert_eq!(with(note(ORIGIN, head.size, head.root.0, 9).into_bytes(), 9), (MANIFEST.to_owned(), "CRN-6309"));
    assert_eq!(with(note(ORIGIN, head.size, head.root.0, 9).into_bytes(), 2), own("CRN-6312"), "another key's");
    assert_eq!(with(note("cairn.test/log/1", head.size, head.root.0, 2).into_bytes(), 2), own("CRN-6312"), "another origin's");
    assert_eq!(with(note(ORIGIN, head.size + 1, head.root.0, 2).into_bytes(), 2), own("CRN-6311"), "another size");
    assert_eq!(with(note(ORIGIN, head.size, [7; 32], 2).into_bytes(), 2), own("CRN-6311"), "another root");
    assert_eq!(with(good[..good.len() / 2].to_vec(), 2), own("CRN-6311"), "half a note");
    let mut bent = good.clone();
    let at = bent.len() - 10;
    bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
    assert_eq!(with(bent, 2), own("CRN-6312"), "a bent signature");
    let copy = copy_of(dir.path());
    fs::write(copy.path().join(CHECKPOINT), note(ORIGIN, head.size, [7; 32], 2)).unwrap();
    sign_again(copy.path(), &key(2), |manifest| manifest.checkpoint.root = Root([7; 32]));
    assert_eq!(failed(copy.path()), (DECISIONS.to_owned(), "CRN-6315"), "a signed root that is not the leaves'");
}

#[tokio::test]
async fn a_manifest_says_what_its_version_says() {
    let dir = exported(&history(3, Encoding::Cose).await, None).await;
    let with = |change: &dyn Fn(&mut Manifest)| {
        let copy = copy_of(dir.path());
        sign_again(copy.path(), &key(2), change);
        failed(copy.path())
    };
    let own = |code| (MANIFEST.to_owned(), code);
    assert_eq!(with(&|manifest| manifest.version = 2), own("CRN-6307"));
    assert_eq!(with(&|manifest| manifest.claim = crate::export::Claim::Range { first: 0, last: 900 }), own("CRN-6310"));
    assert_eq!(with(&|manifest| manifest.files[0].path = "../elsewhere".to_owned()), own("CRN-6310"));
    assert_eq!(with(&|manifest| drop(manifest.tables.pop())), own("CRN-6310"));
    assert_eq!(with(&|manifest| manifest.tables[1].columns[0].nullable = true), own("CRN-6310"));
    assert_eq!(with(&|manifest| manifest.tables[1].rows += 1), ("entries.parquet".to_owned(), "CRN-6319"));
    assert_eq!(with(&|manifest| manifest.instance.0[0] ^= 1), (GENESIS.to_owned(), "CRN-6314"));
    assert_eq!(with(&|manifest| manifest.partition = 1), (GENESIS.to_owned(), "CRN-6314"));
    let pretty = fs::read_to_string(dir.path().join(MANIFEST)).unwrap().replacen(':', ": ", 1);
    fs::write(dir.path().join(MANIFEST), pretty).unwrap();
    assert_eq!(failed(dir.path()), own("CRN-6306"));
}
