//! Parquet: an integer column `label`, and the values in the file's other columns.
//!
//! Owns what is accepted. Either one other column that is a list of numbers or is binary, or any number of columns of
//! numbers, each one value, in the file's order. Integers are 0 to 255 and decoded as IDX is; floats are taken as they
//! are; doubles and half floats are not rounded: a double that is no f32 is refused, half floats always are. Nothing may be
//! null, and no value infinite or NaN. Pages are plain, Snappy or Zstandard. One row group is in memory at a time, and
//! rows that no record needs are not read.
//!
//! The decoder asserts where a damaged file breaks its own rules, so that a panic in it is a refusal here. It also
//! reserves memory by counts in the footer: files are those of whoever runs the command, never a stranger's blob.
//! Format: <https://parquet.apache.org/docs/file-format/>.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::basic::{ConvertedType, LogicalType, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType;
use ::parquet::errors::{ParquetError, Result as Decoded};
use ::parquet::file::reader::{ChunkReader, FileReader, Length, RowGroupReader, SerializedFileReader};
use ::parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use bytes::Bytes;

use super::file::{File, Readable};
use super::table::{Table, decoded};
use crate::bml::limits;
use crate::error::DataError;

/// The first bytes of a file.
pub const MAGIC: &[u8; 4] = b"PAR1";
/// The column of labels.
const LABEL: &str = "label";
/// Records that a column is asked for at once.
const BATCH: usize = 1024;

/// Appends the first `keep` records, and says how many there are.
pub fn read(file: &File, keep: u32, into: &mut Table) -> Result<u32, DataError> {
    let refuse = |reason: String| DataError::Parquet { file: file.name().to_owned(), reason };
    let chunks = Chunks::of(file)?;
    let read = catch_unwind(AssertUnwindSafe(|| {
        let reader = SerializedFileReader::new(chunks).map_err(Fault::from)?;
        rows(&reader, keep as usize, into)
    }));
    match read {
        Ok(Ok(found)) => Ok(u32::try_from(found).unwrap_or(u32::MAX)),
        Ok(Err(Fault::Format(reason))) => Err(refuse(reason)),
        Ok(Err(Fault::Data(error))) => Err(error),
        Err(_) => Err(refuse("it is damaged: the decoder gave up on it".to_owned())),
    }
}

/// Why a file is refused.
enum Fault {
    Format(String),
    Data(DataError),
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Format(reason)
    }
}

impl From<DataError> for Fault {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

/// Appends the first `keep` rows, row group by row group, and counts all.
fn rows(reader: &SerializedFileReader<Chunks>, keep: usize, into: &mut Table) -> Result<u64, Fault> {
    let columns = Columns::of(reader.metadata().file_metadata().schema_descr())?;
    if let Some(width) = columns.width {
        into.takes(width)?;
    }
    let (mut found, mut kept) = (0u64, 0);
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index)?;
        let there = u64::try_from(group.metadata().num_rows()).map_err(|_| "a row group has less than no rows".to_owned())?;
        let rows = there.min((keep - kept) as u64) as usize;
        if rows > 0 {
            columns.read(&*group, rows, into).map_err(|fault| fault.after(found))?;
        }
        kept += rows;
        found = found.saturating_add(there);
    }
    Ok(found)
}

impl Fault {
    /// The same, said of a row group whose rows follow `before` others.
    fn after(self, before: u64) -> Self {
        match self {
            Self::Format(reason) if before > 0 => Self::Format(format!("{reason}, counted from row {before}")),
            other => other,
        }
    }
}

/// Which leaf columns a record is made of.
struct Columns {
    label: usize,
    values: Vec<usize>,
    /// Values of one record, where the schema says so.
    width: Option<u64>,
    floats: bool,
}

impl Columns {
    fn of(schema: &SchemaDescriptor) -> Result<Self, Fault> {
        let (mut label, mut values, mut floats, mut long) = (None, vec![], false, None);
        for (index, column) in schema.columns().iter().enumerate() {
            let name = column.path().string();
            let form = Form::of(column).ok_or_else(|| format!("column {name}: {} is not taken", kind(column)))?;
            if name == LABEL {
                if form != Form::Integer {
                    return Err(format!("column {LABEL}: an integer is wanted").into());
                }
                label = Some(index);
                continue;
            }
            floats |= matches!(form, Form::Float | Form::List { floats: true });
            long = long.or(matches!(form, Form::List { .. } | Form::Bytes).then_some(name));
            values.push(index);
        }
        let label = label.ok_or_else(|| format!("no column {LABEL}"))?;
        match (long, values.len()) {
            (_, 0) => Err(format!("no column beside {LABEL}").into()),
            (Some(_), 1) => {
                let fixed = u64::try_from(schema.column(values[0]).type_length()).ok().filter(|&length| length > 0);
                Ok(Self { label, values, width: fixed, floats })
            }
            (Some(name), _) => Err(format!("column {name} is a list or binary: no others are taken beside it").into()),
            (None, count) => Ok(Self { label, values, width: Some(count as u64), floats }),
        }
    }

