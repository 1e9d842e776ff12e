use super::*;
use crate::blobs::BlobError;
use crate::disk::OpenError;
use crate::kafka::topics::Finding;
use crate::store::StoreError;
use cairn_schemas::ids::BlobHash;
use std::collections::BTreeSet;

#[test]
fn every_error_has_a_code_of_its_own_and_a_next_step() {
    let (place, partitions, size, limit, from) = (Place::journal(0), 1, 2, 1, 3);
    let source = || io::Error::other("worn out");
    let file = || "a.seg".to_owned();
    let appends = [
        AppendError::Unknown { place },
        AppendError::TooLarge { place, what: "bytes", size, limit },
        AppendError::NoSuchPlace { place, partitions },
        AppendError::Closed { place },
        AppendError::ReadOnly { place },
        AppendError::Full { place },
        AppendError::Io { place, source: source() },
    ];
    let reads = [
        ReadError::Truncated { place, from, first: 4 },
        ReadError::BeyondEnd { place, from, end: 2 },
        ReadError::NoSuchPlace { place, partitions },
        ReadError::Damaged { place, offset: 0, file: file(), at: 64, reason: "rot" },
        ReadError::Closed,
        ReadError::Io { place, source: source() },
    ];
    let opens = [
        OpenError::Locked { dir: "d".into(), holder: "process 1".into() },
        OpenError::Damaged { file: file(), at: 64, reason: "rot" },
        OpenError::Missing { from: 1, to: 2 },
        OpenError::Version { file: file(), version: 9, known: 1 },
        OpenError::Partitions { found: 1, asked: 2 },
        OpenError::Io { what: "LOCK".into(), source: source() },
    ];
    let hash = BlobHash([0; 32]);
    let blobs = [
        BlobError::Missing { hash },
        BlobError::Damaged { hash },
        BlobError::TooLarge { size: 2, limit: 1 },
        BlobError::Open(StoreError::Open { at: "x".into(), reason: "y".into() }),
        BlobError::Store { operation: "put", hash, source: StoreError::Missing { key: "k".into() } },
        BlobError::Full { hash, source: StoreError::Missing { key: "k".into() } },
    ];
    let key = || "k".to_owned();
    let stores = [
        StoreError::Open { at: "x".into(), reason: "y".into() },
        StoreError::Missing { key: key() },
        StoreError::TooLarge { key: key(), size: 2, limit: 1 },
        StoreError::Failed { operation: "put", key: key(), source: Box::new(source()) },
    ];
    let deletes = [
        DeleteError::Unsupported { place },
        DeleteError::NoSuchPlace { place, partitions },
        DeleteError::BeyondEnd { place, below: 4, end: 3 },
        DeleteError::Closed { place },
        DeleteError::Io { place, source: source() },
    ];
    let (topic, reason) = (|| "jobs".to_owned(), || "so it is".to_owned());
    let found = [
        Finding::Missing { topic: topic() },
        Finding::Partitions { topic: topic(), found: 1, wanted: 2 },
        Finding::Setting { topic: topic(), key: "retention.ms", found: "1".into(), wanted: "-1".into(), why: "it eats" },
        Finding::Leaderless { topic: topic(), partition: 0 },
        Finding::Copies { topic: topic(), found: 1, wanted: 3 },
        Finding::Unaudited { topic: topic(), reason: reason() },
    ];
    let kafka = [
        KafkaError::Address { what: reason() },
        KafkaError::Secret { from: "f".into(), reason: reason() },
        KafkaError::Unreachable { brokers: "b:1".into(), reason: reason() },
        KafkaError::Replaced { topic: topic(), was: "a".into(), is: "b".into() },
        KafkaError::Refused { what: reason(), reason: reason() },
        KafkaError::Change { operation: "creation", topic: topic(), reason: reason() },
        KafkaError::Client { reason: reason() },
        KafkaError::Undated { topic: topic() },
        KafkaError::Unread { topic: topic(), partition: 0, offset: 3, reason: reason() },
    ];
    let archives = [
        ArchiveError::Damaged { key: key(), reason: "rot" },
        ArchiveError::Gap { partition: 0, height: 1 },
        ArchiveError::Conflict { key: key() },
        ArchiveError::Empty,
        ArchiveError::Version { key: key(), version: 9 },
    ];
    let told = appends.iter().map(|error| (error.code(), error.next(), error.to_string()));
    let told = told.chain(reads.iter().map(|error| (error.code(), error.next(), error.to_string())));
    let told = told.chain(opens.iter().map(|error| (error.code(), error.next(), error.to_string())));
    let told = told.chain(stores.iter().map(|error| (error.code(), error.next(), error.to_string())));
    let told = told.chain(deletes.iter().map(|error| (error.code(), error.next(), error.to_string())));
    let told = told.chain(archives.iter().map(|error| (error.code(), error.next(), error.to_string())));
    let told = told.chain(blobs.iter().map(|error| (error.code(), error.next(), error.to_string())));
    let told = told.chain(found.iter().map(|error| (error.code(), error.next(), error.to_string())));
    let told = told.chain(kafka.iter().map(|error| (error.code(), error.next(), error.to_string())));
    let mut codes = BTreeSet::new();
    for (code, next, text) in told {
        assert!(codes.insert(code), "{code} stands for two errors");
        assert!(!next.is_empty(), "{code} is not in the registry");
        assert!(!text.contains("worn out"), "{text}: the source tells its own story");
    }
}
