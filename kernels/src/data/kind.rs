//! What a record is: its shape, and what its labels may be.
//!
//! Owns the question whether records fit a model. Refuses counts of records, which are the set's.

use crate::error::DataError;

/// The type of a set's records, or of those that a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    /// `values` numbers with a label below `classes`.
    Values { values: u32, classes: u32 },
    /// `context` tokens, each with the token that follows it; all are below `vocabulary`.
    Tokens { context: u32, vocabulary: u32 },
}

impl RecordType {
    /// Bytes of one record's features as tensors hold them.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Values { values: elements, .. } | Self::Tokens { context: elements, .. } => 4 * u64::from(elements),
        }
    }

    /// Whether a model that takes records of type `model` takes these: the same shape, and no more classes or tokens.
    pub fn fits(self, model: Self) -> Result<(), DataError> {
        let unfit = |subject, found: u32, wanted: String| Err(DataError::Unfit { subject, found: found.to_string(), wanted });
        match (self, model) {
            (Self::Values { values: found, .. }, Self::Values { values, .. }) if found != values => {
                unfit("a record's number of values", found, format!("{values} (model.input)"))
            }
            (Self::Values { classes: found, .. }, Self::Values { classes, .. }) if found > classes => {
                unfit("a label", found - 1, format!("labels below {classes} (model.classes)"))
            }
            (Self::Tokens { context: found, .. }, Self::Tokens { context, .. }) if found != context => {
                unfit("a record's number of tokens", found, format!("{context} (data.text.context)"))
            }
            (Self::Tokens { vocabulary: found, .. }, Self::Tokens { vocabulary, .. }) if found > vocabulary => {
                unfit("the vocabulary's size", found, format!("at most {vocabulary} (model.vocabulary)"))
            }
            (Self::Values { values: found, .. }, Self::Tokens { .. }) => unfit("a record's number of values", found, "text".to_owned()),
            (Self::Tokens { context: found, .. }, Self::Values { .. }) => {
                unfit("a record's number of tokens", found, "values with a label".to_owned())
            }
            _ => Ok(()),
        }
    }
}
