//! Rows: the columns of every table, in one place.
//!
//! Owns the Arrow schema of each table and the one way a Rust value becomes a cell. Refuses meaning: which rows an event
//! gives is said in [`crate::fold`]. Only simple types are used (text, 64-bit integers, decimals, times, truth values), so
//! that every reader of Delta and Parquet reads them alike.

mod cell;
mod journal;
mod ledger;
mod position;
mod voice;
mod work;

pub use cell::{Cell, Columns, Kind, Value};
pub use journal::{BlockRow, DecisionRow, DispositionRow, EventRow};
pub use ledger::{AccountRow, EntryRow, KeyRow, RealmRow};
pub use position::{CheckpointRow, LagRow};
pub use voice::{AuditRow, VoteRow};
pub use work::{DisputeRow, GradientRow, JobRow, ProofRow, TaskRow, WorkerRow};

use arrow::datatypes::{Field, Schema, SchemaRef};
use cairn_schemas::{LeafHash, Timestamp};
use std::sync::{Arc, LazyLock};

/// What a table's rows are made of.
pub trait Row {
    const TABLE: Table;
    /// The columns that say where in history a row stands.
    type Place: Place;

    /// The columns of its own, in order.
    fn fields() -> Vec<Field>;
    /// The cells of its own, in the same order.
    fn values(&self) -> Vec<Value>;
}

/// Where in history a row stands: the columns before its own.
pub trait Place {
    fn fields() -> Vec<Field>;
    fn values(&self) -> Vec<Value>;
}

impl Place for () {
    fn fields() -> Vec<Field> {
        Vec::new()
    }

    fn values(&self) -> Vec<Value> {
        Vec::new()
    }
}

/// The leaf a row comes from: what `prove(partition, leaf)` proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafAt {
    pub partition: u32,
    pub leaf: u64,
    pub leaf_hash: LeafHash,
    pub height: u64,
    /// Block time.
    pub at: Timestamp,
}

impl Place for LeafAt {
    fn fields() -> Vec<Field> {
        vec![u32::field("partition"), u64::field("leaf"), LeafHash::field("leaf_hash"), u64::field("height"), Timestamp::field("at")]
    }

    fn values(&self) -> Vec<Value> {
        vec![self.partition.value(), self.leaf.value(), self.leaf_hash.value(), self.height.value(), self.at.value()]
    }
}

/// The fact of a leaf a row comes from. `(partition, leaf, fact)` is the order of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactAt {
    pub leaf: LeafAt,
    /// Its number among the facts of the decision, from 0.
    pub fact: u32,
}

impl Place for FactAt {
    fn fields() -> Vec<Field> {
        let mut fields = LeafAt::fields();
        fields.push(u32::field("fact"));
        fields
    }

    fn values(&self) -> Vec<Value> {
        let mut values = self.leaf.values();
        values.push(self.fact.value());
        values
    }
}

/// The schema of a row type: its place, then its own columns.
fn schema_of<R: Row>() -> SchemaRef {
    let mut fields = R::Place::fields();
    fields.extend(R::fields());
    Arc::new(Schema::new(fields))
}

/// Declares a row type: its place in history and its columns, from one list.
macro_rules! row {
    ($(#[$doc:meta])* $row:ident of $table:ident at $place:ty { $($(#[$fdoc:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $row { $($(#[$fdoc])* pub $field: $type),+ }

        impl $crate::rows::Row for $row {
            const TABLE: $crate::rows::Table = $crate::rows::Table::$table;
            type Place = $place;

            fn fields() -> Vec<arrow::datatypes::Field> {
                vec![$(<$type as $crate::rows::Cell>::field(stringify!($field).trim_start_matches("r#"))),+]
            }

            fn values(&self) -> Vec<$crate::rows::Value> {
                vec![$($crate::rows::Cell::value(&self.$field)),+]
            }
        }
    };
}
pub(crate) use row;

macro_rules! tables {
    ($($name:ident = $text:literal, $row:ty;)+) => {
        /// A table, by the name that SQL and `DIR/tables` know it by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table { $($name),+ }

        impl Table {
            /// Every table, in the order of NAMES.
            pub const ALL: &'static [Table] = &[$(Table::$name),+];

            pub const fn name(self) -> &'static str {
                match self { $(Table::$name => $text),+ }
            }
        }

        static SCHEMAS: LazyLock<Vec<SchemaRef>> = LazyLock::new(|| vec![$(schema_of::<$row>()),+]);
    };
}

tables! {
    Events = "events", EventRow;
    Dispositions = "dispositions", DispositionRow;
    Decisions = "decisions", DecisionRow;
    Blocks = "blocks", BlockRow;
    Realms = "realms", RealmRow;
    Keys = "keys", KeyRow;
    Accounts = "accounts", AccountRow;
    Entries = "entries", EntryRow;
    Jobs = "jobs", JobRow;
    Tasks = "tasks", TaskRow;
    Workers = "workers", WorkerRow;
    Gradients = "gradients", GradientRow;
    Proofs = "proofs", ProofRow;
    Disputes = "disputes", DisputeRow;
    Votes = "votes", VoteRow;
    Audit = "audit", AuditRow;
    Checkpoints = "checkpoints", CheckpointRow;
    ConsumerLag = "consumer_lag", LagRow;
}

impl Table {
    /// The columns, in order.
    pub fn schema(self) -> SchemaRef {
        SCHEMAS[self as usize].clone()
    }

    pub fn named(name: &str) -> Option<Table> {
        Table::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// Whether its rows are folded from the journal.
    pub const fn is_folded(self) -> bool {
        !matches!(self, Table::Checkpoints | Table::ConsumerLag)
    }

    /// The tables that have files: all but the one that speaks of now.
    pub fn kept() -> impl Iterator<Item = Table> {
        Table::ALL.iter().copied().filter(|table| *table != Table::ConsumerLag)
    }

    /// The tables that are folded from the journal.
    pub fn folded() -> impl Iterator<Item = Table> {
        Table::ALL.iter().copied().filter(|table| table.is_folded())
    }
}
