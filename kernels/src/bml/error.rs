//! What is wrong with a job's YAML, and where.
//!
//! Owns the faults, their codes and the line that people see. Refuses a fault without a position.

/// A fault at a place of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column} {fault}")]
pub struct JobError {
    /// The file as the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub fault: Fault,
}

impl JobError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }

    /// The line that a command prints: `error[CRN-2103] job.yaml:3:33 unknown key "hiden"; did you mean "hidden"?`
    pub fn render(&self) -> String {
        format!("error[{}] {self}", self.code())
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No YAML of the subset that jobs use.
    #[error("{0}")]
    Syntax(String),
    /// The text or its nesting is beyond the limits.
    #[error("{subject} is {size}, at most {limit} is taken")]
    TooLarge { subject: &'static str, size: usize, limit: usize },
    /// A key that jobs do not have.
    #[error("unknown key {key:?}{}", did_you_mean(nearest))]
    UnknownKey { key: String, nearest: Option<&'static str> },
    /// A key that is not there.
    #[error("key {key:?} is missing")]
    MissingKey { key: String },
    /// A key that is there twice.
    #[error("key {key:?} is there twice")]
    RepeatedKey { key: String },
    /// A list where a value was wanted, and the like.
    #[error("{key}: {wanted} is wanted, this is {found}")]
    Kind { key: String, wanted: &'static str, found: &'static str },
    /// A value that cannot be read.
    #[error("{key}: {found:?} is not {wanted}{}", did_you_mean(nearest))]
    Value { key: String, found: String, wanted: String, nearest: Option<&'static str> },
    /// Values that do not go together.
    #[error("{0}")]
    Combination(String),
}

impl Fault {
    fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "CRN-2101",
            Self::TooLarge { .. } => "CRN-2102",
            Self::UnknownKey { .. } => "CRN-2103",
            Self::MissingKey { .. } => "CRN-2104",
            Self::RepeatedKey { .. } => "CRN-2105",
            Self::Kind { .. } => "CRN-2106",
            Self::Value { .. } => "CRN-2107",
            Self::Combination(_) => "CRN-2108",
        }
    }
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map_or(String::new(), |nearest| format!("; did you mean {nearest:?}?"))
}

/// The candidate that a typing error away from `word` would be, if one is near enough to be meant.
pub fn nearest(word: &str, candidates: &[&'static str]) -> Option<&'static str> {
    candidates
        .iter()
        .map(|&candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
