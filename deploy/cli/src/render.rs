//! Rendering: results for people as tables, for programs as JSON or CSV; bars for long work.
//!
//! Owns the formats and when colour and bars appear (on a terminal, unless `NO_COLOR` is set). Refuses meaning.

use crate::row::Row;
use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableComponent, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

/// How a result is written to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Csv,
    Arrow,
}

/// Writes rows in a format other than Arrow. The columns are those of the first row, as rows of one result have the same.
pub fn rows(rows: &[Row], format: Format) -> io::Result<()> {
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
        Format::Table if rows.is_empty() => writeln!(out, "no rows"),
        Format::Table => table_to(&mut out, rows),
    }
}

/// Writes rows as a table.
pub fn table_to(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    writeln!(out, "{}", table(rows))
}

fn columns(rows: &[Row]) -> Vec<&str> {
    rows.first().map(|row| row.names().collect()).unwrap_or_default()
}

fn table(rows: &[Row]) -> Table {
    let columns = columns(rows);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_style(TableComponent::HeaderLines, '─');
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(&columns);
    for row in rows {
        table.add_row(columns.iter().map(|column| cell(&row.text(column))));
    }
    table
}

fn cell(text: &str) -> Cell {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b));
    Cell::new(visible(text)).set_alignment(if is_number { CellAlignment::Right } else { CellAlignment::Left })
}

/// A text whose control characters, those of direction too, are seen and not obeyed: what is shown may be anybody's.
fn visible(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| c != '\n' && c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.contains(is_obeyed) { text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect() } else { text.into() }
}

/// RFC 4180.
fn csv(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let quoted =
        |text: &str| if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() };
    let line = |cells: Vec<String>| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",");
    let columns = columns(rows);
    writeln!(out, "{}", line(columns.iter().map(|column| (*column).to_owned()).collect()))?;
    for row in rows {
        writeln!(out, "{}", line(columns.iter().map(|column| row.text(column)).collect()))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_a_table_shows() {
        assert_eq!(visible("a\u{1b}[31m\u{7}b\u{202e}c"), "a\u{fffd}[31m\u{fffd}b\u{fffd}c");
        assert_eq!(visible("zwei\nZeilen, größer"), "zwei\nZeilen, größer");
    }
}
