//! Parquet: files of another writer, every misuse of columns, and damaged files.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::table::{Table, Values};
use super::{File, parquet};
use crate::error::DataError;

/// Values of one column, with definition and repetition levels where its schema has them.
pub enum Column<'a> {
    Int(&'a [i32], &'a [i16], &'a [i16]),
    Float(&'a [f32]),
    Double(&'a [f64]),
    Bytes(&'a [&'a [u8]]),
}

/// A file of one row group.
pub fn file(schema: &str, columns: &[Column<'_>]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message m {{ {schema} }}")).unwrap());
    let mut writer = SerializedFileWriter::new(vec![], schema, Arc::new(WriterProperties::new())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for column in columns {
        let mut into = group.next_column().unwrap().unwrap();
        match *column {
            Column::Int(values, present, starts) => {
                into.typed::<Int32Type>().write_batch(values, some(present), some(starts)).unwrap();
            }
            Column::Float(values) => drop(into.typed::<FloatType>().write_batch(values, None, None).unwrap()),
            Column::Double(values) => drop(into.typed::<DoubleType>().write_batch(values, None, None).unwrap()),
            Column::Bytes(values) => {
                let values: Vec<ByteArray> = values.iter().map(|&bytes| bytes.to_vec().into()).collect();
                into.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
            }
        }
        into.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn some(levels: &[i16]) -> Option<&[i16]> {
    (!levels.is_empty()).then_some(levels)
}

fn read(width: u32, keep: u32, bytes: &[u8]) -> Result<(Table, u32), DataError> {
    let mut table = Table::of_width(width);
    parquet::read(&File::of("a.parquet", bytes), keep, &mut table).map(|found| (table, found))
}

const LIST: &str = "required int32 label; required group x (LIST) { repeated group list { required int32 element; } }";

#[test]
fn columns_become_values_in_the_order_of_the_file() {
    let bytes = file(
        "required float b; required int32 label; required int32 a; required double c;",
        &[
            Column::Float(&[0.5, -1e-20]),
            Column::Int(&[7, 9], &[], &[]),
            Column::Int(&[255, 0], &[], &[]),
            Column::Double(&[0.25, f64::from(0.1f32)]),
        ],
    );
    let (table, found) = read(3, 2, &bytes).unwrap();
    assert_eq!((found, &table.labels[..]), (2, &[7, 9][..]));
    assert_eq!(table.values, Values::Floats(vec![0.5, 1.0, 0.25, -1e-20, 0.0, 0.1]));
}

#[test]
fn rows_that_no_record_needs_are_counted_and_not_read() {
    let bytes =
        file("required int32 label; required int32 a;", &[Column::Int(&[1, 2, 3, 4], &[], &[]), Column::Int(&[10, 20, 30, 256], &[], &[])]);
    let (table, found) = read(1, 3, &bytes).unwrap();
    assert_eq!((found, &table.labels[..], &table.values), (4, &[1, 2, 3][..], &Values::Bytes(vec![10, 20, 30])));
    assert!(read(1, 4, &bytes).is_err());
}

#[test]
fn what_is_no_record_is_refused() {
    let label = Column::Int(&[1, 2], &[], &[]);
    let cases = [
        (file("required int32 a;", &[label]), "no column label"),
        (file("required int32 label;", &[Column::Int(&[1], &[], &[])]), "no column beside label"),
        (
            file("required float label; required int32 a;", &[Column::Float(&[1.0]), Column::Int(&[1], &[], &[])]),
            "column label: an integer",
        ),
        (two("required int32 a (DATE);", Column::Int(&[1, 2], &[], &[])), "column a: INT32 as Date is not taken"),
        (two("required binary a (STRING);", Column::Bytes(&[b"xyz", b"x"])), "column a: BYTE_ARRAY as String is not taken"),
        (two("required binary a;", Column::Bytes(&[b"xyz", b"xy"])), "column a: row 1: 2 bytes, 3 are wanted"),
        (two("required double a; ", Column::Double(&[0.5, 0.1])), "column a: row 1: 0.1 is no f32"),
        (two("required float a;", Column::Float(&[0.5, f32::NAN])), "column a: row 1: NaN, a finite number"),
        (two("required double a;", Column::Double(&[0.5, f64::INFINITY])), "column a: row 1: inf, a finite number"),
        (two("required int32 a;", Column::Int(&[0, -1], &[], &[])), "column a: row 1: -1, an integer from 0 to 255"),
        (two("optional int32 a;", Column::Int(&[5], &[1, 0], &[])), "column a: row 1 has a null"),
        (file(LIST, &[Column::Int(&[1, 256], &[], &[]), lists()]), "column label: row 1: 256, an integer"),
        (
            file(LIST, &[Column::Int(&[1, 2], &[], &[]), Column::Int(&[1, 2, 3, 4, 5], &[1; 5], &[0, 1, 1, 0, 1])]),
            "column x.list.element: a list",
        ),
        (
            file(LIST, &[Column::Int(&[1, 2], &[], &[]), Column::Int(&[1, 2, 3, 4, 5, 6], &[1; 6], &[0, 1, 0, 1, 1, 1])]),
            "column x.list.element: a list",
        ),
        (
            file(LIST, &[Column::Int(&[1, 2], &[], &[]), Column::Int(&[1; 9], &[1; 9], &[0, 1, 1, 1, 1, 1, 0, 1, 1])]),
            "column x.list.element: 9 values for 2 records of 3",
        ),
        (
            file(LIST, &[Column::Int(&[1, 2], &[], &[]), Column::Int(&[1; 3], &[1, 1, 1, 0], &[0, 1, 1, 0])]),
            "column x.list.element: row 1 has a null or an empty list",
        ),
        (
            file(&format!("{LIST} required int32 y;"), &[Column::Int(&[1, 2], &[], &[]), lists(), Column::Int(&[1, 2], &[], &[])]),
            "column x.list.element is a list or binary: no others",
        ),
    ];
    for (bytes, words) in cases {
        let width = if words.starts_with("column a: ") && !words.contains("bytes") { 1 } else { 3 };
        let error = read(width, 2, &bytes).unwrap_err();
        assert!(error.to_string().starts_with(&format!("a.parquet: {words}")) && error.code() == "CRN-2209", "{error}; {words}");
    }
    let wide = read(4, 2, &two("required int32 a;", Column::Int(&[1, 2], &[], &[]))).unwrap_err();
    assert_eq!(wide.to_string(), "a record's number of values is 1, the model takes 4 (model.input)");
}

fn two(column: &str, values: Column<'_>) -> Vec<u8> {
    file(&format!("required int32 label; {column}"), &[Column::Int(&[1, 2], &[], &[]), values])
}

fn lists() -> Column<'static> {
    Column::Int(&[1, 2, 3, 4, 5, 6], &[1; 6], &[0, 1, 1, 0, 1, 1])
}

#[test]
fn a_file_that_is_cut_or_not_there_is_refused() {
    let whole = file(LIST, &[Column::Int(&[1, 2], &[], &[]), lists()]);
    assert!(read(3, 2, &whole).is_ok());
    for cut in 0..whole.len() {
        assert_eq!(read(3, 2, &whole[..cut]).unwrap_err().code(), "CRN-2209", "cut at {cut}");
    }
    let gone = File::new("gone", || Err::<std::io::Empty, _>(std::io::ErrorKind::NotFound.into()));
    assert_eq!(parquet::read(&gone, 1, &mut Table::of_width(1)).unwrap_err().code(), "CRN-2212");
}

/// Any one damaged byte gives records or a refusal, never a panic; what the decoder asserts is caught.
#[test]
fn damage_is_refused_or_harmless() {
    let samples = [&include_bytes!("samples/list.parquet")[..], include_bytes!("samples/columns.parquet")];
    let mut refused = 0;
    for sample in samples {
        for at in 0..sample.len() {
            for mask in [1, 0x80, 0xFF] {
                let mut bytes = sample.to_vec();
                bytes[at] ^= mask;
                match read(4, 7, &bytes) {
                    Ok((table, _)) => assert!(table.labels.len() <= 7),
                    Err(error) => {
                        refused += 1;
                        assert!(["CRN-2206", "CRN-2209"].contains(&error.code()), "{error}");
                    }
                }
            }
        }
    }
    assert!(refused > 1_000, "{refused} of those that mean something");
}
