//! Settings: the environment variables of OpenTelemetry (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
//!
//! Owns their reading. Refuses to stop a node over them: what is not understood is warned of and left out.

use super::otlp::{Attribute, Resource};
use opentelemetry::trace::TraceId;
use percent_encoding::percent_decode_str;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use std::{fmt, time::Duration};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const RATIO: &str = "OTEL_TRACES_SAMPLER_ARG";
const METRICS_INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const SPANS_DELAY: &str = "OTEL_BSP_SCHEDULE_DELAY";
const LOGS_DELAY: &str = "OTEL_BLRP_SCHEDULE_DELAY";
/// Bounds of every duration that is set, milliseconds.
const MILLIS: std::ops::RangeInclusive<u64> = 10..=86_400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        })
    }
}

/// Where a signal goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub signal: Signal,
    pub url: Url,
}

/// Which traces are followed. A sampler «by parent» does as whoever sent the request, and decides alone where nobody did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Of those without a parent, or of all.
    ratio: f64,
    by_parent: bool,
}

impl Sampler {
    /// `parent`: whether the parent is sampled, if there is one.
    pub fn samples(self, parent: Option<bool>, trace: TraceId) -> bool {
        match parent.filter(|_| self.by_parent) {
            Some(sampled) => sampled,
            // The low 63 bits of an id against a share of them: every process draws the same for one trace.
            None => trace != TraceId::INVALID && ((u128::from_be_bytes(trace.to_bytes()) as u64) >> 1) as f64 / 2f64.powi(63) < self.ratio,
        }
    }
}

/// What the environment asks for.
#[derive(Clone, Debug)]
pub struct Settings {
    pub traces: Option<Destination>,
    pub metrics: Option<Destination>,
    pub logs: Option<Destination>,
    pub sampler: Sampler,
    pub headers: HeaderMap,
    /// Of one POST.
    pub timeout: Duration,
    pub spans_delay: Duration,
    pub logs_delay: Duration,
    pub metrics_interval: Duration,
    resource: Vec<(String, String)>,
    /// What was not understood.
    pub warnings: Vec<String>,
}

impl Settings {
    /// None where no signal has anywhere to go. `service` is the usual name, `get` the environment.
    pub fn read(service: &str, get: impl Fn(&str) -> Option<String>) -> Option<Settings> {
        let mut env = Env {
            get: |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()),
            warnings: Vec::new(),
        };
        if (env.get)("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        let (traces, metrics, logs) = (env.destination(Signal::Traces), env.destination(Signal::Metrics), env.destination(Signal::Logs));
        if traces.is_none() && metrics.is_none() && logs.is_none() && env.warnings.is_empty() {
            return None;
        }
        env.protocol();
        Some(Settings {
            traces,
            metrics,
            logs,
            sampler: env.sampler(),
            headers: env.headers(),
            timeout: env.millis(TIMEOUT, 10_000),
            spans_delay: env.millis(SPANS_DELAY, 5_000),
            logs_delay: env.millis(LOGS_DELAY, 1_000),
            metrics_interval: env.millis(METRICS_INTERVAL, 60_000),
            resource: env.resource(service),
            warnings: env.warnings,
        })
    }

    /// Who speaks.
    pub fn resource(&self) -> Resource {
        Resource { attributes: self.resource.iter().map(|(key, value)| Attribute::text(key, value)).collect() }
    }
}

struct Env<G> {
    get: G,
    warnings: Vec<String>,
}

impl<G: Fn(&str) -> Option<String>> Env<G> {
    fn warn(&mut self, name: &str, why: impl fmt::Display) {
        self.warnings.push(format!("{name}: {why}"));
    }

