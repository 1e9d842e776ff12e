//! Which files of a folder are a data set.
//!
//! Owns the rule as a function of names and first bytes. IDX and Parquet are known by their first bytes, CSV by its name.
//! A part is one images/labels pair, one CSV or one Parquet file. Files named train… are the train part and those named
//! test… or t10k… the test part, if there are both; else all files are one part. Refuses directories and guesses.

use super::file::File;
use super::table::Table;
use super::{csv, idx, parquet};
use crate::error::DataError;

/// What a folder holds.
#[derive(Debug)]
pub enum Parts {
    /// One set of records, split by the job's counts.
    One(Part),
    /// Records to train on, and records to test on.
    Split { train: Part, test: Part },
}

/// The files of one part.
#[derive(Debug)]
pub enum Part {
    Idx { images: File, labels: File },
    Csv(File),
    Parquet(File),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Images,
    Labels,
    Csv,
    Parquet,
}

impl Parts {
    /// The parts among `files`; files of other kinds are ignored. Order does not matter.
    pub fn of(files: &[File]) -> Result<Self, DataError> {
        let known: Vec<(Kind, &File)> = files.iter().filter_map(|file| Some((kind(file)?, file))).collect();
        let named = |prefixes: &[&str]| -> Vec<(Kind, &File)> {
            known.iter().filter(|(_, file)| prefixes.iter().any(|prefix| file.name().starts_with(prefix))).copied().collect()
        };
        let (train, test) = (named(&["train"]), named(&["test", "t10k"]));
        if train.is_empty() || test.is_empty() {
            return Part::of(&known).map(Self::One);
        }
        Ok(Self::Split { train: Part::of(&train)?, test: Part::of(&test)? })
    }
}

impl Part {
    fn of(files: &[(Kind, &File)]) -> Result<Self, DataError> {
        let of = |kind| files.iter().filter(|file| file.0 == kind).map(|file| file.1).collect::<Vec<_>>();
        let (images, labels) = (of(Kind::Images), of(Kind::Labels));
        match (&images[..], &labels[..], &of(Kind::Csv)[..], &of(Kind::Parquet)[..]) {
            (&[images], &[labels], [], []) => Ok(Self::Idx { images: images.clone(), labels: labels.clone() }),
            ([], [], &[file], []) => Ok(Self::Csv(file.clone())),
            ([], [], [], &[file]) => Ok(Self::Parquet(file.clone())),
            ([], [], [], []) => refuse("no IDX images/labels pair, CSV or Parquet file".to_owned()),
            (images, labels, csv, parquet) => {
                let found = [(images, "IDX image"), (labels, "IDX label"), (csv, "CSV"), (parquet, "Parquet")];
                let found: Vec<String> =
                    found.iter().filter(|of| !of.0.is_empty()).map(|of| format!("{} {} files", of.0.len(), of.1)).collect();
                refuse(format!("{}: one images/labels pair, one CSV or one Parquet file is wanted", found.join(", ")))
            }
        }
    }

    /// Appends the first `keep` records, and says how many there are.
    pub fn read(&self, keep: u32, into: &mut Table) -> Result<u32, DataError> {
        match self {
            Self::Idx { images, labels } => idx::read(images, labels, keep, into),
            Self::Csv(file) => csv::read(file, keep, into),
            Self::Parquet(file) => parquet::read(file, keep, into),
        }
    }
}

/// The files of a text: all but hidden ones, in the byte order of their names.
pub fn texts(files: &[File]) -> Vec<File> {
    let mut files: Vec<File> = files.iter().filter(|file| !file.name().starts_with('.')).cloned().collect();
    files.sort_by(|a, b| a.name().as_bytes().cmp(b.name().as_bytes()));
    files
}

fn kind(file: &File) -> Option<Kind> {
    let begins = file.begins();
    match u32::from_be_bytes(begins) {
        idx::IMAGES => Some(Kind::Images),
        idx::LABELS => Some(Kind::Labels),
        _ if &begins == parquet::MAGIC => Some(Kind::Parquet),
        _ if file.name().ends_with(".csv") || file.name().ends_with(".csv.gz") => Some(Kind::Csv),
        _ => None,
    }
}

fn refuse<T>(reason: String) -> Result<T, DataError> {
    Err(DataError::Folder { reason })
}
