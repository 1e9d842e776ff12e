//! CSV: one record a line, the label first, then its values; gzip or not.
//!
//! Owns that form, with or without a header line. The first record says what the values are: with a decimal point or an
//! exponent in one of them all are decimals, which parse straight to f32 and are taken as they are; without, all are
//! integers from 0 to 255 as in IDX. Refuses a decimal among integers, infinities and NaN.

use super::file::{File, Stream};
use super::table::Table;
use crate::error::DataError;

/// Appends the first `keep` records, reads the others too, and says how many there are.
///
/// A first line whose first cell is not an integer is a header. All lines have the same number of cells.
pub fn read(file: &File, keep: u32, into: &mut Table) -> Result<u32, DataError> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(Stream::open(file)?);
    let (mut row, mut found, mut values) = (::csv::ByteRecord::new(), 0u32, None);
    let mut first = true;
    while reader.read_byte_record(&mut row).map_err(|error| unread(file, error))? {
        let refuse = |reason: String| {
            let line = row.position().map_or(1, ::csv::Position::line);
            DataError::Csv { file: file.name().to_owned(), line, reason }
        };
        let header = std::mem::take(&mut first) && byte(row.get(0).unwrap_or_default()).is_none();
        if header {
            continue;
        }
        if row.len() < 2 {
            return Err(refuse("a label and at least one value are wanted".to_owned()));
        }
        into.takes(row.len() as u64 - 1)?;
        let values = values.get_or_insert_with(|| Cells::of(&row));
        let label = byte(&row[0]).ok_or_else(|| refuse(not(0, &row[0], Cells::INTEGER)))?;
        values.read(&row).map_err(refuse)?;
        if found < keep {
            values.push(label, into);
        }
        found = found.saturating_add(1);
    }
    if found == 0 {
        return Err(DataError::Csv { file: file.name().to_owned(), line: 1, reason: "no records".to_owned() });
    }
    Ok(found)
}

/// The values of one line.
enum Cells {
    Integers(Vec<u8>),
    Decimals(Vec<f32>),
}

impl Cells {
    const INTEGER: &str = "an integer from 0 to 255 is wanted";
    const DECIMAL: &str = "a finite decimal is wanted";

    /// What the values of a file are whose first record is this.
    fn of(row: &::csv::ByteRecord) -> Self {
        let decimal = |cell: &[u8]| cell.iter().any(|c| matches!(c, b'.' | b'e' | b'E'));
        if row.iter().skip(1).any(decimal) { Self::Decimals(vec![]) } else { Self::Integers(vec![]) }
    }

    fn read(&mut self, row: &::csv::ByteRecord) -> Result<(), String> {
        let cells = row.iter().enumerate().skip(1);
        match self {
            Self::Integers(values) => {
                values.clear();
                for (cell, text) in cells {
                    values.push(byte(text).ok_or_else(|| not(cell, text, Self::INTEGER))?);
                }
            }
            Self::Decimals(values) => {
                values.clear();
                for (cell, text) in cells {
                    values.push(decimal(text).ok_or_else(|| not(cell, text, Self::DECIMAL))?);
                }
            }
        }
        Ok(())
    }

    fn push(&self, label: u8, into: &mut Table) {
        match self {
            Self::Integers(values) => into.push_bytes(values, label),
            Self::Decimals(values) => into.push_floats(values, label),
        }
    }
}

fn not(cell: usize, text: &[u8], wanted: &str) -> String {
    format!("cell {} is {:?}, {wanted}", cell + 1, String::from_utf8_lossy(text))
}

fn byte(text: &[u8]) -> Option<u8> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The nearest f32 of a decimal; the words for infinity and NaN, which `parse` also takes, are none.
fn decimal(text: &[u8]) -> Option<f32> {
    std::str::from_utf8(text).ok()?.trim().parse::<f32>().ok().filter(|value| value.is_finite())
}

/// What the parser refused, or what it was given instead of bytes.
fn unread(file: &File, error: ::csv::Error) -> DataError {
    let (line, reason) = (error.position().map_or(1, ::csv::Position::line), error.to_string());
    let csv = DataError::Csv { file: file.name().to_owned(), line, reason };
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error.downcast::<DataError>().unwrap_or(csv),
        _ => csv,
    }
}