    /// A signal's own endpoint is taken as it is; the common one is what all paths begin with.
    fn destination(&mut self, signal: Signal) -> Option<Destination> {
        let (lower, upper) = (signal.to_string(), signal.to_string().to_uppercase());
        let own = format!("OTEL_EXPORTER_OTLP_{upper}_ENDPOINT");
        let (name, text) = match ((self.get)(&own), (self.get)(ENDPOINT)) {
            (Some(url), _) => (own.as_str(), url),
            (None, Some(base)) => (ENDPOINT, format!("{}/v1/{lower}", base.trim_end_matches('/'))),
            (None, None) => return None,
        };
        let exporter = format!("OTEL_{upper}_EXPORTER");
        match (self.get)(&exporter).as_deref() {
            None | Some("otlp") => {}
            Some("none") => return None,
            Some(other) => {
                self.warn(&exporter, format!("{other} is not known here, only otlp and none: no {lower} are sent"));
                return None;
            }
        }
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(Destination { signal, url }),
            _ => {
                self.warn(name, format!("no URL of http or https: no {lower} are sent"));
                None
            }
        }
    }

    fn protocol(&mut self) {
        if let Some(other) = (self.get)(PROTOCOL).filter(|protocol| protocol != "http/protobuf") {
            self.warn(PROTOCOL, format!("{other} is not spoken here; http/protobuf is, which collectors take at port 4318"));
        }
    }

    fn sampler(&mut self) -> Sampler {
        let name = (self.get)(SAMPLER).unwrap_or_else(|| "parentbased_always_on".into());
        let by_parent = name.starts_with("parentbased_");
        let ratio = match name.trim_start_matches("parentbased_") {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => self.ratio(),
            _ => {
                self.warn(SAMPLER, format!("{name} is not known here: parentbased_always_on is taken"));
                return Sampler { ratio: 1.0, by_parent: true };
            }
        };
        Sampler { ratio, by_parent }
    }

    fn ratio(&mut self) -> f64 {
        let Some(text) = (self.get)(RATIO) else { return 1.0 };
        let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.unwrap_or_else(|| {
            self.warn(RATIO, format!("{text} is no ratio from 0 to 1: 1 is taken"));
            1.0
        })
    }

    fn headers(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (key, value) in self.pairs(HEADERS) {
            match (HeaderName::from_bytes(key.as_bytes()), HeaderValue::from_str(&value)) {
                (Ok(key), Ok(mut value)) => {
                    value.set_sensitive(true);
                    headers.insert(key, value);
                }
                // The value may be a secret.
                _ => self.warn(HEADERS, format!("{key} cannot be sent")),
            }
        }
        headers
    }

    fn millis(&mut self, name: &str, usual: u64) -> Duration {
        let set = (self.get)(name).map(|text| text.parse().ok().filter(|millis| MILLIS.contains(millis)));
        if set == Some(None) {
            self.warn(name, format!("not {} to {} milliseconds: {usual} is taken", MILLIS.start(), MILLIS.end()));
        }
        Duration::from_millis(set.flatten().unwrap_or(usual))
    }

    /// What is said of us in the environment goes before what we say ourselves; a later pair before an earlier one.
    fn resource(&mut self, service: &str) -> Vec<(String, String)> {
        let instance = format!("{:016x}", getrandom::u64().unwrap_or_else(|_| std::process::id().into()));
        let ours =
            [("service.name", service.into()), ("service.version", env!("CARGO_PKG_VERSION").into()), ("service.instance.id", instance)];
        let mut all: Vec<(String, String)> = ours.map(|(key, value)| (key.to_owned(), value)).into();
        let name = (self.get)("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name));
        for (key, value) in self.pairs("OTEL_RESOURCE_ATTRIBUTES").into_iter().chain(name) {
            match all.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = value,
                None => all.push((key, value)),
            }
        }
        all
    }

    /// `key=value,key=value`, with percent-encoded values.
    fn pairs(&mut self, name: &str) -> Vec<(String, String)> {
        let text = (self.get)(name).unwrap_or_default();
        let mut pairs = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').filter(|(key, _)| !key.trim().is_empty()) {
                Some((key, value)) => {
                    pairs.push((key.trim().to_owned(), percent_decode_str(value.trim()).decode_utf8_lossy().into_owned()));
                }
                None => self.warn(name, "a part of it is no key=value"),
            }
        }
        pairs
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
