//! Readiness: whatever stands still is named.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::{Metrics, Outcomes, vitals};
use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use cairn_log::{ManualClock, memory::MemoryLog};
use cairn_schemas::InstanceId;
use tower::ServiceExt;

#[tokio::test]
async fn whatever_is_wrong_is_named_while_the_rest_goes_on() {
    let log = Arc::new(MemoryLog::new(2, Arc::new(ManualClock::new(0))));
    let outcomes = Outcomes::new(InstanceId::ZERO, 2);
    let (health, halted) = (Health::default(), Arc::new(RwLock::new(Vec::new())));
    let told = halted.clone();
    health.depend_on(move || told.read().unwrap().clone());
    let awaited = outcomes.clone();
    health.wait_for(move || awaited.is_ready());
    let routes = vitals(log, Metrics::default(), health);
    let ask = async || {
        let answer = routes.clone().oneshot(Request::get("/readyz").body(Body::empty()).unwrap()).await.unwrap();
        (answer.status().as_u16(), String::from_utf8(to_bytes(answer.into_body(), 1_000).await.unwrap().to_vec()).unwrap())
    };
    assert_eq!(ask().await.0, 503, "nothing is read yet");
    outcomes.caught_up(0);
    outcomes.caught_up(1);
    assert_eq!(ask().await, (200, "ready\n".to_owned()));
    for (trouble, line) in [
        (Trouble::Halted { part: "decider", partition: 1, code: "CRN-3102" }, "partition 1 halted (decider): CRN-3102\n"),
        (Trouble::Still { part: "gateway", partition: 0, seconds: 31 }, "partition 0 stands still (gateway) for 31 s: CRN-1011\n"),
        (Trouble::Silent { seconds: 40 }, "the log has not answered for 40 s: CRN-1012\n"),
    ] {
        *halted.write().unwrap() = vec![trouble];
        assert_eq!(ask().await, (503, line.to_owned()));
    }
    halted.write().unwrap().clear();
    assert_eq!(ask().await.0, 200);
}
