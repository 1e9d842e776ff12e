//! Which files of a folder are a data set.
//!
//! Owns the rule as a function of names and bytes: one images/labels pair or one CSV is split by the job's counts; with
//! pairs named train-* and t10k-* the first trains and the second tests. Refuses directories and guesses.

use super::idx::{is_images, is_labels};
use super::set::Records;
use crate::error::DataError;

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// One set of records, split by the job's counts.
    One(Records),
    /// Records to train on, and records to test on.
    Split { train: Records, test: Records },
}

type File<'a> = (&'a str, &'a [u8]);

impl Parts {
    /// The parts among `files`, each given as (name, bytes); files of other kinds are ignored. Order does not matter.
    pub fn of(files: &[(&str, &[u8])]) -> Result<Self, DataError> {
        let named = |prefix: &str| -> Vec<File<'_>> { files.iter().copied().filter(|(name, _)| name.starts_with(prefix)).collect() };
        if let (Some(train), Some(test)) = (pair(&named("train-"))?, pair(&named("t10k-"))?) {
            return Ok(Self::Split { train, test });
        }
        if let Some(records) = pair(files)? {
            return Ok(Self::One(records));
        }
        let tables: Vec<_> = files.iter().filter(|(name, _)| name.ends_with(".csv") || name.ends_with(".csv.gz")).collect();
        match tables[..] {
            [&(name, bytes)] => Records::from_csv(name, bytes).map(Self::One),
            [] => refuse("neither an IDX images/labels pair nor a CSV file".to_owned()),
            _ => refuse(format!("{} CSV files, one is wanted", tables.len())),
        }
    }
}

/// The one images/labels pair among the files; none if there are neither images nor labels.
fn pair(files: &[File<'_>]) -> Result<Option<Records>, DataError> {
    let of = |kind: fn(&[u8]) -> bool| files.iter().copied().filter(|(_, bytes)| kind(bytes)).collect::<Vec<_>>();
    match (&of(is_images)[..], &of(is_labels)[..]) {
        ([], []) => Ok(None),
        ([images], [labels]) => Records::from_idx(*images, *labels).map(Some),
        (images, labels) => refuse(format!("{} IDX image files and {} label files, one of each is wanted", images.len(), labels.len())),
    }
}

fn refuse<T>(reason: String) -> Result<T, DataError> {
    Err(DataError::Folder { reason })
}
