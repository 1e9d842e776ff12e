//! Files of a data set, as streams of unpacked bytes.
//!
//! Owns how a file is opened (the caller says), gzip, the place of every byte and the limit on them, however small the
//! packed file was. Refuses paths: a file is a name and a way to its bytes.

use std::io::{self, Cursor, Read, Seek};
use std::sync::Arc;

use crate::bml::limits;
use crate::error::DataError;

/// What a file is read through.
pub trait Readable: Read + Seek {}
impl<T: Read + Seek> Readable for T {}

type Open = dyn Fn() -> io::Result<Box<dyn Readable>> + Send + Sync;

/// A file of a data set: its name, and its bytes as often as they are asked for.
#[derive(Clone)]
pub struct File {
    name: Arc<str>,
    open: Arc<Open>,
}

impl File {
    /// A file that `open` opens at its beginning, each time anew.
    pub fn new<R: Readable + 'static>(name: &str, open: impl Fn() -> io::Result<R> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), open: Arc::new(move || Ok(Box::new(open()?))) }
    }

    /// A file that is in memory.
    pub fn of(name: &str, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into();
        Self::new(name, move || Ok(Cursor::new(Arc::clone(&bytes))))
    }

    /// Its name, without a folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its bytes as they lie, from the beginning.
    pub fn open(&self) -> io::Result<Box<dyn Readable>> {
        (self.open)()
    }

    /// Its first bytes, unpacked; fewer where the file is shorter, none where it cannot be read.
    pub fn begins(&self) -> [u8; 4] {
        let mut head = [0; 4];
        let read = Stream::open(self).and_then(|mut stream| stream.fill(&mut head));
        if read.is_ok() { head } else { [0; 4] }
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("File").field(&self.name).finish()
    }
}

/// The bytes of one file, unpacked if they are gzip.
pub struct Stream {
    file: String,
    inner: Box<dyn Read>,
    at: u64,
    limit: u64,
}

impl Stream {
    /// The file from its beginning, at most [`limits::FILE_BYTES`] of it.
    pub fn open(file: &File) -> Result<Self, DataError> {
        Self::within(file, limits::FILE_BYTES)
    }

    pub(super) fn within(file: &File, limit: u64) -> Result<Self, DataError> {
        let unread = |error: io::Error| DataError::Unread { file: file.name().to_owned(), offset: 0, reason: error.to_string() };
        let mut raw = io::BufReader::new(file.open().map_err(unread)?);
        let packed = io::BufRead::fill_buf(&mut raw).map_err(unread)?.starts_with(&[0x1F, 0x8B]);
        let inner: Box<dyn Read> = if packed { Box::new(flate2::bufread::MultiGzDecoder::new(raw)) } else { Box::new(raw) };
        Ok(Self { file: file.name().to_owned(), inner, at: 0, limit })
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Unpacked bytes read so far.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Fills `out` as far as the file goes, and says how far.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<usize, DataError> {
        let mut filled = 0;
        while filled < out.len() {
            match self.some(&mut out[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    fn some(&mut self, out: &mut [u8]) -> Result<usize, DataError> {
        let read = loop {
            match self.inner.read(out) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(DataError::Unread { file: self.file.clone(), offset: self.at, reason: error.to_string() });
                }
                Ok(read) => break read,
            }
        };
        self.at += read as u64;
        if self.at > self.limit {
            return Err(DataError::TooLarge { file: self.file.clone(), limit: self.limit });
        }
        Ok(read)
    }
}

/// For parsers that read by themselves; what went wrong is inside the error.
impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.some(out).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A small file that unpacks to more than may be is cut off there, not after.
    #[test]
    fn a_gzip_bomb_is_cut_off() {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        io::Write::write_all(&mut encoder, &vec![0; 1 << 20]).unwrap();
        let bomb = encoder.finish().unwrap().repeat(4);
        assert!(bomb.len() < 1 << 14);
        let read = |bytes: &[u8], limit| {
            let mut stream = Stream::within(&File::of("bomb", bytes), limit).unwrap();
            io::copy(&mut stream, &mut io::sink()).map(|_| stream.at()).map_err(|error| error.downcast::<DataError>().unwrap().code())
        };
        assert_eq!(read(&bomb, 4 << 20), Ok(4 << 20));
        assert_eq!(read(&bomb, (4 << 20) - 1), Err("CRN-2203"));
        assert_eq!(read(&[0; 9], 8), Err("CRN-2203"));
        assert_eq!(read(&bomb[..bomb.len() - 9], 4 << 20), Err("CRN-2212"));
    }
}
