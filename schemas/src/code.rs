//! Error codes: `CRN-nnnn`, stable, each with a title and the next step for the person who meets it.
//!
//! Owns the one table; every crate's errors name a code that stands here, and a test holds them together.
//! Refuses verdicts and dispositions: those are words in the journal (see [`crate::decision`]).
//!
//! 10xx usage and configuration · 11xx HTTP edge · 20xx events and codecs · 21xx job YAML · 22xx data sets · 23xx programs · 24xx kernels ·
//! 31xx decider and runner · 40xx journal · 51xx log · 52xx snapshots · 53xx blobs · 61xx SQL and tables · 62xx export · 63xx verify · 71xx workers

/// One code as people meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub title: &'static str,
    /// What to do next.
    pub next: &'static str,
}

const fn code(code: &'static str, title: &'static str, next: &'static str) -> Code {
    Code { code, title, next }
}

/// Every code, ascending.
pub const CODES: &[Code] = &[
    code(
        "CRN-2001",
        "the record is not a well-formed signed event",
        "correct the event as the detail says and send it again; nothing was recorded",
    ),
    code("CRN-2002", "the record is larger than an event may be", "put the large part into a blob and name it by hash and size"),
    code(
        "CRN-2003",
        "the record is not canonical",
        "send it through POST /v1/events as JSON, which canonicalises, or encode it as DESIGN says",
    ),
];

/// The entry of a code, if it stands in the table.
pub fn find(code: &str) -> Option<&'static Code> {
    CODES.binary_search_by_key(&code, |entry| entry.code).ok().map(|at| &CODES[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_are_found() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for entry in CODES {
            assert_eq!(find(entry.code), Some(entry));
            assert!(entry.code.len() == 8 && entry.code.starts_with("CRN-"));
        }
        assert_eq!(find("CRN-0000"), None);
    }
}
