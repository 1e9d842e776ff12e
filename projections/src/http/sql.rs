//! `POST /v1/sql`: a question as `{"sql": "…"}` or as plain text, the answer as JSON, CSV or Arrow by `Accept`.
//!
//! Owns the stream: rows leave as they are found, for as long as a question may take. Refuses to end well what did not: an error after the first rows breaks the
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
use tokio::{sync::mpsc, time::timeout_at};

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

/// The answer's bytes. The question runs on its own: a reader who stops reading holds its place among the questions no longer than a
/// question may take, and what it has not read by then breaks off.
fn pages(answer: Answer, first: Option<RecordBatch>, writer: Writer) -> impl Stream<Item = Result<Vec<u8>, SqlError>> {
    let (send, receive) = mpsc::channel(1);
    let (deadline, late) = (answer.deadline(), answer.late());
    tokio::spawn(async move {
        // Past the deadline everything is dropped, and the channel closes without an end.
        let _ = timeout_at(deadline, write(answer, first, writer, send)).await;
    });
    stream::unfold(Some((receive, late)), |left| async move {
        let (mut receive, late) = left?;
        match receive.recv().await {
            Some(Page::Rows(bytes)) => Some((Ok(bytes), Some((receive, late)))),
            Some(Page::End(end)) => Some((end, None)),
            None => Some((Err(late), None)),
        }
    })
}

/// A part of an answer.
enum Page {
    Rows(Vec<u8>),
    /// The last one, good or bad.
    End(Result<Vec<u8>, SqlError>),
}

async fn write(mut answer: Answer, first: Option<RecordBatch>, mut writer: Writer, send: mpsc::Sender<Page>) {
    let mut next = first.map(Ok);
    let end = loop {
        let batch = match next.take() {
            Some(batch) => Some(batch),
            None => answer.next().await,
        };
        let page = match batch {
            Some(Ok(batch)) => writer.rows(&batch),
            Some(Err(error)) => break Err(error),
            None => break writer.end(),
        };
        match page {
            Ok(bytes) => {
                if send.send(Page::Rows(bytes)).await.is_err() {
                    return;
                }
            }
            Err(error) => break Err(error),
        }
    };
    // Its place is free for others, even if the reader is slow to take the end.
    drop(answer);
    // A reader that went away misses nothing.
    let _ = send.send(Page::End(end)).await;
}
