//! Data sets: what is read, what is refused, and the digits that never change.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::io::Write;

use data_encoding::HEXLOWER;

use super::table::{Table, Values};
use super::{DataSet, File, csv, digits, idx};
use crate::bml::{Example, Job, Mlp, Template};
use crate::error::DataError;

/// A job for records of 784 values.
pub fn job(train: u32, test: u32) -> Job {
    let mut job = Job::parse("job.yaml", &Example::SMALL.to_string()).unwrap();
    (job.data.train, job.data.test) = (train, test);
    job
}

/// A job for records of `width` values.
pub fn narrow(width: u32, train: u32, test: u32) -> Job {
    let mut job = job(train, test);
    job.model = Template::Mlp(Mlp { input: width, hidden: vec![24], classes: 10 });
    job
}

pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn digits(seed: u64, count: u32) -> Table {
    let mut table = Table::of_width(digits::WIDTH);
    digits::draw_into(&mut table, seed, count);
    table
}

fn pixels(table: &Table) -> &[u8] {
    let Values::Bytes(values) = &table.values else { panic!("floats") };
    values
}

/// A pair of IDX files, images and labels, of square images.
fn to_idx(table: &Table) -> (Vec<u8>, Vec<u8>) {
    let (count, side) = (table.labels.len() as u32, table.width().isqrt());
    let head = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let images = [&head(&[idx::IMAGES, count, side, side])[..], pixels(table)].concat();
    (images, [head(&[idx::LABELS, count]), table.labels.clone()].concat())
}

fn from_idx(images: &[u8], labels: &[u8]) -> Result<Table, DataError> {
    let mut table = Table::of_width(digits::WIDTH);
    let (images, labels) = (File::of("i", images), File::of("l", labels));
    idx::read(&images, &labels, u32::MAX, &mut table).map(|_| table)
}

fn from_csv(width: u32, text: &str) -> Result<Table, DataError> {
    let mut table = Table::of_width(width);
    csv::read(&File::of("a.csv", text.as_bytes()), u32::MAX, &mut table).map(|_| table)
}

fn read(job: &Job, files: &[(&str, &[u8])]) -> Result<DataSet, DataError> {
    DataSet::read(job, &files.iter().map(|&(name, bytes)| File::of(name, bytes)).collect::<Vec<_>>())
}

/// The labels of a set's records.
fn labels_of(set: &DataSet) -> Vec<u8> {
    let all: Vec<u32> = (0..set.train() + set.test()).collect();
    set.labels(&all).integers().iter().map(|&label| label as u8).collect()
}

#[test]
fn the_digits_never_change() {
    let records = digits(7, 200);
    let (images, idx_labels) = to_idx(&records);
    assert_eq!(
        blake3::hash(&[images, idx_labels].concat()).to_hex().as_str(),
        "3aff8ae4c5cece6eba948964758b1a30cc7f69bb5d398ee13744f42fccd5814b"
    );
    let shorter = digits(7, 20);
    assert_eq!(pixels(&shorter), &pixels(&records)[..20 * 784], "a longer set begins with the shorter one");
    assert_ne!(digits(8, 20), shorter);
    let mut classes = records.labels.clone();
    classes.sort_unstable();
    classes.dedup();
    assert_eq!(classes, (0..10).collect::<Vec<u8>>());
}

#[test]
fn the_root_is_over_decoded_records() {
    let job = job(250, 50);
    let data = DataSet::builtin(&job).unwrap().unwrap();
    assert_eq!((data.train(), data.test()), (250, 50));
    assert_eq!(HEXLOWER.encode(&data.root()), "70ee9b6c80738af044008ae0b0eef87c0a733046b9eb1f291ac1a5d09235711f");
    let features = data.features(&[3]);
    assert!(features.shape() == [1, 784] && features.floats().iter().all(|x| (0.0..=1.0).contains(x)));
    let pinned = job.clone().with_data(job.data.url.clone(), data.root());
    assert_eq!(DataSet::builtin(&pinned).unwrap().unwrap(), data);
    let other = pinned.with_data("builtin:digits?seed=8&count=300".to_owned(), data.root());
    assert_eq!(DataSet::builtin(&other).unwrap_err().code(), "CRN-2204");
    assert!(DataSet::builtin(&other.unpinned()).is_ok());
}

#[test]
fn idx_is_read_compressed_or_not() {
    let records = digits(1, 12);
    let (images, labels) = to_idx(&records);
    for (images, labels) in [(images.clone(), labels.clone()), (gzipped(&images), gzipped(&labels))] {
        assert_eq!(from_idx(&images, &labels).unwrap(), records);
    }
}

