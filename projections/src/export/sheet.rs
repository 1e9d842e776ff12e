//! Sheets: files as they are written, hashed on the way to the disk.
//!
//! Owns one Parquet writer per table, with bounded row groups, and the plain files beside them; all are synced before
//! the manifest names them. Refuses to know what stands in them.

use super::{
    ExportError,
    manifest::{FileEntry, TableEntry, columns_of},
};
use arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};
use cairn_log::durable;
use cairn_schemas::Root;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Encoded bytes at which a row group is closed: what a reader holds of one column set at a time.
const ROW_GROUP_BYTES: usize = 32 * 1024 * 1024;
/// Rows at which it is closed whatever its size.
const ROW_GROUP_ROWS: usize = 64 * 1024;

/// The folder in which an export takes shape.
#[derive(Debug)]
pub(super) struct Stage {
    pub folder: PathBuf,
    /// Whether the folder is only a stop on the way to a store, and goes when we do.
    pub passing: bool,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.passing {
            // What is left in a folder for passing files harms nobody.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

impl Stage {
    /// Begins a Parquet file.
    pub fn sheet(&self, name: &str, schema: SchemaRef) -> Result<Sheet, ExportError> {
        let path = self.folder.join(name);
        let file = File::options().write(true).create_new(true).open(&path).map_err(io_error("create", &path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let hashed = Hashed { file, hash: Sha256::new(), size: 0 };
        let parquet = parquet_error(name);
        let writer = ArrowWriter::try_new(hashed, schema.clone(), Some(properties)).map_err(parquet)?;
        Ok(Sheet { name: name.to_owned(), path, schema, writer, rows: 0 })
    }

    /// Writes a small file whole.
    pub fn file(&self, name: &str, bytes: &[u8]) -> Result<FileEntry, ExportError> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        durable::make_folder(folder).map_err(io_error("make", folder))?;
        durable::write(&path, bytes, durable::PUBLIC).map_err(io_error("write", &path))?;
        Ok(FileEntry { path: name.to_owned(), size: bytes.len() as u64, sha256: Root(Sha256::digest(bytes).into()) })
    }
}

/// A Parquet file that is being written.
pub(super) struct Sheet {
    name: String,
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<Hashed>,
    rows: u64,
}

impl Sheet {
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        self.writer.write(batch).map_err(parquet_error(&self.name))?;
        self.rows += batch.num_rows() as u64;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush().map_err(parquet_error(&self.name))?;
        }
        Ok(())
    }

    /// Ends the file, with all of it on the disk.
    pub fn finish(self) -> Result<(FileEntry, TableEntry), ExportError> {
        let hashed = self.writer.into_inner().map_err(parquet_error(&self.name))?;
        hashed.file.sync_all().map_err(io_error("sync", &self.path))?;
        let file = FileEntry { path: self.name.clone(), size: hashed.size, sha256: Root(hashed.hash.finalize().into()) };
        Ok((file, TableEntry { path: self.name, rows: self.rows, columns: columns_of(&self.schema) }))
    }

    /// The error of rows that could not be built for this file.
    pub fn failed(&self, source: ArrowError) -> ExportError {
        ExportError::Rows { file: self.name.clone(), source }
    }
}

/// A file whose bytes are hashed as they pass.
struct Hashed {
    file: File,
    hash: Sha256,
    size: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

pub(super) fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    move |source| ExportError::Io { operation, path: path.to_path_buf(), source }
}

fn parquet_error(name: &str) -> impl FnOnce(ParquetError) -> ExportError {
    move |source| ExportError::Parquet { file: name.to_owned(), source }
}
