//! IDX, the format of MNIST: big-endian header, then bytes; gzip or not.
//!
//! Owns images (magic 0x00000803) and labels (0x00000801), read and written. Refuses other element types and trailing bytes.
//! Format: <http://yann.lecun.com/exdb/mnist/>.

use std::io::Read;

use super::FILE_BYTES;
use super::set::Records;
use crate::error::DataError;

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

impl Records {
    /// Reads a pair of IDX files, each given as (name, bytes), gzip or not.
    pub fn from_idx(images: (&str, &[u8]), labels: (&str, &[u8])) -> Result<Self, DataError> {
        let ([count, rows, columns], pixels) = body(images.0, images.1, IMAGES)?;
        let ([labels_count], label_bytes) = body(labels.0, labels.1, LABELS)?;
        if count != labels_count {
            return refuse(labels.0, format!("{labels_count} labels for {count} images"));
        }
        if rows == 0 || columns == 0 {
            return refuse(images.0, format!("images of {rows} × {columns}"));
        }
        Ok(Self { rows, columns, pixels, labels: label_bytes })
    }

    /// The records as a pair of IDX files, images and labels, not compressed.
    pub fn to_idx(&self) -> (Vec<u8>, Vec<u8>) {
        let count = self.len() as u32;
        let head = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let images = [head(&[IMAGES, count, self.rows, self.columns]), self.pixels.clone()].concat();
        (images, [head(&[LABELS, count]), self.labels.clone()].concat())
    }
}

/// Whether the bytes, decompressed, begin as IDX images do.
pub fn is_images(bytes: &[u8]) -> bool {
    begins(bytes, IMAGES)
}

/// Whether the bytes, decompressed, begin as IDX labels do.
pub fn is_labels(bytes: &[u8]) -> bool {
    begins(bytes, LABELS)
}

fn begins(bytes: &[u8], magic: u32) -> bool {
    let mut head = [0; 4];
    let read = if is_gzip(bytes) { flate2::read::GzDecoder::new(bytes).read_exact(&mut head) } else { { bytes }.read_exact(&mut head) };
    read.is_ok() && u32::from_be_bytes(head) == magic
}

/// The sizes in the header and the bytes after it.
fn body<const AXES: usize>(file: &str, bytes: &[u8], magic: u32) -> Result<([u32; AXES], Vec<u8>), DataError> {
    let mut bytes = plain(file, bytes)?;
    let head = 4 + 4 * AXES;
    if bytes.len() < head {
        return refuse(file, format!("{} bytes, a header has {head}", bytes.len()));
    }
    let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if word(0) != magic {
        return refuse(file, format!("magic {:#010x}, {magic:#010x} is wanted", word(0)));
    }
    let sizes: [u32; AXES] = std::array::from_fn(|axis| word(4 + 4 * axis));
    let wanted = sizes.iter().fold(1u64, |product, &size| product.saturating_mul(u64::from(size)));
    if wanted != (bytes.len() - head) as u64 {
        return refuse(file, format!("{} bytes after the header, its sizes {sizes:?} say {wanted}", bytes.len() - head));
    }
    bytes.drain(..head);
    Ok((sizes, bytes))
}

/// The bytes decompressed, if they are gzip; at most [`FILE_BYTES`], however small the compressed file was.
pub fn plain(file: &str, bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    plain_within(file, bytes, FILE_BYTES)
}

fn plain_within(file: &str, bytes: &[u8], limit: u64) -> Result<Vec<u8>, DataError> {
    let mut out = Vec::new();
    let read = if is_gzip(bytes) {
        flate2::read::MultiGzDecoder::new(bytes).take(limit + 1).read_to_end(&mut out)
    } else {
        bytes.take(limit + 1).read_to_end(&mut out)
    };
    read.map_err(|error| DataError::Idx { file: file.to_owned(), reason: format!("gzip: {error}") })?;
    if out.len() as u64 > limit {
        return Err(DataError::TooLarge { file: file.to_owned(), limit });
    }
    Ok(out)
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1F, 0x8B])
}

fn refuse<T>(file: &str, reason: String) -> Result<T, DataError> {
    Err(DataError::Idx { file: file.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A small file that unpacks to more than may be is cut off there, not after.
    #[test]
    fn a_gzip_bomb_is_cut_off() {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![0; 1 << 20]).unwrap();
        let bomb = encoder.finish().unwrap().repeat(4);
        assert!(bomb.len() < 1 << 14);
        assert_eq!(plain_within("bomb", &bomb, 4 << 20).unwrap().len(), 4 << 20);
        assert_eq!(plain_within("bomb", &bomb, (4 << 20) - 1).unwrap_err().code(), "CRN-2203");
        assert_eq!(plain_within("plain", &[0; 9], 8).unwrap_err().code(), "CRN-2203");
    }
}
