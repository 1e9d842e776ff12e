//! IDX, the format of MNIST: big-endian header, then bytes; gzip or not.
//!
//! Owns images (magic 0x00000803) and labels (0x00000801), read side by side. Refuses other element types and trailing
//! bytes. Format: <http://yann.lecun.com/exdb/mnist/>.

use super::file::{File, Stream};
use super::table::Table;
use crate::error::DataError;

/// The first four bytes of images.
pub const IMAGES: u32 = 0x0803;
/// The first four bytes of labels.
pub const LABELS: u32 = 0x0801;

/// Appends the first `keep` records of a pair, reads the others too, and says how many there are.
pub fn read(images: &File, labels: &File, keep: u32, into: &mut Table) -> Result<u32, DataError> {
    let (mut images, mut labels) = (Stream::open(images)?, Stream::open(labels)?);
    let [count, rows, columns] = head(&mut images, IMAGES)?;
    let [labels_count] = head(&mut labels, LABELS)?;
    if count != labels_count {
        return refuse(&labels, format!("{labels_count} labels for {count} images"));
    }
    if rows == 0 || columns == 0 {
        return refuse(&images, format!("images of {rows} × {columns}"));
    }
    let width = u64::from(rows) * u64::from(columns);
    into.takes(width)?;
    let (mut values, mut label) = (vec![0; width as usize], [0]);
    for record in 0..count {
        whole(&mut images, &mut values)?;
        whole(&mut labels, &mut label)?;
        if record < keep {
            into.push_bytes(&values, label[0]);
        }
    }
    ended(&mut images)?;
    ended(&mut labels)?;
    Ok(count)
}

/// The sizes in the header.
fn head<const AXES: usize>(stream: &mut Stream, wanted: u32) -> Result<[u32; AXES], DataError> {
    let magic = word(stream)?;
    if magic != wanted {
        return refuse(stream, format!("magic {magic:#010x}, {wanted:#010x} is wanted"));
    }
    let mut sizes = [0; AXES];
    for size in &mut sizes {
        *size = word(stream)?;
    }
    Ok(sizes)
}

fn word(stream: &mut Stream) -> Result<u32, DataError> {
    let mut bytes = [0; 4];
    whole(stream, &mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn whole(stream: &mut Stream, out: &mut [u8]) -> Result<(), DataError> {
    if stream.fill(out)? == out.len() { Ok(()) } else { refuse(stream, "it ends before its sizes say".to_owned()) }
}

fn ended(stream: &mut Stream) -> Result<(), DataError> {
    if stream.fill(&mut [0])? == 0 { Ok(()) } else { refuse(stream, "bytes follow the end that its sizes say".to_owned()) }
}

fn refuse<T>(stream: &Stream, reason: String) -> Result<T, DataError> {
    Err(DataError::Idx { file: stream.file().to_owned(), offset: stream.at(), reason })
}
