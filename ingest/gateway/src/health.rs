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

/// What keeps a node from its work. Parts are `decider`, or the name of a fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A partition that one part of the node gave up, while the rest goes on; `code` is the `CRN-` code of the reason.
    Halted { part: &'static str, partition: u32, code: &'static str },
    /// Records wait in a partition, and one part of the node takes none of them.
    Still { part: &'static str, partition: u32, seconds: u64 },
    /// The log answers no question.
    Silent { seconds: u64 },
}

impl Trouble {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            Trouble::Halted { code, .. } => code,
            Trouble::Still { .. } => "CRN-1011",
            Trouble::Silent { .. } => "CRN-1012",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Halted { part, partition, code } => write!(f, "partition {partition} halted ({part}): {code}"),
            Trouble::Still { part, partition, seconds } => {
                write!(f, "partition {partition} stands still ({part}) for {seconds} s: {}", self.code())
            }
            Trouble::Silent { seconds } => write!(f, "the log has not answered for {seconds} s: {}", self.code()),
        }
    }
}

type Ask = Box<dyn Fn() -> Vec<Trouble> + Send + Sync>;
type Ready = Box<dyn Fn() -> bool + Send + Sync>;

#[derive(Default)]
struct Parts {
    asked: Vec<Ask>,
    awaited: Vec<Ready>,
}

/// All who may halt, stand still or be reading yet, asked anew each time. Clones share the list.
#[derive(Clone, Default)]
pub struct Health(Arc<RwLock<Parts>>);

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.troubles()).finish()
    }
}

impl Health {
    /// Makes readiness depend on one more part. `ask` must be cheap.
    pub fn depend_on(&self, ask: impl Fn() -> Vec<Trouble> + Send + Sync + 'static) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).asked.push(Box::new(ask));
    }

    /// Makes readiness wait until one more part has read the journals. `ready` must be cheap.
    pub fn wait_for(&self, ready: impl Fn() -> bool + Send + Sync + 'static) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).awaited.push(Box::new(ready));
    }

    /// What is wrong now.
    pub fn troubles(&self) -> Vec<Trouble> {
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

/// The log answers, no partition has halted or stands still, and every part has read the journals that it must know.
pub(crate) async fn readyz(State(vitals): State<Vitals>) -> Response {
    let not_ready = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if let Err(error) = vitals.log.time().await {
        return not_ready(format!("{error} ({})\n", error.code()));
    }
    let troubles = vitals.health.troubles();
    if !troubles.is_empty() {
        return not_ready(troubles.iter().map(|trouble| format!("{trouble}\n")).collect());
    }
    if !vitals.health.is_ready() {
        return not_ready("the journals are not read yet\n".to_owned());
    }
    "ready\n".into_response()
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
