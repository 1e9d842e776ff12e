//! Spans: what the libraries begin through OpenTelemetry's API becomes what OTLP carries.
//!
//! Owns sampling, ids and the bounds of a span. Refuses to hold anybody up: a span for which the queue has no room is dropped and counted.

use super::{
    otlp::{self, nanos},
    pipe::Queue,
    settings::Sampler,
};
use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{
        Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
    },
};
use std::{borrow::Cow, time::SystemTime};

/// Attributes, events and links of one span, each (the default of the specification).
const MOST: usize = 128;

/// Makes spans and puts those that ended into a queue.
#[derive(Clone, Debug)]
pub struct Spans {
    pub sampler: Sampler,
    pub queue: Queue<otlp::Span>,
}

/// A span; what is not sampled, or has ended, is only its context.
#[derive(Debug)]
pub struct Live {
    context: SpanContext,
    open: Option<Box<otlp::Span>>,
    queue: Queue<otlp::Span>,
}

impl TracerProvider for Spans {
    type Tracer = Spans;

    /// All spans are of one scope: see [`otlp::Export::of`].
    fn tracer_with_scope(&self, _: InstrumentationScope) -> Spans {
        self.clone()
    }
}

impl Tracer for Spans {
    type Span = Live;

    fn build_with_context(&self, builder: SpanBuilder, parent: &Context) -> Live {
        let parent = parent.has_active_span().then(|| parent.span().span_context().clone()).filter(SpanContext::is_valid);
        let (new_trace, span) = new_ids();
        let trace = parent.as_ref().map_or(new_trace, SpanContext::trace_id);
        let sampled = self.sampler.samples(parent.as_ref().map(SpanContext::is_sampled), trace);
        let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let context = SpanContext::new(trace, span, flags, false, TraceState::NONE);
        let open = sampled.then(|| Box::new(open(builder, &context, parent.as_ref())));
        Live { context, open, queue: self.queue.clone() }
    }
}

fn open(builder: SpanBuilder, context: &SpanContext, parent: Option<&SpanContext>) -> otlp::Span {
    let elsewhere = parent.is_some_and(SpanContext::is_remote);
    let mut span = otlp::Span {
        trace_id: context.trace_id().to_bytes().to_vec(),
        span_id: context.span_id().to_bytes().to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.span_id().to_bytes().to_vec()),
        name: builder.name.into_owned(),
        kind: kind(builder.span_kind.as_ref()),
        start_time_unix_nano: nanos(builder.start_time.unwrap_or_else(SystemTime::now)),
        flags: u32::from(context.trace_flags().to_u8()) | 1 << 8 | u32::from(elsewhere) << 9,
        ..otlp::Span::default()
    };
    span.attributes.extend(builder.attributes.into_iter().flatten().take(MOST).map(otlp::Attribute::from));
    for event in builder.events.into_iter().flatten().take(MOST) {
        span.events.push(happening(event.name, event.timestamp, event.attributes));
    }
    for link in builder.links.into_iter().flatten().take(MOST) {
        span.links.push(connection(&link.span_context, link.attributes));
    }
    span
}

fn kind(kind: Option<&SpanKind>) -> i32 {
    match kind {
        None | Some(SpanKind::Internal) => 1,
        Some(SpanKind::Server) => 2,
        Some(SpanKind::Client) => 3,
        Some(SpanKind::Producer) => 4,
        Some(SpanKind::Consumer) => 5,
    }
}

fn happening(name: Cow<'static, str>, at: SystemTime, attributes: Vec<KeyValue>) -> otlp::Event {
    let attributes = attributes.into_iter().take(MOST).map(otlp::Attribute::from).collect();
    otlp::Event { time_unix_nano: nanos(at), name: name.into_owned(), attributes }
}

fn connection(to: &SpanContext, attributes: Vec<KeyValue>) -> otlp::Link {
    let attributes = attributes.into_iter().take(MOST).map(otlp::Attribute::from).collect();
    otlp::Link { trace_id: to.trace_id().to_bytes().to_vec(), span_id: to.span_id().to_bytes().to_vec(), attributes }
}

/// Random ids. Where there is no randomness there are no valid ids, and so no spans.
fn new_ids() -> (TraceId, SpanId) {
    let (mut trace, mut span) = ([0; 16], [0; 8]);
    let filled = getrandom::fill(&mut trace).and_then(|()| getrandom::fill(&mut span));
    if filled.is_ok() { (TraceId::from_bytes(trace), SpanId::from_bytes(span)) } else { (TraceId::INVALID, SpanId::INVALID) }
}

impl Span for Live {
    fn add_event_with_timestamp<T: Into<Cow<'static, str>>>(&mut self, name: T, at: SystemTime, attributes: Vec<KeyValue>) {
        if let Some(span) = self.open.as_mut().filter(|span| span.events.len() < MOST) {
            span.events.push(happening(name.into(), at, attributes));
        }
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.open.is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        let Some(span) = &mut self.open else { return };
        let attribute = otlp::Attribute::from(attribute);
        match span.attributes.iter().position(|known| known.key == attribute.key) {
            Some(at) => span.attributes[at] = attribute,
            None if span.attributes.len() < MOST => span.attributes.push(attribute),
            None => {}
        }
    }

    /// «Ok» is final, and nothing goes back to «unset», as the specification asks.
    fn set_status(&mut self, status: Status) {
        let Some(span) = &mut self.open else { return };
        let (code, message) = match status {
            Status::Unset => return,
            Status::Ok => (1, String::new()),
            Status::Error { description } => (2, description.into_owned()),
        };
        if span.status.as_ref().is_none_or(|status| status.code != 1) {
            span.status = Some(otlp::Status { message, code });
        }
    }

    fn update_name<T: Into<Cow<'static, str>>>(&mut self, name: T) {
        if let Some(span) = &mut self.open {
            span.name = name.into().into_owned();
        }
    }

    fn add_link(&mut self, to: SpanContext, attributes: Vec<KeyValue>) {
        if let Some(span) = self.open.as_mut().filter(|span| span.links.len() < MOST) {
            span.links.push(connection(&to, attributes));
        }
    }

    fn end_with_timestamp(&mut self, at: SystemTime) {
        if let Some(mut span) = self.open.take() {
            span.end_time_unix_nano = nanos(at).max(span.start_time_unix_nano);
            self.queue.put(*span);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
