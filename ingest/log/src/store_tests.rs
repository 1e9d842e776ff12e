#![allow(clippy::unwrap_used)]
use super::*;
use std::fs;

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn keys(store: &Store, prefix: &str) -> Vec<String> {
    store.list(prefix).await.unwrap().into_iter().map(|object| object.key).collect()
}

/// A folder by path, a folder by URL, and an object store.
fn stores(dir: &Path) -> [Store; 3] {
    let url = Url::from_file_path(dir.join("by url")).unwrap();
    [Store::local(&dir.join("a folder/below")).unwrap(), Store::open(url.as_str()).unwrap(), Store::open("memory:///").unwrap()]
}

#[tokio::test]
async fn every_store_puts_gets_lists_and_deletes_alike() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(dir.path()) {
        assert!(keys(&store, "").await.is_empty(), "nothing is made before the first put");
        assert!(matches!(store.get("a/1", 9).await, Err(StoreError::Missing { .. })));
        store.delete("a/1").await.unwrap();
        store.put("a/1", bytes("one")).await.unwrap();
        store.put("a/1", bytes("other")).await.unwrap();
        assert_eq!(store.get("a/1", 9).await.unwrap(), "other");
        assert!(store.create("a/2", bytes("two")).await.unwrap());
        assert!(!store.create("a/2", bytes("three")).await.unwrap());
        assert_eq!(store.get("a/2", 9).await.unwrap(), "two", "what was there is left as it is");
        store.settle("a/2").await.unwrap();
        store.put("ab/3", bytes("")).await.unwrap();
        assert_eq!(keys(&store, "").await, ["a/1", "a/2", "ab/3"]);
        assert_eq!(keys(&store, "a").await, ["a/1", "a/2"], "a prefix is whole parts");
        let listed = store.list("ab").await.unwrap().remove(0);
        assert!(listed.size == 0 && listed.modified > 1_600_000_000_000, "{listed:?}");
        assert!(matches!(store.get("a/1", 4).await, Err(StoreError::TooLarge { size: 5, limit: 4, .. })));
        store.delete("a/1").await.unwrap();
        assert!(!store.has("a/1").await.unwrap() && store.has("a/2").await.unwrap());
    }
}

/// Many who create the same key at once: one does, and all find the same whole bytes.
#[tokio::test]
async fn of_many_creators_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(dir.path()) {
        let creators = (0..16u8).map(|who| {
            let store = &store;
            async move { store.create("key", Bytes::from(vec![who; 10_000])).await.unwrap() }
        });
        let won: Vec<bool> = futures::future::join_all(creators).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        let winner = won.iter().position(|won| *won).unwrap() as u8;
        assert_eq!(store.get("key", 10_000).await.unwrap(), vec![winner; 10_000]);
        assert_eq!(keys(&store, "").await, ["key"], "nothing is left beside it");
    }
}

/// A simulation has no runtime: all is done on its thread, at once.
#[test]
fn a_store_works_without_a_runtime() {
    use futures::FutureExt;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::local(dir.path()).unwrap();
    store.put("a/1", bytes("one")).now_or_never().unwrap().unwrap();
    assert!(!store.create("a/1", bytes("two")).now_or_never().unwrap().unwrap());
    assert_eq!(store.get("a/1", 9).now_or_never().unwrap().unwrap(), "one");
    assert_eq!(store.list("").now_or_never().unwrap().unwrap().len(), 1);
    store.delete("a/1").now_or_never().unwrap().unwrap();
}

#[tokio::test]
async fn a_store_that_cannot_be_written_says_so() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"in the way").unwrap();
    let store = Store::local(&dir.path().join("file")).unwrap();
    let refused = store.put("a", bytes("one")).await.unwrap_err();
    assert_eq!((refused.code(), refused.next().is_empty()), ("CRN-5404", false), "{refused}");
    for at in ["nowhere://x", "s3://", "http://["] {
        let refused = Store::open(at).unwrap_err();
        assert_eq!(refused.code(), "CRN-5401");
        assert!(refused.to_string().contains(at), "{refused}");
    }
}

#[tokio::test]
async fn a_store_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(dir.path()) {
        let (first, again, other) = (store.clone().owned_by("first"), store.clone().owned_by("first"), store.owned_by("other"));
        first.put("a/1", bytes("one")).await.unwrap();
        assert_eq!(again.get("a/1", 9).await.unwrap(), "one");
        let refused = other.put("a/1", bytes("two")).await.unwrap_err();
        assert_eq!(refused.code(), "CRN-5405");
        assert!(refused.to_string().ends_with("is kept by `first`, not by `other`"), "{refused}");
        assert!(matches!(other.list("").await, Err(StoreError::Foreign { .. })));
        assert!(matches!(other.delete("a/1").await, Err(StoreError::Foreign { .. })));
        assert_eq!(again.get("a/1", 9).await.unwrap(), "one", "nothing was touched");
    }
}
