//! The text form, strictly, and what becomes of it.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn read(text: &str) -> Option<String> {
    Trace::parse(text.as_bytes()).map(|trace| trace.to_string())
}

#[test]
fn the_standards_example_is_read_and_written() {
    for flags in ["00", "01"] {
        let text = format!("00-{TRACE}-{SPAN}-{flags}");
        assert_eq!(read(&text), Some(text.clone()));
        let context = Trace::parse(text.as_bytes()).unwrap().context();
        assert!(context.span().span_context().is_remote());
        assert_eq!(Trace::of(&context).unwrap().to_string(), text);
    }
}

#[test]
fn what_the_standard_refuses_is_ignored() {
    let zeros = "0".repeat(32);
    for malformed in [
        String::new(),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-01-"),
        format!("00-{TRACE}-{SPAN}-01-what-the-future-holds"),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
        format!("00-{zeros}-{SPAN}-01"),
        format!("00-{TRACE}-{}-01", &zeros[..16]),
        format!("00-{TRACE}-{SPAN}-0g"),
        format!("00_{TRACE}-{SPAN}-01"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("01-{TRACE}-{SPAN}-01.more"),
        format!("0-{TRACE}-{SPAN}-01"),
    ] {
        assert_eq!(read(&malformed), None, "{malformed}");
    }
}

#[test]
fn later_versions_and_flags_are_read_as_far_as_they_are_known() {
    let known = Some(format!("00-{TRACE}-{SPAN}-01"));
    assert_eq!(read(&format!("01-{TRACE}-{SPAN}-01")), known);
    assert_eq!(read(&format!("cc-{TRACE}-{SPAN}-01-what-the-future-holds")), known);
    assert_eq!(read(&format!("00-{TRACE}-{SPAN}-ff")), known);
}

#[test]
fn a_record_carries_the_first_that_are_sampled() {
    let trace = |span: u64, sampled| Trace { trace: TraceId::from_bytes([7; 16]), span: SpanId::from_bytes(span.to_be_bytes()), sampled };
    assert_eq!(Traces::from_iter([trace(1, false)]), Traces::default());
    let many = (1..1_000).map(|span| trace(span, span % 2 == 0));
    let kept = Traces::from_iter(many);
    assert_eq!(kept.iter().collect::<Vec<_>>(), (1..=RECORD_TRACES as u64).map(|n| trace(2 * n, true)).collect::<Vec<_>>());
}

#[test]
fn a_context_without_a_span_is_no_trace() {
    assert_eq!(Trace::of(&Context::new()), None);
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Some(trace) = Trace::parse(&bytes) {
            prop_assert_eq!(Trace::parse(trace.to_string().as_bytes()), Some(trace));
        }
    }

    #[test]
    fn what_is_written_is_read(trace in 1u128.., span in 1u64.., sampled: bool) {
        let written = Trace { trace: TraceId::from_bytes(trace.to_be_bytes()), span: SpanId::from_bytes(span.to_be_bytes()), sampled };
        prop_assert_eq!(Trace::parse(written.to_string().as_bytes()), Some(written));
    }
}
