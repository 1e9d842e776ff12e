//! The routes that read: SQL, events, receipts, realms.
//!
//! Owns paths and media types. Refuses to write (events are sent to the gateway) and to know a question's answer: see [`crate::sql`]
//! and [`crate::receipts`].

mod events;
mod realms;
mod refusal;
mod sql;
#[cfg(test)]
mod tests;

use crate::Projections;
use axum::{
    Router,
    routing::{get, post},
};

/// The routes of the read side, to be merged with the gateway's.
pub fn router(projections: Projections) -> Router {
    Router::new()
        .route("/v1/sql", post(sql::answer))
        .route("/v1/events/{id}", get(events::event))
        .route("/v1/receipts/{id}", get(events::receipt))
        .route("/v1/realms", get(realms::realms))
        .with_state(projections)
}
