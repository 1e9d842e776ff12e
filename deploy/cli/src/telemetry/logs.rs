//! Logs: what the parts log becomes what OTLP carries.
//!
//! Owns the mapping of a `tracing` event to a log record. Refuses what the way out itself logs, which would never end.

use super::{
    otlp::{Attribute, Log, Value, nanos},
    pipe::Queue,
};
use opentelemetry::{Context, trace::TraceContextExt};
use std::{fmt, time::SystemTime};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer};

/// Attributes of one log record.
const MOST: usize = 128;
/// Targets that log when a batch is sent.
const OWN_WAY: [&str; 6] = ["hyper", "hyper_util", "reqwest", "h2", "rustls", "tower"];

/// Puts what is logged into a queue.
#[derive(Debug)]
pub struct Logs(pub Queue<Log>);

impl<S: Subscriber> Layer<S> for Logs {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let target = event.metadata().target();
        if OWN_WAY.contains(&target.split("::").next().unwrap_or(target)) {
            return;
        }
        let (severity_number, severity_text) = severity(*event.metadata().level());
        let now = nanos(SystemTime::now());
        let mut log = Log {
            time_unix_nano: now,
            observed_time_unix_nano: now,
            severity_number,
            severity_text: severity_text.into(),
            attributes: vec![Attribute::text("target", target)],
            ..Log::default()
        };
        Context::map_current(|context| within(&mut log, context));
        event.record(&mut Fields(&mut log));
        self.0.put(log);
    }
}

/// What is logged within a span says so.
fn within(log: &mut Log, context: &Context) {
    let span = context.span();
    let span = span.span_context();
    if span.is_valid() {
        log.trace_id = span.trace_id().to_bytes().to_vec();
        log.span_id = span.span_id().to_bytes().to_vec();
        log.flags = span.trace_flags().to_u8().into();
    }
}

fn severity(level: Level) -> (i32, &'static str) {
    match level {
        Level::TRACE => (1, "TRACE"),
        Level::DEBUG => (5, "DEBUG"),
        Level::INFO => (9, "INFO"),
        Level::WARN => (13, "WARN"),
        Level::ERROR => (17, "ERROR"),
    }
}

struct Fields<'a>(&'a mut Log);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.0.body = Some(value.into());
        } else if self.0.attributes.len() < MOST {
            self.0.attributes.push(Attribute::new(field.name(), value));
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Int));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::Double(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::Text(format!("{value:?}")));
    }
}
