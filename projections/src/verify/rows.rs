//! Rows: whether every leaf of the range is there and every row follows from its decision.
//!
//! Owns the one pass over the Parquet files, in batches, and the tree that grows beside it. Reads two columns, the leaf entry and the
//! decision, builds all others anew and compares. Refuses to believe lengths: files were hashed before, and what they claim of their inside is
//! bounded before it is read.

use super::{Reason, Seen, VerifyError, folder::Folder, memory::Remembered, schemas};
use crate::{
    export::{DECISIONS, DERIVED, LeafRow, Leaves, Manifest, PROOF, Progress, RangeProof, TableEntry, file_of},
    fold::Fold,
};
use arrow::{
    array::{Array, AsArray, BinaryArray, RecordBatch},
    datatypes::SchemaRef,
};
use cairn_schemas::{
    Timestamp,
    codec::cbor,
    decision::{Decision, LeafEntry},
    limits,
    merkle::{self, Range},
    sign,
};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows read at once: at the largest decisions some thirty megabytes.
const BATCH: usize = 256;
/// Uncompressed bytes of a row group; the writer's are far smaller.
const ROW_GROUP_BYTES: i64 = 4 * 1024 * 1024 * 1024;

/// What the pass saw.
pub(super) struct Told {
    pub from: Timestamp,
    pub until: Timestamp,
    pub events: u64,
    pub seen: Seen,
}

/// Goes through all rows once.
pub(super) fn check(
    folder: &Folder,
    manifest: &Manifest,
    proof: &RangeProof,
    remembered: Option<&Remembered>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Told, VerifyError> {
    let mut sheets = schemas().zip(&manifest.tables).map(|((_, schema), table)| Sheet::open(folder, table, schema));
    let mut decisions = sheets.next().unwrap_or_else(|| Err(Reason::Missing.of(DECISIONS)))?;
    let tables = sheets.collect::<Result<Vec<_>, _>>()?;
    let edge = proof.left(manifest.first()).map_err(|error| Reason::Lenient { row: None, why: error.to_string() }.of(PROOF))?;
    let mut pass = Pass {
        manifest,
        remembered,
        edge,
        shown: false,
        leaves: Leaves::default(),
        derived: Fold::of(&DERIVED),
        tables,
        events: 0,
        times: None,
    };
    pass.compare_remembered()?;
    let of = manifest.last() - manifest.first() + 1;
    while let Some(batch) = decisions.next(BATCH)? {
        let first_row = decisions.row - batch.num_rows() as u64;
        pass.take(&batch, first_row)?;
        progress(Progress { done: decisions.row, of });
    }
    decisions.end()?;
    pass.finish(proof)
}

struct Pass<'a> {
    manifest: &'a Manifest,
    remembered: Option<&'a Remembered>,
    /// The right edge of the tree up to the leaf taken last.
    edge: Range,
    /// Whether the remembered tree was met on the way.
    shown: bool,
    leaves: Leaves,
    derived: Fold,
    tables: Vec<Sheet>,
    events: u64,
    times: Option<(Timestamp, Timestamp)>,
}

