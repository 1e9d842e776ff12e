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
use futures::stream::{BoxStream, StreamExt, try_unfold};
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
    #[error("put of blob {hash}: no space is left in the store")]
    Full { hash: BlobHash, source: StoreError },
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
            BlobError::Full { .. } => "CRN-5306",
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
        let written = if self.is_whole(&hash, size).await { self.store.settle(&key).await } else { self.store.put(&key, bytes).await };
        written.map_err(|source| match source {
            full if full.is_full() => BlobError::Full { hash, source: full },
            source => BlobError::Store { operation: "put", hash, source },
        })?;
        Ok(BlobRef { hash, size })
    }

    /// The bytes of a blob of at most `max` bytes. They have that hash.
    pub async fn get(&self, hash: &BlobHash, max: u64) -> Result<Bytes, BlobError> {
        let bytes = self.store.get(&key_of(hash), max).await.map_err(|error| failed("get", hash, error))?;
        if hash_of(bytes.clone()).await == *hash { Ok(bytes) } else { Err(BlobError::Damaged { hash: *hash }) }
    }

    /// The size of a blob of at most `max` bytes, and its bytes in chunks, so that nobody need hold all of them. The last chunk comes only
    /// once the whole has that hash: what is damaged ends with an error, and short.
    pub async fn stream(&self, hash: &BlobHash, max: u64) -> Result<(u64, BoxStream<'static, Result<Bytes, BlobError>>), BlobError> {
        let (size, chunks) = self.store.stream(&key_of(hash), max).await.map_err(|error| failed("get", hash, error))?;
        let passing = Passing { chunks: chunks.fuse().boxed(), hash: *hash, hasher: blake3::Hasher::new(), held: None };
        Ok((size, try_unfold(passing, Passing::next).boxed()))
    }

    /// Whether something lies there under this hash. Only [`get`](Blobs::get) says that it is whole.
    pub async fn has(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        self.store.has(&key_of(hash)).await.map_err(|error| failed("look-up", hash, error))
    }

    /// Whether a good copy lies there. Reads it once through and holds none of it.
    async fn is_whole(&self, hash: &BlobHash, size: u64) -> bool {
        let Ok((_, mut chunks)) = self.stream(hash, size).await else { return false };
        loop {
            match chunks.next().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
                None => return true,
            }
        }
    }
}

/// A blob on its way out, hashed as it passes.
struct Passing {
    chunks: BoxStream<'static, Result<Bytes, StoreError>>,
    hash: BlobHash,
    hasher: blake3::Hasher,
    /// The newest chunk: it may be the last.
    held: Option<Bytes>,
}

impl Passing {
    async fn next(mut self) -> Result<Option<(Bytes, Passing)>, BlobError> {
        while let Some(chunk) = self.chunks.next().await {
            let chunk = chunk.map_err(|error| failed("get", &self.hash, error))?;
            self.hasher.update(&chunk);
            if let Some(before) = self.held.replace(chunk) {
                return Ok(Some((before, self)));
            }
        }
        if self.hasher.finalize().as_bytes() != self.hash.as_bytes() {
            return Err(BlobError::Damaged { hash: self.hash });
        }
        Ok(self.held.take().map(|last| (last, self)))
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
