//! Telemetry: an event followed from its request to the tables, figures and logs beside it, and collectors that fail.
//!
//! Owns what a collector sees. Refuses to depend on it: what a node does with a bad one is what it does without.

use crate::{
    collector::{
        Collector, Mood, hex,
        otlp::{Data, Number, Resource, Span},
        told,
    },
    node::{Answer, Http, Node, PATIENCE, cairn, until},
    voice::{Voice, note, send},
};
use cairn_schemas::Encoding;
use std::{collections::BTreeMap, fs, path::Path, process::Stdio, time::Instant};

pub const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const UNFOLLOWED: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT: &str = "00f067aa0ba902b7";
pub const REQUEST: &str = "POST /v1/events";
pub const RECEIPT: &str = "GET /v1/receipts/{id}";

fn node(dir: &Path, environment: &[(&str, String)], errors: Stdio) -> Node {
    let mut command = cairn(&["up", "--listen", "127.0.0.1:0", "--dir", dir.to_str().unwrap(), "--workers", "0"]);
    command.envs(environment.iter().map(|(name, value)| (*name, value))).stderr(errors);
    Node::started(command, dir, None)
}

/// Says an event within a span of ours, waits for its verdict, and asks for its receipt within the same.
pub fn say(http: &Http, gateway: &str, projector: &str, record: Vec<u8>) -> Answer {
    let within = [("content-type", "application/cose"), ("traceparent", &format!("00-{TRACE}-{CLIENT}-01"))];
    let said = http.ask("POST", &format!("{gateway}/v1/events?wait=decided"), &within, record, PATIENCE).unwrap();
    assert_eq!(said.status, 200, "{}", said.text());
    let receipt = format!("{projector}/v1/receipts/{}", said.json()["event_hash"].as_str().unwrap());
    until("the receipt", || {
        let answer = http.ask("GET", &receipt, &within[1..], Vec::new(), PATIENCE).unwrap();
        (answer.status == 200).then_some(())
    });
    said
}

/// The one span of a name, or the first.
pub fn of<'a>(spans: &'a BTreeMap<String, Vec<(Resource, Span)>>, name: &str) -> &'a (Resource, Span) {
    &spans[name][0]
}

/// What must hold of an event's tree, wherever its spans were made.
pub fn is_a_tree(spans: &BTreeMap<String, Vec<(Resource, Span)>>, said: &Answer) {
    let parents = [("append", REQUEST), ("wait", REQUEST), ("decide", "append"), ("project", "decide")];
    for (child, parent) in parents {
        assert_eq!(spans[child].len(), 1, "{child}: {:?}", spans[child]);
        let (child_span, parent_span) = (&of(spans, child).1, &of(spans, parent).1);
        assert_eq!(hex(&child_span.parent_span_id), hex(&parent_span.span_id), "{child} continues {parent}");
    }
    for root in [REQUEST, RECEIPT] {
        assert!(spans[root].iter().all(|(_, span)| hex(&span.parent_span_id) == CLIENT), "{root} continues the client's span");
    }
    let all = || spans.values().flatten().map(|(_, span)| span);
    assert!(all().all(|span| 0 < span.start_time_unix_nano && span.start_time_unix_nano <= span.end_time_unix_nano));
    let mut ids: Vec<_> = all().map(|span| &span.span_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all().count(), "a span has an id of its own");
    let request = &of(spans, REQUEST).1;
    let within = ["append", "wait"].map(|name| &of(spans, name).1);
    assert!(within.iter().all(|span| request.start_time_unix_nano <= span.start_time_unix_nano));
    assert!(within.iter().all(|span| span.end_time_unix_nano <= request.end_time_unix_nano));
    assert_eq!((request.kind, told(&request.attributes, "http.response.status_code").as_str()), (2, "200"));
    let (decide, answer) = (&of(spans, "decide").1, said.json());
    assert_eq!(decide.status.as_ref().unwrap().code, 1, "it was read back");
    for (attribute, key) in
        [("cairn.verdict", "verdict"), ("cairn.offset", "offset"), ("cairn.height", "height"), ("cairn.stream", "topic")]
    {
        assert_eq!(told(&decide.attributes, attribute), answer[key].to_string().trim_matches('"'), "{attribute}");
    }
}

