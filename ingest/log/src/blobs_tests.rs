#![allow(clippy::unwrap_used)]
use super::*;
use futures::TryStreamExt;
use std::fs;
use std::path::PathBuf;
use url::Url;

const MAX: u64 = BLOB_BYTES as u64;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_blob_is_got_by_its_hash_from_any_store() {
    let dir = tempfile::tempdir().unwrap();
    let url = Url::from_file_path(dir.path().join("by url")).unwrap();
    let stores =
        [Blobs::local(&dir.path().join("a folder/blobs")).unwrap(), Blobs::open(url.as_str()).unwrap(), Blobs::open("memory:///").unwrap()];
    for blobs in stores {
        for bytes in [Bytes::new(), Bytes::from_static(b"short"), Bytes::from(vec![7; 1_000_000])] {
            let named = BlobRef { hash: BlobHash(*blake3::hash(&bytes).as_bytes()), size: bytes.len() as u64 };
            assert!(!blobs.has(&named.hash).await.unwrap());
            assert!(matches!(blobs.get(&named.hash, MAX).await, Err(BlobError::Missing { .. })));
            for _ in 0..2 {
                assert_eq!(blobs.put(bytes.clone()).await.unwrap(), named);
            }
            assert!(blobs.has(&named.hash).await.unwrap());
            assert_eq!(blobs.get(&named.hash, named.size).await.unwrap(), bytes);
            assert_eq!(streamed(&blobs, &named.hash).await.unwrap(), bytes);
        }
    }
}

/// A blob by its chunks; what came before an error is lost with it.
async fn streamed(blobs: &Blobs, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
    let (size, chunks) = blobs.stream(hash, MAX).await?;
    let bytes = chunks.try_collect::<Vec<_>>().await?.concat();
    assert_eq!(bytes.len() as u64, size);
    Ok(bytes)
}

#[tokio::test]
async fn a_damaged_blob_never_streams_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(dir.path()).unwrap();
    let good = vec![3; 100_000];
    let hash = blobs.put(Bytes::from(good.clone())).await.unwrap().hash;
    let file = files(dir.path()).remove(0);
    for at in [0, 50_000, 99_999] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, bad).unwrap();
        let (_, mut chunks) = blobs.stream(&hash, MAX).await.unwrap();
        let mut passed = 0;
        let error = loop {
            match chunks.next().await.unwrap() {
                Ok(chunk) => passed += chunk.len(),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, BlobError::Damaged { .. }) && passed < good.len(), "{passed} {error}");
    }
}

#[tokio::test]
async fn a_directory_holds_whole_blobs_under_their_hashes_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("blobs");
    let blobs = Blobs::local(&folder).unwrap();
    assert!(!folder.exists(), "a reader makes nothing");
    let puts = (0..40).map(|i| blobs.put(Bytes::from(format!("blob {}", i % 10))));
    futures::future::try_join_all(puts).await.unwrap();
    let files = files(&folder);
    assert_eq!(files.len(), 10);
    for file in files {
        let hex = blake3::hash(&fs::read(&file).unwrap()).to_hex();
        assert_eq!(file, folder.join(&hex[..2]).join(&hex[2..]));
    }
}

#[tokio::test]
async fn a_damaged_blob_is_never_returned_and_is_replaced_by_a_put() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(dir.path()).unwrap();
    let good = Bytes::from_static(b"the bytes of a blob");
    let hash = blobs.put(good.clone()).await.unwrap().hash;
    let file = files(dir.path()).remove(0);
    let damages = (0..good.len()).map(|at| {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        bad
    });
    for bad in damages.chain([Vec::new(), good[..5].to_vec(), [good.as_ref(), b"!"].concat()]) {
        fs::write(&file, bad).unwrap();
        let refused = blobs.get(&hash, MAX).await.unwrap_err();
        assert_eq!((refused.code(), refused.next().is_empty()), ("CRN-5302", false), "{refused}");
    }
    blobs.put(good.clone()).await.unwrap();
    assert_eq!(blobs.get(&hash, MAX).await.unwrap(), good);
}

#[tokio::test]
async fn sizes_are_limited_before_bytes_are_read() {
    let blobs = Blobs::open("memory:///").unwrap();
    let hash = blobs.put(Bytes::from(vec![1; 100])).await.unwrap().hash;
    assert!(matches!(blobs.get(&hash, 99).await, Err(BlobError::TooLarge { size: 100, limit: 99 })));
    assert!(matches!(blobs.put(Bytes::from(vec![0; BLOB_BYTES + 1])).await, Err(BlobError::TooLarge { .. })));
}

#[tokio::test]
async fn a_store_that_cannot_be_is_refused_by_name() {
    for at in ["nowhere://x", "s3://", "http://["] {
        let refused = Blobs::open(at).unwrap_err();
        assert_eq!(refused.code(), "CRN-5304");
        assert!(refused.to_string().contains(at), "{refused}");
    }
}
