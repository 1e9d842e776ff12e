//! `events`: every admitted event with its verdict.

use super::{Builder, Seen, json};
use crate::rows::{Columns, EventRow, Table};
use cairn_schemas::decision::{Subject, Verdict};

#[derive(Debug)]
pub(super) struct Events;

impl Builder for Events {
    fn table(&self) -> Table {
        Table::Events
    }

    fn decision(&mut self, seen: &Seen<'_>, out: &mut Columns) {
        let (Some(signed), Subject::Event { at, .. }) = (seen.event, &seen.decision.subject) else { return };
        let event = &signed.event;
        out.push(
            &seen.at,
            &EventRow {
                event_hash: signed.hash,
                event_id: event.id,
                realm: event.realm,
                topic: event.topic(),
                r#type: event.body.type_name(),
                author: event.source,
                key: signed.kid,
                seq: event.seq,
                prev: event.prev,
                time: event.time,
                not_after: event.not_after,
                subject: event.subject.clone(),
                data: json(&event.body),
                encoding: signed.encoding.name(),
                verdict: seen.decision.verdict.name(),
                code: seen.decision.verdict.code().map(|code| code.text()),
                detail: detail(&seen.decision.verdict),
                topic_offset: at.offset,
                topic_index: at.index,
            },
        );
    }
}

/// What a rejection says beyond its code.
pub(super) fn detail(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Rejected { detail, .. } if !detail.is_empty() => Some(detail.clone()),
        _ => None,
    }
}
