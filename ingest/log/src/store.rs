//! Stores: bytes under keys, in a folder or in an object store.
//!
//! Owns the one way in which blobs, snapshots and the archive put, get, list and delete: what is put is whole and durable before
//! `Ok`, whoever reads meanwhile. Refuses meaning: names and checksums are those of who puts.
//!
//! `object_store` does the reading, and all of a remote store. It does not fsync in a folder, so there we write ourselves.
//! Where no runtime is (a seeded simulation), what blocks runs on the caller's thread. Codes 5401 to 5405.

use crate::durable;
use crate::error::next_of;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{error::Error, io, iter::successors, path};
use tokio::{runtime::Handle, sync::OnceCell};
use url::Url;

/// The key under which an owner's name lies.
const OWNER: &str = "owner";
/// Bytes of an owner's name.
const OWNER_BYTES: u64 = 256;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("store `{at}` cannot be opened: {reason}")]
    Open { at: String, reason: String },
    #[error("object `{key}`: it is not there")]
    Missing { key: String },
    #[error("object `{key}` of {size} bytes: at most {limit} are taken")]
    TooLarge { key: String, size: u64, limit: u64 },
    #[error("{operation} of object `{key}`")]
    Failed { operation: &'static str, key: String, source: Cause },
    #[error("store `{at}` is kept by `{owner}`, not by `{asked}`")]
    Foreign { at: String, owner: String, asked: String },
}

impl StoreError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Open { .. } => "CRN-5401",
            StoreError::Missing { .. } => "CRN-5402",
            StoreError::TooLarge { .. } => "CRN-5403",
            StoreError::Failed { .. } => "CRN-5404",
            StoreError::Foreign { .. } => "CRN-5405",
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        next_of(self.code())
    }

    /// Whether the disk below has no space left, however many layers told so. A bucket's quota shows as any other refusal.
    pub fn is_full(&self) -> bool {
        let causes = successors(self.source(), |&cause| cause.source());
        let mut kinds = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        kinds.any(|kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// What lies in a store, as a list tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was put, milliseconds since 1970, by the store's clock.
    pub modified: i64,
}

/// A store. Clones are the same store. Keys are relative paths of ASCII letters, digits, `.`, `-` and `/`.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: ObjectPath,
    /// Set where the store is a folder, which is then written by us.
    folder: Option<PathBuf>,
    owner: Option<Arc<Owner>>,
}

/// Who alone may use a store, and whether it was seen to be so.
#[derive(Debug)]
struct Owner {
    name: String,
    seen: OnceCell<()>,
}

impl Store {
    /// The store in a folder. Nothing is made before the first put.
    pub fn local(folder: &Path) -> Result<Store, StoreError> {
        let refuse = |reason: String| StoreError::Open { at: folder.display().to_string(), reason };
        let folder = path::absolute(folder).map_err(|error| refuse(error.to_string()))?;
        let root = ObjectPath::from_absolute_path(&folder).map_err(|error| refuse(error.to_string()))?;
        Ok(Store { objects: Arc::new(LocalFileSystem::new()), root, folder: Some(folder), owner: None })
    }

    /// The store behind a URL (`s3://bucket/prefix`, `file:///folder`, `memory:///`) or in a folder. A remote one takes its
    /// credentials from the environment (`AWS_…`).
    pub fn open(at: &str) -> Result<Store, StoreError> {
        let Some(url) = at.contains("://").then(|| Url::parse(at)) else { return Store::local(Path::new(at)) };
        let refuse = |reason: String| StoreError::Open { at: at.to_owned(), reason };
        let url = url.map_err(|error| refuse(error.to_string()))?;
        if url.scheme() == "file" {
            let folder = url.to_file_path().map_err(|()| refuse("the URL names no local path".into()))?;
            return Store::local(&folder);
        }
        let (objects, root) = object_store::parse_url_opts(&url, credentials()).map_err(|error| refuse(error.to_string()))?;
        Ok(Store { objects: Arc::from(objects), root, folder: None, owner: None })
    }

    /// The same store for one owner, whose name is put into it where it has none: who else asks is refused. Names and heights repeat
    /// between owners, so that two of them would delete and overwrite each other's, and take them for their own.
    pub fn owned_by(self, name: impl ToString) -> Store {
        let owner = Owner { name: name.to_string(), seen: OnceCell::new() };
        Store { owner: Some(Arc::new(owner)), ..self }
    }

    /// Refuses a store of somebody else. The store is asked once; every other question asks this first.
    pub async fn check_owner(&self) -> Result<(), StoreError> {
        let Some(owner) = &self.owner else { return Ok(()) };
        let anyones = || Store { owner: None, ..self.clone() };
        owner.seen.get_or_try_init(|| Box::pin(anyones().claim(&owner.name))).await.map(drop)
    }

    async fn claim(self, name: &str) -> Result<(), StoreError> {
        if self.create(OWNER, Bytes::copy_from_slice(name.as_bytes())).await? {
            return Ok(());
        }
        let owner = self.get(OWNER, OWNER_BYTES).await?;
        if owner == name.as_bytes() {
            return Ok(());
        }
        Err(StoreError::Foreign { at: self.root.to_string(), owner: String::from_utf8_lossy(&owner).into_owned(), asked: name.to_owned() })
    }

