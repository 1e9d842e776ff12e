//! Records, and the data set that a job pins.
//!
//! Owns the decoding rule (a value is its byte ÷ 255, one IEEE division), the root over decoded records, and which record
//! is whose. Refuses order of its own: train records come first, test records after, as the job counts them.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::digits;
use super::folder::Parts;
use crate::bml::{Data, Job};
use crate::error::DataError;
use crate::trace::{Digest, merkle};

/// Records as they were read: one byte for each value, one for each label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// Rows and columns of an image; a CSV line is one row.
    pub rows: u32,
    pub columns: u32,
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

impl Records {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values of one record.
    pub fn width(&self) -> usize {
        self.rows as usize * self.columns as usize
    }

    fn pixels_of(&self, first: usize, count: usize) -> &[u8] {
        &self.pixels[first * self.width()..(first + count) * self.width()]
    }
}

/// The records of one job: `train` of them first, then `test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    width: u32,
    train: u32,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

const MAGIC: &[u8; 4] = b"CRND";

impl DataSet {
    /// The data set of `job` from the parts of a folder: the first `train` records of the train part, and the first
    /// `test` records of the test part; where there is one part, the `test` records after the `train` records.
    ///
    /// The records MUST fit the model, and MUST have the root that the job pins, if it pins one.
    pub fn of(job: &Job, parts: &Parts) -> Result<Self, DataError> {
        let Data { train, test, .. } = job.data;
        let (first, second, offset) = match parts {
            Parts::One(records) => (records, records, train as usize),
            Parts::Split { train, test } => (train, test, 0),
        };
        enough("train", train, first.len())?;
        enough("test", test, second.len().saturating_sub(offset))?;
        if first.width() != second.width() {
            let wanted = format!("{} values as in the train part", first.width());
            return Err(DataError::Unfit { subject: "a test record", found: second.width() as u64, wanted });
        }
        let (train, test) = (train as usize, test as usize);
        let set = Self {
            width: first.width() as u32,
            train: train as u32,
            pixels: [first.pixels_of(0, train), second.pixels_of(offset, test)].concat(),
            labels: [&first.labels[..train], &second.labels[offset..offset + test]].concat(),
        };
        set.check(job)?;
        Ok(set)
    }

    /// The data set of `job` if its URL is one that is generated, such as `builtin:digits?seed=7&count=10000`.
    pub fn builtin(job: &Job) -> Result<Option<Self>, DataError> {
        match digits::from_url(&job.data.url)? {
            None => Ok(None),
            Some(records) => Self::of(job, &Parts::One(records)).map(Some),
        }
    }

    /// Whether the records fit the job's model and counts and have the root that it pins, if it pins one.
    pub fn check(&self, job: &Job) -> Result<(), DataError> {
        self.fits(job)?;
        if let Some(&label) = self.labels.iter().find(|&&label| u32::from(label) >= job.model.classes) {
            return unfit("a label", u64::from(label), format!("labels below {} (model.classes)", job.model.classes));
        }
        match job.data.hash {
            Some(pinned) if pinned != self.root() => {
                Err(DataError::OtherRecords { pinned: HEXLOWER.encode(&pinned), found: HEXLOWER.encode(&self.root()) })
            }
            _ => Ok(()),
        }
    }

    /// Whether width and counts are the job's: what a task asks each time, as it costs nothing.
    pub fn fits(&self, job: &Job) -> Result<(), DataError> {
        if self.width != job.model.input {
            return unfit("a record's number of values", u64::from(self.width), format!("{} (model.input)", job.model.input));
        }
        if (self.train, self.test()) != (job.data.train, job.data.test) {
            let wanted = format!("{} + {} (data.train, data.test)", job.data.train, job.data.test);
            return unfit("the number of records", self.labels.len() as u64, wanted);
        }
        Ok(())
    }

    /// Records to train on.
    pub fn train(&self) -> u32 {
        self.train
    }

    /// Records to test on.
    pub fn test(&self) -> u32 {
        self.labels.len() as u32 - self.train
    }

    /// Merkle root (RFC 6962, SHA-256) of the decoded records: a leaf is a record's values as f32 little-endian, then
    /// its label as one byte.
    pub fn root(&self) -> Digest {
        let leaves: Vec<Digest> =
            self.pixels.chunks(self.width as usize).zip(&self.labels).map(|(pixels, &label)| leaf(pixels, label)).collect();
        merkle::root(&leaves)
    }

    /// Appends the decoded values of record `index` (test records follow the train records).
    pub fn values_into(&self, index: usize, out: &mut Vec<f32>) {
        let width = self.width as usize;
        out.extend(self.pixels[index * width..(index + 1) * width].iter().map(|&byte| decoded(byte)));
    }

    /// The label of record `index`.
    pub fn label(&self, index: usize) -> u32 {
        u32::from(self.labels[index])
    }

    /// The data set as one blob: "CRND"; width, train and test counts (u32 little-endian); labels; bytes of values.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = [self.width, self.train, self.test()].map(u32::to_le_bytes).concat();
        [&MAGIC[..], &head, &self.labels, &self.pixels].concat()
    }

    /// Reads what `to_bytes` writes, and checks it against the job as [`DataSet::check`] does.
    pub fn from_bytes(job: &Job, bytes: &[u8]) -> Result<Self, DataError> {
        let broken = |reason: &str| DataError::Folder { reason: format!("data set blob: {reason}") };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| broken("it does not begin with CRND"))?;
        let (head, rest) = rest.split_first_chunk::<12>().ok_or_else(|| broken("it ends early"))?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (width, train, test) = (word(0), word(4), word(8));
        let records = u64::from(train) + u64::from(test);
        if width == 0 || records * (u64::from(width) + 1) != rest.len() as u64 {
            return Err(broken("its length is not what its counts say"));
        }
        let (labels, pixels) = rest.split_at(records as usize);
        let set = Self { width, train, pixels: pixels.to_vec(), labels: labels.to_vec() };
        set.check(job)?;
        Ok(set)
    }
}

fn unfit(subject: &'static str, found: u64, wanted: String) -> Result<(), DataError> {
    Err(DataError::Unfit { subject, found, wanted })
}

fn enough(part: &'static str, wanted: u32, found: usize) -> Result<(), DataError> {
    if (found as u64) < u64::from(wanted) { Err(DataError::TooFew { part, wanted, found }) } else { Ok(()) }
}

fn leaf(pixels: &[u8], label: u8) -> Digest {
    let mut hash = Sha256::new();
    hash.update([merkle::LEAF]);
    pixels.iter().for_each(|&byte| hash.update(decoded(byte).to_le_bytes()));
    hash.update([label]);
    hash.finalize().into()
}

fn decoded(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}
