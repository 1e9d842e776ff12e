//! The few file operations that durability rests on.
//!
//! Owns what the log needs of a folder, and no more, so that a test can put a folder underneath that loses power.
//! Refuses paths: a file is named by its name in the one folder.

use super::OpenError;
use crate::durable;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A folder of segment files.
///
/// What was written is durable after [`SegmentFile::sync`]; a file's existence, or its end, after [`Files::sync_folder`]. Before
/// that, a power cut may keep any part of it.
pub trait Files: Send + Sync + std::fmt::Debug {
    /// The names in the folder, in any order; none where the folder does not exist.
    fn list(&self) -> io::Result<Vec<String>>;
    /// An empty file for reading and writing, in place of any with that name.
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    fn open_for_writing(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    fn remove(&self, name: &str) -> io::Result<()>;
    fn sync_folder(&self) -> io::Result<()>;
}

/// One open file.
#[allow(clippy::len_without_is_empty)] // Nobody asks.
pub trait SegmentFile: Send + Sync + std::fmt::Debug {
    fn len(&self) -> io::Result<u64>;
    /// Reads until `into` is full or the file ends; returns the bytes read.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of `bytes`. On an error any part of them may be there.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes contents and length durable (fdatasync).
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub struct LocalFiles {
    folder: PathBuf,
}

impl LocalFiles {
    /// The folder as it is, or is not.
    pub fn at(folder: &Path) -> Self {
        LocalFiles { folder: folder.to_owned() }
    }

    /// The folder, made where it is missing; then that is durable too.
    pub fn create(folder: &Path) -> Result<Self, OpenError> {
        durable::make_folder(folder).map_err(|source| OpenError::Io { what: folder.display().to_string(), source })?;
        Ok(LocalFiles::at(folder))
    }

    fn boxed(&self, name: &str, options: &OpenOptions) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(options.open(self.folder.join(name))?))
    }
}

impl Files for LocalFiles {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        self.boxed(name, OpenOptions::new().read(true).write(true).create(true).truncate(true))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        self.boxed(name, OpenOptions::new().read(true))
    }

    fn open_for_writing(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        self.boxed(name, OpenOptions::new().read(true).write(true))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

impl SegmentFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match FileExt::read_at(self, &mut into[done..], at + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
