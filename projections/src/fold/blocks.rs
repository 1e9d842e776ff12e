//! `blocks`: every valid block. Void ones are counted by their readers and stand nowhere.

use super::Builder;
use crate::rows::{BlockRow, Columns, Table};
use cairn_log::journal::ValidBlock;

#[derive(Debug)]
pub(super) struct Blocks;

impl Builder for Blocks {
    fn table(&self) -> Table {
        Table::Blocks
    }

    fn block(&mut self, block: &ValidBlock, out: &mut Columns) {
        let header = &block.header;
        out.push(
            &(),
            &BlockRow {
                partition: header.partition,
                height: header.height,
                at: header.time,
                hash: block.hash,
                prev: header.prev,
                epoch: header.epoch,
                rules: header.rules,
                decisions: block.body.decisions.len() as u64,
                dispositions: header.dispositions,
                first_leaf: header.first_leaf,
                tree_size: header.tree_size,
                root: header.root,
                body: header.body,
            },
        );
    }
}
