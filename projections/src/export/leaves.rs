//! Leaves: the rows of `decisions.parquet`, one for each leaf of the range.
//!
//! Owns the columns and how all of them follow from two: the leaf entry and the decision, as bytes. Export and verify build rows here and
//! nowhere else, so that a row which does not follow cannot be overlooked.

use super::place;
use crate::rows::{LeafAt, Place};
use arrow::{
    array::{ArrayRef, BinaryBuilder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    error::ArrowError,
};
use cairn_schemas::{
    LeafHash, SignedEvent,
    codec::{CodecError, cbor},
    decision::{Decision, LeafEntry, Subject},
    merkle, record,
};
use std::sync::{Arc, LazyLock};

/// A leaf with all that is read from it.
pub(crate) struct LeafRow {
    pub at: LeafAt,
    pub entry: LeafEntry,
    pub entry_bytes: Vec<u8>,
    pub decision: Decision,
    pub decision_bytes: Vec<u8>,
    /// None for a tick.
    pub event: Option<SignedEvent>,
}

impl LeafRow {
    pub fn of(entry: LeafEntry, decision: Decision) -> Result<LeafRow, CodecError> {
        let (entry_bytes, decision_bytes) = (entry.to_cbor()?, cbor::to_vec(&decision)?);
        let event = match &decision.subject {
            Subject::Event { record, .. } => Some(record::open(&record.0)?),
            Subject::Tick(_) => None,
        };
        let at = place(&entry, LeafHash(merkle::leaf_hash(&entry_bytes)));
        Ok(LeafRow { at, entry, entry_bytes, decision, decision_bytes, event })
    }

    fn record(&self) -> Option<&[u8]> {
        match &self.decision.subject {
            Subject::Event { record, .. } => Some(&record.0),
            Subject::Tick(_) => None,
        }
    }
}

/// Growing rows.
#[derive(Default)]
pub(crate) struct Leaves {
    partition: Int64Builder,
    leaf: Int64Builder,
    leaf_hash: StringBuilder,
    height: Int64Builder,
    at: TimestampMicrosecondBuilder,
    entry: BinaryBuilder,
    decision: BinaryBuilder,
    event_hash: StringBuilder,
    r#type: StringBuilder,
    source: StringBuilder,
    verdict: StringBuilder,
    code: StringBuilder,
    encoding: StringBuilder,
    record: BinaryBuilder,
    rows: usize,
    bytes: usize,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = LeafAt::fields();
    fields.extend([
        Field::new("entry", DataType::Binary, false),
        Field::new("decision", DataType::Binary, false),
        Field::new("event_hash", DataType::Utf8, true),
        Field::new("type", DataType::Utf8, true),
        Field::new("source", DataType::Utf8, true),
        Field::new("verdict", DataType::Utf8, false),
        Field::new("code", DataType::Utf8, true),
        Field::new("encoding", DataType::Utf8, true),
        Field::new("record", DataType::Binary, true),
    ]);
    Arc::new(Schema::new(fields))
});

impl Leaves {
    pub fn schema() -> SchemaRef {
        SCHEMA.clone()
    }

    pub fn push(&mut self, row: &LeafRow) {
        let event = row.event.as_ref();
        // Leaves, heights and milliseconds of a real history are far below 2^63; another one fails by its root.
        let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.partition.append_value(i64::from(row.at.partition));
        self.leaf.append_value(integer(row.at.leaf));
        self.leaf_hash.append_value(row.at.leaf_hash.to_string());
        self.height.append_value(integer(row.at.height));
        self.at.append_value(row.at.at.millis().saturating_mul(1_000));
        self.entry.append_value(&row.entry_bytes);
        self.decision.append_value(&row.decision_bytes);
        self.event_hash.append_option(event.map(|signed| signed.hash.to_string()));
        self.r#type.append_option(event.map(|signed| signed.event.body.type_name()));
        self.source.append_option(event.map(|signed| signed.event.source.to_string()));
        self.verdict.append_value(row.decision.verdict.name());
        self.code.append_option(row.decision.verdict.code().map(|code| code.text()));
        self.encoding.append_option(event.map(|signed| signed.encoding.name()));
        self.record.append_option(row.record());
        self.rows += 1;
        self.bytes += row.decision_bytes.len();
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of the decisions so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows so far as one batch; nothing is left afterwards.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut done = std::mem::take(self);
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(done.partition.finish()),
            Arc::new(done.leaf.finish()),
            Arc::new(done.leaf_hash.finish()),
            Arc::new(done.height.finish()),
            Arc::new(done.at.with_data_type(utc).finish()),
            Arc::new(done.entry.finish()),
            Arc::new(done.decision.finish()),
            Arc::new(done.event_hash.finish()),
            Arc::new(done.r#type.finish()),
            Arc::new(done.source.finish()),
            Arc::new(done.verdict.finish()),
            Arc::new(done.code.finish()),
            Arc::new(done.encoding.finish()),
            Arc::new(done.record.finish()),
        ];
        RecordBatch::try_new(Leaves::schema(), columns)
    }
}
