//! Forms: rows as JSON, CSV, Arrow IPC, or a table for people.
//!
//! Owns one rule for all text: amounts are decimal strings, times are RFC 3339 in UTC, absent values are null (empty in CSV).
//! Refuses to hold a whole answer: each form is written batch by batch, but the table, whose columns must know their widths.

use crate::error::SqlError;
use arrow::{
    array::{ArrayRef, RecordBatch},
    compute::cast,
    csv::WriterBuilder as CsvBuilder,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    ipc::writer::StreamWriter,
    json::writer::{JsonArray, WriterBuilder as JsonBuilder},
    util::pretty::pretty_format_batches,
};
use std::{fmt, sync::Arc};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An array of objects, one per row.
    Json,
    /// RFC 4180, with a header line.
    Csv,
    /// An Arrow IPC stream, with the types as they are.
    Arrow,
}

impl Form {
    pub const fn name(self) -> &'static str {
        match self {
            Form::Json => "JSON",
            Form::Csv => "CSV",
            Form::Arrow => "Arrow IPC",
        }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Csv => "text/csv; charset=utf-8",
            Form::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

/// Writes an answer of one form, batch by batch.
pub struct Writer {
    form: Form,
    schema: SchemaRef,
    rows: usize,
    arrow: Option<StreamWriter<Vec<u8>>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("form", &self.form).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Writer {
    pub fn new(form: Form, schema: SchemaRef) -> Result<Writer, SqlError> {
        let arrow = match form {
            Form::Arrow => Some(StreamWriter::try_new(Vec::new(), &schema).map_err(failed(form))?),
            Form::Json | Form::Csv => None,
        };
        Ok(Writer { form, schema, rows: 0, arrow })
    }

    /// The bytes of the next rows.
    pub fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, SqlError> {
        let first = self.rows == 0;
        self.rows += batch.num_rows();
        match self.form {
            Form::Json => json(batch, first),
            Form::Csv => csv(batch, first),
            Form::Arrow => self.arrow_rows(batch),
        }
        .map_err(failed(self.form))
    }

    /// The bytes after the last rows.
    pub fn end(mut self) -> Result<Vec<u8>, SqlError> {
        match self.form {
            Form::Json if self.rows == 0 => Ok(b"[]\n".to_vec()),
            Form::Json => Ok(b"]\n".to_vec()),
            Form::Csv if self.rows == 0 => csv(&RecordBatch::new_empty(self.schema), true).map_err(failed(Form::Csv)),
            Form::Csv => Ok(Vec::new()),
            Form::Arrow => match self.arrow.take() {
                Some(writer) => writer.into_inner().map_err(failed(Form::Arrow)),
                None => Ok(Vec::new()),
            },
        }
    }

    fn arrow_rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let Some(writer) = self.arrow.as_mut() else { return Ok(Vec::new()) };
        writer.write(batch)?;
        writer.flush()?;
        Ok(std::mem::take(writer.get_mut()))
    }
}

/// An array of row objects without its end; after the first batch, without its beginning.
fn json(batch: &RecordBatch, first: bool) -> Result<Vec<u8>, ArrowError> {
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let mut writer = JsonBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    writer.write(&amounts_as_text(batch)?)?;
    writer.finish()?;
    let mut bytes = writer.into_inner();
    if bytes.last() == Some(&b']') {
        bytes.pop();
    }
    if let (false, Some(begin)) = (first, bytes.first_mut()) {
        *begin = b',';
    }
    Ok(bytes)
}

fn csv(batch: &RecordBatch, first: bool) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::new();
    CsvBuilder::new().with_header(first).build(&mut bytes).write(batch)?;
    Ok(bytes)
}

/// Amounts as decimal strings: a JSON reader would round them.
fn amounts_as_text(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if matches!(field.data_type(), DataType::Decimal128(..) | DataType::Decimal256(..)) {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(cast(column, &DataType::Utf8)?);
        } else {
            fields.push(field.clone());
            columns.push(column.clone());
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// A table for people.
pub fn table(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String, SqlError> {
    let shown = if batches.is_empty() { &[RecordBatch::new_empty(schema.clone())] } else { batches };
    let table = pretty_format_batches(shown).map_err(|source| SqlError::Format { form: "a table", source })?;
    Ok(table.to_string())
}

/// A whole answer in one form.
pub fn whole(form: Form, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, SqlError> {
    let mut writer = Writer::new(form, schema.clone())?;
    let mut bytes = Vec::new();
    for batch in batches {
        bytes.extend(writer.rows(batch)?);
    }
    bytes.extend(writer.end()?);
    Ok(bytes)
}

fn failed(form: Form) -> impl Fn(ArrowError) -> SqlError {
    move |source| SqlError::Format { form: form.name(), source }
}
