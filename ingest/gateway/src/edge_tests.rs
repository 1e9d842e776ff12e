//! What passes the edge, and what a request that got in must keep to.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::guard;
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    routing::{get, put},
};
use cairn_schemas::problem::Problem;
use futures::{StreamExt, stream};
use std::{future::pending, io, time::Duration};
use tokio::sync::Notify;
use tower::ServiceExt;

#[test]
fn only_this_nodes_hosts_and_origins_pass() {
    let edge = Edge::new(&Options { hosts: vec!["cairn.example".into(), "ui.example:8443".into()], ..Options::default() });
    for (host, origin, passes) in [
        ("127.0.0.1:7070", None, true),
        ("localhost", None, true),
        ("[::1]:7070", None, true),
        ("cairn.example:443", None, true),
        ("ui.example:8443", None, true),
        ("ui.example:9", None, false),
        ("evil.example", None, false),
        ("localhost.evil.example", None, false),
        ("127.0.0.1:7070", Some("http://127.0.0.1:7070"), true),
        ("localhost:7070", Some("http://LOCALHOST:7070"), true),
        ("localhost", Some("http://localhost:80"), true),
        ("127.0.0.1:7070", Some("http://127.0.0.1:3000"), false),
        ("127.0.0.1:7070", Some("http://127.0.0.1"), false),
        ("127.0.0.1:7070", Some("http://localhost:7070"), false),
        ("127.0.0.1:7070", Some("https://127.0.0.1:7070"), false),
        ("127.0.0.1:7070", Some("http://cairn.example"), true),
        ("cairn.example", Some("https://cairn.example"), true),
        ("cairn.example:444", Some("https://cairn.example:444"), true),
        ("cairn.example", Some("https://cairn.example:444"), false),
        ("127.0.0.1:7070", Some("https://ui.example:8443"), true),
        ("127.0.0.1:7070", Some("https://ui.example"), false),
        ("127.0.0.1:7070", Some("https://evil.example"), false),
        ("127.0.0.1:7070", Some("null"), false),
        ("127.0.0.1:7070", Some("file://127.0.0.1:7070"), false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        assert_eq!(edge.objection(&Uri::from_static("/"), &headers).is_none(), passes, "{host} {origin:?}");
    }
    let target: Uri = "http://evil.example/v1/realms".parse().unwrap();
    assert!(edge.objection(&target, &HeaderMap::new()).is_some());
}

/// Routes behind the edge: one that reads its body, one that never answers, and a probe.
fn routes(options: &Options, entered: &Arc<Notify>) -> Router {
    let entered = entered.clone();
    let stuck = move || async move {
        entered.notify_one();
        pending::<()>().await
    };
    let read = |body: Bytes| async move { body.len().to_string() };
    let routes = Router::new().route("/healthz", get(|| async { "ok" })).route("/v1/stuck", get(stuck));
    guard(routes.route("/v1/sql", put(read)).route("/v1/blobs/{hash}", put(read)), options)
}

fn asks(path: &str, body: Body) -> Request {
    Request::put(path).body(body).unwrap()
}

async fn problem(response: Response) -> (u16, String) {
    let problem: Problem = serde_json::from_slice(&to_bytes(response.into_body(), 65_536).await.unwrap()).unwrap();
    (problem.status, problem.code)
}

#[tokio::test]
async fn probes_are_answered_when_every_place_is_taken() {
    let entered = Arc::new(Notify::new());
    let routes = routes(&Options { concurrency: 1, ..Options::default() }, &entered);
    let get = |path: &str| routes.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    let stuck = tokio::spawn(get("/v1/stuck"));
    entered.notified().await;
    let refused = get("/v1/stuck").await.unwrap();
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(problem(refused).await, (429, "CRN-1106".to_owned()));
    assert_eq!(get("/healthz").await.unwrap().status(), StatusCode::OK);
    stuck.abort();
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let options = Options { body_wait: Duration::from_millis(30), ..Options::default() };
    let routes = routes(&options, &Arc::default());
    let silent = Body::from_stream(stream::pending::<io::Result<Bytes>>());
    let byte = |()| async { Some((Ok::<_, io::Error>(Bytes::from_static(b"x")), tokio::time::sleep(Duration::from_millis(5)).await)) };
    let trickling = Body::from_stream(stream::unfold((), byte));
    for body in [silent, trickling] {
        let refused = routes.clone().oneshot(asks("/v1/sql", body)).await.unwrap();
        assert_eq!(refused.headers()[header::CONNECTION], "close");
        assert_eq!(problem(refused).await, (408, "CRN-1116".to_owned()));
    }
    let whole = routes.oneshot(asks("/v1/sql", Body::from("whole"))).await.unwrap();
    assert_eq!(to_bytes(whole.into_body(), 10).await.unwrap(), "5");
}

#[tokio::test]
async fn bodies_have_a_budget_in_sum_and_give_it_back() {
    let options = Options { body_bytes: 100, blob_bytes: 100, ..Options::default() };
    let routes = routes(&options, &Arc::default());
    let put = |path: &'static str, body: Body| routes.clone().oneshot(asks(path, body));
    let begun = Arc::new(Notify::new());
    let told = begun.clone();
    // Sixty bytes, and then nothing more for now.
    let unfinished = stream::iter([Ok::<_, io::Error>(Bytes::from(vec![0; 60]))]).chain(stream::once(async move {
        told.notify_one();
        pending().await
    }));
    let first = tokio::spawn(put("/v1/blobs/a", Body::from_stream(unfinished)));
    begun.notified().await;
    assert_eq!(problem(put("/v1/blobs/b", Body::from(vec![0; 41])).await.unwrap()).await, (429, "CRN-1106".to_owned()));
    assert_eq!(put("/v1/blobs/b", Body::from(vec![0; 40])).await.unwrap().status(), StatusCode::OK);
    // Blobs do not crowd out questions.
    assert_eq!(put("/v1/sql", Body::from(vec![0; 100])).await.unwrap().status(), StatusCode::OK);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(put("/v1/blobs/b", Body::from(vec![0; 100])).await.unwrap().status(), StatusCode::OK);
}
