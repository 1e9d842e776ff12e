//! Bytes of somebody else: written by `opentelemetry-proto` 1.x for Python, from the same values.

#![allow(clippy::unwrap_used)]
use super::otlp::*;
use data_encoding::HEXLOWER;
use prost::Message;

const SPANS: &str = "0ae8010a150a130a0c736572766963652e6e616d6512030a017312ce010a0a0a05636169726e12013112bf010a100102030405060708090a0b0c0d0e0f10120801020304050607082208020304050607\
08092a016e30053905000000000000004106000000000000004a080a017412030a01784a070a0162120210014a100a0169120b18ffffffffffffffffff014a0e0a0164120921000000000000e03f5a1509070000000000\
00001201651a070a0169120218016a250a100102030405060708090a0b0c0d0e0f101208010203040506070822070a0169120218027a0712037768791802850101030000";
const LOGS: &str = "0a730a150a130a0c736572766963652e6e616d6512030a0173125a0a0a0a05636169726e120131124c090500000000000000100d1a045741524e2a060a047361696432070a01691202180145010000004a1001\
02030405060708090a0b0c0d0e0f1052080102030405060708590600000000000000";
const METRICS: &str = "0ace010a150a130a0c736572766963652e6e616d6512030a017312b4010a0a0a05636169726e12013112290a01671201641a01752a1e0a1c19060000000000000021000000000000e03f3a080a017412030a\
017812260a01733a210a1b1105000000000000001906000000000000003107000000000000001002180112530a01684a4e0a4a11050000000000000019060000000000000021030000000000000029000000000000f83f\
3210010000000000000002000000000000003a08000000000000e03f4a080a017412030a01781002";

fn ids() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    ((1..=16).collect(), (1..=8).collect(), (2..=9).collect())
}

fn export<T: Item>(items: Vec<T>) -> Export<T> {
    let resource = Some(Resource { attributes: vec![Attribute::text("service.name", "s")] });
    let scope = Some(Scope { name: "cairn".into(), version: "1".into() });
    Export { by_resource: vec![ByResource { resource, by_scope: vec![ByScope { scope, items }] }] }
}

fn is_the_same<T: Item + Clone + PartialEq>(items: Vec<T>, theirs: &str) {
    let theirs = HEXLOWER.decode(theirs.as_bytes()).unwrap();
    let ours = export(items);
    assert_eq!(HEXLOWER.encode(&ours.encode_to_vec()), HEXLOWER.encode(&theirs));
    assert!(Export::decode(theirs.as_slice()).unwrap() == ours);
}

#[test]
fn spans_are_what_others_write() {
    let (trace_id, span_id, parent_span_id) = ids();
    let int = |value| vec![Attribute::new("i", Value::Int(value))];
    let span = Span {
        trace_id: trace_id.clone(),
        span_id: span_id.clone(),
        parent_span_id,
        name: "n".into(),
        kind: 5,
        start_time_unix_nano: 5,
        end_time_unix_nano: 6,
        attributes: vec![
            Attribute::text("t", "x"),
            Attribute::new("b", Value::Bool(true)),
            Attribute::new("i", Value::Int(-1)),
            Attribute::new("d", Value::Double(0.5)),
        ],
        events: vec![Event { time_unix_nano: 7, name: "e".into(), attributes: int(1) }],
        links: vec![Link { trace_id, span_id, attributes: int(2) }],
        status: Some(Status { message: "why".into(), code: 2 }),
        flags: 0x301,
    };
    is_the_same(vec![span], SPANS);
}

#[test]
fn logs_are_what_others_write() {
    let (trace_id, span_id, _) = ids();
    let log = Log {
        time_unix_nano: 5,
        severity_number: 13,
        severity_text: "WARN".into(),
        body: Some(Value::Text("said".into()).into()),
        attributes: vec![Attribute::new("i", Value::Int(1))],
        flags: 1,
        trace_id,
        span_id,
        observed_time_unix_nano: 6,
    };
    is_the_same(vec![log], LOGS);
}

#[test]
fn metrics_are_what_others_write() {
    let labels = vec![Attribute::text("t", "x")];
    let point = |start, value, attributes| Point { start_time_unix_nano: start, time_unix_nano: 6, value: Some(value), attributes };
    let gauge = Data::Gauge(Gauge { points: vec![point(0, Number::Double(0.5), labels.clone())] });
    let points = vec![point(5, Number::Int(7), Vec::new())];
    let sum = Data::Sum(Sum { points, aggregation_temporality: CUMULATIVE, is_monotonic: true });
    let histogram = HistogramPoint {
        start_time_unix_nano: 5,
        time_unix_nano: 6,
        count: 3,
        sum: Some(1.5),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![0.5],
        attributes: labels,
    };
    let histogram = Data::Histogram(Histogram { points: vec![histogram], aggregation_temporality: CUMULATIVE });
    let metric = |name: &str, description: &str, unit: &str, data| Metric {
        name: name.into(),
        description: description.into(),
        unit: unit.into(),
        data: Some(data),
    };
    is_the_same(vec![metric("g", "d", "u", gauge), metric("s", "", "", sum), metric("h", "", "", histogram)], METRICS);
}
