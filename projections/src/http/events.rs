//! `GET /v1/events/{id}` and `GET /v1/receipts/{id}`: what was decided on an event, and the proof of it.

use super::refusal::Refusal;
use crate::{
    Projections,
    receipts::{Decided, Receipt},
};
use axum::{
    Json,
    extract::{Path, State},
};

pub(super) async fn event(State(projections): State<Projections>, Path(id): Path<String>) -> Result<Json<Decided>, Refusal> {
    Ok(Json(projections.event(&id).await?))
}

pub(super) async fn receipt(State(projections): State<Projections>, Path(id): Path<String>) -> Result<Json<Receipt>, Refusal> {
    Ok(Json(projections.receipt(&id).await?))
}
