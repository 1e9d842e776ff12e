//! Cells: the five kinds of column, and how each Rust type becomes one of them.
//!
//! Owns the mapping and the growing columns. Refuses every other kind of column: a new type of the vocabulary is a line here.

use super::{Place, Row, Table};
use arrow::{
    array::{
        ArrayBuilder, ArrayRef, BooleanBuilder, Decimal128Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder,
        TimestampMicrosecondBuilder,
    },
    datatypes::{DataType, Field, TimeUnit},
    error::ArrowError,
};
use cairn_schemas::{
    Account, Amount, BlobHash, BlockHash, ByteString, DecisionHash, EventHash, EventId, JobId, LeafHash, Line, Name, PublicKey, Rate,
    RealmId, RecordHash, Root, StateRoot, Text, Timestamp, Topic,
};
use std::sync::Arc;

/// The kind of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    /// Minor units, `DECIMAL(38,0)`.
    Amount,
    /// Microseconds in UTC, the one unit that Delta knows; the journal's own are milliseconds.
    Time,
    Flag,
}

impl Kind {
    pub fn arrow(self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Integer => DataType::Int64,
            Kind::Amount => DataType::Decimal128(38, 0),
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Flag => DataType::Boolean,
        }
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Text(String),
    Integer(i64),
    Amount(i128),
    /// Milliseconds since 1970.
    Time(i64),
    Flag(bool),
}

/// A type that a column can hold.
pub trait Cell {
    const KIND: Kind;
    const OPTIONAL: bool = false;

    fn value(&self) -> Value;

    fn field(name: &str) -> Field {
        Field::new(name, Self::KIND.arrow(), Self::OPTIONAL)
    }
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Cell::value)
    }
}

macro_rules! text_cells {
    ($($type:ty),+ $(,)?) => {$(
        impl Cell for $type {
            const KIND: Kind = Kind::Text;

            fn value(&self) -> Value {
                Value::Text(self.to_string())
            }
        }
    )+};
}

// Hashes are lowercase hex and keys are did:key, as everywhere people read them.
text_cells!(
    String,
    &'static str,
    Account,
    BlobHash,
    BlockHash,
    DecisionHash,
    EventHash,
    EventId,
    JobId,
    LeafHash,
    Line,
    Name,
    PublicKey,
    Rate,
    RealmId,
    RecordHash,
    Root,
    StateRoot,
    Text,
    Topic,
);

impl Cell for ByteString {
    const KIND: Kind = Kind::Text;

    /// Base64url, as in JSON.
    fn value(&self) -> Value {
        serde_json::to_value(self).ok().and_then(|json| json.as_str().map(str::to_owned)).map_or(Value::Null, Value::Text)
    }
}

impl Cell for u32 {
    const KIND: Kind = Kind::Integer;

    fn value(&self) -> Value {
        Value::Integer(i64::from(*self))
    }
}

impl Cell for u64 {
    const KIND: Kind = Kind::Integer;

    /// The model's integers end at 2^53; offsets and heights are far below 2^63.
    fn value(&self) -> Value {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Cell for i64 {
    const KIND: Kind = Kind::Integer;

    fn value(&self) -> Value {
        Value::Integer(*self)
    }
}

impl Cell for Amount {
    const KIND: Kind = Kind::Amount;

    /// An amount is below 10^38, so it fits.
    fn value(&self) -> Value {
        i128::try_from(self.get()).map_or(Value::Null, Value::Amount)
    }
}

/// A balance or a change of one: it has a sign.
impl Cell for i128 {
    const KIND: Kind = Kind::Amount;

    fn value(&self) -> Value {
        Value::Amount(*self)
    }
}

impl Cell for Timestamp {
    const KIND: Kind = Kind::Time;

    fn value(&self) -> Value {
        Value::Time(self.millis())
    }
}

impl Cell for bool {
    const KIND: Kind = Kind::Flag;

    fn value(&self) -> Value {
        Value::Flag(*self)
    }
}

#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Amount(Decimal128Builder),
    Time(TimestampMicrosecondBuilder),
    Flag(BooleanBuilder),
}

impl Column {
    /// Without room at first: most blocks give a table few rows or none.
    fn new(field: &Field) -> Column {
        match field.data_type() {
            DataType::Int64 => Column::Integer(Int64Builder::with_capacity(0)),
            DataType::Boolean => Column::Flag(BooleanBuilder::with_capacity(0)),
            decimal @ DataType::Decimal128(..) => Column::Amount(Decimal128Builder::with_capacity(0).with_data_type(decimal.clone())),
            time @ DataType::Timestamp(..) => Column::Time(TimestampMicrosecondBuilder::with_capacity(0).with_data_type(time.clone())),
            _ => Column::Text(StringBuilder::with_capacity(0, 0)),
        }
    }

    fn push(&mut self, value: Value) {
        match (self, value) {
            (Column::Text(column), Value::Text(text)) => column.append_value(text),
            (Column::Integer(column), Value::Integer(number)) => column.append_value(number),
            (Column::Amount(column), Value::Amount(amount)) => column.append_value(amount),
            (Column::Time(column), Value::Time(millis)) => column.append_value(millis.saturating_mul(1_000)),
            (Column::Flag(column), Value::Flag(flag)) => column.append_value(flag),
            // Kinds come from the types on both sides: what is left is an absent value.
            (Column::Text(column), _) => column.append_null(),
            (Column::Integer(column), _) => column.append_null(),
            (Column::Amount(column), _) => column.append_null(),
            (Column::Time(column), _) => column.append_null(),
            (Column::Flag(column), _) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match self {
            Column::Text(column) => column,
            Column::Integer(column) => column,
            Column::Amount(column) => column,
            Column::Time(column) => column,
            Column::Flag(column) => column,
        };
        builder.finish()
    }
}

/// Growing columns of one table.
#[derive(Debug)]
pub struct Columns {
    table: Table,
    columns: Vec<Column>,
    rows: usize,
}

impl Columns {
    pub fn new(table: Table) -> Columns {
        Columns { table, columns: table.schema().fields().iter().map(|field| Column::new(field)).collect(), rows: 0 }
    }

    /// Adds a row of this table; a row of another is a defect of the fold.
    pub fn push<R: Row>(&mut self, place: &R::Place, row: &R) {
        assert_eq!(R::TABLE, self.table, "a row goes into its own table");
        let values = place.values().into_iter().chain(row.values());
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        self.rows += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows so far as one batch; the columns are empty afterwards.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let arrays = self.columns.iter_mut().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        RecordBatch::try_new_with_options(Arc::clone(&self.table.schema()), arrays, &options)
    }
}