#[test]
fn broken_idx_is_refused_with_its_place() {
    let (images, labels) = to_idx(&digits(1, 12));
    let (_, other) = to_idx(&digits(1, 11));
    let longer = [&images[..], &[0]].concat();
    let wide = [&images[..8], &[0xFF; 8], &images[16..]].concat();
    let (end, zip) = (images.len() as u64, gzipped(&images));
    for (images, labels, code, place) in [
        (&images[..], &other[..], "CRN-2201", 8),
        (&labels, &labels, "CRN-2201", 4),
        (&images, &images, "CRN-2201", 4),
        (&images[..10], &labels, "CRN-2201", 10),
        (&images[..images.len() - 1], &labels, "CRN-2201", end - 1),
        (&longer, &labels, "CRN-2201", end + 1),
        (&[], &labels, "CRN-2201", 0),
    ] {
        match from_idx(images, labels).unwrap_err() {
            error @ DataError::Idx { offset, .. } => assert_eq!((error.code(), offset), (code, place), "{error}"),
            error => panic!("{error}"),
        }
    }
    assert_eq!(from_idx(&wide, &labels).unwrap_err().code(), "CRN-2206", "nothing is allocated for a header");
    assert_eq!(from_idx(&zip[..zip.len() / 2], &labels).unwrap_err().code(), "CRN-2212");
}

#[test]
fn csv_is_a_label_and_bytes_or_decimals() {
    let plain = from_csv(2, "5,0,255\n7,1,2\n").unwrap();
    assert_eq!((&plain.labels[..], pixels(&plain)), (&[5, 7][..], &[0, 255, 1, 2][..]));
    assert_eq!(from_csv(2, "label,p0,p1\r\n5,0,255\r\n7, 1 ,2").unwrap(), plain);
    let decimals = from_csv(2, "label,a,b\n5,0,-2.5e-3\n7,300,16777217").unwrap();
    assert_eq!(decimals.values, Values::Floats(vec![0.0, -2.5e-3, 300.0, 16_777_216.0]));
    assert_eq!(from_csv(2, "5,0.0,1.0\n7,1,0").unwrap().root(), from_csv(2, "5,0,255\n7,255,0").unwrap().root());
    for (text, words) in [
        ("", "a.csv:1: no records"),
        ("label,p0\n", "a.csv:1: no records"),
        ("5,0,255\n7,1\n", "a.csv:2: "),
        ("5,0,256\n", "a.csv:1: cell 3 is \"256\", an integer from 0 to 255 is wanted"),
        ("5,0,1\n6,0.5,1\n", "a.csv:2: cell 2 is \"0.5\", an integer from 0 to 255 is wanted"),
        ("5,0.5,1\n6,NaN,1\n", "a.csv:2: cell 2 is \"NaN\", a finite decimal is wanted"),
        ("5,0.5,1\n6,1,1e39\n", "a.csv:2: cell 3 is \"1e39\", a finite decimal is wanted"),
        ("5,0,1\nx,0,1\n", "a.csv:2: cell 1 is \"x\", an integer"),
        ("5\n", "a.csv:1: a label and at least one value are wanted"),
        ("5,\u{fffd},0\n", "a.csv:1: cell 2"),
    ] {
        let error = from_csv(2, text).unwrap_err();
        assert!(error.to_string().starts_with(words) && error.code() == "CRN-2202", "{error}");
    }
    let zip = gzipped(b"5,0,255\n");
    let cut = csv::read(&File::of("a.csv.gz", &zip[..zip.len() - 4]), 1, &mut Table::of_width(2));
    assert_eq!(cut.unwrap_err().code(), "CRN-2212", "what the stream refused is not the parser's fault");
}

