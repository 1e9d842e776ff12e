//! `decisions`: every leaf of the history, on an event or a tick, with its facts.

use super::{Builder, Seen, events::detail, json};
use crate::rows::{Columns, DecisionRow, Table};
use cairn_schemas::decision::Subject;

#[derive(Debug)]
pub(super) struct Decisions;

impl Builder for Decisions {
    fn table(&self) -> Table {
        Table::Decisions
    }

    fn decision(&mut self, seen: &Seen<'_>, out: &mut Columns) {
        let (kind, cause) = match (&seen.decision.subject, seen.event) {
            (Subject::Tick(tick), _) => ("tick", tick.name()),
            (Subject::Event { .. }, Some(signed)) => ("event", signed.event.body.type_name()),
            (Subject::Event { .. }, None) => ("event", ""),
        };
        let at = seen.entry.at;
        out.push(
            &seen.at,
            &DecisionRow {
                kind,
                cause,
                event_hash: seen.event.map(|signed| signed.hash),
                verdict: seen.decision.verdict.name(),
                code: seen.decision.verdict.code().map(|code| code.text()),
                detail: detail(&seen.decision.verdict),
                decision: seen.entry.decision,
                topic: at.map(|at| at.topic),
                topic_offset: at.map(|at| at.offset),
                topic_index: at.map(|at| at.index),
                fact_count: seen.decision.facts.len() as u64,
                facts: json(&seen.decision.facts),
            },
        );
    }
}
