//! `GET` and `PUT /v1/blobs/{hash}`: large bytes by the BLAKE3 of their content.
//!
//! Owns size and hash checks at the edge. What goes out streams from the store; what comes in is held until its hash is known, within
//! the budget of `body`. Refuses trust: what is stored under a name has that name.

use crate::{Gateway, body::whole, problem::Refusal};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use cairn_log::blobs::BlobError;
use cairn_schemas::{BlobHash, limits};
use futures::{StreamExt, stream};

fn name(text: &str) -> Result<BlobHash, Refusal> {
    text.parse().map_err(|error: cairn_schemas::ids::IdError| Refusal::new(StatusCode::BAD_REQUEST, "CRN-1112", error.to_string()))
}

/// Streams the bytes. Those of a damaged blob break off: the length that was told is not reached.
pub(crate) async fn get(State(gateway): State<Gateway>, Path(hash): Path<String>) -> Result<Response, Refusal> {
    let hash = name(&hash)?;
    let not_got = |error: BlobError| match error {
        BlobError::Missing { .. } => Refusal::new(StatusCode::NOT_FOUND, "CRN-1110", hash.to_string()),
        error => Refusal::new(StatusCode::BAD_GATEWAY, error.code(), error.to_string()),
    };
    let (size, mut chunks) = gateway.blobs.stream(&hash, limits::BLOB_BYTES as u64).await.map_err(not_got)?;
    // What fails at once still gets a status of its own.
    let first = chunks.next().await.transpose().map_err(not_got)?;
    let chunks = stream::iter(first.map(Ok)).chain(chunks);
    let head = [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_LENGTH, size.to_string())];
    Ok((head, Body::from_stream(chunks)).into_response())
}

/// Answers once the bytes are durable: 201.
pub(crate) async fn put(
    State(gateway): State<Gateway>,
    Path(hash): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let hash = name(&hash)?;
    let bytes = whole(&headers, body, limits::BLOB_BYTES).await?;
    let actual = BlobHash(*blake3::hash(&bytes).as_bytes());
    if actual != hash {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "CRN-1109", format!("they hash to {actual}")));
    }
    gateway.blobs.put(bytes).await.map_err(|error| {
        let is_full = matches!(error, BlobError::Full { .. });
        let status = if is_full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::SERVICE_UNAVAILABLE };
        Refusal::new(status, error.code(), error.to_string())
    })?;
    Ok(StatusCode::CREATED)
}
