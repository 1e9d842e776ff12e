//! Figures: what `/metrics` shows, as OTLP carries it.
//!
//! Owns the reading of OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>) as far as our own registry writes it, so that
//! there is one source of figures. Refuses figures of its own.

use super::otlp::{Attribute, CUMULATIVE, Data, Gauge, Histogram, HistogramPoint, Metric, Number, Point, Sum};
use std::collections::BTreeMap;

/// Labels of one sample, in the order in which they are written.
type Labels = Vec<(String, String)>;

/// A metric family on its way through the text.
#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: String,
    help: String,
    unit: String,
    numbers: Vec<(Labels, f64)>,
    histograms: BTreeMap<Labels, Buckets>,
}

/// What is known of one histogram: cumulative counts by upper bound, as they are written.
#[derive(Debug, Default)]
struct Buckets {
    up_to: Vec<(f64, u64)>,
    sum: Option<f64>,
    count: u64,
}

/// The metrics of a text, counted since `start` and seen at `now`, both nanoseconds since 1970. Lines that cannot be read are left out.
pub fn metrics(text: &str, start: u64, now: u64) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut family = Family::default();
    for line in text.lines() {
        let Some(described) = line.strip_prefix("# ") else {
            family.take(line);
            continue;
        };
        let mut words = described.splitn(3, ' ');
        let (Some(what), Some(name)) = (words.next(), words.next()) else { continue };
        if family.name != name {
            metrics.extend(std::mem::take(&mut family).metric(start, now));
            family.name = name.to_owned();
        }
        let rest = words.next().unwrap_or("");
        match what {
            "HELP" => family.help = unescaped(rest.trim_end_matches('.')),
            "TYPE" => family.kind = rest.to_owned(),
            "UNIT" => family.unit = rest.to_owned(),
            _ => {}
        }
    }
    metrics.extend(family.metric(start, now));
    metrics
}

impl Family {
    fn take(&mut self, line: &str) {
        let Some((name, mut labels, value)) = sample(line) else { return };
        let Some(suffix) = name.strip_prefix(self.name.as_str()) else { return };
        if self.kind != "histogram" {
            if suffix.is_empty() || suffix == "_total" {
                self.numbers.push((labels, value));
            }
            return;
        }
        let bound = labels.iter().position(|(key, _)| key == "le").map(|at| labels.remove(at).1);
        let buckets = self.histograms.entry(labels).or_default();
        match (suffix, bound.and_then(|bound| number(&bound))) {
            // Counts are whole, and below 2^53.
            ("_bucket", Some(bound)) => buckets.up_to.push((bound, value as u64)),
            ("_sum", None) => buckets.sum = Some(value),
            ("_count", None) => buckets.count = value as u64,
            _ => {}
        }
    }

    fn metric(self, start: u64, now: u64) -> Option<Metric> {
        let points = |start: u64| {
            let point = |(labels, value): (Labels, f64)| Point {
                start_time_unix_nano: start,
                time_unix_nano: now,
                value: Some(exact(value)),
                attributes: attributes(labels),
            };
            self.numbers.into_iter().map(point).collect::<Vec<_>>()
        };
        let data = match self.kind.as_str() {
            "counter" => Data::Sum(Sum { points: points(start), aggregation_temporality: CUMULATIVE, is_monotonic: true }),
            "histogram" => {
                let points = self.histograms.into_iter().map(|(labels, buckets)| buckets.point(labels, start, now)).collect();
                Data::Histogram(Histogram { points, aggregation_temporality: CUMULATIVE })
            }
            _ => Data::Gauge(Gauge { points: points(0) }),
        };
        let said = match &data {
            Data::Sum(sum) => !sum.points.is_empty(),
            Data::Gauge(gauge) => !gauge.points.is_empty(),
            Data::Histogram(histogram) => !histogram.points.is_empty(),
        };
        said.then_some(Metric { name: self.name, description: self.help, unit: self.unit, data: Some(data) })
    }
}

impl Buckets {
    /// Each bucket alone, for that is how OTLP counts; the last is of what lies above all bounds.
    fn point(self, labels: Labels, start: u64, now: u64) -> HistogramPoint {
        let explicit_bounds: Vec<f64> = self.up_to.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
        let finite = self.up_to.iter().filter(|(bound, _)| bound.is_finite()).map(|(_, count)| *count);
        let cumulative: Vec<u64> = finite.chain([self.count]).collect();
        let before = [0].into_iter().chain(cumulative.iter().copied());
        let bucket_counts = cumulative.iter().zip(before).map(|(up_to, below)| up_to.saturating_sub(below)).collect();
        let attributes = attributes(labels);
        HistogramPoint {
            start_time_unix_nano: start,
            time_unix_nano: now,
            count: self.count,
            sum: self.sum,
            bucket_counts,
            explicit_bounds,
            attributes,
        }
    }
}

fn attributes(labels: Labels) -> Vec<Attribute> {
    labels.into_iter().map(|(key, value)| Attribute::text(key, value)).collect()
}

/// Whole figures are sent as such, as far as a double holds each of them.
fn exact(value: f64) -> Number {
    let whole = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    if whole { Number::Int(value as i64) } else { Number::Double(value) }
}

/// `name{label="value",…} value`, whatever follows.
fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (Vec::new(), rest),
    };
    Some((name, labels, number(rest.split_whitespace().next()?)?))
}

fn labels(mut text: &str) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    loop {
        text = text.trim_start_matches(',');
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, rest) = text.split_once("=\"")?;
        let end = closing(rest)?;
        labels.push((key.to_owned(), unescaped(&rest[..end])));
        text = &rest[end + 1..];
    }
}

/// Where the first quote stands that is not escaped.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match if next == '\\' { chars.next() } else { None } {
            Some('n') => plain.push('\n'),
            Some(escaped) => plain.push(escaped),
            None => plain.push(next),
        }
    }
    plain
}

/// Rust reads `+Inf`, `-Inf` and `NaN` as the format writes them.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
