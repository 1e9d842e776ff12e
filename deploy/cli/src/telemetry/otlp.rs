//! OTLP: what telemetry looks like on its way, as far as this product sends any.
//!
//! Owns the types and field numbers of OpenTelemetry's protocol 1.x (<https://github.com/open-telemetry/opentelemetry-proto>, packages
//! `common`, `resource`, `trace`, `logs`, `metrics`, `collector`, each `v1`); fields left out here are never sent. Refuses transport: see `pipe`.

use prost::Message;
use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`: a figure counts from the start of the process.
pub const CUMULATIVE: i32 = 2;

/// A span, a log record or a metric.
pub trait Item: Message + Default + fmt::Debug {}

impl<T: Message + Default + fmt::Debug> Item for T {}

/// What one POST carries, of one signal: everything that one resource has to say.
#[derive(Clone, PartialEq, Message)]
pub struct Export<T: Item> {
    #[prost(message, repeated, tag = "1")]
    pub by_resource: Vec<ByResource<T>>,
}

/// `ResourceSpans`, `ResourceLogs` and `ResourceMetrics` alike.
#[derive(Clone, PartialEq, Message)]
pub struct ByResource<T: Item> {
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    pub by_scope: Vec<ByScope<T>>,
}

/// `ScopeSpans`, `ScopeLogs` and `ScopeMetrics` alike.
#[derive(Clone, PartialEq, Message)]
pub struct ByScope<T: Item> {
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    pub items: Vec<T>,
}

impl<T: Item> Export<T> {
    pub fn of(resource: Resource, items: Vec<T>) -> Export<T> {
        let scope = Scope { name: cairn_log::trace::SCOPE.into(), version: env!("CARGO_PKG_VERSION").into() };
        let by_scope = vec![ByScope { scope: Some(scope), items }];
        Export { by_resource: vec![ByResource { resource: Some(resource), by_scope }] }
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Scope {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub version: String,
}

/// `KeyValue`.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<Any>,
}

/// `AnyValue`.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4")]
    pub value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
}

impl Attribute {
    pub fn new(key: impl Into<String>, value: Value) -> Attribute {
        Attribute { key: key.into(), value: Some(value.into()) }
    }

    pub fn text(key: impl Into<String>, text: impl Into<String>) -> Attribute {
        Attribute::new(key, Value::Text(text.into()))
    }
}

impl From<Value> for Any {
    fn from(value: Value) -> Any {
        Any { value: Some(value) }
    }
}

impl From<opentelemetry::KeyValue> for Attribute {
    fn from(attribute: opentelemetry::KeyValue) -> Attribute {
        let value = match attribute.value {
            opentelemetry::Value::Bool(value) => Value::Bool(value),
            opentelemetry::Value::I64(value) => Value::Int(value),
            opentelemetry::Value::F64(value) => Value::Double(value),
            other => Value::Text(other.to_string()),
        };
        Attribute::new(attribute.key.to_string(), value)
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct Span {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    pub name: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    #[prost(int32, tag = "6")]
    pub kind: i32,
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<Attribute>,
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
    #[prost(message, repeated, tag = "13")]
    pub links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
    /// The W3C flags in the lowest byte; bit 8 says that bit 9 counts, which says that the parent lives elsewhere.
    #[prost(fixed32, tag = "16")]
    pub flags: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Event {
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Link {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    pub attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Status {
    #[prost(string, tag = "2")]
    pub message: String,
    /// 0 unset, 1 ok, 2 error.
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// `LogRecord`.
#[derive(Clone, PartialEq, Message)]
pub struct Log {
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    /// 1 trace, 5 debug, 9 info, 13 warn, 17 error.
    #[prost(int32, tag = "2")]
    pub severity_number: i32,
    #[prost(string, tag = "3")]
    pub severity_text: String,
    #[prost(message, optional, tag = "5")]
    pub body: Option<Any>,
    #[prost(message, repeated, tag = "6")]
    pub attributes: Vec<Attribute>,
    #[prost(fixed32, tag = "8")]
    pub flags: u32,
    #[prost(bytes = "vec", tag = "9")]
    pub trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub span_id: Vec<u8>,
    #[prost(fixed64, tag = "11")]
    pub observed_time_unix_nano: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub description: String,
    #[prost(string, tag = "3")]
    pub unit: String,
    #[prost(oneof = "Data", tags = "5, 7, 9")]
    pub data: Option<Data>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Data {
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    #[prost(message, tag = "7")]
    Sum(Sum),
    #[prost(message, tag = "9")]
    Histogram(Histogram),
}

#[derive(Clone, PartialEq, Message)]
pub struct Gauge {
    #[prost(message, repeated, tag = "1")]
    pub points: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Sum {
    #[prost(message, repeated, tag = "1")]
    pub points: Vec<Point>,
    #[prost(int32, tag = "2")]
    pub aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    pub is_monotonic: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    #[prost(message, repeated, tag = "1")]
    pub points: Vec<HistogramPoint>,
    #[prost(int32, tag = "2")]
    pub aggregation_temporality: i32,
}

/// `NumberDataPoint`.
#[derive(Clone, PartialEq, Message)]
pub struct Point {
    #[prost(fixed64, tag = "2")]
    pub start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    pub time_unix_nano: u64,
    #[prost(oneof = "Number", tags = "4, 6")]
    pub value: Option<Number>,
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<Attribute>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub enum Number {
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(sfixed64, tag = "6")]
    Int(i64),
}

/// `HistogramDataPoint`.
#[derive(Clone, PartialEq, Message)]
pub struct HistogramPoint {
    #[prost(fixed64, tag = "2")]
    pub start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    pub time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    pub count: u64,
    #[prost(double, optional, tag = "5")]
    pub sum: Option<f64>,
    /// One more than bounds: the last is of what lies above all of them.
    #[prost(fixed64, repeated, tag = "6")]
    pub bucket_counts: Vec<u64>,
    #[prost(double, repeated, tag = "7")]
    pub explicit_bounds: Vec<f64>,
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<Attribute>,
}

/// Nanoseconds since 1970, until the year 2554.
pub fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
