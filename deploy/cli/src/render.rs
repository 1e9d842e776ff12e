//! Rendering: results for people as tables, for programs as JSON or CSV; bars for long work.
//!
//! Owns the formats and when colour and bars appear (on a terminal, unless `NO_COLOR` is set). Refuses meaning.

use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::io::{self, IsTerminal, Write};

/// How a result is written to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Csv,
    Arrow,
}

/// Writes rows (JSON objects of equal keys) in a format other than Arrow.
pub fn rows(rows: &[Value], format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json | Format::Arrow => {
            for row in rows {
                serde_json::to_writer(&mut out, row)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        }
        Format::Csv => csv(&mut out, rows),
        Format::Table => writeln!(out, "{}", table(rows)),
    }
}

fn columns(rows: &[Value]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for row in rows.iter().filter_map(Value::as_object) {
        for key in row.keys() {
            if !columns.contains(key) {
                columns.push(key.clone());
            }
        }
    }
    columns
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn table(rows: &[Value]) -> Table {
    let columns = columns(rows);
    let mut table = plain_table();
    table.set_header(&columns);
    for row in rows {
        table.add_row(columns.iter().map(|column| cell(&text(row.get(column)))));
    }
    table
}

fn cell(text: &str) -> Cell {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b));
    Cell::new(text).set_alignment(if is_number { CellAlignment::Right } else { CellAlignment::Left })
}

/// A table without lines, fitted to the terminal.
pub fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// RFC 4180.
fn csv(out: &mut impl Write, rows: &[Value]) -> io::Result<()> {
    let columns = columns(rows);
    let quoted = |text: String| if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text };
    writeln!(out, "{}", columns.iter().cloned().map(quoted).collect::<Vec<_>>().join(","))?;
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|column| quoted(text(row.get(column)))).collect();
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

/// A bar on standard error, or nothing where that is no terminal.
pub fn bar(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), target());
    // The template is a constant of ours; a wrong one would only look plain.
    if let Ok(style) = ProgressStyle::with_template("{msg:24} {bar:32} {pos}/{len} {elapsed}") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.set_message(what.to_owned());
    bar
}

fn target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

/// Whether words may be coloured.
pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
