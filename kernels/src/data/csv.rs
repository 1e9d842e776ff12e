//! CSV: one record a line, the label first, then its values, each an integer from 0 to 255 as in IDX.
//!
//! Owns that form, with or without a header line. Refuses decimals: scaling would be a guess.

use super::idx::plain;
use super::set::Records;
use crate::error::DataError;

impl Records {
    /// Reads CSV text (gzip or not), given as a name and bytes.
    ///
    /// A first line whose first cell is not an integer is a header. All lines have the same number of cells.
    pub fn from_csv(file: &str, bytes: &[u8]) -> Result<Self, DataError> {
        let text = plain(file, bytes)?;
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
        let mut records = Self { rows: 1, columns: 0, pixels: vec![], labels: vec![] };
        for (index, row) in reader.byte_records().enumerate() {
            let refuse = |line: u64, reason: String| Err(DataError::Csv { file: file.to_owned(), line, reason });
            let row = match row {
                Ok(row) => row,
                Err(error) => return refuse(error.position().map_or(index as u64 + 1, ::csv::Position::line), error.to_string()),
            };
            let line = row.position().map_or(index as u64 + 1, ::csv::Position::line);
            if index == 0 && byte(row.get(0).unwrap_or_default()).is_none() {
                continue;
            }
            if row.len() < 2 {
                return refuse(line, "a label and at least one value are wanted".to_owned());
            }
            records.columns = row.len() as u32 - 1;
            for (cell, text) in row.iter().enumerate() {
                let Some(value) = byte(text) else {
                    return refuse(
                        line,
                        format!("cell {} is {:?}, an integer from 0 to 255 is wanted", cell + 1, String::from_utf8_lossy(text)),
                    );
                };
                if cell == 0 { records.labels.push(value) } else { records.pixels.push(value) }
            }
        }
        if records.is_empty() {
            return Err(DataError::Csv { file: file.to_owned(), line: 1, reason: "no records".to_owned() });
        }
        Ok(records)
    }
}

fn byte(text: &[u8]) -> Option<u8> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}
