//! Refusals: how this edge says no, as `application/problem+json`.
//!
//! Owns the mapping from what was met to status and code. Refuses prose of its own: titles and next steps stand in the table of codes.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cairn_schemas::problem::{MEDIA_TYPE, Problem};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two warnings that nothing can be stored: whoever sends tries again much more often.
const QUIET: Duration = Duration::from_secs(60);
static WARNED: Mutex<Option<Instant>> = Mutex::new(None);

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub Problem);

impl Refusal {
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Refusal(Problem::of(status.as_u16(), code, detail))
    }

    /// Names which of several elements was at fault.
    pub fn at(mut self, index: usize) -> Self {
        self.0.index = Some(index);
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::INSUFFICIENT_STORAGE {
            warn_of_full(&self.0);
        }
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        // Overload, whatever its status, passes.
        if status == StatusCode::TOO_MANY_REQUESTS || self.0.code == "CRN-1106" {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A full disk is the operator's to mend and no author's, so the node's log tells of it, too.
fn warn_of_full(problem: &Problem) {
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if warned.is_none_or(|before| before.elapsed() >= QUIET) {
        *warned = Some(Instant::now());
        tracing::warn!(code = problem.code, next = problem.next, "{}: {}", problem.title, problem.detail);
    }
}
