//! The tables that are not folded from the journal: signed checkpoints, and how far each fold is.

use super::row;
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
        /// `journal` for the rows that queries see; a table's name for what its Delta table holds.
        fold: String,
        /// Blocks of the partition up to here, the last one's height; none before block 0.
        height: Option<u64>,
        /// Journal records not yet folded; for a table, blocks not yet in its files.
        lag_records: u64,
        /// Age of the newest folded block if there is more to fold, else 0.
        lag_ms: u64,
        at: Timestamp,
    }
}
