//! The data set of a job: its records as tensors, and the root that the job pins.
//!
//! Owns which records are whose: train records come first, test records after, as the job counts them. Refuses order of
//! its own, and what a record is made of: `table` and `text` know.

use data_encoding::HEXLOWER;

use super::digits;
use super::file::File;
use super::folder::{Parts, texts};
use super::kind::RecordType;
use super::table::Table;
use super::text::Text;
use crate::bml::{Data, Job, Level};
use crate::error::DataError;
use crate::exec::Tensor;
use crate::trace::Digest;

/// The records of one job: `train` of them first, then `test`.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    pub(super) content: Content,
    train: u32,
    test: u32,
    root: Digest,
}

/// Records of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Table(Table),
    Text(Text),
}

impl DataSet {
    /// Reads the data set of `job` from the files of a folder, in any order.
    ///
    /// Of values: the first `train` records of the train part, and the first `test` records of the test part; where there is
    /// one part, the `test` records after the `train` records. Of text: all files, by name, one after another.
    /// The records MUST fit the model, and MUST have the root that the job pins, if it pins one.
    pub fn read(job: &Job, files: &[File]) -> Result<Self, DataError> {
        let Data { train, test, text, .. } = job.data;
        if let Some(text) = text {
            let (text, found) = Text::read(text, train + test, &texts(files))?;
            enough(job, found)?;
            return Self::of(job, Content::Text(text));
        }
        let mut table = Table::of_width(width(job)?);
        match Parts::of(files)? {
            Parts::One(part) => enough(job, part.read(train + test, &mut table)?)?,
            Parts::Split { train: first, test: second } => {
                enough_of("train", train, first.read(train, &mut table)?)?;
                enough_of("test", test, second.read(test, &mut table)?)?;
            }
        }
        Self::of(job, Content::Table(table))
    }

    /// The data set of `job` if its URL is one that is generated, such as `builtin:digits?seed=7&count=10000`.
    pub fn builtin(job: &Job) -> Result<Option<Self>, DataError> {
        let Some((seed, count)) = digits::from_url(&job.data.url)? else { return Ok(None) };
        enough(job, count)?;
        let mut table = Table::of_width(width(job)?);
        table.takes(digits::WIDTH.into())?;
        digits::draw_into(&mut table, seed, job.data.train + job.data.test);
        Self::of(job, Content::Table(table)).map(Some)
    }

    fn of(job: &Job, content: Content) -> Result<Self, DataError> {
        let set = Self::counted(content, job.data.train, job.data.test);
        set.check(job)?;
        Ok(set)
    }

    /// A set of exactly these records.
    pub(super) fn counted(content: Content, train: u32, test: u32) -> Self {
        let root = match &content {
            Content::Table(table) => table.root(),
            Content::Text(text) => text.root(),
        };
        Self { content, train, test, root }
    }

    /// Whether the records fit the job's model and counts and have the root that it pins, if it pins one.
    pub fn check(&self, job: &Job) -> Result<(), DataError> {
        self.fits(job)?;
        match job.data.hash {
            Some(pinned) if pinned != self.root => {
                Err(DataError::OtherRecords { pinned: HEXLOWER.encode(&pinned), found: HEXLOWER.encode(&self.root) })
            }
            _ => Ok(()),
        }
    }

    /// Whether type and counts of the records are the job's: what a task asks each time, as it costs little.
    pub fn fits(&self, job: &Job) -> Result<(), DataError> {
        self.record_type().fits(job.record_type())?;
        let (found, wanted) = (self.level(), job.data.text.map(|text| text.level));
        if found != wanted {
            let named = |level| if level == Some(Level::Char) { "a character" } else { "a byte" };
            let wanted = format!("{} (data.text.level)", named(wanted));
            return Err(DataError::Unfit { subject: "a token", found: named(found).to_owned(), wanted });
        }
        if (self.train, self.test) != (job.data.train, job.data.test) {
            let wanted = format!("{} + {} (data.train, data.test)", job.data.train, job.data.test);
            let found = format!("{} + {}", self.train, self.test);
            return Err(DataError::Unfit { subject: "the number of records", found, wanted });
        }
        Ok(())
    }

    /// Records to train on: 0 to `train` − 1.
    pub fn train(&self) -> u32 {
        self.train
    }

    /// Records to test on: those after them.
    pub fn test(&self) -> u32 {
        self.test
    }

    /// What a record is.
    pub fn record_type(&self) -> RecordType {
        match &self.content {
            Content::Table(table) => table.record_type(),
            Content::Text(text) => text.record_type(),
        }
    }

    /// Merkle root of the decoded records; of text also of its vocabulary.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// The features of some records: values as f32 \[records, values\], tokens as u32 \[records, context\].
    ///
    /// Panics, as [`DataSet::labels`] does, if there is no such record: they are below `train` + `test`.
    pub fn features(&self, records: &[u32]) -> Tensor {
        match &self.content {
            Content::Table(table) => table.features(records),
            Content::Text(text) => text.features(records),
        }
    }

    /// The labels of some records: u32 \[records\], or the token after each token as u32 \[records, context\].
    pub fn labels(&self, records: &[u32]) -> Tensor {
        match &self.content {
            Content::Table(table) => table.labels(records),
            Content::Text(text) => text.labels(records),
        }
    }

    /// The text of some tokens; none if these are no tokens' records.
    pub fn decode(&self, tokens: &[u32]) -> Option<String> {
        match &self.content {
            Content::Table(_) => None,
            Content::Text(text) => Some(text.decode(tokens)),
        }
    }

    fn level(&self) -> Option<Level> {
        match &self.content {
            Content::Table(_) => None,
            Content::Text(text) => Some(text.level()),
        }
    }
}

/// The width of a table for the job's model.
fn width(job: &Job) -> Result<u32, DataError> {
    match job.record_type() {
        RecordType::Values { values, .. } => Ok(values),
        RecordType::Tokens { context, .. } => {
            let wanted = format!("text of {context} tokens: name it by data.url and data.text");
            Err(DataError::Unfit { subject: "a record", found: "values with a label".to_owned(), wanted })
        }
    }
}

/// Whether `found` records are enough for both parts.
fn enough(job: &Job, found: u32) -> Result<(), DataError> {
    enough_of("train", job.data.train, found)?;
    enough_of("test", job.data.test, found - job.data.train)
}

fn enough_of(part: &'static str, wanted: u32, found: u32) -> Result<(), DataError> {
    if found < wanted { Err(DataError::TooFew { part, wanted, found }) } else { Ok(()) }
}
