//! Text: which tokens are whose, what pins a vocabulary, and what is refused.

#![allow(clippy::unwrap_used)]

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::set::Content;
use super::tests::{gzipped, narrow};
use super::text::Text;
use super::{DataSet, File, RecordType};
use crate::bml::{self, Example, Job, Level};
use crate::contract::philox::Site;
use crate::contract::shuffle::Shuffle;
use crate::error::DataError;

fn files(files: &[(&str, &[u8])]) -> Vec<File> {
    files.iter().map(|&(name, bytes)| File::of(name, bytes)).collect()
}

fn text(level: Level, context: u32, records: u32, of: &[(&str, &[u8])]) -> Result<(Text, u32), DataError> {
    Text::read(bml::Text { level, context }, records, &super::folder::texts(&files(of)))
}

/// A set that tests on its last record.
fn set(level: Level, context: u32, records: u32, of: &str) -> DataSet {
    let (text, found) = text(level, context, records, &[("a.txt", of.as_bytes())]).unwrap();
    assert_eq!(found, records);
    DataSet::counted(Content::Text(text), records - 1, 1)
}

/// A job on seven records of text, one of which tests.
fn job() -> Job {
    let example = Example {
        model: "{template: lstm, vocabulary: 29, context: 4, width: 8, depth: 1}",
        data: r#"{url: "file:text", text: {level: char, context: 4}, train: 6, test: 1}"#,
        train: r#"{rounds: 1, epochs: 1, shards: 1, batch: 2, sgd: {rate: "0.1", momentum: "0.9"}, seed: 1, data_seed: 2}"#,
        ..Example::SMALL
    };
    Job::parse("job.yaml", &example.to_string()).unwrap()
}

const WORDS: &str = "naïve café, déjà vu: a ledger of bits";

#[test]
fn a_record_is_tokens_and_those_after_them() {
    let set = set(Level::Byte, 4, 3, "abcdefghijklmnop");
    assert_eq!(set.record_type(), RecordType::Tokens { context: 4, vocabulary: 256 });
    let (features, labels) = (set.features(&[2, 0]), set.labels(&[2, 0]));
    assert_eq!((features.shape(), labels.shape()), (&[2, 4][..], &[2, 4][..]));
    assert_eq!(set.decode(features.integers()).unwrap(), "ijklabcd");
    assert_eq!(set.decode(labels.integers()).unwrap(), "jklmbcde");
    assert_eq!(set.decode(&[104, 105, 256, 0xC3]).unwrap(), "hi\u{fffd}\u{fffd}");
}

#[test]
fn characters_are_places_in_their_own_vocabulary() {
    let set = set(Level::Char, 3, 2, "baèabaè, not read");
    assert_eq!(set.record_type(), RecordType::Tokens { context: 3, vocabulary: 3 });
    assert_eq!(set.features(&[0, 1]).integers(), [1, 0, 2, 0, 1, 0]);
    assert_eq!(set.labels(&[0, 1]).integers(), [0, 2, 0, 1, 0, 2]);
    assert_eq!(set.decode(&[2, 0, 3]).unwrap(), "èa\u{fffd}");
}

/// The roots were computed outside this crate, from the sentences of [`Text::root`].
#[test]
fn roots_and_blobs_never_change() {
    let golden = [
        (
            Level::Byte,
            "a12e767ee42be77ec7308358f07538cb5f6ee43dc00f46e2f409862754fe3431",
            concat!("43524e54", "04000000", "01000000", "01000000", "6e61c3af7665206361"),
        ),
        (
            Level::Char,
            "97d97fbd2c5d8743b633e8c90623db50e720cd06e0c80a36dea5da82038a5e5c",
            concat!(
                "43524e43", "04000000", "01000000", "01000000", "08000000", "20000000", "61000000", "63000000", "65000000", "66000000",
                "6e000000", "76000000", "ef000000", "0500", "0100", "0700", "0600", "0300", "0000", "0200", "0100", "0400"
            ),
        ),
    ];
    for (level, root, blob) in golden {
        let set = set(level, 4, 2, WORDS);
        assert_eq!(HEXLOWER.encode(&set.to_bytes()), blob);
        assert_eq!(HEXLOWER.encode(&set.root()), root);
        assert_eq!(DataSet::unchecked(&set.to_bytes()).unwrap(), set);
    }
}

#[test]
fn the_root_pins_level_context_vocabulary_and_tokens() {
    let root = |level, context, records, of: &str| set(level, context, records, of).root();
    let one = root(Level::Char, 2, 3, "abcabca");
    assert_ne!(one, root(Level::Char, 2, 3, "abdabda"), "the same tokens of other characters");
    assert_ne!(one, root(Level::Byte, 2, 3, "abcabca"));
    assert_ne!(one, root(Level::Char, 3, 2, "abcabca"));
    assert_ne!(one, root(Level::Char, 2, 3, "abcabcb"), "the last label");
    assert_eq!(one, root(Level::Char, 2, 3, "abcabca and what no record needs"));
}

