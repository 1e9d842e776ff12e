//! The edge of the edge: what a request must show before any route sees it, and whether the node is well.
//!
//! Owns the Host and Origin check (a web page must not speak to a node through its visitor's browser), the cap on requests
//! under way, `/healthz` and `/readyz`. Refuses identities: those are signatures, and `intake` meets them.

use crate::{Gateway, Options, problem::Refusal};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A bearer token, known only by its hash: comparing hashes takes the same time wherever they differ.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(blake3::Hash);

impl Token {
    pub fn new(secret: &str) -> Token {
        Token(blake3::hash(secret.as_bytes()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What the check needs.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    hosts: Arc<[String]>,
    token: Option<Token>,
    places: Arc<Semaphore>,
}

impl Edge {
    pub fn new(options: &Options) -> Self {
        Edge { hosts: options.hosts.clone().into(), token: options.token.clone(), places: Arc::new(Semaphore::new(options.concurrency)) }
    }

    fn knows(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host });
        matches!(name, "localhost" | "127.0.0.1" | "[::1]") || self.hosts.iter().any(|known| known == host || known == name)
    }

    /// Whether the request carries the token, where one is asked for.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("Bearer "));
        shown.is_some_and(|secret| Token::new(secret) == *token)
    }

    /// The first thing wrong with the headers, if any.
    fn objection(&self, headers: &HeaderMap) -> Option<String> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        if let Some(host) = text(header::HOST).filter(|host| !self.knows(host)) {
            return Some(format!("Host is {host}"));
        }
        let origin = text(header::ORIGIN)?;
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).unwrap_or("");
        (!self.knows(host)).then(|| format!("Origin is {origin}"))
    }
}

/// Lets a request through if its headers are this node's and a place is free.
pub(crate) async fn admit(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    if let Some(objection) = edge.objection(request.headers()) {
        return Refusal::new(StatusCode::FORBIDDEN, "CRN-1111", objection).into_response();
    }
    if !edge.is_known(request.headers()) {
        return Refusal::new(StatusCode::UNAUTHORIZED, "CRN-1115", "no bearer token, or another one").into_response();
    }
    match edge.places.clone().try_acquire_owned() {
        Ok(_place) => next.run(request).await,
        Err(_) => Refusal::new(StatusCode::TOO_MANY_REQUESTS, "CRN-1106", "too many requests are under way").into_response(),
    }
}

/// A path that no route takes.
pub(crate) async fn nowhere(method: Method, uri: Uri) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "CRN-1113", format!("{method} {}", uri.path()))
}

/// A path that takes other methods, which the `Allow` header names.
pub(crate) async fn not_so(method: Method, uri: Uri) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "CRN-1113", format!("{method} {}", uri.path()))
}

/// The process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Every partition has a journal that is followed, and the log answers.
pub(crate) async fn readyz(State(gateway): State<Gateway>) -> Response {
    match (gateway.log.time().await, gateway.outcomes.is_ready()) {
        (Ok(_), true) => "ready\n".into_response(),
        (Ok(_), false) => (StatusCode::SERVICE_UNAVAILABLE, "the journals are not read yet\n").into_response(),
        (Err(error), _) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_nodes_hosts_and_origins_pass() {
        let edge = Edge::new(&Options { hosts: vec!["cairn.example".into()], ..Options::default() });
        for (name, value, passes) in [
            ("host", "127.0.0.1:7070", true),
            ("host", "localhost", true),
            ("host", "[::1]:7070", true),
            ("host", "cairn.example:443", true),
            ("host", "evil.example", false),
            ("host", "localhost.evil.example", false),
            ("origin", "http://127.0.0.1:7070", true),
            ("origin", "https://evil.example", false),
            ("origin", "null", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header value"));
            assert_eq!(edge.objection(&headers).is_none(), passes, "{name}: {value}");
        }
    }
}
