//! `audit`: notes, changes of who may lead, and deadlines that an outage moved.

use super::{Builder, Seen};
use crate::rows::{AuditRow, Columns, FactAt, Table};
use cairn_schemas::Fact;

#[derive(Debug)]
pub(super) struct Audit;

impl Builder for Audit {
    fn table(&self) -> Table {
        Table::Audit
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, seen: &Seen<'_>, out: &mut Columns) {
        let author = seen.event.map(|signed| signed.event.source);
        let blank = AuditRow { realm: None, kind: "note", author, about: None, text: None, blob: None, key: None, extended_ms: None };
        let row = match fact {
            Fact::NoteKept { realm, author, text, about, blob } => AuditRow {
                realm: Some(*realm),
                author: Some(*author),
                about: *about,
                text: Some(text.clone()),
                blob: blob.map(|blob| blob.hash),
                ..blank
            },
            Fact::ProcessorChanged { key, .. } => AuditRow { kind: "processor", key: Some(*key), ..blank },
            Fact::DeadlinesExtended { by_ms } => AuditRow { kind: "extension", extended_ms: Some(*by_ms), ..blank },
            _ => return,
        };
        out.push(at, &row);
    }
}
