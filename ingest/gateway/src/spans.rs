//! Spans: a request, its append, and its wait for the verdict.
//!
//! Owns their names and attributes (semantic conventions of OpenTelemetry for HTTP). Refuses probes and what the edge turned away: of
//! strangers there are no spans.

use axum::{
    extract::{MatchedPath, Request},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use cairn_log::{
    Trace,
    trace::{self, TRACEPARENT},
};
use opentelemetry::{
    Context, KeyValue,
    context::FutureExt,
    trace::{SpanBuilder, SpanKind, Status, TraceContextExt},
};
use std::future::Future;

/// Answers a request within a span, which continues the client's if it names one.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // A path is whatever the client likes: without a route, the name is the method alone.
    let name = route.as_ref().map_or_else(|| method.clone(), |route| format!("{method} {route}"));
    let attributes = [KeyValue::new("http.request.method", method), KeyValue::new("url.path", request.uri().path().to_owned())];
    let attributes = attributes.into_iter().chain(route.map(|route| KeyValue::new("http.route", route)));
    let span = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes);
    let within = trace::begin(span, &parent(request.headers()));
    let response = next.run(request).with_context(within.clone()).await;
    let status = response.status();
    within.span().set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        within.span().set_status(Status::error(""));
    }
    within.span().end();
    response
}

/// The span that the client is in. More than one header is none, as the standard asks.
fn parent(headers: &HeaderMap) -> Context {
    let mut named = headers.get_all(TRACEPARENT).iter();
    let trace = match (named.next(), named.next()) {
        (Some(only), None) => Trace::parse(only.as_bytes()),
        _ => None,
    };
    trace.map_or_else(Context::new, Trace::context)
}

/// A span under the current one, for a piece of work.
#[derive(Debug)]
pub(crate) struct Piece(Context);

/// The append of events.
pub(crate) fn append(events: usize) -> Piece {
    let events = KeyValue::new("cairn.events", i64::try_from(events).unwrap_or(i64::MAX));
    Piece::begin(SpanBuilder::from_name("append").with_kind(SpanKind::Producer).with_attributes([events]))
}

/// The wait for verdicts.
pub(crate) fn wait() -> Piece {
    Piece::begin(SpanBuilder::from_name("wait").with_kind(SpanKind::Internal))
}

impl Piece {
    fn begin(span: SpanBuilder) -> Piece {
        Piece(trace::begin(span, &Context::current()))
    }

    /// Does the work within the span, which fails as the work does.
    pub async fn over<T, E>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let done = work.with_context(self.0.clone()).await;
        if done.is_err() {
            self.0.span().set_status(Status::error(""));
        }
        self.0.span().end();
        done
    }
}