#[test]
fn files_follow_one_another_by_name() {
    let (one, _) = text(Level::Byte, 1, 5, &[("a", b"abcdef")]).unwrap();
    let packed = gzipped(b"def");
    let (two, found) = text(Level::Byte, 1, 5, &[("b.gz", &packed), (".hidden", b"zz"), ("B", b"abc")]).unwrap();
    assert_eq!((two, found), (one, 5));
    let (_, found) = text(Level::Char, 4, 9, &[("a", WORDS.as_bytes())]).unwrap();
    assert_eq!(found, 9, "37 characters are nine records of four and the token after them");
    assert_eq!(text(Level::Char, 4, 10, &[("a", WORDS.as_bytes())]).unwrap().1, 9);
    assert_eq!(text(Level::Char, 4, 10, &[]).unwrap().1, 0);
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let far = [&vec![b'x'; (1 << 16) - 1][..], "é".as_bytes(), &[0xFF]].concat();
    let split = [&vec![b'x'; (1 << 16) - 1][..], "é".as_bytes()].concat();
    for (bytes, place) in [(&b"ab\xFFcd"[..], 2), (b"abc\xC3", 3), (b"\xED\xA0\x80", 0), (&far, (1 << 16) + 1)] {
        let files = [("a", &b"first"[..]), ("b", bytes)];
        match text(Level::Char, 1, 1 << 20, &files).unwrap_err() {
            error @ DataError::Text { offset, .. } => {
                assert_eq!((error.code(), offset), ("CRN-2210", place));
                assert!(error.to_string().starts_with("b: byte "), "{error}");
            }
            error => panic!("{error}"),
        }
        assert!(text(Level::Byte, 1, 1, &files).is_ok(), "bytes are any bytes");
        assert!(text(Level::Char, 1, 4, &files).is_ok(), "what no record needs is not read");
    }
    assert_eq!(text(Level::Char, 1, 1 << 16, &[("a", &split)]).unwrap().1, (1 << 16) - 1, "a character between two chunks");
    let cut = &gzipped(&split)[..40];
    assert_eq!(text(Level::Byte, 1, 1 << 16, &[("a", cut)]).unwrap_err().code(), "CRN-2212");
}

#[test]
fn a_vocabulary_has_a_limit() {
    let all = |count: u32| (0..).filter_map(char::from_u32).take(count as usize).collect::<String>();
    let (text_of_all, found) = text(Level::Char, 1, 65_535, &[("a", all(65_536).as_bytes())]).unwrap();
    assert_eq!((text_of_all.record_type(), found), (RecordType::Tokens { context: 1, vocabulary: 65_536 }, 65_535));
    assert_eq!(text_of_all.labels(&[65_534]).integers(), [65_535]);
    match text(Level::Char, 1, 65_536, &[("a", all(65_537).as_bytes())]).unwrap_err() {
        DataError::Text { offset, reason, .. } => {
            assert_eq!((offset, &*reason), (all(65_536).len() as u64, "more than 65536 different characters"));
        }
        error => panic!("{error}"),
    }
}

#[test]
fn blobs_of_another_vocabulary_are_refused() {
    let good = set(Level::Char, 3, 2, "abcabca").to_bytes();
    let refused = |at: usize, bytes: &[u8], reason: &str| {
        let mut blob = good.clone();
        blob[at..at + bytes.len()].copy_from_slice(bytes);
        let error = DataSet::unchecked(&blob).unwrap_err();
        assert!(error.code() == "CRN-2211" && error.to_string().contains(reason), "{error}");
    };
    refused(20, b"c", "ascending order");
    refused(20, &0xD800u32.to_le_bytes(), "ascending order");
    refused(16, &u32::MAX.to_le_bytes(), "too large");
    refused(32, &[3], "beyond the vocabulary");
    refused(36, &[0, 0, 0, 0, 1, 0, 0], "not in the text");
    refused(0, b"CRNX", "begins with none");
}

#[test]
fn any_batch_alone_is_that_of_the_whole_order() {
    let many = WORDS.repeat(40);
    let set = set(Level::Char, 7, 200, &many);
    let order = Shuffle::new(5, set.train(), Site::Epoch, 3);
    let whole: Vec<u32> = (0..set.train()).map(|place| order.at(place)).collect();
    let (features, labels) = (set.features(&whole), set.labels(&whole));
    for batch in [17u32, 0, 3] {
        let alone: Vec<u32> = (batch * 8..(batch + 1) * 8).map(|place| order.at(place)).collect();
        let span = batch as usize * 56..(batch as usize + 1) * 56;
        assert_eq!(set.features(&alone).integers(), &features.integers()[span.clone()]);
        assert_eq!(set.labels(&alone).integers(), &labels.integers()[span]);
    }
}

