//! The routes: what they take, what they answer, and how they say no.

use super::router;
use crate::testing::{economy, folded, realm, who};
use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use cairn_schemas::{Encoding, decision::LeafEntry, problem::Problem};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Answered {
    status: StatusCode,
    media: String,
    body: Vec<u8>,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn problem(&self) -> (u16, String) {
        assert_eq!(self.media, "application/problem+json");
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert!(!problem.title.is_empty() && !problem.next.is_empty());
        assert_eq!(problem.status, self.status.as_u16());
        (problem.status, problem.code)
    }
}

async fn ask(request: Request<Body>) -> Answered {
    let router = router(folded(&economy(Encoding::Json).await).await);
    let response = router.oneshot(request).await.unwrap();
    let media = response.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    Answered { status: response.status(), media, body: to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec() }
}

fn post(body: impl Into<Body>, media: &str, accept: &str) -> Request<Body> {
    Request::post("/v1/sql").header(header::CONTENT_TYPE, media).header(header::ACCEPT, accept).body(body.into()).unwrap()
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_question_is_answered_in_the_form_asked_for() {
    let question = json!({"sql": "SELECT name, scale FROM realms"}).to_string();
    let expected = json!([{"name": "lab", "scale": 6}]);
    let answered = ask(post(question.clone(), "application/json", "*/*")).await;
    assert_eq!((answered.status, answered.media.as_str(), answered.json()), (StatusCode::OK, "application/json", expected.clone()));
    let plain = ask(post("SELECT name, scale FROM realms", "text/plain", "application/json")).await;
    assert_eq!(plain.json(), expected);
    let csv = ask(post(question.clone(), "application/json", "text/csv")).await;
    assert_eq!(csv.body, b"name,scale\nlab,6\n");
    let arrow = ask(post(question, "application/json", "application/vnd.apache.arrow.stream")).await;
    assert_eq!(arrow.media, "application/vnd.apache.arrow.stream");
    let batches: Vec<_> = arrow::ipc::reader::StreamReader::try_new(arrow.body.as_slice(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 1);
    let none = ask(post("SELECT * FROM votes", "text/plain", "*/*")).await;
    assert_eq!(none.json(), json!([]));
}

#[tokio::test]
async fn a_bad_question_is_a_problem_with_a_code() {
    for (body, media, expected) in [
        ("SELEC 1", "text/plain", (400, "CRN-6122")),
        ("SELECT nothing FROM events", "text/plain", (400, "CRN-6122")),
        ("DROP TABLE events", "text/plain", (400, "CRN-6121")),
        ("{\"sql\": 1}", "application/json", (400, "CRN-6121")),
        ("SELECT 1 / 0", "text/plain", (400, "CRN-6122")),
    ] {
        let (status, code) = ask(post(body, media, "*/*")).await.problem();
        assert_eq!((status, code.as_str()), expected, "{body}");
    }
    for (path, expected) in
        [("/v1/events/nonsense", (400, "CRN-6129")), ("/v1/receipts/0190a1b2-0000-7000-8000-000000000000", (404, "CRN-6128"))]
    {
        let (status, code) = ask(get(path)).await.problem();
        assert_eq!((status, code.as_str()), expected, "{path}");
    }
}

#[tokio::test]
async fn an_event_is_found_by_id_and_by_hash() {
    let events = ask(post("SELECT event_hash, event_id FROM events WHERE verdict = 'rejected'", "text/plain", "*/*")).await.json();
    let (hash, id) = (events[0]["event_hash"].as_str().unwrap().to_owned(), events[0]["event_id"].as_str().unwrap().to_owned());
    let by_hash = ask(get(&format!("/v1/events/{hash}"))).await.json();
    assert_eq!(by_hash, ask(get(&format!("/v1/events/{id}"))).await.json());
    for (field, expected) in [
        ("status", json!("decided")),
        ("event_hash", json!(hash)),
        ("verdict", json!("rejected")),
        ("code", json!("insufficient_funds")),
        ("author", json!(who(4).to_string())),
        ("realm", json!(realm().to_string())),
        ("height", json!(2)),
        ("leaf", json!(3)),
    ] {
        assert_eq!(by_hash[field], expected, "{field}");
    }
    let receipt = ask(get(&format!("/v1/receipts/{hash}"))).await.json();
    let entry: LeafEntry = serde_json::from_value(receipt["entry"].clone()).unwrap();
    assert_eq!(entry.hash().unwrap().to_string(), by_hash["leaf_hash"].as_str().unwrap());
}

#[tokio::test]
async fn realms_are_listed_with_their_names() {
    let realms = ask(get("/v1/realms")).await.json();
    assert_eq!(realms[0]["id"], json!(realm().to_string()));
    assert_eq!((&realms[0]["name"], &realms[0]["partition"], &realms[0]["scale"]), (&json!("lab"), &json!(0), &json!(6)));
}

#[tokio::test]
async fn tables_that_are_behind_are_not_asked_unless_that_will_do() {
    let journal = economy(Encoding::Json).await;
    let options = crate::Options { fresh_wait: std::time::Duration::from_millis(20), ..Default::default() };
    let router = router(crate::Projections::in_memory(journal.log.clone(), options).await.unwrap());
    for path in ["/v1/realms", "/v1/events/0190a1b2-0000-7000-8000-000000000000", "/v1/receipts/0190a1b2-0000-7000-8000-000000000000"] {
        let refused = router.clone().oneshot(get(path)).await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(refused.headers().contains_key(header::RETRY_AFTER));
        let problem: Problem = serde_json::from_slice(&to_bytes(refused.into_body(), 10_000).await.unwrap()).unwrap();
        assert_eq!(problem.code, "CRN-6131");
    }
    let mut question = post("SELECT name FROM realms", "text/plain", "*/*");
    question.headers_mut().insert(header::CACHE_CONTROL, "no-transform, max-stale=3600".parse().unwrap());
    assert_eq!(router.oneshot(question).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_reader_who_stops_reading_gives_its_place_up() {
    let journal = economy(Encoding::Json).await;
    let options = crate::Options { queries: 1, query_time: std::time::Duration::from_millis(300), ..Default::default() };
    let projections = crate::Projections::in_memory(journal.log.clone(), options).await.unwrap();
    projections.catch_up().await.unwrap();
    let router = router(projections.clone());
    let many = "SELECT value FROM generate_series(1, 900000)";
    let answer = router.oneshot(post(many, "text/plain", "text/csv")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut pages = answer.into_body().into_data_stream();
    assert!(futures::StreamExt::next(&mut pages).await.unwrap().is_ok());
    assert!(matches!(projections.sql("SELECT 1").await, Err(crate::SqlError::Busy { .. })));
    while projections.sql("SELECT 1").await.is_err() {
        tokio::task::yield_now().await;
    }
    let rest: Vec<_> = futures::StreamExt::collect(pages).await;
    assert!(rest.last().unwrap().is_err(), "a part was passed off as the whole");
}
