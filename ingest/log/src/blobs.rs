//! Blobs: large bytes, named by their BLAKE3 hash.
//!
//! Owns one store of objects at `ab/cdef…` (the hash in hex, split after two digits), in a directory or behind a URL. Two rules:
//! what is put is durable before anyone may name it, and what is got has the hash it was asked by. Refuses names, lists and
//! deletion: who needs a blob knows its hash.
//!
//! `object_store` does the reading, and all of a remote store. It does not fsync in a directory, so there we write
//! ourselves. Codes 5301 to 5309.

use crate::durable;
use crate::error::next_of;
use bytes::Bytes;
use cairn_schemas::ids::BlobHash;
use cairn_schemas::limits::BLOB_BYTES;
use cairn_schemas::value::BlobRef;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{io, path};
use tokio::task::spawn_blocking;
use url::Url;

/// Why a blob was not stored or not found.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("blob {hash}: it is not here")]
    Missing { hash: BlobHash },
    #[error("blob {hash}: the stored bytes have another hash")]
    Damaged { hash: BlobHash },
    #[error("blob of {size} bytes: at most {limit} are taken")]
    TooLarge { size: u64, limit: u64 },
    #[error("blob store `{at}` cannot be opened: {reason}")]
    Open { at: String, reason: String },
    #[error("{operation} of blob {hash}")]
    Store { operation: &'static str, hash: BlobHash, source: Box<dyn std::error::Error + Send + Sync> },
}

impl BlobError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            BlobError::Missing { .. } => "CRN-5301",
            BlobError::Damaged { .. } => "CRN-5302",
            BlobError::TooLarge { .. } => "CRN-5303",
            BlobError::Open { .. } => "CRN-5304",
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
    store: Arc<dyn ObjectStore>,
    root: ObjectPath,
    /// Set where the store is a directory, which is then written by us.
    folder: Option<PathBuf>,
}

impl Blobs {
    /// The blobs of a directory. Nothing is made before the first [`put`](Blobs::put).
    pub fn local(folder: &Path) -> Result<Self, BlobError> {
        let refuse = |reason: String| BlobError::Open { at: folder.display().to_string(), reason };
        let folder = path::absolute(folder).map_err(|error| refuse(error.to_string()))?;
        let root = ObjectPath::from_absolute_path(&folder).map_err(|error| refuse(error.to_string()))?;
        Ok(Blobs { store: Arc::new(LocalFileSystem::new()), root, folder: Some(folder) })
    }

    /// The blobs behind a URL (`s3://bucket/prefix`, `file:///directory`, `memory:///`) or in a directory. A remote store takes its
    /// credentials from the environment (`AWS_…`).
    pub fn open(at: &str) -> Result<Self, BlobError> {
        let Some(url) = at.contains("://").then(|| Url::parse(at)) else { return Self::local(Path::new(at)) };
        let refuse = |reason: String| BlobError::Open { at: at.to_owned(), reason };
        let url = url.map_err(|error| refuse(error.to_string()))?;
        if url.scheme() == "file" {
            let folder = url.to_file_path().map_err(|()| refuse("the URL names no local path".into()))?;
            return Self::local(&folder);
        }
        let (store, root) = object_store::parse_url_opts(&url, credentials()).map_err(|error| refuse(error.to_string()))?;
        Ok(Blobs { store: Arc::from(store), root, folder: None })
    }

    /// Stores bytes, at most [`BLOB_BYTES`]; on `Ok` they are durable and may be named. A good copy that is there already is kept, a
    /// damaged one replaced.
    pub async fn put(&self, bytes: Bytes) -> Result<BlobRef, BlobError> {
        let size = bytes.len() as u64;
        if bytes.len() > BLOB_BYTES {
            return Err(BlobError::TooLarge { size, limit: BLOB_BYTES as u64 });
        }
        let hash = hash_of(bytes.clone()).await;
        let written = match (self.get(&hash, size).await, &self.folder) {
            (Ok(_), None) => Ok(()),
            // It may have been renamed into place a moment ago, by a writer that has not synced the folder yet.
            (Ok(_), Some(folder)) => on_disk(folder, hash, |folder, _| settle(folder)).await,
            (Err(_), Some(folder)) => on_disk(folder, hash, move |folder, file| write(folder, file, &bytes)).await,
            (Err(_), None) => self.store.put(&self.location(&hash), bytes.into()).await.map(drop).map_err(Into::into),
        };
        written.map_err(|source| BlobError::Store { operation: "put", hash, source })?;
        Ok(BlobRef { hash, size })
    }

    /// The bytes of a blob of at most `max` bytes. They have that hash.
    pub async fn get(&self, hash: &BlobHash, max: u64) -> Result<Bytes, BlobError> {
        let found = self.store.get(&self.location(hash)).await.map_err(|error| failed("get", hash, error))?;
        if found.meta.size > max {
            return Err(BlobError::TooLarge { size: found.meta.size, limit: max });
        }
        let bytes = found.bytes().await.map_err(|error| failed("get", hash, error))?;
        if hash_of(bytes.clone()).await == *hash { Ok(bytes) } else { Err(BlobError::Damaged { hash: *hash }) }
    }

    /// Whether something lies there under this hash. Only [`get`](Blobs::get) says that it is whole.
    pub async fn has(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        match self.store.head(&self.location(hash)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed("look-up", hash, error)),
        }
    }

    fn location(&self, hash: &BlobHash) -> ObjectPath {
        let (folder, file) = split(hash);
        self.root.clone().join(folder).join(file)
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn failed(operation: &'static str, hash: &BlobHash, error: object_store::Error) -> BlobError {
    match error {
        object_store::Error::NotFound { .. } => BlobError::Missing { hash: *hash },
        other => BlobError::Store { operation, hash: *hash, source: Box::new(other) },
    }
}

fn split(hash: &BlobHash) -> (String, String) {
    let hex = blake3::Hash::from_bytes(*hash.as_bytes()).to_hex();
    let (folder, file) = hex.split_at(2);
    (folder.to_owned(), file.to_owned())
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

/// Runs `step` with the folder and the file of a hash, where it may block.
async fn on_disk(root: &Path, hash: BlobHash, step: impl FnOnce(&Path, &Path) -> io::Result<()> + Send + 'static) -> Result<(), Cause> {
    let (folder, file) = split(&hash);
    let folder = root.join(folder);
    spawn_blocking(move || step(&folder, &folder.join(file))).await?.map_err(Into::into)
}

fn write(folder: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    durable::make_folder(folder)?;
    durable::write(file, bytes, durable::PUBLIC)
}

/// Makes the names durable on which a blob hangs.
fn settle(folder: &Path) -> io::Result<()> {
    durable::make_folder(folder)?;
    durable::sync_folder(folder)
}

/// What the environment says about a remote store, under the names that its other tools use.
fn credentials() -> impl Iterator<Item = (String, String)> {
    let text = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    text.filter(|(name, _)| name.starts_with("AWS_")).map(|(name, value)| (name.to_lowercase(), value))
}

#[cfg(test)]
#[path = "blobs_tests.rs"]
mod tests;