    /// Puts bytes under a key, in the place of what is there. On `Ok` they are durable; a reader sees the old or the new, whole.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.check_owner().await?;
        let put = match self.path(key) {
            Some(path) => {
                blocking(move || durable::make_folder(above(&path)).and_then(|()| durable::write(&path, &bytes, durable::PUBLIC))).await
            }
            None => self.objects.put(&self.location(key), bytes.into()).await.map(drop).map_err(Into::into),
        };
        put.map_err(|source| failed("put", key, source))
    }

    /// Puts bytes under a key where nothing is. `false`: something was there, was left as it is, and is durable.
    /// An object store must know conditional puts (`If-None-Match`).
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<bool, StoreError> {
        self.check_owner().await?;
        let created = match self.path(key) {
            Some(path) => {
                blocking(move || durable::make_folder(above(&path)).and_then(|()| durable::create(&path, &bytes, durable::PUBLIC))).await
            }
            None => match self.objects.put_opts(&self.location(key), bytes.into(), PutMode::Create.into()).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(error.into()),
            },
        };
        created.map_err(|source| failed("put", key, source))
    }

    /// Makes what lies under a key durable: in a folder, whoever put it may not have synced its name yet.
    pub async fn settle(&self, key: &str) -> Result<(), StoreError> {
        let Some(path) = self.path(key) else { return Ok(()) };
        let settled = blocking(move || durable::make_folder(above(&path)).and_then(|()| durable::sync_folder(above(&path)))).await;
        settled.map_err(|source| failed("sync", key, source))
    }

    /// The bytes under a key, at most `max` of them.
    pub async fn get(&self, key: &str, max: u64) -> Result<Bytes, StoreError> {
        self.check_owner().await?;
        let found = self.objects.get(&self.location(key)).await.map_err(|error| unanswered("get", key, error))?;
        if found.meta.size > max {
            return Err(StoreError::TooLarge { key: key.to_owned(), size: found.meta.size, limit: max });
        }
        found.bytes().await.map_err(|error| unanswered("get", key, error))
    }

    /// The size of what lies under a key, at most `max` bytes, and the bytes in chunks.
    pub async fn stream(&self, key: &str, max: u64) -> Result<(u64, BoxStream<'static, Result<Bytes, StoreError>>), StoreError> {
        self.check_owner().await?;
        let found = self.objects.get(&self.location(key)).await.map_err(|error| unanswered("get", key, error))?;
        let (key, size) = (key.to_owned(), found.meta.size);
        if size > max {
            return Err(StoreError::TooLarge { key, size, limit: max });
        }
        Ok((size, found.into_stream().map_err(move |error| unanswered("get", &key, error)).boxed()))
    }

    /// Whether something lies under a key.
    pub async fn has(&self, key: &str) -> Result<bool, StoreError> {
        self.check_owner().await?;
        match self.objects.head(&self.location(key)).await.map_err(|error| unanswered("look-up", key, error)) {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What lies below a prefix (whole parts of a path), ascending by key. In a folder, leftovers of puts that a crash cut off are
    /// listed too: a reader knows its own names.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Object>, StoreError> {
        self.check_owner().await?;
        let metas: Vec<_> =
            self.objects.list(Some(&self.location(prefix))).try_collect().await.map_err(|error| unanswered("list", prefix, error))?;
        let mut objects: Vec<Object> = metas.iter().filter_map(|meta| self.object(meta)).collect();
        objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// Deletes what lies under a key, durably. Nothing there is no error.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.check_owner().await?;
        let deleted = match self.path(key) {
            Some(path) => blocking(move || delete_file(&path)).await,
            None => match self.objects.delete(&self.location(key)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            },
        };
        deleted.map_err(|source| failed("delete", key, source))
    }

    fn object(&self, meta: &object_store::ObjectMeta) -> Option<Object> {
        let parts: Vec<_> = meta.location.prefix_match(&self.root)?.map(|part| part.as_ref().to_owned()).collect();
        Some(Object { key: parts.join("/"), size: meta.size, modified: meta.last_modified.timestamp_millis() })
    }

    fn location(&self, key: &str) -> ObjectPath {
        key.split('/').filter(|part| !part.is_empty()).fold(self.root.clone(), ObjectPath::join)
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(key))
    }
}

/// Where a file lies; every path here is absolute and has a file name.
fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn delete_file(path: &Path) -> io::Result<()> {
    durable::remove(path)?;
    match durable::sync_folder(above(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    }
}

/// Runs what blocks beside the runtime; without a runtime, here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Cause> {
    match Handle::try_current() {
        Ok(runtime) => Ok(runtime.spawn_blocking(work).await??),
        Err(_) => Ok(work()?),
    }
}

fn failed(operation: &'static str, key: &str, source: Cause) -> StoreError {
    StoreError::Failed { operation, key: key.to_owned(), source }
}

fn unanswered(operation: &'static str, key: &str, error: object_store::Error) -> StoreError {
    match error {
        object_store::Error::NotFound { .. } => StoreError::Missing { key: key.to_owned() },
        other => failed(operation, key, Box::new(other)),
    }
}

/// What the environment says about a remote store, under the names that its other tools use.
fn credentials() -> impl Iterator<Item = (String, String)> {
    let text = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    text.filter(|(name, _)| name.starts_with("AWS_")).map(|(name, value)| (name.to_lowercase(), value))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
