//! Receipts: what was decided on an event, where that stands in the history, and the proof of it.
//!
//! Owns the look-up by event id or hash. Refuses to say anything of an event that is not decided: it may still lie in its topic.

use crate::{Projections, error::SqlError, prove::InclusionProof};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{DataType, Int64Type, TimestampMicrosecondType},
};
use cairn_schemas::{
    EventHash, EventId, Timestamp,
    decision::{LeafEntry, Position},
};
use serde::Serialize;
use serde_json::value::RawValue;

/// An event that was decided.
#[derive(Debug, Serialize)]
pub struct Decided {
    /// Always `decided`: the tables know no other.
    pub status: &'static str,
    pub event_hash: String,
    pub id: String,
    pub realm: String,
    pub topic: String,
    pub r#type: String,
    pub author: String,
    pub seq: i64,
    pub verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub partition: i64,
    pub height: i64,
    pub leaf: i64,
    pub leaf_hash: String,
    /// Block time.
    pub at: Timestamp,
    /// Where the record lies.
    pub offset: i64,
    pub encoding: String,
    pub data: Box<RawValue>,
}

/// The proof that an event was decided so.
#[derive(Debug, Serialize)]
pub struct Receipt {
    #[serde(flatten)]
    pub decided: Decided,
    /// SHA-256 over event bytes, verdict and facts.
    pub decision: String,
    /// What the leaf hash is the hash of, once encoded as deterministic CBOR.
    pub entry: LeafEntry,
    /// Absent until a signed checkpoint covers the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<InclusionProof>,
}

const COLUMNS: &str = "e.event_hash, e.event_id, e.realm, e.topic, e.type, e.author, e.seq, e.verdict, e.code, e.detail, \
    e.partition, e.height, e.leaf, e.leaf_hash, e.at, e.topic_offset, e.encoding, e.data, e.topic_index, d.decision";

impl Projections {
    /// The decided event of an id or a hash. Ids are their authors' and may collide: then the first decided.
    pub async fn event(&self, id: &str) -> Result<Decided, SqlError> {
        let (batch, row) = self.find(id).await?;
        decided(&batch, row)
    }

    /// The receipt of the same.
    pub async fn receipt(&self, id: &str) -> Result<Receipt, SqlError> {
        let (batch, row) = self.find(id).await?;
        let decided = decided(&batch, row)?;
        let decision = text(&batch, 19, row).unwrap_or_default();
        let entry = entry(&decided, &decision, integer(&batch, 18, row)).ok_or_else(|| unreadable("the leaf entry"))?;
        let proof = self.proofs().prove(entry.partition, entry.leaf);
        Ok(Receipt { decided, decision, entry, proof })
    }

    async fn find(&self, id: &str) -> Result<(RecordBatch, usize), SqlError> {
        let column = if id.parse::<EventHash>().is_ok() {
            "event_hash"
        } else if id.parse::<EventId>().is_ok() {
            "event_id"
        } else {
            return Err(SqlError::NoEventId { id: id.chars().take(80).collect() });
        };
        // The id was parsed: it holds hex digits and hyphens alone.
        let question = format!(
            "SELECT {COLUMNS} FROM events e JOIN decisions d ON d.partition = e.partition AND d.leaf = e.leaf \
             WHERE e.{column} = '{id}' ORDER BY e.at, e.partition, e.leaf LIMIT 1"
        );
        let batches = self.sql(&question).await?.collect().await?;
        let found = batches.into_iter().find(|batch| batch.num_rows() > 0);
        found.map(|batch| (batch, 0)).ok_or_else(|| SqlError::NoSuchEvent { id: id.to_owned() })
    }
}

fn decided(batch: &RecordBatch, row: usize) -> Result<Decided, SqlError> {
    let column = |at: usize| text(batch, at, row);
    let required = |at: usize| column(at).unwrap_or_default();
    let micros = batch.column(14).as_primitive::<TimestampMicrosecondType>().value(row);
    Ok(Decided {
        status: "decided",
        event_hash: required(0),
        id: required(1),
        realm: required(2),
        topic: required(3),
        r#type: required(4),
        author: required(5),
        seq: integer(batch, 6, row),
        verdict: required(7),
        code: column(8),
        detail: column(9),
        partition: integer(batch, 10, row),
        height: integer(batch, 11, row),
        leaf: integer(batch, 12, row),
        leaf_hash: required(13),
        at: Timestamp::from_millis(micros / 1_000).ok_or_else(|| unreadable("a time"))?,
        offset: integer(batch, 15, row),
        encoding: required(16),
        data: RawValue::from_string(required(17)).map_err(|_| unreadable("the event's data"))?,
    })
}

fn entry(decided: &Decided, decision: &str, index: i64) -> Option<LeafEntry> {
    let at =
        Position { topic: decided.topic.parse().ok()?, offset: u64::try_from(decided.offset).ok()?, index: u32::try_from(index).ok()? };
    Some(LeafEntry {
        version: 1,
        partition: u32::try_from(decided.partition).ok()?,
        leaf: u64::try_from(decided.leaf).ok()?,
        height: u64::try_from(decided.height).ok()?,
        time: decided.at,
        at: Some(at),
        verdict: decided.code.clone().unwrap_or_else(|| decided.verdict.clone()),
        decision: decision.parse().ok()?,
    })
}

fn unreadable(what: &str) -> SqlError {
    SqlError::Failed(Box::new(datafusion::error::DataFusionError::Internal(format!("{what} in the tables cannot be read"))))
}

/// A text cell.
pub(crate) fn text(batch: &RecordBatch, column: usize, row: usize) -> Option<String> {
    let column = batch.column(column);
    let present = column.data_type() == &DataType::Utf8 && column.is_valid(row);
    present.then(|| column.as_string::<i32>().value(row).to_owned())
}

fn integer(batch: &RecordBatch, column: usize, row: usize) -> i64 {
    batch.column(column).as_primitive::<Int64Type>().value(row)
}
