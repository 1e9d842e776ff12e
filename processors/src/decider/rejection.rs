//! Rejections and halts: the two ways in which the decider says no.
//!
//! Owns what a book answers to an event it turns down, and what stops a partition.
//! Refuses dispositions: those are admission's answer to records that never reach a book.

use cairn_schemas::{codec::CodecError, decision::RejectionCode, decision::Verdict};

/// Longest detail of a rejection, bytes: it is for people, and it lies in the journal for good.
const DETAIL_BYTES: usize = 256;

/// Why a book turns an admitted event down. It changes nothing; the event's seq is consumed all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub code: RejectionCode,
    /// For people; empty if the code says it all.
    pub detail: String,
}

impl Rejection {
    /// A rejection with a sentence for people, cut to what a journal should carry.
    pub fn because(code: RejectionCode, detail: impl Into<String>) -> Rejection {
        let mut detail = detail.into();
        let mut end = detail.len().min(DETAIL_BYTES);
        while !detail.is_char_boundary(end) {
            end -= 1;
        }
        detail.truncate(end);
        Rejection { code, detail }
    }
}

impl From<RejectionCode> for Rejection {
    fn from(code: RejectionCode) -> Rejection {
        Rejection { code, detail: String::new() }
    }
}

impl From<Rejection> for Verdict {
    fn from(rejection: Rejection) -> Verdict {
        Verdict::Rejected { code: rejection.code, detail: rejection.detail }
    }
}

/// Turns the event down with `code` unless `holds`.
pub fn require(holds: bool, code: RejectionCode) -> Result<(), Rejection> {
    if holds { Ok(()) } else { Err(code.into()) }
}

/// Why a partition stops. The state it was raised from is worthless: load a snapshot, or fold again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// A recorded fact does not fit the state that the journal led to.
    #[error("the recorded fact {fact} does not apply: {why}")]
    Fact { fact: &'static str, why: String },
    /// Something that must always hold does not.
    #[error("the book of {book} broke its promise: {why}")]
    Invariant { book: &'static str, why: String },
    /// The genesis document cannot begin this partition.
    #[error("genesis cannot begin partition {partition}: {why}")]
    Genesis { partition: u32, why: String },
    /// The decider panicked on a tick, which has no author to answer to.
    #[error("the decider panicked on the tick {tick}")]
    Tick { tick: &'static str },
    /// A snapshot of the state cannot be written or read.
    #[error("the state's bytes")]
    Bytes(#[source] CodecError),
}

impl Halt {
    /// The stable code for operators.
    pub const fn code(&self) -> &'static str {
        match self {
            Halt::Fact { .. } => "CRN-3103",
            Halt::Invariant { .. } => "CRN-3102",
            Halt::Genesis { .. } => "CRN-4007",
            Halt::Tick { .. } => "CRN-3109",
            Halt::Bytes(_) => "CRN-3107",
        }
    }

    /// A broken invariant of `book`.
    pub fn invariant(book: &'static str, why: impl Into<String>) -> Halt {
        Halt::Invariant { book, why: why.into() }
    }

    /// A recorded fact that does not apply.
    pub fn fact(fact: &'static str, why: impl Into<String>) -> Halt {
        Halt::Fact { fact, why: why.into() }
    }
}