#[test]
fn a_folder_is_one_part_or_train_and_test() {
    let (one, two) = (digits(1, 30), digits(2, 10));
    let ((i1, l1), (i2, l2)) = (to_idx(&one), to_idx(&two));
    let l2 = gzipped(&l2);
    let pair = [("readme.txt", &b"words"[..]), ("t10k-labels", &l1), ("t10k-images", &i1)];
    let both = [("train-images", &i1[..]), ("t10k-labels", &l2), ("train-labels", &l1), ("t10k-images", &i2)];
    assert_eq!(labels_of(&read(&job(25, 5), &pair).unwrap()), one.labels);
    assert_eq!(labels_of(&read(&job(25, 10), &both).unwrap()), [&one.labels[..25], &two.labels].concat());
    let tables = [("test.csv", &b"1,2"[..]), ("train.csv", b"3,4\n4,5")];
    assert_eq!(labels_of(&read(&narrow(1, 2, 1), &tables).unwrap()), [3, 4, 1]);

    assert_eq!(read(&job(25, 11), &both).unwrap_err().to_string(), "11 test records wanted, 10 there: lower data.test or bring more data");
    assert_eq!(read(&job(25, 6), &pair).unwrap_err().to_string(), "6 test records wanted, 5 there: lower data.test or bring more data");
    assert_eq!(read(&job(31, 1), &pair).unwrap_err().code(), "CRN-2205");
    for files in [&pair[..1], &pair[..2], &[pair[1], pair[2], both[3]][..], &[("a.csv", &b"1,2"[..]), ("b.csv", &b"1,2"[..])]] {
        assert_eq!(read(&job(1, 1), files).unwrap_err().code(), "CRN-2207");
    }
    assert_eq!(
        read(&job(1, 0), &[("a.csv", b"1,2")]).unwrap_err().to_string(),
        "a record's number of values is 1, the model takes 784 (model.input)"
    );
}

#[test]
fn a_label_that_is_no_class_is_refused() {
    assert_eq!(
        read(&narrow(1, 1, 1), &[("a.csv", b"9,2\n10,3")]).unwrap_err().to_string(),
        "a label is 10, the model takes labels below 10 (model.classes)"
    );
}

#[test]
fn built_in_urls_have_one_form() {
    for url in [
        "builtin:letters?seed=1&count=2",
        "builtin:digits",
        "builtin:digits?count=2&seed=1",
        "builtin:digits?seed=1&count=0",
        "builtin:digits?seed=x&count=5",
        "builtin:digits?seed=1&count=1000001",
    ] {
        let job = job(1, 1).with_data(url.to_owned(), [0; 32]);
        assert_eq!(DataSet::builtin(&job).unwrap_err().code(), "CRN-2208", "{url}");
    }
    assert_eq!(DataSet::builtin(&job(1, 1).with_data("https://example.org/x".to_owned(), [0; 32])).unwrap(), None);
}

/// The same records as IDX, gzip, CSV and Parquet are the same set. The roots were computed outside this crate.
#[test]
fn every_format_has_the_golden_root() {
    let (images, labels) = (&include_bytes!("samples/images.idx")[..], &include_bytes!("samples/labels.idx")[..]);
    let (packed, csv) = (gzipped(images), &include_bytes!("samples/bytes.csv")[..]);
    let packed_csv = gzipped(csv);
    let bytes: [&[(&str, &[u8])]; 10] = [
        &[("images.idx", images), ("labels.idx", labels)],
        &[("images.gz", &packed), ("labels.idx", labels)],
        &[("a.csv", csv)],
        &[("a.csv.gz", &packed_csv)],
        &[("list.parquet", include_bytes!("samples/list.parquet"))],
        &[("fixed.parquet", include_bytes!("samples/fixed.parquet"))],
        &[("columns.parquet", include_bytes!("samples/columns.parquet"))],
        &[("binary.parquet", include_bytes!("samples/binary.parquet"))],
        &[("binary.parquet", include_bytes!("samples/fixed_binary.parquet"))],
        &[("scaled.parquet", include_bytes!("samples/scaled.parquet"))],
    ];
    for files in bytes {
        let root = read(&narrow(4, 5, 2), files).unwrap().root();
        assert_eq!(HEXLOWER.encode(&root), "7c82bd82d07bea8dba9b6c98aee5a902159bffd454caf4aef0c34391e620720b", "{files:?}");
    }
    let mixed = [("train.csv", &b"3,0,255,189,24\n0,60,151,242,77"[..]), ("test.parquet", include_bytes!("samples/scaled.parquet"))];
    assert_eq!(labels_of(&read(&narrow(4, 2, 7), &mixed).unwrap()), [3, 0, 3, 0, 9, 1, 4, 1, 5]);
    for files in
        [[("floats.csv", &include_bytes!("samples/floats.csv")[..])], [("floats.parquet", &include_bytes!("samples/floats.parquet")[..])]]
    {
        let root = read(&narrow(4, 2, 1), &files).unwrap().root();
        assert_eq!(HEXLOWER.encode(&root), "03a881f30f28fd2bad50697fc64a0959a6f803ddc682c722a2184af1a0329746", "{files:?}");
    }
}
