//! The edge of the edge: what a request must show before any route sees it.
//!
//! Owns the Host and Origin check (a web page must not speak to a node through its visitor's browser), the cap on requests
//! under way. Refuses identities: those are signatures, and `intake` meets them.

use crate::{Options, body::Budgets, problem::Refusal, spans};
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
    bodies: Budgets,
}

impl Edge {
    pub fn new(options: &Options) -> Self {
        Edge {
            hosts: options.hosts.clone().into(),
            token: options.token.clone(),
            places: Arc::new(Semaphore::new(options.concurrency)),
            bodies: Budgets::new(options),
        }
    }

    /// Whether a host, with or without its port, is this machine's or one of the configuration's.
    fn knows(&self, host: &str) -> bool {
        let name = without_port(host);
        matches!(name, "localhost" | "127.0.0.1" | "[::1]") || self.configures(host)
    }

    fn configures(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(without_port(host)))
    }

    /// Whether a page of that origin may speak to this node: one that the node itself serves, or one of a configured host.
    fn welcomes(&self, origin: &str, host: &str) -> bool {
        let Some((scheme, from)) = origin.split_once("://") else { return false };
        let from = authority(scheme, from);
        let same = from.eq_ignore_ascii_case(authority(scheme, host));
        let named = self.hosts.iter().any(|known| known.eq_ignore_ascii_case(from));
        match scheme {
            "http" => same || named,
            // The node speaks plain HTTP: TLS ends before it, at a host that the configuration names.
            "https" => named || same && self.configures(host),
            _ => false,
        }
    }

    /// Whether the request carries the token, where one is asked for.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("Bearer "));
        shown.is_some_and(|secret| Token::new(secret) == *token)
    }

    /// The first thing wrong with whom the request is for and from where it comes, if any.
    fn objection(&self, uri: &Uri, headers: &HeaderMap) -> Option<String> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        // HTTP/2 has the host in the request's target.
        let host = text(header::HOST).or_else(|| uri.authority().map(|authority| authority.as_str()));
        if let Some(host) = host.filter(|host| !self.knows(host)) {
            return Some(format!("Host is {host}"));
        }
        let origin = text(header::ORIGIN)?;
        (!self.welcomes(origin, host.unwrap_or(""))).then(|| format!("Origin is {origin}"))
    }
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, port)| if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host })
}

/// Host and port without the port that the scheme implies (RFC 6454).
fn authority<'a>(scheme: &str, host: &'a str) -> &'a str {
    host.strip_suffix(if scheme == "https" { ":443" } else { ":80" }).unwrap_or(host)
}

/// What an operator's figures are asked for with: answered however much is under way.
fn is_figures(path: &str) -> bool {
    path == "/metrics"
}

/// Whether the process is well is told to anyone, under whatever name: an orchestrator's probes know neither.
fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// Lets a request through if its headers are this node's and a place is free, and ends it if its body does not arrive.
pub(crate) async fn admit(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    if is_probe(request.uri().path()) {
        return next.run(request).await;
    }
    if let Some(objection) = edge.objection(request.uri(), request.headers()) {
        return Refusal::new(StatusCode::FORBIDDEN, "CRN-1111", objection).into_response();
    }
    if !edge.is_known(request.headers()) {
        return Refusal::new(StatusCode::UNAUTHORIZED, "CRN-1115", "no bearer token, or another one").into_response();
    }
    if is_figures(request.uri().path()) {
        return next.run(request).await;
    }
    let Ok(_place) = edge.places.clone().try_acquire_owned() else {
        return Refusal::new(StatusCode::TOO_MANY_REQUESTS, "CRN-1106", "too many requests are under way").into_response();
    };
    let (parts, body) = request.into_parts();
    let (body, _held, trouble) = edge.bodies.watch(parts.uri.path(), body);
    tokio::select! {
        Ok(trouble) = trouble => trouble.into_response(),
        response = spans::request(Request::from_parts(parts, body), next) => response,
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

#[cfg(test)]
#[path = "edge_tests.rs"]
mod tests;