    /// Appends the first `rows` rows of a row group.
    fn read(&self, group: &dyn RowGroupReader, rows: usize, into: &mut Table) -> Result<(), Fault> {
        let width = into.width() as usize;
        let mut labels = vec![0; rows];
        column(group, self.label, (rows, 1), &mut |at, cell| {
            labels[at] = cell.byte()?;
            Ok(())
        })?;
        let (mut bytes, mut floats) = (vec![], vec![]);
        if self.floats {
            floats.resize(rows * width, 0.0)
        } else {
            bytes.resize(rows * width, 0)
        }
        // A column of one value a record fills a column of the table; a longer one fills all of it.
        let (each, step) = if self.values.len() == width { (1, width) } else { (width, 1) };
        for (first, &index) in self.values.iter().enumerate() {
            column(group, index, (rows, each), &mut |at, cell| {
                let at = first + at * step;
                match cell {
                    Cell::Bytes(values) if values.len() == width => bytes[at * width..(at + 1) * width].copy_from_slice(values),
                    Cell::Bytes(values) => return Err(format!("{} bytes, {width} are wanted", values.len())),
                    cell if self.floats => floats[at] = cell.float()?,
                    cell => bytes[at] = cell.byte()?,
                }
                Ok(())
            })?;
        }
        for (row, &label) in labels.iter().enumerate() {
            let row = row * width..(row + 1) * width;
            if self.floats { into.push_floats(&floats[row], label) } else { into.push_bytes(&bytes[row], label) }
        }
        Ok(())
    }
}

/// What a column holds for a record.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Integer,
    Float,
    Bytes,
    List { floats: bool },
}

impl Form {
    /// The form of a column that is taken.
    fn of(column: &ColumnDescriptor) -> Option<Self> {
        let plain = column.logical_type_ref().is_none() && column.converted_type() == ConvertedType::NONE;
        let integer = match column.logical_type_ref() {
            Some(LogicalType::Integer(_)) => true,
            Some(_) => false,
            None => plain || (ConvertedType::UINT_8..=ConvertedType::INT_64).contains(&column.converted_type()),
        };
        let one = match column.physical_type() {
            Type::INT32 | Type::INT64 if integer => Self::Integer,
            Type::FLOAT | Type::DOUBLE if plain => Self::Float,
            Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY if plain => Self::Bytes,
            _ => return None,
        };
        match (column.max_rep_level(), one) {
            (0, one) => Some(one),
            (1, Self::Integer) => Some(Self::List { floats: false }),
            (1, Self::Float) => Some(Self::List { floats: true }),
            _ => None,
        }
    }
}

/// A column's type in words.
fn kind(column: &ColumnDescriptor) -> String {
    let lists = "a list of ".repeat(column.max_rep_level().clamp(0, 2) as usize);
    match column.logical_type_ref() {
        Some(logical) => format!("{lists}{} as {logical:?}", column.physical_type()),
        None => format!("{lists}{}", column.physical_type()),
    }
}

/// One value as a column holds it.
enum Cell<'a> {
    Integer(i64),
    Float(f64),
    Bytes(&'a [u8]),
}

impl Cell<'_> {
    fn byte(&self) -> Result<u8, String> {
        match self {
            Self::Integer(value) => u8::try_from(*value).map_err(|_| format!("{value}, an integer from 0 to 255 is wanted")),
            _ => Err("an integer from 0 to 255 is wanted".to_owned()),
        }
    }

    fn float(&self) -> Result<f32, String> {
        match *self {
            Self::Float(value) if !value.is_finite() => Err(format!("{value}, a finite number is wanted")),
            Self::Float(value) if f64::from(value as f32).to_bits() == value.to_bits() => Ok(value as f32),
            Self::Float(value) => Err(format!("{value} is no f32: write the column as float, so that its rounding is yours")),
            _ => self.byte().map(decoded),
        }
    }
}

type Put<'a> = dyn FnMut(usize, Cell<'_>) -> Result<(), String> + 'a;

