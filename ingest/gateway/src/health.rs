//! Health: whether the process answers, and whether all of it does its work.
//!
//! Owns `/healthz` and `/readyz`, and the list of those whom readiness depends on. Refuses to know why a fold stands still: its owner
//! says so with a code.

use crate::Vitals;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// A partition that one part of the node gave up, while the rest goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// `decider`, or the name of a fold.
    pub part: &'static str,
    pub partition: u32,
    /// The `CRN-` code of the reason.
    pub code: &'static str,
}

type Ask = Box<dyn Fn() -> Vec<Halt> + Send + Sync>;
type Ready = Box<dyn Fn() -> bool + Send + Sync>;

#[derive(Default)]
struct Parts {
    asked: Vec<Ask>,
    awaited: Vec<Ready>,
}

/// All who may halt or are still reading, asked anew each time. Clones share the list.
#[derive(Clone, Default)]
pub struct Health(Arc<RwLock<Parts>>);

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.halts()).finish()
    }
}

impl Health {
    /// Makes readiness depend on one more part. `ask` must be cheap.
    pub fn depend_on(&self, ask: impl Fn() -> Vec<Halt> + Send + Sync + 'static) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).asked.push(Box::new(ask));
    }

    /// Makes readiness wait until one more part has read the journals. `ready` must be cheap.
    pub fn wait_for(&self, ready: impl Fn() -> bool + Send + Sync + 'static) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).awaited.push(Box::new(ready));
    }

    /// What stands still now.
    pub fn halts(&self) -> Vec<Halt> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).asked.iter().flat_map(|ask| ask()).collect()
    }

    /// Whether all have read what they must read first.
    fn is_ready(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).awaited.iter().all(|ready| ready())
    }
}

/// The process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The log answers, no partition has halted, and every part has read the journals that it must know.
pub(crate) async fn readyz(State(vitals): State<Vitals>) -> Response {
    let not_ready = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if let Err(error) = vitals.log.time().await {
        return not_ready(format!("{error} ({})\n", error.code()));
    }
    let halts = vitals.health.halts();
    if !halts.is_empty() {
        let line = |halt: &Halt| format!("partition {} halted ({}): {}\n", halt.partition, halt.part, halt.code);
        return not_ready(halts.iter().map(line).collect());
    }
    if !vitals.health.is_ready() {
        return not_ready("the journals are not read yet\n".to_owned());
    }
    "ready\n".into_response()
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