impl Pass<'_> {
    fn take(&mut self, batch: &RecordBatch, first_row: u64) -> Result<(), VerifyError> {
        let rows = self.read(batch, first_row)?;
        self.check_signatures(&rows, first_row)?;
        for row in &rows {
            self.edge.append(row.at.leaf_hash.0);
            self.compare_remembered()?;
            self.leaves.push(row);
            self.derived.take_leaf(row.at, &row.entry, &row.decision, row.event.as_ref());
            let from = self.times.map_or(row.entry.time, |(from, _)| from);
            self.times = Some((from, row.entry.time));
        }
        let broken = |error: arrow::error::ArrowError| Reason::Parquet(error.to_string()).of(DECISIONS);
        compare(&self.leaves.finish().map_err(broken)?, batch, first_row, DECISIONS)?;
        for (table, rows) in self.derived.finish_leaves().map_err(broken)? {
            let name = file_of(table);
            match self.tables.iter_mut().find(|sheet| sheet.name == name) {
                Some(sheet) => sheet.expect(&rows)?,
                None => return Err(Reason::Missing.of(&name)),
            }
        }
        Ok(())
    }

    /// The leaves of a batch, each the one that must stand there and in its one encoding.
    fn read(&self, batch: &RecordBatch, first_row: u64) -> Result<Vec<LeafRow>, VerifyError> {
        let column = |name: &str| -> Result<&BinaryArray, VerifyError> {
            let column = batch.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>());
            column.ok_or_else(|| Reason::Parquet(format!("it has no column {name} of bytes")).of(DECISIONS))
        };
        let (entries, decisions) = (column("entry")?, column("decision")?);
        let rows = (first_row..).zip(0..batch.num_rows());
        rows.map(|(row, index)| self.leaf(row, entries.value(index), decisions.value(index)).map_err(|reason| reason.of(DECISIONS)))
            .collect()
    }

    fn leaf(&self, row: u64, entry_bytes: &[u8], decision_bytes: &[u8]) -> Result<LeafRow, Reason> {
        let lenient = |why: String| Reason::Lenient { row: Some(row), why };
        if entry_bytes.len() > limits::LEAF_ENTRY_BYTES || decision_bytes.len() > limits::DECISION_BYTES {
            return Err(lenient("it is larger than any decision".to_owned()));
        }
        let entry: LeafEntry = cbor::from_slice(entry_bytes).map_err(|error| lenient(format!("the leaf entry {error}")))?;
        let decision: Decision = cbor::from_slice(decision_bytes).map_err(|error| lenient(format!("the decision {error}")))?;
        let expected = self.manifest.first().saturating_add(row);
        if entry.leaf != expected {
            return Err(Reason::Order { row, expected, found: entry.leaf });
        }
        let own = LeafRow::of(entry, decision).map_err(|error| lenient(format!("the event's record {error}")))?;
        if own.entry_bytes != entry_bytes || own.decision_bytes != decision_bytes {
            return Err(lenient("it is not in its one encoding".to_owned()));
        }
        let follows = LeafEntry::of(&own.decision, self.manifest.partition, expected, own.entry.height, own.entry.time);
        if follows.ok().as_ref() == Some(&own.entry) { Ok(own) } else { Err(Reason::Entry { row }) }
    }

    fn check_signatures(&mut self, rows: &[LeafRow], first_row: u64) -> Result<(), VerifyError> {
        let events = (first_row..).zip(rows).filter_map(|(row, leaf)| Some((row, leaf.event.as_ref()?)));
        let (numbers, items): (Vec<u64>, Vec<sign::Item<'_>>) = events
            .map(|(row, event)| (row, sign::Item { key: event.kid, message: &event.to_be_signed, signature: event.signature }))
            .unzip();
        let wrong = numbers.iter().zip(sign::verify_batch(&items)).find(|(_, good)| !good);
        self.events += items.len() as u64;
        wrong.map_or(Ok(()), |(row, _)| Err(Reason::Signature { row: *row }.of(DECISIONS)))
    }

    /// On the way through the tree, the one remembered must be met as it was.
    fn compare_remembered(&mut self) -> Result<(), VerifyError> {
        let Some(seen) = self.remembered.filter(|seen| seen.size == self.edge.size()) else { return Ok(()) };
        self.shown = seen.root.0 == self.edge.root();
        if self.shown { Ok(()) } else { Err(Reason::Fork { size: seen.size }.of(DECISIONS)) }
    }

    fn finish(mut self, proof: &RangeProof) -> Result<Told, VerifyError> {
        self.tables.iter_mut().try_for_each(Sheet::end)?;
        let head = &self.manifest.checkpoint;
        let path: Vec<merkle::Hash> = proof.consistency.iter().map(|hash| hash.0).collect();
        let whole = self.edge.size() == self.manifest.last() + 1
            && merkle::verify_consistency(self.edge.size(), &self.edge.root(), head.size, &head.root.0, &path);
        let (Some((from, until)), true) = (self.times, whole) else {
            return Err(Reason::Root { root: head.root }.of(DECISIONS));
        };
        let seen = match self.remembered {
            None => Seen::Never,
            Some(seen) if (seen.size, seen.root) == (head.size, head.root) => Seen::Same,
            Some(_) if self.shown => Seen::Continues,
            Some(_) => Seen::Larger,
        };
        Ok(Told { from, until, events: self.events, seen })
    }
}

