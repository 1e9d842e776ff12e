//! Targets: where an export goes, a folder here or a prefix in an object store.
//!
//! Owns the order of writing: every other file first, the manifest last, so that a cut-off export is none. Refuses a
//! place that holds anything, and credentials other than the environment's.

use super::{
    ExportError, MANIFEST, Manifest,
    sheet::{Stage, io_error},
};
use cairn_log::durable;
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, WriteMultipart, path::Path as ObjectPath};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use url::Url;

/// Bytes of one part of an upload; stores ask for at least 5 MiB.
const PART: usize = 8 * 1024 * 1024;
/// Parts on their way at once.
const PARTS: usize = 4;

static STAGES: AtomicU64 = AtomicU64::new(0);

/// Where an export goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A folder of this machine, made if it is not there.
    Folder(PathBuf),
    /// A prefix of an object store.
    Store { store: Arc<dyn ObjectStore>, prefix: ObjectPath },
}

impl Target {
    /// The target of a URL (`file:///folder`, `s3://bucket/prefix`) or a path. A store takes its credentials from the environment (`AWS_…`).
    pub fn parse(at: &str) -> Result<Target, ExportError> {
        if !at.contains("://") {
            return Ok(Target::Folder(PathBuf::from(at)));
        }
        let refuse = |why: String| ExportError::Target { at: at.to_owned(), why };
        let url = Url::parse(at).map_err(|error| refuse(error.to_string()))?;
        if url.scheme() == "file" {
            return url.to_file_path().map(Target::Folder).map_err(|()| refuse("the URL names no local path".to_owned()));
        }
        let environment = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
        let (store, prefix) = object_store::parse_url_opts(&url, environment).map_err(|error| refuse(error.to_string()))?;
        Ok(Target::Store { store: Arc::from(store), prefix })
    }

    /// Refuses a place where anything is.
    pub(super) async fn check_empty(&self) -> Result<(), ExportError> {
        let empty = match self {
            Target::Folder(folder) => match fs::read_dir(folder) {
                Ok(mut entries) => entries.next().is_none(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
                Err(error) => return Err(io_error("read", folder)(error)),
            },
            Target::Store { store, prefix } => {
                let mut found = store.list(Some(prefix));
                found.try_next().await.map_err(self.store_error("list"))?.is_none()
            }
        };
        if empty { Ok(()) } else { Err(ExportError::NotEmpty { at: self.to_string() }) }
    }

    /// The folder to write into: the target itself, or one on the way to it.
    pub(super) fn stage(&self) -> Result<Stage, ExportError> {
        let stage = match self {
            Target::Folder(folder) => Stage { folder: folder.clone(), passing: false },
            Target::Store { .. } => {
                let name = format!("cairn-export-{}-{}", std::process::id(), STAGES.fetch_add(1, Ordering::Relaxed));
                Stage { folder: std::env::temp_dir().join(name), passing: true }
            }
        };
        durable::make_folder(&stage.folder).map_err(io_error("make", &stage.folder))?;
        Ok(stage)
    }

    /// Brings the files to the target, and the manifest after all others.
    pub(super) async fn finish(&self, stage: &Stage, manifest: &Manifest, signed: &[u8]) -> Result<(), ExportError> {
        match self {
            Target::Folder(_) => stage.file(MANIFEST, signed).map(drop),
            Target::Store { store, prefix } => {
                for file in &manifest.files {
                    self.upload(store, prefix, &stage.folder, &file.path).await?;
                }
                let place = within(prefix, MANIFEST);
                let last = store.put_opts(&place, signed.to_vec().into(), PutMode::Create.into());
                last.await.map(drop).map_err(self.store_error("put"))
            }
        }
    }

    async fn upload(&self, store: &Arc<dyn ObjectStore>, prefix: &ObjectPath, folder: &Path, name: &str) -> Result<(), ExportError> {
        let path = folder.join(name);
        let mut file = File::open(&path).map_err(io_error("open", &path))?;
        let upload = store.put_multipart(&within(prefix, name)).await.map_err(self.store_error("begin"))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut part = vec![0; PART];
        loop {
            let read = file.read(&mut part).map_err(io_error("read", &path))?;
            if read == 0 {
                break;
            }
            upload.wait_for_capacity(PARTS).await.map_err(self.store_error("write"))?;
            upload.write(&part[..read]);
        }
        upload.finish().await.map(drop).map_err(self.store_error("finish"))
    }

    fn store_error(&self, operation: &'static str) -> impl FnOnce(object_store::Error) -> ExportError {
        let at = self.to_string();
        move |source| ExportError::Store { operation, at, source }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Folder(folder) => folder.display().fmt(f),
            Target::Store { prefix, .. } => write!(f, "the store's {prefix}/"),
        }
    }
}

/// `name` under `prefix`; names hold slashes.
fn within(prefix: &ObjectPath, name: &str) -> ObjectPath {
    name.split('/').fold(prefix.clone(), |path, part| path.join(part))
}
