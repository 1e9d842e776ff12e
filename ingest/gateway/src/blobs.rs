//! `GET` and `PUT /v1/blobs/{hash}`: large bytes by the BLAKE3 of their content.
//!
//! Owns size and hash checks at the edge. Refuses trust: what is stored under a name has that name.

use crate::{Gateway, problem::Refusal};
use axum::{
    body::{self, Body},
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use cairn_log::blobs::BlobError;
use cairn_schemas::{BlobHash, limits};

fn name(text: &str) -> Result<BlobHash, Refusal> {
    text.parse().map_err(|error: cairn_schemas::ids::IdError| Refusal::new(StatusCode::BAD_REQUEST, "CRN-1112", error.to_string()))
}

pub(crate) async fn get(State(gateway): State<Gateway>, Path(hash): Path<String>) -> Result<Response, Refusal> {
    let hash = name(&hash)?;
    match gateway.blobs.get(&hash, limits::BLOB_BYTES as u64).await {
        Ok(bytes) => Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()),
        Err(BlobError::Missing { .. }) => Err(Refusal::new(StatusCode::NOT_FOUND, "CRN-1110", hash.to_string())),
        Err(error) => Err(Refusal::new(StatusCode::BAD_GATEWAY, error.code(), error.to_string())),
    }
}

/// Answers once the bytes are durable: 201.
pub(crate) async fn put(State(gateway): State<Gateway>, Path(hash): Path<String>, body: Body) -> Result<StatusCode, Refusal> {
    let hash = name(&hash)?;
    let bytes = body::to_bytes(body, limits::BLOB_BYTES).await.map_err(|_| {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "CRN-1103", format!("more than {} bytes, or it broke off", limits::BLOB_BYTES))
    })?;
    let actual = BlobHash(blake3_of(&bytes));
    if actual != hash {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "CRN-1109", format!("they hash to {actual}")));
    }
    gateway.blobs.put(bytes).await.map_err(|error| Refusal::new(StatusCode::INSUFFICIENT_STORAGE, error.code(), error.to_string()))?;
    Ok(StatusCode::CREATED)
}

fn blake3_of(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}
