//! Seen before: what an auditor remembers, and receipts.

use super::*;
use crate::testing::author;

fn with(dir: &Path, memory: &Memory) -> Result<Outcome, VerifyError> {
    verify(dir, Some(&trust()), Some(memory), &mut |_| {})
}

#[tokio::test]
async fn an_older_checkpoint_after_a_newer_one_is_refused() {
    let mut journal = history(10, Encoding::Cose).await;
    let older = exported(&journal, None).await;
    let mut ann = author(8);
    let more = (0..3).map(|_| journal.note(&mut ann, "more")).collect();
    journal.block(0, more).await;
    let newer = exported(&journal, None).await;
    let tail = exported(&journal, Some(18..=19)).await;
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::at(&dir.path().join("state/checkpoints.json"));
    assert_eq!(verified(with(older.path(), &memory)).seen, Seen::Never);
    assert_eq!(verified(with(older.path(), &memory)).seen, Seen::Same);
    assert_eq!(verified(with(tail.path(), &Memory::at(&dir.path().join("other.json")))).seen, Seen::Never);
    assert_eq!(verified(with(newer.path(), &memory)).seen, Seen::Continues);
    assert_eq!(failure(with(older.path(), &memory)), (CHECKPOINT.to_owned(), "CRN-6322"));
    assert_eq!(verified(with(tail.path(), &memory)).seen, Seen::Same);
    verified(check(older.path()));
}

#[tokio::test]
async fn a_range_that_cannot_show_it_says_so() {
    let mut journal = history(10, Encoding::Cose).await;
    let older = exported(&journal, None).await;
    let mut ann = author(8);
    let more = (0..9).map(|_| journal.note(&mut ann, "more")).collect();
    journal.block(0, more).await;
    let (size, _) = journal.tree(0);
    let tail = exported(&journal, Some(size - 2..=size - 1)).await;
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::at(&dir.path().join("checkpoints.json"));
    verified(with(older.path(), &memory));
    assert_eq!(verified(with(tail.path(), &memory)).seen, Seen::Larger);
}

#[tokio::test]
async fn a_forked_history_is_refused() {
    let journal = history(10, Encoding::Cose).await;
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::at(&dir.path().join("checkpoints.json"));
    verified(with(exported(&journal, None).await.path(), &memory));
    let same_size = exported(&history(10, Encoding::Json).await, None).await;
    assert_eq!(failure(with(same_size.path(), &memory)), (CHECKPOINT.to_owned(), "CRN-6323"));
    let longer = exported(&history(15, Encoding::Json).await, None).await;
    assert_eq!(failure(with(longer.path(), &memory)), (DECISIONS.to_owned(), "CRN-6323"));
    verified(check(longer.path()));
}

#[tokio::test]
async fn memory_is_neither_lost_nor_made_without_an_anchor() {
    let export = exported(&history(5, Encoding::Cose).await, None).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoints.json");
    let memory = Memory::at(&path);
    assert!(matches!(verify(export.path(), None, Some(&memory), &mut |_| {}), Ok(Outcome::Unanchored(_))));
    assert!(!path.exists());
    for damaged in ["", "{}", "{\"origins\":{},\"version\":2}", "not json"] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(failure(with(export.path(), &memory)), (path.display().to_string(), "CRN-6324"), "{damaged:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged, "and is left as it was");
    }
}

#[tokio::test]
async fn a_failed_verification_is_not_remembered() {
    let export = exported(&history(5, Encoding::Cose).await, None).await;
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::at(&dir.path().join("checkpoints.json"));
    pick(&export.path().join("entries.parquet"), |_| Vec::new());
    sign_again(export.path(), &key(2), |_| {});
    assert_eq!(failure(with(export.path(), &memory)).1, "CRN-6319");
    assert!(!dir.path().join("checkpoints.json").exists());
}

#[tokio::test]
async fn a_receipt_is_verified_by_whoever_holds_it() {
    let journal = history(10, Encoding::Cose).await;
    let files = std::sync::Arc::new(signed_files(&journal).await);
    let projections = crate::testing::folded(&journal).await.with_checkpoints(files);
    let hash = crate::testing::rows(&projections, "SELECT event_hash FROM events ORDER BY leaf DESC LIMIT 1").await;
    let hash = hash[0]["event_hash"].as_str().unwrap().to_owned();
    let receipt = serde_json::to_value(projections.receipt(&hash).await.unwrap()).unwrap();
    let judge = |receipt: &serde_json::Value, trust: &Trust| verify_receipt(&serde_json::to_vec(receipt).unwrap(), trust);
    let proven = judge(&receipt, &trust()).unwrap();
    assert_eq!((proven.entry.leaf, proven.checkpoint.size), (journal.tree(0).0 - 1, journal.tree(0).0));
    assert_eq!(judge(&receipt, &trust_of(ORIGIN, 3)).unwrap_err().code(), "CRN-6312");
    assert_eq!(judge(&receipt, &trust_of("elsewhere", 2)).unwrap_err().code(), "CRN-6313");
    let changes: [(&str, serde_json::Value); 5] = [
        ("/verdict", "rejected".into()),
        ("/leaf", 1.into()),
        ("/entry/height", 1.into()),
        ("/decision", "0".repeat(64).into()),
        ("/proof/path/0", "0".repeat(64).into()),
    ];
    for (pointer, value) in changes {
        let mut forged = receipt.clone();
        *forged.pointer_mut(pointer).unwrap() = value;
        assert_eq!(judge(&forged, &trust()).unwrap_err().code(), "CRN-6326", "{pointer}");
    }
    let mut early = receipt.clone();
    early.as_object_mut().unwrap().remove("proof");
    assert_eq!(judge(&early, &trust()).unwrap_err().code(), "CRN-6326");
    assert_eq!(verify_receipt(b"[]", &trust()).unwrap_err().code(), "CRN-6320");
}

async fn signed_files(journal: &Journal) -> crate::checkpoint::CheckpointFiles {
    let dir = tempfile::tempdir().unwrap();
    let files = std::sync::Arc::new(crate::checkpoint::CheckpointFiles::open(dir.path()).unwrap());
    crate::checkpoint::Signing::new(files, journal.log.clone(), 0, key(2)).advance().await.unwrap().unwrap();
    crate::checkpoint::CheckpointFiles::open(dir.path()).unwrap()
}
