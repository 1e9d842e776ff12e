//! `POST /v1/sql`: a question as `{"sql": "…"}` or as plain text, the answer as JSON, CSV or Arrow by `Accept`.
//!
//! Owns the stream: rows leave as they are found. Refuses to end well what did not: an error after the first rows breaks the
//! connection off, so that nobody takes a part for the whole.

use super::refusal::Refusal;
use crate::{
    Projections,
    error::SqlError,
    sql::{
        Answer,
        form::{Form, Writer},
    },
};
use arrow::array::RecordBatch;
use axum::{
    body::{Body, Bytes},
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{Stream, stream};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    sql: String,
}

pub(super) async fn answer(
    State(projections): State<Projections>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| SqlError::Refused(rejection.body_text()))?;
    let question = question(&headers, &body)?;
    let form = form(&headers);
    let mut answer = projections.sql(&question).await?;
    // Most errors of running come before the first rows: those still get a status of their own.
    let first = answer.next().await.transpose()?;
    let writer = Writer::new(form, answer.schema())?;
    let mut response = Body::from_stream(pages(answer, first, writer)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    Ok(response)
}

fn question(headers: &HeaderMap, body: &[u8]) -> Result<String, SqlError> {
    let is_json = header_text(headers, header::CONTENT_TYPE).starts_with("application/json") || body.first() == Some(&b'{');
    if is_json {
        let question: Question =
            serde_json::from_slice(body).map_err(|error| SqlError::Refused(format!("the body is not {{\"sql\": \"…\"}}: {error}")))?;
        return Ok(question.sql);
    }
    String::from_utf8(body.to_vec()).map_err(|_| SqlError::Refused("the body is not UTF-8".to_owned()))
}

fn form(headers: &HeaderMap) -> Form {
    let accept = header_text(headers, header::ACCEPT);
    if accept.contains("application/vnd.apache.arrow.stream") {
        Form::Arrow
    } else if accept.contains("text/csv") {
        Form::Csv
    } else {
        Form::Json
    }
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// What is left to send.
enum Left {
    Rows { answer: Answer, ready: Option<RecordBatch>, writer: Writer },
    Nothing,
}

fn pages(answer: Answer, first: Option<RecordBatch>, writer: Writer) -> impl Stream<Item = Result<Vec<u8>, SqlError>> {
    stream::unfold(Left::Rows { answer, ready: first, writer }, |left| async move {
        let Left::Rows { mut answer, ready, mut writer } = left else { return None };
        let batch = match ready {
            Some(batch) => Some(Ok(batch)),
            None => answer.next().await,
        };
        match batch {
            Some(Ok(batch)) => {
                let page = writer.rows(&batch);
                let left = if page.is_ok() { Left::Rows { answer, ready: None, writer } } else { Left::Nothing };
                Some((page, left))
            }
            Some(Err(error)) => Some((Err(error), Left::Nothing)),
            None => Some((writer.end(), Left::Nothing)),
        }
    })
}
