//! Durable files: small files that must be whole and on the disk before anyone acts on them (keys, outbox, snapshots, `node.json`).
//!
//! Owns the one order that makes it so: write beside, fsync, rename, fsync the folder. Refuses growing files: those are logs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Readable by everyone who may enter the folder.
pub const PUBLIC: u32 = 0o644;
/// Readable by the owner alone: keys and tokens.
pub const SECRET: u32 = 0o600;

static NAMES: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to `path`, replacing what is there. After `Ok` they survive a power cut; after `Err` the old file stands.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = beside(path);
    let written = write_new(&beside, bytes, mode).and_then(|()| fs::rename(&beside, path)).and_then(|()| sync_folder(folder_of(path)));
    if written.is_err() {
        // A leftover is only untidy: its name is never read.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Writes `bytes` to `path` where nothing is. After `Ok(true)` they survive a power cut; `Ok(false)`: what was there stands, and survives one.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
    let beside = beside(path);
    // A link, unlike a rename, never replaces.
    let linked = write_new(&beside, bytes, mode).and_then(|()| match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        linked => linked.map(|()| true),
    });
    let _ = fs::remove_file(&beside);
    let created = linked?;
    sync_folder(folder_of(path))?;
    Ok(created)
}

/// Makes `folder` and those above it, each on the disk before the next. One that is there may have been made by a process
/// that was killed before its fsync: that is made up for.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    match folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        Some(above) if folder.is_dir() => match sync_folder(above) {
            // Who may not read the folder above did not make this one.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        },
        Some(above) => {
            make_folder(above)?;
            make_one(folder)?;
            sync_folder(above)
        }
        None => make_one(folder),
    }
}

/// Removes a file; that it is gone is durable with the folder's next fsync. One that is not there is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make_one(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{}.new", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
        let path = folder.join("key");
        write(&path, b"one", SECRET).unwrap();
        write(&path, b"two", SECRET).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SECRET);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
