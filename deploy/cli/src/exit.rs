//! Exits: what a command's end means to the shell and to the person before it.
//!
//! Owns the exit codes of the product and how an error is shown: code, what, why, next step. Refuses to hide causes.

use cairn_schemas::{code, problem::Problem};
use std::{fmt, process::ExitCode};

/// How a command can end other than well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Refused or failed.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// What was to be verified does not hold.
    Unverified = 3,
    /// No node answers.
    Unreachable = 4,
    /// Verified as far as possible, but against no trust anchor.
    Unanchored = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error with its exit and its code; the words are the error's own.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub code: String,
    pub next: String,
    pub source: anyhow::Error,
}

impl Failure {
    /// A failure of a registered code.
    pub fn new(exit: Exit, code: &str, source: impl Into<anyhow::Error>) -> Failure {
        let next = code::find(code).map_or("", |entry| entry.next);
        Failure { exit, code: code.to_owned(), next: next.to_owned(), source: source.into() }
    }

    /// A wrong command line or configuration.
    pub fn usage(text: impl fmt::Display) -> Failure {
        Failure::new(Exit::Usage, "CRN-1001", anyhow::anyhow!("{text}"))
    }

    /// What a node refused.
    pub fn refused(problem: &Problem) -> Failure {
        let detail = if problem.detail.is_empty() { String::new() } else { format!(": {}", problem.detail) };
        let source = anyhow::anyhow!("{}{detail}", problem.title);
        Failure { exit: Exit::Failed, code: problem.code.clone(), next: problem.next.clone(), source }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}] {}", self.code, self.source)?;
        for cause in self.source.chain().skip(1) {
            write!(f, "\n  because: {cause}")?;
        }
        if self.next.is_empty() { Ok(()) } else { write!(f, "\n  next: {}", self.next) }
    }
}

/// Any other error is a failure without a code of its own.
impl From<anyhow::Error> for Failure {
    fn from(source: anyhow::Error) -> Failure {
        match source.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(source) => Failure { exit: Exit::Failed, code: "CRN-1000".into(), next: String::new(), source },
        }
    }
}

impl std::error::Error for Failure {}