#[test]
fn an_event_is_followed_from_its_request_to_the_tables() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start(Mood::Takes));
    let mut environment = collector.environment();
    environment.extend([("OTEL_SERVICE_NAME", "followed".into()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".into())]);
    let node = node(&folder.path().join("node"), &environment, Stdio::inherit());
    let mut voice = Voice::introduced(&node, 1, "tess");
    let unfollowed = voice.seal(note("unfollowed"), Encoding::Cose);
    let without = [("content-type", "application/cose"), ("traceparent", &format!("00-{UNFOLLOWED}-{CLIENT}-00"))];
    assert_eq!(node.ask("POST", "/v1/events?wait=decided", &without, unfollowed).status, 200);
    let said = say(&node.http, &node.url, &node.url, voice.seal(note("followed"), Encoding::Cose));
    let spans = collector.trace(TRACE, &[REQUEST, "append", "wait", "decide", "project", RECEIPT]);
    is_a_tree(&spans, &said);
    assert!(spans.values().flatten().all(|(resource, _)| told(&resource.attributes, "service.name") == "followed"));
    assert!(!collector.has_trace(UNFOLLOWED), "whoever asks not to be followed is not");
    // The figures are those of the node's own page.
    let shown = node.get("/metrics").text();
    let decided =
        shown.lines().find(|line| line.starts_with("cairn_decisions_total{") && line.contains("accepted") && line.contains("audit"));
    let decided: i64 = decided.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    collector.metric("cairn_decisions", |metric| {
        let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
        let labelled = |attributes| told(attributes, "topic") == "audit" && told(attributes, "verdict") == "accepted";
        sum.points.iter().find(|point| labelled(&point.attributes) && point.value == Some(Number::Int(decided))).map(drop)
    });
    collector.metric("cairn_decided_seconds", |metric| {
        let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{metric:?}") };
        let point = histogram.points.first()?;
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
        (point.count > 0).then_some(())
    });
    let warned = collector.log("grpc is not spoken here");
    assert_eq!((warned.severity_number, warned.severity_text.as_str()), (13, "WARN"));
    assert_eq!(node.stop().code(), Some(0));
}

#[test]
fn a_collector_that_fails_is_told_once_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for mood in [Some(Mood::Refuses), Some(Mood::Hangs), None] {
        let collector = mood.map(Collector::start);
        let mut environment = collector.as_ref().unwrap_or(&Collector::start(Mood::Takes)).environment();
        // Without a mood: a collector that was there a moment ago.
        environment.push(("OTEL_EXPORTER_OTLP_TIMEOUT", "300".into()));
        let errors = folder.path().join(format!("{mood:?}"));
        let node = node(&folder.path().join(format!("node-{mood:?}")), &environment, fs::File::create(&errors).unwrap().into());
        let mut voice = Voice::introduced(&node, 1, "tess");
        for n in 0..20 {
            let answer = send(&node, voice.seal(note(&format!("note {n}")), Encoding::Cose), "?wait=decided");
            assert_eq!((answer.status, answer.json()["verdict"].as_str()), (200, Some("accepted")), "{mood:?}");
        }
        let heard = || fs::read_to_string(&errors).unwrap().matches("does not take telemetry").count();
        // Traces, metrics and logs go ways of their own, and more than once.
        until("the outage is told", || (heard() == 3).then_some(()));
        if let Some(collector) = &collector {
            let before = collector.posts();
            until("it is tried again", || (collector.posts() > before + 3).then_some(()));
        }
        let began = Instant::now();
        assert_eq!(node.stop().code(), Some(0), "{mood:?}");
        assert!(began.elapsed().as_secs() < 15, "{mood:?}: it took {:?} to stop", began.elapsed());
        assert_eq!(heard(), 3, "{mood:?}: {}", fs::read_to_string(&errors).unwrap());
    }
}
