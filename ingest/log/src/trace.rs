//! Trace context: which spans a record continues.
//!
//! Owns the text form of one (`traceparent`, W3C Trace Context, <https://www.w3.org/TR/trace-context/>) and the list that travels beside a
//! record. Refuses to matter: a trace context is a hint of whoever sent it, never hashed, never signed, never decided on.

use opentelemetry::{
    Context, KeyValue, global,
    trace::{SpanBuilder, SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use std::{fmt, sync::Arc, time::SystemTime};

/// The name of the text form, in HTTP headers and in record headers.
pub const TRACEPARENT: &str = "traceparent";
/// Under this name all spans of this product are made.
pub const SCOPE: &str = "cairn";
/// Trace contexts beside one record: a block takes many events, and its record stays small.
pub const RECORD_TRACES: usize = 32;

/// A span that others may continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    trace: TraceId,
    span: SpanId,
    sampled: bool,
}

impl Trace {
    /// The active span of a context, if there is one.
    pub fn of(context: &Context) -> Option<Trace> {
        if context.has_active_span() { Trace::of_span(context.span().span_context()) } else { None }
    }

    pub fn of_span(span: &SpanContext) -> Option<Trace> {
        span.is_valid().then(|| Trace { trace: span.trace_id(), span: span.span_id(), sampled: span.is_sampled() })
    }

    /// Reads `VERSION-TRACE-SPAN-FLAGS` in lower-case hex. Of versions above 00 the first four parts are read, as the standard asks.
    pub fn parse(text: &[u8]) -> Option<Trace> {
        let [version] = hex(text.get(..2)?)?;
        let ends = match version {
            0 => text.len() == 55,
            255 => false,
            _ => matches!(text.get(55), None | Some(b'-')),
        };
        let dashed = [2, 35, 52].iter().all(|at| text.get(*at) == Some(&b'-'));
        let [flags] = hex(text.get(53..55)?)?;
        let trace = TraceId::from_bytes(hex(text.get(3..35)?)?);
        let span = SpanId::from_bytes(hex(text.get(36..52)?)?);
        let whole = ends && dashed && trace != TraceId::INVALID && span != SpanId::INVALID;
        whole.then(|| Trace { trace, span, sampled: TraceFlags::new(flags).is_sampled() })
    }

    /// A context in which new spans continue this one, which lives elsewhere.
    pub fn context(self) -> Context {
        let flags = if self.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        Context::new().with_remote_span_context(SpanContext::new(self.trace, self.span, flags, true, TraceState::NONE))
    }
}

fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    data_encoding::HEXLOWER.decode(text).ok()?.try_into().ok()
}

/// The text form, of version 00.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// The sampled spans that a record continues, at most [`RECORD_TRACES`]. Empty for most records, and then free of cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces(Option<Arc<[Trace]>>);

impl Traces {
    pub fn iter(&self) -> impl Iterator<Item = Trace> {
        self.0.iter().flat_map(|traces| traces.iter().copied())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Bytes that they take in memory.
    pub fn size(&self) -> usize {
        self.0.as_ref().map_or(0, |traces| size_of_val::<[Trace]>(traces))
    }
}

/// Keeps the first that are sampled: what nobody follows need not travel.
impl FromIterator<Trace> for Traces {
    fn from_iter<I: IntoIterator<Item = Trace>>(traces: I) -> Traces {
        let mut kept = traces.into_iter().filter(|trace| trace.sampled).take(RECORD_TRACES).peekable();
        Traces(kept.peek().is_some().then(|| kept.collect()))
    }
}

/// Begins a span under that of `parent`. It ends with the last clone of the context, if it is not ended before.
pub fn begin(span: SpanBuilder, parent: &Context) -> Context {
    parent.with_span(span.start_with_context(&global::tracer(SCOPE), parent))
}

/// Tells each follower of a record that a reader has taken it: a span that began at `began` and ends now.
pub fn tell(name: &'static str, traces: &Traces, began: SystemTime, attributes: &[KeyValue]) {
    for trace in traces.iter() {
        let span = SpanBuilder::from_name(name).with_kind(SpanKind::Consumer).with_start_time(began);
        begin(span.with_attributes(attributes.iter().cloned()), &trace.context()).span().end();
    }
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
