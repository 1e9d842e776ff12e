//! `GET /v1/journal?partition&from&wait_ms`: a journal's records as they are, for remote workers and followers; and
//! `GET /v1/journal/chain?partition`: the chain behind those that the gateway has taken, for readers who need no past.
//!
//! Owns the page and its bytes (deterministic CBOR). Refuses judgement: the reader folds and finds out what is valid.

use crate::{Gateway, problem::Refusal};
use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use cairn_log::{Place, ReadError, ReadLimit, Record, Traces};
use cairn_schemas::{ByteString, codec::CodecError, codec::cbor};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    partition: u32,
    from: u64,
    #[serde(default)]
    wait_ms: u64,
}

/// Records of one journal, from the offset asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    pub records: Vec<Frame>,
    /// One past the last visible record at the time of the read.
    pub end: u64,
}

/// One record: its offset, the log's append time in milliseconds since 1970, its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    pub offset: u64,
    pub time: i64,
    pub bytes: ByteString,
}

impl Page {
    /// The media type of a page.
    pub const MEDIA_TYPE: &'static str = "application/cbor";

    pub fn from_cbor(bytes: &[u8]) -> Result<Page, CodecError> {
        cbor::from_slice(bytes)
    }
}

impl From<Record> for Frame {
    fn from(record: Record) -> Self {
        Frame { offset: record.offset, time: record.time, bytes: ByteString(record.bytes.to_vec()) }
    }
}

impl From<Frame> for Record {
    fn from(frame: Frame) -> Self {
        Record { offset: frame.offset, time: frame.time, bytes: frame.bytes.0.into(), traces: Traces::default() }
    }
}

pub(crate) async fn get(
    State(gateway): State<Gateway>,
    ask: Result<Query<Ask>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(ask) = ask.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "CRN-1112", error.body_text()))?;
    let place = Place::journal(ask.partition);
    let wait = Duration::from_millis(ask.wait_ms).min(gateway.options.poll_wait);
    if !wait.is_zero() {
        // A poll that nothing answered ends with an empty page.
        if let Ok(Err(error)) = timeout(wait, gateway.log.wait(&[(place, ask.from)])).await {
            return Err(unread(&error));
        }
    }
    let read = gateway.log.read(place, ask.from, ReadLimit::default()).await.map_err(|error| unread(&error))?;
    let page = Page { records: read.records.into_iter().map(Frame::from).collect(), end: read.end };
    let bytes = cbor::to_vec(&page).map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "CRN-1114", error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, Page::MEDIA_TYPE)], bytes).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    partition: u32,
}

/// The saved form of a chain ([`cairn_log::journal::Chain::to_bytes`]).
pub(crate) async fn chain(
    State(gateway): State<Gateway>,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(Which { partition }) = which.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "CRN-1112", error.body_text()))?;
    let (place, partitions) = (Place::journal(partition), gateway.log.partitions());
    if partition >= partitions {
        return Err(unread(&ReadError::NoSuchPlace { place, partitions }));
    }
    let bytes = gateway.outcomes.chain(partition).to_bytes();
    let bytes = bytes.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "CRN-1114", error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

fn unread(error: &ReadError) -> Refusal {
    let status = match error {
        ReadError::NoSuchPlace { .. } => StatusCode::NOT_FOUND,
        ReadError::BeyondEnd { .. } | ReadError::Truncated { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Refusal::new(status, "CRN-1114", format!("{error} ({})", error.code()))
}
