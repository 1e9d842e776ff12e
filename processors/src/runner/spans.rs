//! Spans: how long a followed event waits between its block's forming and its block's place in the journal.
//!
//! Owns one span for each event of a block whose sender asked to be followed. Refuses to touch what is decided: the decider knows of none.

use super::form::Traced;
use cairn_log::{Trace, Traces, trace};
use cairn_schemas::Stream;
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanBuilder, SpanKind, Status, TraceContextExt},
};
use std::time::SystemTime;

/// The spans of one block; they end with it, decided or thrown away.
#[derive(Debug, Default)]
pub struct Deciding(Vec<Context>);

impl Deciding {
    /// Begins what has been going on since `began`.
    pub fn begin(traced: &[Traced], partition: u32, height: u64, began: SystemTime) -> Deciding {
        let span = |Traced { trace, at, verdict }: &Traced| {
            let attributes = [
                KeyValue::new("cairn.partition", i64::from(partition)),
                KeyValue::new("cairn.height", height.cast_signed()),
                KeyValue::new("cairn.stream", Stream::Topic(at.topic).name()),
                KeyValue::new("cairn.offset", at.offset.cast_signed()),
                KeyValue::new("cairn.verdict", *verdict),
            ];
            let span = SpanBuilder::from_name("decide").with_kind(SpanKind::Consumer).with_start_time(began).with_attributes(attributes);
            trace::begin(span, &trace.context())
        };
        Deciding(traced.iter().map(span).collect())
    }

    /// What goes with the block's record, so that its readers go on from here.
    pub fn traces(&self) -> Traces {
        self.0.iter().filter_map(Trace::of).collect()
    }

    /// The block was read back: its decisions count.
    pub fn decided(self) {
        for context in self.0 {
            context.span().set_status(Status::Ok);
            context.span().end();
        }
    }
}
