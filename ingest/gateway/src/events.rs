//! `POST /v1/events`: one event or many, as JSON or COSE; appended (202), or decided (200) with `?wait=decided`.
//!
//! Owns the bodies of request and answer. Refuses what `intake` refuses, before anything is written.

use crate::{
    Gateway,
    body::whole,
    intake::Accepted,
    outcome::{Expectation, Key, Outcome},
    problem::Refusal,
    spans,
};
use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use cairn_schemas::limits;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

/// One request's bytes: a thousand events of the usual size, or a few hundred of the largest.
const BODY_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    wait: Option<Wait>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Wait {
    Decided,
}

/// The answer for one event.
#[derive(Debug, Serialize)]
struct Answer {
    id: String,
    event_hash: String,
    topic: &'static str,
    partition: u32,
    offset: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    decided: Option<Outcome>,
}

pub(crate) async fn post(
    State(gateway): State<Gateway>,
    ask: Result<Query<Ask>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let Query(ask) = ask.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "CRN-1112", error.body_text()))?;
    let body = whole(&headers, body, BODY_BYTES).await?;
    let (events, many) = read(&gateway, &headers, &body)?;
    let expected: Vec<_> = match ask.wait {
        Some(Wait::Decided) => events.iter().map(|event| gateway.outcomes.expect(Key::Event(event.hash))).collect(),
        None => Vec::new(),
    };
    let offsets = gateway.intake.append(&events).await?;
    let mut answers: Vec<Answer> = events.iter().zip(&offsets).map(|(event, offset)| Answer::appended(event, *offset)).collect();
    if ask.wait.is_none() {
        return Ok(respond(StatusCode::ACCEPTED, answers, many));
    }
    spans::wait().over(decided(&gateway, &events, expected, &mut answers)).await?;
    Ok(respond(StatusCode::OK, answers, many))
}

/// Adds to each answer what became of its event.
async fn decided(gateway: &Gateway, events: &[Accepted], expected: Vec<Expectation>, answers: &mut [Answer]) -> Result<(), Refusal> {
    let until = Instant::now() + gateway.options.decided_wait;
    for ((answer, event), mut by_hash) in answers.iter_mut().zip(events).zip(expected) {
        let mut by_place = gateway.outcomes.expect(Key::Record(event.partition, event.topic, answer.offset));
        let outcome = async {
            // The verdict first: of two copies in one block, one is decided and the other disposed of as its duplicate.
            tokio::select! { biased; told = by_hash.outcome() => told, told = by_place.outcome() => told }
        };
        let Some(told) = timeout_at(until, outcome).await.ok().flatten() else {
            let detail = format!("event {} is durable, its verdict is not known yet", event.hash);
            return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "CRN-1107", detail));
        };
        answer.offset = told.offset;
        answer.decided = Some(told);
    }
    Ok(())
}

impl Answer {
    fn appended(event: &Accepted, offset: u64) -> Self {
        Answer {
            id: event.id.clone(),
            event_hash: event.hash.to_string(),
            topic: event.topic.name(),
            partition: event.partition,
            offset,
            decided: None,
        }
    }
}

/// An array is answered with an array, one event with one object.
fn respond(status: StatusCode, mut answers: Vec<Answer>, many: bool) -> Response {
    match answers.pop() {
        Some(only) if !many => (status, Json(only)).into_response(),
        last => {
            answers.extend(last);
            (status, Json(answers)).into_response()
        }
    }
}

fn read(gateway: &Gateway, headers: &HeaderMap, body: &[u8]) -> Result<(Vec<Accepted>, bool), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    match kind.split(';').next().unwrap_or("").trim() {
        "application/json" => read_json(gateway, body),
        "application/cose" => Ok((gateway.intake.read_cose(&[body])?, false)),
        "application/cbor-seq" => Ok((gateway.intake.read_cose(&split(body)?)?, true)),
        other => Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "CRN-1101", format!("Content-Type is {other}"))),
    }
}

fn read_json(gateway: &Gateway, body: &[u8]) -> Result<(Vec<Accepted>, bool), Refusal> {
    let many = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !many {
        return Ok((gateway.intake.read_json(&[body])?, false));
    }
    // Only the array is read here; what its elements say, and whether they say it strictly, is for `intake`.
    let events: Vec<&RawValue> =
        serde_json::from_slice(body).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "CRN-1101", error.to_string()))?;
    let texts: Vec<&[u8]> = events.iter().map(|event| event.get().as_bytes()).collect();
    Ok((gateway.intake.read_json(&texts)?, true))
}

/// Splits a CBOR sequence (RFC 8742) of COSE_Sign1 at the lengths that their heads state.
fn split(mut body: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let mut records = Vec::new();
    while !body.is_empty() {
        let broken = || Refusal::new(StatusCode::BAD_REQUEST, "CRN-1101", "not a sequence of CBOR items").at(records.len());
        if records.len() == limits::EVENTS_PER_REQUEST {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "CRN-1102", format!("more than {}", records.len())));
        }
        let length = cairn_schemas::codec::cbor::first_item(body).map_err(|_| broken())?;
        let (item, rest) = body.split_at_checked(length).ok_or_else(broken)?;
        records.push(item);
        body = rest;
    }
    Ok(records)
}
