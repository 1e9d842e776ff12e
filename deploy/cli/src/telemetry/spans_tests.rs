//! What the libraries say through the API, as it goes out.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::telemetry::{
    otlp::{Any, Value},
    pipe::queue,
    settings::Settings,
};
use cairn_log::Trace;
use opentelemetry::trace::Link;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

fn spans(sampler: &str) -> (Spans, Receiver<otlp::Span>) {
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_TRACES_SAMPLER", sampler)];
    let get = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let (queue, ended) = queue();
    (Spans { sampler: Settings::read("test", get).unwrap().sampler, queue }, ended)
}

fn parent(flags: &str) -> Context {
    Trace::parse(format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}").as_bytes()).unwrap().context()
}

#[test]
fn a_span_goes_out_as_it_was_told() {
    let (spans, mut ended) = spans("parentbased_always_on");
    let parent = parent("01");
    let began = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
    let link = Link::with_context(parent.span().span_context().clone());
    let builder = SpanBuilder::from_name("early").with_kind(SpanKind::Server).with_start_time(began).with_links(vec![link]);
    let mut span = builder.with_attributes([KeyValue::new("a", 1)]).start_with_context(&spans, &parent);
    span.update_name("late");
    span.set_attributes([KeyValue::new("a", true), KeyValue::new("b", 0.5), KeyValue::new("c", "text")]);
    span.add_event_with_timestamp("heard", began, vec![KeyValue::new("d", 2)]);
    span.set_status(Status::error("why"));
    span.set_status(Status::Ok);
    span.set_status(Status::error("too late"));
    assert!(span.is_recording());
    span.end_with_timestamp(began + Duration::from_nanos(7));
    assert!(!span.is_recording());
    span.end();
    drop(span);
    let told = ended.try_recv().unwrap();
    assert!(ended.try_recv().is_err(), "a span ends once");
    let context = parent.span().span_context().clone();
    assert_eq!((told.name.as_str(), told.kind, told.flags), ("late", 2, 0x301));
    assert_eq!(told.trace_id, context.trace_id().to_bytes());
    assert_eq!(told.parent_span_id, context.span_id().to_bytes());
    assert_eq!((told.span_id.len(), told.links[0].span_id.as_slice()), (8, context.span_id().to_bytes().as_slice()));
    assert_eq!((told.start_time_unix_nano, told.end_time_unix_nano), (5_000_000_000, 5_000_000_007));
    let values = [("a", Value::Bool(true)), ("b", Value::Double(0.5)), ("c", Value::Text("text".into()))];
    assert_eq!(told.attributes, values.map(|(key, value)| otlp::Attribute::new(key, value)));
    assert_eq!(told.events[0].attributes[0].value, Some(Any { value: Some(Value::Int(2)) }));
    assert_eq!(told.status, Some(otlp::Status { message: String::new(), code: 1 }));
}

#[test]
fn a_span_without_a_parent_begins_a_trace_and_one_under_it_continues_it() {
    let (spans, mut ended) = spans("parentbased_always_on");
    let root = Context::new().with_span(spans.start_with_context("root", &Context::new()));
    drop(spans.start_with_context("child", &root));
    drop(root);
    let (child, root) = (ended.try_recv().unwrap(), ended.try_recv().unwrap());
    assert_eq!((child.name.as_str(), root.name.as_str()), ("child", "root"));
    assert_eq!((&child.trace_id, &child.parent_span_id), (&root.trace_id, &root.span_id));
    assert!(root.parent_span_id.is_empty() && child.span_id != root.span_id);
    assert_eq!((child.flags, root.flags), (0x101, 0x101), "both were made here");
}

#[test]
fn what_is_not_sampled_has_a_context_and_goes_nowhere() {
    let (spans, mut ended) = spans("parentbased_always_on");
    let parent = parent("00");
    let mut span = spans.start_with_context("unheard", &parent);
    span.set_attribute(KeyValue::new("a", 1));
    assert!(!span.is_recording() && !span.span_context().is_sampled());
    assert_eq!(span.span_context().trace_id(), parent.span().span_context().trace_id());
    drop(span);
    assert!(ended.try_recv().is_err());
}

#[test]
fn a_span_is_bounded_and_so_is_the_queue() {
    let (spans, mut ended) = spans("always_on");
    let many = || (0..1_000).map(|n| KeyValue::new(format!("key {n}"), n));
    let mut span = SpanBuilder::from_name("long").with_attributes(many()).start_with_context(&spans, &Context::new());
    many().for_each(|attribute| span.set_attribute(attribute));
    many().for_each(|attribute| span.add_event("event", vec![attribute; 200]));
    drop(span);
    let told = ended.try_recv().unwrap();
    assert_eq!((told.attributes.len(), told.events.len(), told.events[0].attributes.len()), (MOST, MOST, MOST));
    (0..10_000).for_each(|_| drop(spans.start_with_context("one of many", &Context::new())));
    let kept = std::iter::from_fn(|| ended.try_recv().ok()).count() as u64;
    assert_eq!(kept + spans.queue.dropped(), 10_000);
    assert!(spans.queue.dropped() > 0);
}
