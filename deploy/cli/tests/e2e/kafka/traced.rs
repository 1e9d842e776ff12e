//! An event followed through processes of their own: the trace travels in record headers.
//!
//! Owns who makes which span. What a tree is stands in `telemetry`.

use crate::{
    cluster::{Cluster, log_url},
    collector::{Collector, Mood, told},
    telemetry::{RECEIPT, REQUEST, TRACE, is_a_tree, of, say},
    voice::Voice,
};
use cairn_schemas::Encoding;

#[test]
#[ignore = "needs CAIRN_KAFKA: tests/run.sh starts brokers"]
fn an_event_is_followed_over_kafka_through_processes_of_their_own() {
    let collector = Collector::start(Mood::Takes);
    let (folder, log) = (tempfile::tempdir().unwrap(), log_url("traced"));
    let (cluster, _processor) = Cluster::begin_in(folder, log, "1", &collector.environment());
    let voice = Voice::new(1, cluster.realm());
    let [registers, _] = voice.introduction("tess");
    let said = say(&cluster.http, &cluster.gateway.url, &cluster.projector.url, voice.sealed(registers, Encoding::Cose));
    let spans = collector.trace(TRACE, &[REQUEST, "append", "wait", "decide", "project", RECEIPT]);
    is_a_tree(&spans, &said);
    let by = [(REQUEST, "gateway"), ("append", "gateway"), ("decide", "processor"), ("project", "projector"), (RECEIPT, "projector")];
    for (span, role) in by {
        assert_eq!(told(&of(&spans, span).0.attributes, "service.name"), format!("cairn-{role}"), "{span}");
    }
}
