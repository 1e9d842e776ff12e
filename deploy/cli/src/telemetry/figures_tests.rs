//! A registry like ours, written and read again.

#![allow(clippy::unwrap_used)]
use super::*;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family as Counted, gauge::Gauge as Level, histogram::Histogram as Spread},
    registry::Registry,
};

const START: u64 = 1;
const NOW: u64 = 2;

fn told(registry: &Registry) -> BTreeMap<String, Metric> {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    metrics(&text, START, NOW).into_iter().map(|metric| (metric.name.clone(), metric)).collect()
}

fn labels(pairs: &[(&str, &str)]) -> Vec<Attribute> {
    pairs.iter().map(|(key, value)| Attribute::text(*key, *value)).collect()
}

#[test]
fn what_a_registry_shows_is_what_is_sent() {
    let mut registry = Registry::default();
    let (decisions, lag, bare) = (
        Counted::<Vec<(String, String)>, Counter>::default(),
        Level::<f64, std::sync::atomic::AtomicU64>::default(),
        Counter::<u64>::default(),
    );
    registry.register("cairn_decisions", "Decisions by verdict", decisions.clone());
    registry.register("cairn_lag_seconds", "Age of the oldest", lag.clone());
    registry.register("cairn_bare", "Without labels", bare.clone());
    registry.register("cairn_unsaid", "A family without members", Counted::<Vec<(String, String)>, Counter>::default());
    let odd = "a name, of {four} words=1";
    decisions.get_or_create(&vec![("verdict".into(), "accepted".into()), ("realm".into(), odd.into())]).inc_by(7);
    lag.set(-0.25);
    bare.inc_by(u64::from(u32::MAX));
    let told = told(&registry);
    assert_eq!(told.keys().collect::<Vec<_>>(), ["cairn_bare", "cairn_decisions", "cairn_lag_seconds"]);
    let point = |start, value, attributes| vec![Point { start_time_unix_nano: start, time_unix_nano: NOW, value: Some(value), attributes }];
    let sum = |points| Some(Data::Sum(Sum { points, aggregation_temporality: CUMULATIVE, is_monotonic: true }));
    let decisions = &told["cairn_decisions"];
    assert_eq!(decisions.description, "Decisions by verdict");
    assert_eq!(decisions.data, sum(point(START, Number::Int(7), labels(&[("verdict", "accepted"), ("realm", odd)]))));
    assert_eq!(told["cairn_bare"].data, sum(point(START, Number::Int(u32::MAX.into()), Vec::new())));
    assert_eq!(told["cairn_lag_seconds"].data, Some(Data::Gauge(Gauge { points: point(0, Number::Double(-0.25), Vec::new()) })));
}

#[test]
fn a_histogram_keeps_its_buckets_its_sum_and_its_count() {
    let mut registry = Registry::default();
    let spread = Spread::new([0.1, 1.0, 10.0]);
    registry.register("cairn_seconds", "Seconds", spread.clone());
    [0.05, 0.5, 0.6, 100.0].into_iter().for_each(|seconds| spread.observe(seconds));
    let told = told(&registry);
    let Some(Data::Histogram(histogram)) = &told["cairn_seconds"].data else { panic!("{told:?}") };
    let point = HistogramPoint {
        start_time_unix_nano: START,
        time_unix_nano: NOW,
        count: 4,
        sum: Some(0.05 + 0.5 + 0.6 + 100.0),
        bucket_counts: vec![1, 2, 0, 1],
        explicit_bounds: vec![0.1, 1.0, 10.0],
        attributes: Vec::new(),
    };
    assert_eq!(histogram.points, [point]);
}

/// The registry escapes nothing; the format does.
#[test]
fn escaped_labels_are_read_as_they_were() {
    let read = metrics("# TYPE a gauge\na{x=\"a \\\"quote\\\",\\na \\\\\",y=\"}\"} 1\n", START, NOW);
    let [Metric { data: Some(Data::Gauge(gauge)), .. }] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(gauge.points[0].attributes, labels(&[("x", "a \"quote\",\na \\"), ("y", "}")]));
}

#[test]
fn lines_that_cannot_be_read_are_left_out() {
    let text = "# TYPE a gauge\na{x=\"1} 2\na 3\nb 4\na{x=\"\\\\\"} nought\na{x=\"5\"} 6 1700000000\nnonsense\n# EOF\n";
    let read = metrics(text, START, NOW);
    let [Metric { data: Some(Data::Gauge(gauge)), .. }] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(gauge.points.iter().map(|point| point.value.unwrap()).collect::<Vec<_>>(), [Number::Int(3), Number::Int(6)]);
}
