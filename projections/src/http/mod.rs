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
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use refusal::Refusal;

/// The routes of the read side, to be merged with the gateway's. What was decided before a request came, its answer shows.
pub fn router(projections: Projections) -> Router {
    Router::new()
        .route("/v1/sql", post(sql::answer))
        .route("/v1/events/{id}", get(events::event))
        .route("/v1/receipts/{id}", get(events::receipt))
        .route("/v1/realms", get(realms::realms))
        .route_layer(middleware::from_fn_with_state(projections.clone(), fresh))
        .with_state(projections)
}

/// Lets a request through once the tables show all that was decided before it, so that nobody misses what was acknowledged.
async fn fresh(State(projections): State<Projections>, request: Request, next: Next) -> Response {
    if !takes_stale(request.headers())
        && let Err(behind) = projections.wait_fresh().await
    {
        return Refusal::from(behind).into_response();
    }
    next.run(request).await
}

/// `Cache-Control: max-stale` (RFC 9111, 5.2.1.2): whatever the tables show now will do.
fn takes_stale(headers: &HeaderMap) -> bool {
    let directives = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    directives.map(str::trim).any(|directive| directive.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("max-stale")))
}
