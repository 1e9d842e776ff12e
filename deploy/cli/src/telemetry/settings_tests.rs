//! The environment, understood or warned of.

#![allow(clippy::unwrap_used)]
use super::*;
use std::collections::BTreeMap;

fn read(set: &[(&str, &str)]) -> Option<Settings> {
    let set: BTreeMap<_, _> = set.iter().copied().collect();
    Settings::read("cairn", |name| set.get(name).map(|value| (*value).to_owned()))
}

fn urls(settings: &Settings) -> [Option<&str>; 3] {
    [&settings.traces, &settings.metrics, &settings.logs].map(|to| to.as_ref().map(|to| to.url.as_str()))
}

#[test]
fn nothing_set_is_nothing_sent() {
    assert!(read(&[]).is_none());
    assert!(read(&[(ENDPOINT, " ")]).is_none(), "empty is not set");
    assert!(read(&[("OTEL_SERVICE_NAME", "a"), (SAMPLER, "always_on")]).is_none());
    assert!(read(&[(ENDPOINT, "http://c:4318"), ("OTEL_SDK_DISABLED", "True")]).is_none());
}

#[test]
fn one_endpoint_serves_all_signals_and_each_may_have_its_own_or_none() {
    let common = read(&[(ENDPOINT, "http://c:4318")]).unwrap();
    assert_eq!(urls(&common), [Some("http://c:4318/v1/traces"), Some("http://c:4318/v1/metrics"), Some("http://c:4318/v1/logs")]);
    let own = [(ENDPOINT, "https://c/otlp/"), ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://l/in"), ("OTEL_METRICS_EXPORTER", "none")];
    assert_eq!(urls(&read(&own).unwrap()), [Some("https://c/otlp/v1/traces"), None, Some("http://l/in")]);
}

#[test]
fn what_is_not_understood_is_warned_of_and_left_out() {
    let table = [
        (ENDPOINT, "collector:4318", 3),
        (ENDPOINT, "ftp://c", 3),
        ("OTEL_TRACES_EXPORTER", "zipkin", 1),
        (PROTOCOL, "grpc", 1),
        (SAMPLER, "jaeger_remote", 1),
        (RATIO, "2", 1),
        (HEADERS, "no pair", 1),
        (HEADERS, "not a name=1", 1),
        (TIMEOUT, "soon", 1),
        (METRICS_INTERVAL, "0", 1),
        ("OTEL_RESOURCE_ATTRIBUTES", "=x", 1),
    ];
    for (name, value, warnings) in table {
        let sampler = if name == SAMPLER { value } else { "traceidratio" };
        let mut set = BTreeMap::from([(ENDPOINT, "http://c:4318"), (SAMPLER, sampler)]);
        set.insert(name, value);
        let settings = read(&set.into_iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(settings.warnings.len(), warnings, "{name}={value}: {:?}", settings.warnings);
        assert!(settings.warnings.iter().all(|warning| warning.starts_with(name)));
    }
}

#[test]
fn who_speaks_is_the_environments_to_say() {
    let names = |set: &[(&str, &str)]| {
        let set: Vec<_> = [(ENDPOINT, "http://c")].into_iter().chain(set.iter().copied()).collect();
        read(&set).unwrap().resource.into_iter().collect::<BTreeMap<_, _>>()
    };
    assert_eq!(names(&[])["service.name"], "cairn");
    let said = names(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=a, deployment.environment.name = te%2Cst ,service.instance.id=7")]);
    let said = ["service.name", "deployment.environment.name", "service.instance.id"].map(|key| said[key].as_str());
    assert_eq!(said, ["a", "te,st", "7"]);
    assert_eq!(names(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=a"), ("OTEL_SERVICE_NAME", "b")])["service.name"], "b");
}

#[test]
fn headers_are_sent_as_they_are_said() {
    let settings = read(&[(ENDPOINT, "http://c"), (HEADERS, "authorization=Bearer%20secret,x-scope=a=b")]).unwrap();
    assert_eq!(settings.headers["authorization"], "Bearer secret");
    assert_eq!(settings.headers["x-scope"], "a=b");
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn samplers_do_as_the_specification_says() {
    let sampler = |name: &str, ratio: &str| read(&[(ENDPOINT, "http://c"), (SAMPLER, name), (RATIO, ratio)]).unwrap().sampler;
    let drawn = |sampler: Sampler, parent| {
        let trace = |n: u64| TraceId::from_bytes((u128::from(n) << 64 | u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).to_be_bytes());
        (1..=1_000).filter(|n| sampler.samples(parent, trace(*n))).count()
    };
    let table = [
        ("always_on", [1_000, 1_000, 1_000]),
        ("always_off", [0, 0, 0]),
        ("traceidratio", [250, 250, 250]),
        ("parentbased_always_on", [1_000, 0, 1_000]),
        ("parentbased_always_off", [0, 0, 1_000]),
        ("parentbased_traceidratio", [250, 0, 1_000]),
    ];
    for (name, wanted) in table {
        for (parent, wanted) in [None, Some(false), Some(true)].into_iter().zip(wanted) {
            let drawn = drawn(sampler(name, "0.25"), parent);
            assert!(drawn.abs_diff(wanted) <= 5, "{name}, parent {parent:?}: {drawn}");
        }
    }
}
