//! The tables that are not folded from the journal: signed checkpoints, and how far each fold is.

use super::row;
use crate::lag::FoldLag;
use cairn_schemas::{Root, Timestamp};

row! {
    /// A signed checkpoint of a partition's tree.
    CheckpointRow of Checkpoints at () {
        partition: u32,
        origin: String,
        size: u64,
        root: Root,
        /// The C2SP signed note.
        note: String,
    }
}

row! {
    /// How far one fold of one partition is.
    LagRow of ConsumerLag at () {
        partition: u32,
        /// `journal` for the rows that queries see; a table's name for what its Delta table holds; `decider`; `gateway` in a node.
        fold: &'static str,
        /// Blocks of the partition up to here, the last one's height; none before block 0.
        height: Option<u64>,
        /// Journal records not yet taken; for a table, blocks with rows not yet in its files; for the decider, inputs. Markers, void
        /// blocks and records disposed of are no lag.
        lag_records: u64,
        /// Age of the oldest of them; 0 without any.
        lag_ms: u64,
        at: Timestamp,
    }
}

impl LagRow {
    pub(crate) fn of(lag: FoldLag, at: Timestamp) -> LagRow {
        let FoldLag { partition, fold, height, records, age_ms, .. } = lag;
        LagRow { partition, fold, height, lag_records: records, lag_ms: age_ms, at }
    }
}
