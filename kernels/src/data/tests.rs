//! Data sets: what is read, what is refused, and the digits that never change.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::io::Write;

use data_encoding::HEXLOWER;

use super::{DataSet, Parts, Records};
use crate::bml::Job;
use crate::error::DataError;
use crate::trace::tests::SMALL;

fn job(train: u32, test: u32) -> Job {
    let mut job = Job::parse("job.yaml", SMALL).unwrap();
    (job.data.train, job.data.test) = (train, test);
    job
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_digits_never_change() {
    let records = Records::digits(7, 200);
    assert_eq!((records.len(), records.width()), (200, 784));
    let (images, labels) = records.to_idx();
    assert_eq!(
        blake3::hash(&[images, labels].concat()).to_hex().as_str(),
        "3aff8ae4c5cece6eba948964758b1a30cc7f69bb5d398ee13744f42fccd5814b"
    );
    let shorter = Records::digits(7, 20);
    assert_eq!(shorter.pixels[..], records.pixels[..20 * 784], "a longer set begins with the shorter one");
    assert_ne!(Records::digits(8, 20), shorter);
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
    let mut values = vec![];
    data.values_into(3, &mut values);
    assert!(values.len() == 784 && values.iter().all(|x| (0.0..=1.0).contains(x)));
    let pinned = job.clone().with_data(job.data.url.clone(), data.root());
    assert_eq!(DataSet::builtin(&pinned).unwrap().unwrap(), data);
    let other = pinned.with_data("builtin:digits?seed=8&count=300".to_owned(), data.root());
    assert_eq!(DataSet::builtin(&other).unwrap_err().code(), "CRN-2204");
    assert!(DataSet::builtin(&other.unpinned()).is_ok());
}

#[test]
fn idx_goes_and_comes_back_compressed_or_not() {
    let records = Records::digits(1, 12);
    let (images, labels) = records.to_idx();
    for (images, labels) in [(images.clone(), labels.clone()), (gzipped(&images), gzipped(&labels))] {
        assert_eq!(Records::from_idx(("i", &images), ("l", &labels)).unwrap(), records);
    }
}

#[test]
fn broken_idx_is_refused() {
    let (images, labels) = Records::digits(1, 12).to_idx();
    let (_, other) = Records::digits(1, 11).to_idx();
    let longer = [&images[..], &[0]].concat();
    let overflowing = [&images[..4], &[0xFF; 12], &images[16..]].concat();
    let zip = gzipped(&images);
    for (images, labels) in [
        (&images[..], &other[..]),
        (&labels, &labels),
        (&images, &images),
        (&images[..10], &labels),
        (&images[..images.len() - 1], &labels),
        (&longer, &labels),
        (&overflowing, &labels),
        (&zip[..zip.len() / 2], &labels),
        (&[], &labels),
    ] {
        assert_eq!(Records::from_idx(("i", images), ("l", labels)).unwrap_err().code(), "CRN-2201");
    }
}

#[test]
fn csv_is_a_label_and_bytes() {
    let plain = Records::from_csv("a.csv", b"5,0,255\n7,1,2\n").unwrap();
    assert_eq!((&plain.labels[..], &plain.pixels[..], plain.width()), (&[5, 7][..], &[0, 255, 1, 2][..], 2));
    assert_eq!(Records::from_csv("a.csv", b"label,p0,p1\r\n5,0,255\r\n7, 1 ,2").unwrap(), plain);
    for (text, words) in [
        ("", "a.csv:1: no records"),
        ("label,p0\n", "a.csv:1: no records"),
        ("5,0,255\n7,1\n", "a.csv:2: "),
        ("5,0,256\n", "a.csv:1: cell 3 is \"256\", an integer from 0 to 255 is wanted"),
        ("5,0\n6,0.5\n", "a.csv:2: cell 2 is \"0.5\", an integer from 0 to 255 is wanted"),
        ("5\n", "a.csv:1: a label and at least one value are wanted"),
        ("5,\u{fffd}\n", "a.csv:1: cell 2"),
    ] {
        let error = Records::from_csv("a.csv", text.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(words) && error.code() == "CRN-2202", "{error}");
    }
}

#[test]
fn a_folder_is_one_pair_or_train_and_test() {
    let (one, two) = (Records::digits(1, 30), Records::digits(2, 10));
    let ((i1, l1), (i2, l2)) = (one.to_idx(), two.to_idx());
    let l2 = gzipped(&l2);
    let pair = [("readme.txt", &b"words"[..]), ("t10k-labels", &l1), ("t10k-images", &i1)];
    assert_eq!(Parts::of(&pair).unwrap(), Parts::One(one.clone()));
    let both = [("train-images", &i1[..]), ("t10k-labels", &l2), ("train-labels", &l1), ("t10k-images", &i2)];
    let split = Parts::of(&both).unwrap();
    assert_eq!(split, Parts::Split { train: one.clone(), test: two.clone() });

    let from_split = DataSet::of(&job(25, 10), &split).unwrap();
    assert_eq!((from_split.label(0), from_split.label(25)), (u32::from(one.labels[0]), u32::from(two.labels[0])));
    let from_one = DataSet::of(&job(25, 5), &Parts::One(one.clone())).unwrap();
    assert_eq!(from_one.label(25), u32::from(one.labels[25]));

    assert_eq!(
        DataSet::of(&job(25, 11), &split).unwrap_err().to_string(),
        "11 test records wanted, 10 there: lower data.test or bring more data"
    );
    assert_eq!(DataSet::of(&job(25, 6), &Parts::One(one.clone())).unwrap_err().code(), "CRN-2205");
    for files in [&pair[..1], &pair[..2], &[pair[1], pair[2], both[3]][..], &[("a.csv", &b"1,2"[..]), ("b.csv", &b"1,2"[..])]] {
        assert_eq!(Parts::of(files).unwrap_err().code(), "CRN-2207");
    }
    let csv = Parts::of(&[("a.csv", b"1,2")]).unwrap();
    assert!(matches!(DataSet::of(&job(1, 0), &csv), Err(DataError::Unfit { .. })), "784 values are wanted");
}

#[test]
fn a_label_that_is_no_class_is_refused() {
    let mut records = Records::digits(1, 20);
    records.labels[3] = 10;
    assert_eq!(
        DataSet::of(&job(15, 5), &Parts::One(records)).unwrap_err().to_string(),
        "a label is 10, the model takes labels below 10 (model.classes)"
    );
}

#[test]
fn a_data_set_is_one_blob() {
    let job = job(15, 5);
    let data = DataSet::of(&job, &Parts::One(Records::digits(1, 20))).unwrap();
    let bytes = data.to_bytes();
    assert_eq!(DataSet::from_bytes(&job, &bytes).unwrap(), data);
    for cut in [0, 3, 10, 16, 100, bytes.len() - 1] {
        assert!(DataSet::from_bytes(&job, &bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut other = job.clone().with_data("blob:x".to_owned(), data.root());
    assert!(DataSet::from_bytes(&other, &bytes).is_ok());
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(DataSet::from_bytes(&other, &flipped).unwrap_err().code(), "CRN-2204");
    other.data.train = 14;
    assert_eq!(DataSet::from_bytes(&other, &bytes).unwrap_err().code(), "CRN-2206");
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
