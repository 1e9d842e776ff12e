//! `/metrics`: what the parts of a node count, in the text that Prometheus reads.
//!
//! Owns one registry for the process. Refuses meaning: whoever counts registers its own names (see NAMES, "Metrics").

use crate::{Vitals, problem::Refusal};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::sync::{Arc, Mutex, PoisonError};

/// The process's registry, shared by all that count.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    /// Lets a part of the node register what it counts.
    pub fn register(&self, names: impl FnOnce(&mut Registry)) {
        names(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All figures, as OpenMetrics text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

pub(crate) async fn get(State(vitals): State<Vitals>) -> Result<Response, Refusal> {
    let text = vitals.metrics.text().map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "CRN-1112", error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}