/// Hands `put` every value of a column's first `rows` records, `each` of them a record, with its place.
fn column(group: &dyn RowGroupReader, index: usize, (rows, each): (usize, usize), put: &mut Put<'_>) -> Result<(), Fault> {
    let descriptor = group.metadata().schema_descr().column(index);
    let whole = usize::try_from(group.metadata().num_rows()).unwrap_or(usize::MAX);
    let read = levels(group, index).and_then(|levels| {
        // Said by the pages' headers before a level is unpacked: a list of more values than records have is not begun.
        if levels > whole.saturating_mul(each) {
            return Err(format!("{levels} values for {whole} records of {each}").into());
        }
        match group.get_column_reader(index)? {
            ColumnReader::Int32ColumnReader(column) => {
                values(column, &descriptor, (rows, each), |at, &value| put(at, Cell::Integer(value.into())))
            }
            ColumnReader::Int64ColumnReader(column) => {
                values(column, &descriptor, (rows, each), |at, &value| put(at, Cell::Integer(value)))
            }
            ColumnReader::FloatColumnReader(column) => {
                values(column, &descriptor, (rows, each), |at, &value| put(at, Cell::Float(value.into())))
            }
            ColumnReader::DoubleColumnReader(column) => values(column, &descriptor, (rows, each), |at, &value| put(at, Cell::Float(value))),
            ColumnReader::ByteArrayColumnReader(column) => {
                values(column, &descriptor, (rows, 1), |at, value| put(at, Cell::Bytes(value.data())))
            }
            ColumnReader::FixedLenByteArrayColumnReader(column) => {
                values(column, &descriptor, (rows, 1), |at, value| put(at, Cell::Bytes(value.data())))
            }
            _ => Err("its type is not taken".to_owned().into()),
        }
    });
    read.map_err(|fault| match fault {
        Fault::Format(reason) => Fault::Format(format!("column {}: {reason}", descriptor.path().string())),
        other => other,
    })
}

/// Values of a column chunk, nulls among them, as its pages' headers say.
fn levels(group: &dyn RowGroupReader, index: usize) -> Result<usize, Fault> {
    let mut pages = group.get_column_page_reader(index)?;
    let mut levels = 0usize;
    while let Some(page) = pages.peek_next_page()? {
        levels = levels.saturating_add(page.num_levels.unwrap_or(0));
        pages.skip_next_page()?;
    }
    Ok(levels)
}

/// Hands on the values of the first `rows` records, each of exactly `each` values and none of them null.
fn values<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    descriptor: &ColumnDescriptor,
    (rows, each): (usize, usize),
    mut put: impl FnMut(usize, &T::T) -> Result<(), String>,
) -> Result<(), Fault> {
    let (mut present, mut starts, mut values) = (vec![], vec![], vec![]);
    let mut done = 0;
    while done < rows {
        present.clear();
        starts.clear();
        values.clear();
        let wanted = BATCH.min(rows - done);
        let (read, _, levels) = column.read_records(wanted, Some(&mut present), Some(&mut starts), &mut values)?;
        if read == 0 {
            return Err(format!("it ends after {done} of {rows} records").into());
        }
        if let Some(null) = present.iter().position(|&level| level != descriptor.max_def_level()) {
            return Err(format!("row {} has a null or an empty list", done + null / each).into());
        }
        let begins = |(at, &level): (usize, &i16)| (level == 0) == (at % each == 0);
        if descriptor.max_rep_level() > 0 && (levels != read * each || !starts.iter().enumerate().all(begins)) {
            return Err(format!("a list from row {done} on has not the {each} values that are wanted").into());
        }
        for (at, value) in values.iter().enumerate() {
            put(done * each + at, value).map_err(|reason| format!("row {}: {reason}", done + at / each))?;
        }
        done += read;
    }
    Ok(())
}

/// A file as the decoder reads it: from any place.
struct Chunks {
    file: File,
    length: u64,
}

impl Chunks {
    fn of(file: &File) -> Result<Self, DataError> {
        let length = file.open().and_then(|mut bytes| bytes.seek(SeekFrom::End(0)));
        let length = length.map_err(|error| DataError::Unread { file: file.name().to_owned(), offset: 0, reason: error.to_string() })?;
        if length > limits::FILE_BYTES {
            return Err(DataError::TooLarge { file: file.name().to_owned(), limit: limits::FILE_BYTES });
        }
        Ok(Self { file: file.clone(), length })
    }

    fn from(&self, start: u64) -> io::Result<Box<dyn Readable>> {
        let mut bytes = self.file.open()?;
        bytes.seek(SeekFrom::Start(start))?;
        Ok(bytes)
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<Box<dyn Readable>>;

    fn get_read(&self, start: u64) -> Decoded<Self::T> {
        Ok(BufReader::new(self.from(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Decoded<Bytes> {
        if start.saturating_add(length as u64) > self.length {
            return Err(ParquetError::EOF(format!(
                "bytes {start} to {} of {} are wanted",
                start.saturating_add(length as u64),
                self.length
            )));
        }
        let mut out = vec![0; length];
        self.from(start)?.read_exact(&mut out)?;
        Ok(out.into())
    }
}
