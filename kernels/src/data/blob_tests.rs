//! Blobs: every layout comes back as the same set, its bytes never change, and broken bytes are refused.

#![allow(clippy::unwrap_used)]

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::parquet_tests::{Column, file};
use super::set::Content;
use super::table::Table;
use super::tests::{job, narrow};
use super::{DataSet, File, RecordType};
use crate::bml::Job;

fn table(job: &Job, fill: impl FnOnce(&mut Table)) -> DataSet {
    let RecordType::Values { values, .. } = job.record_type() else { unreachable!("a perceptron takes values") };
    let mut table = Table::of_width(values);
    fill(&mut table);
    DataSet::counted(Content::Table(table), job.data.train, job.data.test)
}

#[test]
fn layouts_never_change() {
    let job = narrow(2, 1, 1);
    let bytes = table(&job, |table| {
        table.push_bytes(&[0, 255], 5);
        table.push_bytes(&[1, 2], 7);
    });
    assert_eq!(HEXLOWER.encode(&bytes.to_bytes()), concat!("43524e44", "02000000", "01000000", "01000000", "0507", "00ff0102"));
    let floats = table(&job, |table| {
        table.push_floats(&[0.0, 1.0], 5);
        table.push_floats(&[-0.5, 2.0], 7);
    });
    let blob = concat!("43524e46", "02000000", "01000000", "01000000", "0507", "00000000", "0000803f", "000000bf", "00000040");
    assert_eq!(HEXLOWER.encode(&floats.to_bytes()), blob);
}

#[test]
fn broken_blobs_are_refused() {
    let job = job(15, 5);
    let data = DataSet::builtin(&job).unwrap().unwrap();
    let bytes = data.to_bytes();
    assert_eq!(DataSet::from_bytes(&job, &bytes).unwrap(), data);
    for cut in [0, 3, 10, 16, 100, bytes.len() - 1] {
        assert_eq!(DataSet::from_bytes(&job, &bytes[..cut]).unwrap_err().code(), "CRN-2211", "cut at {cut}");
    }
    assert_eq!(DataSet::from_bytes(&job, &[&bytes[..], &[0]].concat()).unwrap_err().code(), "CRN-2211");
    let mut other = job.clone().with_data("blob:x".to_owned(), data.root());
    assert!(DataSet::from_bytes(&other, &bytes).is_ok());
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(DataSet::from_bytes(&other, &flipped).unwrap_err().code(), "CRN-2204");
    other.data.train = 14;
    assert_eq!(DataSet::from_bytes(&other, &bytes).unwrap_err().code(), "CRN-2206");
    let huge = [b"CRNF", &[0xFF; 12][..]].concat();
    assert_eq!(DataSet::from_bytes(&job, &huge).unwrap_err().code(), "CRN-2211");
    let mut infinite = table(&narrow(1, 1, 1), |table| (0..2).for_each(|_| table.push_floats(&[0.0], 0))).to_bytes();
    let last = infinite.len() - 4;
    infinite[last..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert_eq!(DataSet::from_bytes(&narrow(1, 1, 1), &infinite).unwrap_err().code(), "CRN-2211");
}

type Records = [(Vec<f32>, u8)];

fn small(values: &[f32]) -> Vec<u8> {
    values.iter().map(|&value| value as u8).collect()
}

/// The records in every format that holds them: CSV and Parquet, bytes also as IDX.
fn written(records: &Records, bytes: bool) -> Vec<Vec<File>> {
    let cells = |values: &[f32]| -> Vec<String> {
        if bytes { small(values).iter().map(u8::to_string).collect() } else { values.iter().map(|value| format!("{value:?}")).collect() }
    };
    let csv: String = records.iter().map(|(values, label)| format!("{label},{}\n", cells(values).join(","))).collect();
    let labels: Vec<u8> = records.iter().map(|record| record.1).collect();
    let labels_wide: Vec<i32> = labels.iter().map(|&label| label.into()).collect();
    let floats: Vec<Vec<f32>> = (0..3).map(|column| records.iter().map(|record| record.0[column]).collect()).collect();
    let integers: Vec<Vec<i32>> = floats.iter().map(|column| small(column).into_iter().map(i32::from).collect()).collect();
    let columns =
        floats.iter().zip(&integers).map(|(floats, integers)| if bytes { Column::Int(integers, &[], &[]) } else { Column::Float(floats) });
    let columns: Vec<Column<'_>> = columns.chain([Column::Int(&labels_wide, &[], &[])]).collect();
    let kind = if bytes { "int32" } else { "float" };
    let parquet = file(&format!("required {kind} a; required {kind} b; required {kind} c; required int32 label;"), &columns);
    let mut all = vec![vec![File::of("a.csv", csv.as_bytes())], vec![File::of("a", parquet)]];
    if bytes {
        let head = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let images = [head(&[0x803, labels.len() as u32, 1, 3]), records.iter().flat_map(|record| small(&record.0)).collect()].concat();
        all.push(vec![File::of("images", images), File::of("labels", [head(&[0x801, labels.len() as u32]), labels].concat())]);
    }
    all
}

proptest! {
    /// Whatever the records, a blob of them is the same set with the same root, and so are files of them in any format.
    #[test]
    fn records_come_back(
        records in prop::collection::vec((prop::collection::vec(prop_oneof![-1e3f32..1e3, Just(0.5), Just(-0.0)], 3), 0u8..10), 2..20),
        bytes in any::<bool>(),
    ) {
        let job = narrow(3, records.len() as u32 - 1, 1);
        let data = table(&job, |table| for (values, label) in &records {
            if bytes { table.push_bytes(&small(values), *label) } else { table.push_floats(values, *label) }
        });
        let again = DataSet::from_bytes(&job, &data.to_bytes()).unwrap();
        prop_assert_eq!(&again, &data);
        prop_assert_eq!(again.root(), data.root());

        for files in written(&records, bytes) {
            let read = DataSet::read(&job, &files).unwrap();
            prop_assert_eq!(read.root(), data.root(), "{:?}", files);
        }
    }

    /// Any bytes are a set or refused: nothing panics, and nothing is allocated by what a header says.
    #[test]
    fn no_bytes_are_too_broken(mut bytes in prop::collection::vec(any::<u8>(), 0..64), magic in 0usize..4, counts in any::<bool>()) {
        bytes.splice(..bytes.len().min(4), *[b"CRND", b"CRNF", b"CRNT", b"CRNC"][magic]);
        if counts && bytes.len() >= 16 {
            bytes[4..16].copy_from_slice(&[2u32, 1, 1].map(u32::to_le_bytes).concat());
        }
        if let Ok(set) = DataSet::unchecked(&bytes) {
            prop_assert_eq!(set.to_bytes(), bytes, "one set has one blob");
        }
    }
}
