//! Refusals: how these routes say no, as `application/problem+json`.
//!
//! Owns the status of each error. Refuses prose: titles and next steps stand in the table of codes.

use crate::error::SqlError;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cairn_schemas::problem::{MEDIA_TYPE, Problem};

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(super) struct Refusal(Problem);

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        let status = match &error {
            SqlError::Refused(_) | SqlError::Growing(_) | SqlError::Invalid(_) | SqlError::NoEventId { .. } => StatusCode::BAD_REQUEST,
            SqlError::NoSuchEvent { .. } => StatusCode::NOT_FOUND,
            SqlError::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            SqlError::Behind { .. } | SqlError::Silent { .. } | SqlError::Journal { .. } => StatusCode::SERVICE_UNAVAILABLE,
            SqlError::TimedOut { .. } | SqlError::Memory(_) | SqlError::TooManyRows { .. } | SqlError::TooManyBytes { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            SqlError::Failed(_) | SqlError::Format { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal(Problem::of(status.as_u16(), error.code(), error.to_string()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, serde_json::to_vec(&self.0).unwrap_or_default()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