#[test]
fn a_job_takes_the_text_that_it_names() {
    let job = job();
    let files = files(&[("a.md", WORDS.as_bytes())]);
    let set = DataSet::read(&job, &files).unwrap();
    assert_eq!((set.train(), set.test(), set.features(&[6]).shape()), (6, 1, &[1, 4][..]));
    let pinned = job.clone().with_data("blob:x".to_owned(), set.root());
    assert_eq!(DataSet::from_bytes(&pinned, &set.to_bytes()).unwrap(), set);
    assert_eq!(DataSet::read(&pinned, &files).unwrap(), set);

    let refused = |change: fn(&mut Job), code: &str, words: &str| {
        let mut other = pinned.clone();
        change(&mut other);
        for error in [DataSet::read(&other, &files).unwrap_err(), DataSet::from_bytes(&other, &set.to_bytes()).unwrap_err()] {
            assert!(error.code() == code && error.to_string().contains(words), "{error}");
        }
    };
    refused(|job| job.data.hash = Some([7; 32]), "CRN-2204", "the job pins 0707");
    refused(|job| job.model = narrow(4, 1, 1).model, "CRN-2206", "a record's number of tokens is 4, the model takes values");
    let training_on = |train| Job { data: bml::Data { train, ..job.data.clone() }, ..job.clone() };
    let few = DataSet::read(&training_on(9), &files).unwrap_err();
    assert_eq!(few.to_string(), "1 test records wanted, 0 there: lower data.test or bring more data");
    let characters: String = ('a'..='~').collect();
    let wide = DataSet::read(&training_on(7), &[File::of("a", characters.repeat(2).as_bytes())]).unwrap_err();
    assert_eq!(
        (wide.code(), &*wide.to_string()),
        ("CRN-2206", "the vocabulary's size is 30, the model takes at most 29 (model.vocabulary)")
    );
}

#[test]
fn a_set_of_another_kind_is_refused() {
    let job = job();
    let set = DataSet::read(&job, &files(&[("a.md", WORDS.as_bytes())])).unwrap();
    let mut bytes = job.clone();
    bytes.data.text = Some(bml::Text { level: Level::Byte, context: 4 });
    assert_eq!(set.check(&bytes).unwrap_err().to_string(), "a token is a character, the model takes a byte (data.text.level)");
    let mut longer = job.clone();
    longer.data.text = Some(bml::Text { level: Level::Char, context: 3 });
    let read = DataSet::read(&longer, &files(&[("a.md", WORDS.as_bytes())])).unwrap_err();
    assert_eq!(read.to_string(), "a record's number of tokens is 3, the model takes 4 (data.text.context)");
    let digits = DataSet::builtin(&super::tests::job(6, 1)).unwrap().unwrap();
    let code = DataSet::from_bytes(&job, &digits.to_bytes()).unwrap_err();
    assert_eq!(code.to_string(), "a record's number of values is 784, the model takes text");
    let built_in = job.with_data("builtin:digits?seed=7&count=10".to_owned(), [0; 32]);
    assert_eq!(DataSet::builtin(&built_in).unwrap_err().code(), "CRN-2206");
}

proptest! {
    /// However a text is cut into files, it is the same set; its blob is the set, and its tokens are the text.
    #[test]
    fn a_text_is_its_characters(of in "\\PC{10,60}", cut in 0usize..60, context in 1u32..5, byte in any::<bool>()) {
        let level = if byte { Level::Byte } else { Level::Char };
        let tokens = if byte { of.len() } else { of.chars().count() };
        let records = (tokens as u32 - 1) / context;
        let cut = of.floor_char_boundary(cut);
        let whole = text(level, context, records, &[("a", of.as_bytes())]).unwrap();
        let parts = text(level, context, records, &[("b", &of.as_bytes()[cut..]), ("a", &of.as_bytes()[..cut])]).unwrap();
        prop_assert_eq!(&whole, &parts);
        let set = DataSet::counted(Content::Text(whole.0), records - 1, 1);
        prop_assert_eq!(&DataSet::unchecked(&set.to_bytes()).unwrap(), &set);
        let all: Vec<u32> = (0..records).collect();
        let read = set.decode(set.features(&all).integers()).unwrap();
        let used = (records * context) as usize;
        let wanted = if byte { String::from_utf8_lossy(&of.as_bytes()[..used]).into_owned() } else { of.chars().take(used).collect() };
        prop_assert_eq!(read, wanted);
    }
}
