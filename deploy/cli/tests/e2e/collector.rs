//! A collector of the tests: takes OTLP over HTTP as a real one does, or fails as a real one may.
//!
//! Owns what arrived. Refuses leniency: what is no OTLP ends the test that asks.

#[path = "../../src/telemetry/otlp.rs"]
#[allow(dead_code)]
pub mod otlp;

use crate::node::until;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing,
};
use otlp::{Any, Attribute, Export, Item, Log, Metric, Resource, Span, Value};
use prost::Message;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// How a collector meets what is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Takes,
    /// 503, which may be tried again.
    Refuses,
    /// Takes the request and never answers.
    Hangs,
}

/// What arrived, each with who sent it.
#[derive(Debug, Default)]
struct Arrived {
    spans: Vec<(Resource, Span)>,
    metrics: Vec<(Resource, Metric)>,
    logs: Vec<(Resource, Log)>,
    posts: usize,
}

/// A collector on a port of its own, until it is dropped.
#[derive(Debug)]
pub struct Collector {
    pub url: String,
    arrived: Arc<Mutex<Arrived>>,
    _runtime: tokio::runtime::Runtime,
}

type Shared = (Mood, Arc<Mutex<Arrived>>);

impl Collector {
    pub fn start(mood: Mood) -> Collector {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let arrived = Arc::<Mutex<Arrived>>::default();
        let routes = Router::new()
            .route("/v1/traces", routing::post(traces))
            .route("/v1/metrics", routing::post(metrics))
            .route("/v1/logs", routing::post(logs))
            .with_state((mood, arrived.clone()));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Collector { url, arrived, _runtime: runtime }
    }

    /// What makes a program send here, soon.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", self.url.clone())];
        environment.extend(["OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY"].map(|name| (name, "50".into())));
        environment.extend([("OTEL_METRIC_EXPORT_INTERVAL", "200".into())]);
        environment
    }

    pub fn posts(&self) -> usize {
        self.arrived.lock().unwrap().posts
    }

    /// The spans of a trace, in hex, by their names, once there is one of each of `names`.
    pub fn trace(&self, id: &str, names: &[&str]) -> BTreeMap<String, Vec<(Resource, Span)>> {
        until(&format!("spans {names:?} of {id}"), || {
            let mut spans: BTreeMap<String, Vec<_>> = BTreeMap::new();
            for (resource, span) in &self.arrived.lock().unwrap().spans {
                if hex(&span.trace_id) == id {
                    spans.entry(span.name.clone()).or_default().push((resource.clone(), span.clone()));
                }
            }
            names.iter().all(|name| spans.contains_key(*name)).then_some(spans)
        })
    }

    pub fn has_trace(&self, id: &str) -> bool {
        self.arrived.lock().unwrap().spans.iter().any(|(_, span)| hex(&span.trace_id) == id)
    }

    /// What `found` finds among the metrics of a name, the newest first, once it does.
    pub fn metric<T>(&self, name: &str, found: impl Fn(&Metric) -> Option<T>) -> T {
        until(name, || {
            let arrived = self.arrived.lock().unwrap();
            arrived.metrics.iter().rev().filter(|(_, metric)| metric.name == name).find_map(|(_, metric)| found(metric))
        })
    }

    /// A log record whose text holds this.
    pub fn log(&self, part: &str) -> Log {
        until(part, || {
            let arrived = self.arrived.lock().unwrap();
            arrived.logs.iter().find(|(_, log)| body(log).contains(part)).map(|(_, log)| log.clone())
        })
    }
}

async fn traces(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    met(shared, &headers, &body, |arrived: &mut Arrived| &mut arrived.spans).await
}

async fn metrics(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    met(shared, &headers, &body, |arrived: &mut Arrived| &mut arrived.metrics).await
}

async fn logs(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    met(shared, &headers, &body, |arrived: &mut Arrived| &mut arrived.logs).await
}

async fn met<T: Item>(
    (mood, arrived): Shared,
    headers: &HeaderMap,
    body: &[u8],
    of: impl Fn(&mut Arrived) -> &mut Vec<(Resource, T)>,
) -> StatusCode {
    arrived.lock().unwrap().posts += 1;
    match mood {
        Mood::Refuses => return StatusCode::SERVICE_UNAVAILABLE,
        Mood::Hangs => return std::future::pending().await,
        Mood::Takes => {}
    }
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let export = Export::<T>::decode(body).unwrap();
    let mut arrived = arrived.lock().unwrap();
    for by_resource in export.by_resource {
        let resource = by_resource.resource.unwrap();
        let items = by_resource.by_scope.into_iter().flat_map(|by_scope| by_scope.items);
        of(&mut arrived).extend(items.map(|item| (resource.clone(), item)));
    }
    StatusCode::OK
}

pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn body(log: &Log) -> &str {
    match &log.body {
        Some(Any { value: Some(Value::Text(text)) }) => text,
        _ => "",
    }
}

/// The value of an attribute, as text.
pub fn told(attributes: &[Attribute], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| attribute.value.clone());
    match value.and_then(|any| any.value) {
        Some(Value::Text(text)) => text,
        Some(Value::Int(int)) => int.to_string(),
        Some(Value::Bool(bool)) => bool.to_string(),
        Some(Value::Double(double)) => double.to_string(),
        None => String::new(),
    }
}
