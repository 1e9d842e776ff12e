//! Metrics: what a processor counts, under the names that users see.
//!
//! Owns the counters; the node registers them where it serves `/metrics`. Refuses meaning: no decision looks at a counter.

use cairn_log::journal::ValidBlock;
use cairn_schemas::decision::{RejectionCode, Subject};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use std::sync::atomic::AtomicU64;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Decision {
    pub partition: u32,
    pub topic: &'static str,
    pub verdict: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Disposition {
    pub partition: u32,
    pub code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Partition {
    pub partition: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Refused {
    pub partition: u32,
    pub code: &'static str,
}

/// Whose lag it is.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Lag {
    pub partition: u32,
    /// `decider`, counted here; the names of other folds of the node, counted by it.
    pub fold: &'static str,
}

/// The counters of one process. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub decisions: Family<Decision, Counter>,
    pub dispositions: Family<Disposition, Counter>,
    pub void_blocks: Family<Partition, Counter>,
    pub halts: Family<Partition, Counter>,
    pub internal_rejections: Family<Partition, Counter>,
    pub append_errors: Family<Refused, Counter>,
    pub append_seconds: Histogram,
    pub decided_seconds: Histogram,
    pub lag_records: Family<Lag, Gauge>,
    pub lag_seconds: Family<Lag, Gauge<f64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        // 0.5 ms to 16 s.
        let seconds = || Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        Metrics {
            decisions: Family::default(),
            dispositions: Family::default(),
            void_blocks: Family::default(),
            halts: Family::default(),
            internal_rejections: Family::default(),
            append_errors: Family::default(),
            append_seconds: seconds(),
            decided_seconds: seconds(),
            lag_records: Family::default(),
            lag_seconds: Family::default(),
        }
    }
}

impl Metrics {
    /// The fold of those who decide.
    pub const DECIDER: &str = "decider";

    /// Puts all of them into a registry, under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("cairn_decisions", "Decisions in valid blocks", self.decisions.clone());
        registry.register("cairn_dispositions", "Records that were not admitted", self.dispositions.clone());
        registry.register("cairn_void_blocks", "Journal records that do not count", self.void_blocks.clone());
        registry.register("cairn_halts", "Partitions that stopped for a defect", self.halts.clone());
        registry.register("cairn_internal_rejections", "Events on which the decider panicked", self.internal_rejections.clone());
        registry.register("cairn_append_errors", "Appends that the log refused or did not answer", self.append_errors.clone());
        registry.register("cairn_append_seconds", "From a block's sending until it is durable", self.append_seconds.clone());
        registry.register("cairn_decided_seconds", "From an event's append until its block was read back", self.decided_seconds.clone());
        registry.register("cairn_lag_records", "Records not yet taken", self.lag_records.clone());
        registry.register("cairn_lag_seconds", "Age of the oldest record not yet taken", self.lag_seconds.clone());
    }

    /// Counts a block that was read back.
    pub(super) fn block(&self, block: &ValidBlock) {
        let partition = block.header.partition;
        for decision in &block.body.decisions {
            let topic = match &decision.subject {
                Subject::Event { at, .. } => at.topic.name(),
                Subject::Tick(_) => "tick",
            };
            self.decisions.get_or_create(&Decision { partition, topic, verdict: decision.verdict.name() }).inc();
            if decision.verdict.code() == Some(RejectionCode::Internal) {
                self.internal_rejections.get_or_create(&Partition { partition }).inc();
            }
        }
        for disposition in &block.body.dispositions {
            self.dispositions.get_or_create(&Disposition { partition, code: disposition.code.text() }).inc();
        }
    }

    pub(super) fn void_block(&self, partition: u32) {
        self.void_blocks.get_or_create(&Partition { partition }).inc();
    }

    pub(super) fn halt(&self, partition: u32) {
        self.halts.get_or_create(&Partition { partition }).inc();
    }

    pub(super) fn append_error(&self, partition: u32, code: &'static str) {
        self.append_errors.get_or_create(&Refused { partition, code }).inc();
    }

    /// Tells how far a fold is behind: records that it has not taken, and the age of the oldest.
    pub fn lag(&self, partition: u32, fold: &'static str, records: u64, seconds: f64) {
        let lag = Lag { partition, fold };
        self.lag_records.get_or_create(&lag).set(i64::try_from(records).unwrap_or(i64::MAX));
        self.lag_seconds.get_or_create(&lag).set(seconds);
    }

    /// What was told last, if anything: records and seconds.
    pub fn lag_of(&self, partition: u32, fold: &'static str) -> Option<(u64, f64)> {
        let lag = Lag { partition, fold };
        let records = self.lag_records.get(&lag)?.get();
        let seconds = self.lag_seconds.get(&lag)?.get();
        Some((u64::try_from(records).unwrap_or(0), seconds))
    }

    /// Forgets the lag of a partition that is led no longer: what was last known of it is not how it is.
    pub(super) fn no_lag(&self, partition: u32) {
        let lag = Lag { partition, fold: Metrics::DECIDER };
        self.lag_records.remove(&lag);
        self.lag_seconds.remove(&lag);
    }
}
