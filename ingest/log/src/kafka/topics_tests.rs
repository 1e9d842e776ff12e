#![allow(clippy::unwrap_used)]
use super::*;
use rdkafka::admin::{ConfigEntry, ConfigSource, OwnedResourceSpecifier};

fn settings(changed: &[(&str, &str)]) -> ConfigResource {
    let good = RULES.iter().map(|rule| (rule.key, rule.wanted.split(' ').next().unwrap()));
    let good = good.chain([("min.insync.replicas", "2")]);
    let entry = |(name, value): (&str, &str)| {
        let value = changed.iter().find(|(key, _)| *key == name).map_or(value, |(_, value)| value);
        let (is_read_only, is_default, is_sensitive) = (false, false, false);
        ConfigEntry {
            name: name.into(),
            value: Some(value.into()),
            source: ConfigSource::DynamicTopic,
            is_read_only,
            is_default,
            is_sensitive,
        }
    };
    ConfigResource { specifier: OwnedResourceSpecifier::Topic("t".into()), entries: good.map(entry).collect() }
}

#[test]
fn what_creation_sets_passes_the_audit() {
    assert_eq!(judge_settings("t", &settings(&[]), 3), []);
}

#[test]
fn each_setting_that_endangers_records_is_found() {
    for (key, value) in [
        ("message.timestamp.type", "CreateTime"),
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "1"),
        ("unclean.leader.election.enable", "true"),
        ("max.message.bytes", "1000000"),
        ("compression.type", "producer"),
        ("compression.type", "zstd"),
        ("min.insync.replicas", "1"),
        ("min.insync.replicas", "3"),
    ] {
        let findings = judge_settings("t", &settings(&[(key, value)]), 3);
        assert!(matches!(&findings[..], [Finding::Setting { key: found, .. }] if *found == key), "{key}={value}: {findings:?}");
        assert!(findings[0].forbids() && !findings[0].next().is_empty());
    }
    assert_eq!(judge_settings("t", &settings(&[("min.insync.replicas", "1")]), 1), [], "one broker has no more to give");
}

#[test]
fn a_topic_is_judged_by_its_partitions() {
    let codes = |partitions, copies, leaderless| {
        let findings = judge("t", &Seen { partitions, copies, leaderless }, 12);
        findings.iter().map(Finding::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(12, 3, None), Vec::<&str>::new());
    assert_eq!(codes(11, 2, Some(4)), ["CRN-5145", "CRN-5147", "CRN-5148"]);
}
