//! `dispositions`: every record that was not admitted, and why.

use super::Builder;
use crate::rows::{Columns, DispositionRow, Table};
use cairn_log::journal::ValidBlock;

#[derive(Debug)]
pub(super) struct Dispositions;

impl Builder for Dispositions {
    fn table(&self) -> Table {
        Table::Dispositions
    }

    fn block(&mut self, block: &ValidBlock, out: &mut Columns) {
        for disposition in &block.body.dispositions {
            out.push(
                &(),
                &DispositionRow {
                    partition: block.header.partition,
                    height: block.header.height,
                    at: block.header.time,
                    topic: disposition.at.topic,
                    topic_offset: disposition.at.offset,
                    topic_index: disposition.at.index,
                    length: disposition.length,
                    record: disposition.record,
                    code: disposition.code.text(),
                    evidence: disposition.evidence.clone(),
                },
            );
        }
    }
}
