//! The gateway: the HTTP edge where events come in, and where journal and blobs go out.
//!
//! Owns the routes `/v1/events` (POST), `/v1/journal`, `/v1/journal/chain`, `/v1/blobs/{hash}`, `/healthz`, `/readyz`, `/metrics`: it reads strictly,
//! canonicalises, checks signatures, limits, appends, and tells what became of an event. Refuses decisions (the journal's), SQL and
//! receipts (the projections'), and anything that would make an answer before the log is durable.

mod blobs;
mod body;
mod edge;
mod events;
mod health;
mod intake;
mod journal;
mod metrics;
mod outcome;
mod problem;
mod quota;
mod serve;
mod spans;

pub use edge::Token;
pub use health::{Health, Trouble};
pub use intake::{Accepted, Intake, IntakeError};
pub use journal::{Frame, Page};
pub use metrics::Metrics;
pub use outcome::{Outcome, Outcomes};
pub use problem::Refusal;
pub use quota::Quotas;
pub use serve::{Limits, serve};

use axum::{Router, middleware, routing};
use cairn_log::{EventLog, blobs::Blobs};
use cairn_schemas::limits;
use std::{sync::Arc, time::Duration};

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Hosts (with port) under which browsers may reach the node; others are refused.
    pub hosts: Vec<String>,
    /// What every request must carry as a bearer token, where anything but loopback is served.
    pub token: Option<Token>,
    /// Requests that may be under way at once; more are answered 429.
    pub concurrency: usize,
    /// Records appended and not yet decided, over all topics of a partition and whoever appended them, beyond which events are answered 429.
    pub max_lag: u64,
    /// What one key, and all strangers of a realm together, may have under way; beyond, 429.
    pub quotas: Quotas,
    /// Bytes of blobs that may be on their way in at once; beyond, 429.
    pub blob_bytes: usize,
    /// The same of all other request bodies.
    pub body_bytes: usize,
    /// How long a body may take, beside a second for each [`limits::BODY_BYTES_PER_SECOND`]; then 408.
    pub body_wait: Duration,
    /// Longest time that `?wait=decided` waits.
    pub decided_wait: Duration,
    /// Longest time that a poll of the journal waits.
    pub poll_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            hosts: Vec::new(),
            token: None,
            concurrency: 1_024,
            max_lag: 100_000,
            quotas: Quotas::default(),
            blob_bytes: limits::BLOB_BYTES_UNDER_WAY,
            body_bytes: limits::BODY_BYTES_UNDER_WAY,
            body_wait: Duration::from_secs(10),
            decided_wait: Duration::from_secs(30),
            poll_wait: Duration::from_secs(20),
        }
    }
}

/// What the routes share.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub log: Arc<dyn EventLog>,
    pub blobs: Blobs,
    pub intake: Intake,
    pub outcomes: Outcomes,
    pub options: Options,
}

/// What every role answers for: how the process is.
#[derive(Clone, Debug)]
pub(crate) struct Vitals {
    pub log: Arc<dyn EventLog>,
    pub metrics: Metrics,
    pub health: Health,
}

/// `/healthz`, `/readyz` and `/metrics`, which every role answers; `metrics` is what the last shows, `health` what the second asks.
pub fn vitals(log: Arc<dyn EventLog>, metrics: Metrics, health: Health) -> Router {
    Router::new()
        .route("/healthz", routing::get(health::healthz))
        .route("/readyz", routing::get(health::readyz))
        .route("/metrics", routing::get(metrics::get))
        .with_state(Vitals { log, metrics, health })
}

/// The routes that take events and serve journal and blobs. `outcomes` follows the journals (see [`Outcomes::follow`]).
pub fn router(log: Arc<dyn EventLog>, blobs: Blobs, outcomes: Outcomes, options: Options) -> Router {
    let intake = Intake::new(log.clone(), outcomes.clone(), options.max_lag, options.quotas);
    let gateway = Gateway { log, blobs, intake, outcomes, options };
    Router::new()
        .route("/v1/events", routing::post(events::post))
        .route("/v1/journal", routing::get(journal::get))
        .route("/v1/journal/chain", routing::get(journal::chain))
        .route("/v1/blobs/{hash}", routing::get(blobs::get).put(blobs::put))
        .with_state(gateway)
}

/// Puts the edge's checks before routes: these, and those of other parts that the node serves at the same address.
pub fn guard(routes: Router, options: &Options) -> Router {
    let routes = routes.fallback(edge::nowhere).method_not_allowed_fallback(edge::not_so);
    routes.layer(middleware::from_fn_with_state(edge::Edge::new(options), edge::admit))
}
