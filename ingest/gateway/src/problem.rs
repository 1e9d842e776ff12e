//! Refusals: how this edge says no, as `application/problem+json`.
//!
//! Owns the mapping from what was met to status and code. Refuses prose of its own: titles and next steps stand in the table of codes.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cairn_schemas::problem::{MEDIA_TYPE, Problem};

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
