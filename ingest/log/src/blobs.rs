//! Blobs: large bytes, named by their BLAKE3 hash.
//!
//! Owns their names in a [`Store`], `ab/cdef…` (the hash in hex, split after two digits). Two rules: what is put is durable before
//! anyone may name it, and what is got has the hash it was asked by. Refuses other names, lists and deletion: who needs a
//! blob knows its hash. Codes 5301 to 5309.

use crate::error::next_of;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use cairn_schemas::ids::BlobHash;
use cairn_schemas::limits::BLOB_BYTES;
use cairn_schemas::value::BlobRef;
use std::path::Path;
use tokio::task::spawn_blocking;

/// Why a blob was not stored or not found.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("blob {hash}: it is not here")]
    Missing { hash: BlobHash },
    #[error("blob {hash}: the stored bytes have another hash")]
    Damaged { hash: BlobHash },
    #[error("blob of {size} bytes: at most {limit} are taken")]
    TooLarge { size: u64, limit: u64 },
    #[error("blobs: {0}")]
    Open(StoreError),
    #[error("{operation} of blob {hash}")]
    Store { operation: &'static str, hash: BlobHash, source: StoreError },
}

impl BlobError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            BlobError::Missing { .. } => "CRN-5301",
            BlobError::Damaged { .. } => "CRN-5302",
            BlobError::TooLarge { .. } => "CRN-5303",
            BlobError::Open(_) => "CRN-5304",
            BlobError::Store { .. } => "CRN-5305",
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        next_of(self.code())
    }
}

/// A store of blobs. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Store,
}

impl Blobs {
    /// The blobs of a directory. Nothing is made before the first [`put`](Blobs::put).
    pub fn local(folder: &Path) -> Result<Self, BlobError> {
        Store::local(folder).map(|store| Blobs { store }).map_err(BlobError::Open)
    }

    /// The blobs behind a URL or in a directory, as [`Store::open`] takes them.
    pub fn open(at: &str) -> Result<Self, BlobError> {
        Store::open(at).map(|store| Blobs { store }).map_err(BlobError::Open)
    }

    /// Stores bytes, at most [`BLOB_BYTES`]; on `Ok` they are durable and may be named. A good copy that is there already is kept, a
    /// damaged one replaced.
    pub async fn put(&self, bytes: Bytes) -> Result<BlobRef, BlobError> {
        let size = bytes.len() as u64;
        if bytes.len() > BLOB_BYTES {
            return Err(BlobError::TooLarge { size, limit: BLOB_BYTES as u64 });
        }
        let hash = hash_of(bytes.clone()).await;
        let key = key_of(&hash);
        let written = match self.get(&hash, size).await {
            Ok(_) => self.store.settle(&key).await,
            Err(_) => self.store.put(&key, bytes).await,
        };
        written.map_err(|source| BlobError::Store { operation: "put", hash, source })?;
        Ok(BlobRef { hash, size })
    }

    /// The bytes of a blob of at most `max` bytes. They have that hash.
    pub async fn get(&self, hash: &BlobHash, max: u64) -> Result<Bytes, BlobError> {
        let bytes = self.store.get(&key_of(hash), max).await.map_err(|error| failed("get", hash, error))?;
        if hash_of(bytes.clone()).await == *hash { Ok(bytes) } else { Err(BlobError::Damaged { hash: *hash }) }
    }

    /// Whether something lies there under this hash. Only [`get`](Blobs::get) says that it is whole.
    pub async fn has(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        self.store.has(&key_of(hash)).await.map_err(|error| failed("look-up", hash, error))
    }
}

fn failed(operation: &'static str, hash: &BlobHash, error: StoreError) -> BlobError {
    match error {
        StoreError::Missing { .. } => BlobError::Missing { hash: *hash },
        StoreError::TooLarge { size, limit, .. } => BlobError::TooLarge { size, limit },
        source => BlobError::Store { operation, hash: *hash, source },
    }
}

fn key_of(hash: &BlobHash) -> String {
    let hex = blake3::Hash::from_bytes(*hash.as_bytes()).to_hex();
    let (folder, file) = hex.split_at(2);
    format!("{folder}/{file}")
}

async fn hash_of(bytes: Bytes) -> BlobHash {
    /// Up to here hashing takes less than handing it to another thread is worth.
    const SHORT: usize = 64 * 1024;
    if bytes.len() <= SHORT {
        return BlobHash(*blake3::hash(&bytes).as_bytes());
    }
    let elsewhere = bytes.clone();
    let hashed = spawn_blocking(move || blake3::hash(&elsewhere)).await;
    BlobHash(*hashed.unwrap_or_else(|_| blake3::hash(&bytes)).as_bytes())
}

#[cfg(test)]
#[path = "blobs_tests.rs"]
mod tests;