/// Whether rows are those that follow; `first_row` is the number of the first of them in its file.
fn compare(expected: &RecordBatch, found: &RecordBatch, first_row: u64, file: &str) -> Result<(), VerifyError> {
    let schema = expected.schema();
    let columns = schema.fields().iter().zip(expected.columns().iter().zip(found.columns()));
    for (field, (expected, found)) in columns {
        if expected == found {
            continue;
        }
        let differs = |row: &usize| expected.slice(*row, 1).as_ref() != found.slice(*row, 1).as_ref();
        let row = (0..expected.len().min(found.len())).find(differs).unwrap_or(0);
        return Err(Reason::Row { row: first_row + row as u64, column: field.name().clone() }.of(file));
    }
    Ok(())
}

/// A Parquet file that is read from front to end.
struct Sheet {
    name: String,
    reader: ParquetRecordBatchReader,
    /// What was read and not yet given out.
    ahead: Option<RecordBatch>,
    /// Rows given out.
    row: u64,
    rows: u64,
}

impl Sheet {
    fn open(folder: &Folder, table: &TableEntry, schema: SchemaRef) -> Result<Sheet, VerifyError> {
        let name = table.path.as_str();
        let file = folder.file(name)?;
        let reader = guarded(name, || {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
            if builder.schema().fields() != schema.fields() {
                return Err("its columns are not those of its version".to_owned());
            }
            let groups = builder.metadata().row_groups();
            if groups.iter().any(|group| group.num_rows() < 0 || !(0..=ROW_GROUP_BYTES).contains(&group.total_byte_size())) {
                return Err("a row group is larger than any export's".to_owned());
            }
            builder.with_batch_size(BATCH).build().map_err(|error| error.to_string())
        })?;
        Ok(Sheet { name: name.to_owned(), reader, ahead: None, row: 0, rows: table.rows })
    }

    /// At most so many rows.
    fn next(&mut self, most: usize) -> Result<Option<RecordBatch>, VerifyError> {
        if self.ahead.is_none() {
            let reader = &mut self.reader;
            self.ahead = guarded(&self.name, || reader.next().transpose().map_err(|error| error.to_string()))?;
        }
        let Some(batch) = self.ahead.take() else { return Ok(None) };
        let taken = batch.num_rows().min(most);
        self.ahead = (taken < batch.num_rows()).then(|| batch.slice(taken, batch.num_rows() - taken));
        self.row += taken as u64;
        if self.row > self.rows {
            return Err(Reason::Rows { expected: self.rows, found: self.row }.of(&self.name));
        }
        Ok(Some(batch.slice(0, taken)))
    }

    /// The next rows must be these.
    fn expect(&mut self, expected: &RecordBatch) -> Result<(), VerifyError> {
        let mut at = 0;
        while at < expected.num_rows() {
            let first_row = self.row;
            let Some(found) = self.next(expected.num_rows() - at)? else {
                return Err(Reason::Rows { expected: self.row + 1, found: self.row }.of(&self.name));
            };
            compare(&expected.slice(at, found.num_rows()), &found, first_row, &self.name)?;
            at += found.num_rows();
        }
        Ok(())
    }

    /// Nothing may follow, and nothing be left out.
    fn end(&mut self) -> Result<(), VerifyError> {
        let given = self.row;
        let more = self.next(1)?.is_some();
        if more || given != self.rows {
            return Err(Reason::Rows { expected: if more { given } else { self.rows }, found: self.row }.of(&self.name));
        }
        Ok(())
    }
}

/// Runs a reader of foreign bytes. One that gives up loudly has not read them either.
fn guarded<T>(name: &str, read: impl FnOnce() -> Result<T, String>) -> Result<T, VerifyError> {
    let read = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("its reader gave up".to_owned()));
    read.map_err(|why| Reason::Parquet(why).of(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_schemas::Root;

    #[test]
    fn a_panic_of_the_reader_is_an_answer() {
        let error = guarded("x.parquet", || -> Result<Root, String> { panic!("as foreign code may") });
        assert_eq!(error.map_err(|error| error.to_string()), Err("x.parquet: its Parquet cannot be read: its reader gave up".to_owned()));
    }
}
