//! Problems: what an HTTP route answers when it does not do what was asked (RFC 9457), on every router alike.
//!
//! Owns the body's shape. Refuses wording: title, detail and next step come from the error that was met.

use serde::{Deserialize, Serialize};

/// `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// The stable `CRN-` code.
    pub code: String,
    pub title: String,
    /// What exactly was wrong with this request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// Position of the offending element, where several were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
}

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl Problem {
    /// A problem of a registered code; title and next step come from the table of codes.
    pub fn of(status: u16, code: &str, detail: impl Into<String>) -> Problem {
        let entry = crate::code::find(code);
        Problem {
            status,
            code: code.to_owned(),
            title: entry.map_or("an error without an entry in the table of codes", |entry| entry.title).to_owned(),
            detail: detail.into(),
            next: entry.map_or("", |entry| entry.next).to_owned(),
            index: None,
        }
    }
}
