//! The log over real Apache Kafka: the conformance suite, the audit of topics, the group, and faults of brokers.
//!
//! Needs brokers and says so: `tests/run.sh kafka` starts three, or by hand
//! `deploy/kafka/up.sh DIR 3`, then `CAIRN_KAFKA=host:port CAIRN_KAFKA_DIR=DIR cargo test … --test kafka -- --ignored --test-threads=1`.
//! Each story has topics of its own under a fresh prefix.
#![allow(clippy::unwrap_used)]

mod brokers;
mod conformance;
mod faults;
mod group;
mod replaced;
mod secure;
mod speed;
mod strangers;
mod topics;
mod unclean;
