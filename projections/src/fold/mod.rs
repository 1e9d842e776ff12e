//! The fold: a valid block becomes rows.
//!
//! Owns one builder per table, each in a file of the table's name, and the order in which they see facts. Reads recorded
//! facts only: nothing here decides, and nothing here knows how the decider came to its facts. What a builder remembers
//! (balances, open tasks) follows from the facts before, so that folding the journal again gives the same rows.

mod accounts;
mod audit;
mod blocks;
mod decisions;
mod dispositions;
mod disputes;
mod entries;
mod events;
mod gradients;
mod jobs;
mod keys;
mod proofs;
mod realms;
mod tasks;
#[cfg(test)]
mod tests;
mod votes;
mod workers;

use crate::{
    error::ProjectionError,
    rows::{Columns, FactAt, LeafAt, Table},
};
use arrow::{array::RecordBatch, error::ArrowError};
use cairn_log::journal::ValidBlock;
use cairn_schemas::{
    Fact, JobId, RealmId, SignedEvent,
    decision::{Decision, LeafEntry, Subject},
    event::TraceLeaf,
    record,
};
use serde::Serialize;
use std::{collections::HashMap, fmt};

/// The rows of one block, by table; tables without rows are left out.
pub type BlockRows = Vec<(Table, RecordBatch)>;

/// A decision as builders see it.
pub(crate) struct Seen<'a> {
    pub at: LeafAt,
    pub decision: &'a Decision,
    pub entry: &'a LeafEntry,
    /// None for a tick.
    pub event: Option<&'a SignedEvent>,
    pub realms: &'a Realms,
}

/// The realm of each job: facts about tasks name the job alone.
#[derive(Debug, Default)]
pub(crate) struct Realms(HashMap<JobId, RealmId>);

impl Realms {
    pub fn of(&self, job: &JobId) -> Option<RealmId> {
        self.0.get(job).copied()
    }

    fn learn(&mut self, fact: &Fact) {
        if let Fact::JobAccepted { realm, job, .. } = fact {
            self.0.insert(*job, *realm);
        }
    }
}

/// Makes the rows of one table. Each says what it looks at; the rest it does not see.
pub(crate) trait Builder: Send + fmt::Debug {
    fn table(&self) -> Table;

    fn block(&mut self, _block: &ValidBlock, _out: &mut Columns) {}

    fn decision(&mut self, _seen: &Seen<'_>, _out: &mut Columns) {}

    fn fact(&mut self, _at: &FactAt, _fact: &Fact, _seen: &Seen<'_>, _out: &mut Columns) {}
}

/// The fold of one partition.
#[derive(Debug)]
pub struct Fold {
    builders: Vec<(Box<dyn Builder>, Columns)>,
    realms: Realms,
}

impl Default for Fold {
    fn default() -> Self {
        let builders: Vec<Box<dyn Builder>> = vec![
            Box::new(events::Events),
            Box::new(dispositions::Dispositions),
            Box::new(decisions::Decisions),
            Box::new(blocks::Blocks),
            Box::new(realms::RealmsOpened),
            Box::new(keys::Keys),
            Box::<accounts::Accounts>::default(),
            Box::<entries::Entries>::default(),
            Box::<jobs::Jobs>::default(),
            Box::<tasks::Tasks>::default(),
            Box::new(workers::Workers),
            Box::<gradients::Gradients>::default(),
            Box::new(proofs::Proofs),
            Box::<disputes::Disputes>::default(),
            Box::new(votes::Votes),
            Box::new(audit::Audit),
        ];
        let with_columns = |builder: Box<dyn Builder>| {
            let columns = Columns::new(builder.table());
            (builder, columns)
        };
        Fold { builders: builders.into_iter().map(with_columns).collect(), realms: Realms::default() }
    }
}

impl Fold {
    /// A fold that makes the rows of these tables alone.
    pub(crate) fn of(tables: &[Table]) -> Fold {
        let mut fold = Fold::default();
        fold.builders.retain(|(builder, _)| tables.contains(&builder.table()));
        fold
    }

    /// The rows of the next valid block of the partition. An error halts: nothing is skipped.
    pub fn take(&mut self, block: &ValidBlock) -> Result<BlockRows, ProjectionError> {
        for (builder, out) in &mut self.builders {
            builder.block(block, out);
        }
        for (index, decision) in block.body.decisions.iter().enumerate() {
            self.decision(block, index, decision)?;
        }
        self.finish(block)
    }

    fn decision(&mut self, block: &ValidBlock, index: usize, decision: &Decision) -> Result<(), ProjectionError> {
        let unreadable = |why: &str| ProjectionError::UnreadableDecision {
            partition: block.header.partition,
            height: block.header.height,
            index,
            why: why.to_owned(),
        };
        let (Some(entry), Some(leaf_hash)) = (block.entries.get(index), block.leaves.get(index)) else {
            return Err(unreadable("the block has fewer leaves than decisions"));
        };
        let event = match &decision.subject {
            Subject::Event { record, .. } => Some(record::open(&record.0).map_err(|error| unreadable(&error.to_string()))?),
            Subject::Tick(_) => None,
        };
        let at = LeafAt {
            partition: block.header.partition,
            leaf: entry.leaf,
            leaf_hash: *leaf_hash,
            height: block.header.height,
            at: block.header.time,
        };
        self.take_leaf(at, entry, decision, event.as_ref());
        Ok(())
    }

    /// Sees one decision. Readers that have leaves without their blocks (exports) enter here, and leave by [`Fold::finish_leaves`].
    pub(crate) fn take_leaf(&mut self, at: LeafAt, entry: &LeafEntry, decision: &Decision, event: Option<&SignedEvent>) {
        decision.facts.iter().for_each(|fact| self.realms.learn(fact));
        let seen = Seen { at, decision, entry, event, realms: &self.realms };
        for (builder, out) in &mut self.builders {
            builder.decision(&seen, out);
            for (number, fact) in (0..).zip(&decision.facts) {
                builder.fact(&FactAt { leaf: at, fact: number }, fact, &seen, out);
            }
        }
    }

    /// The rows of the leaves since the last time.
    pub(crate) fn finish_leaves(&mut self) -> Result<BlockRows, ArrowError> {
        let filled = self.builders.iter_mut().filter(|(_, out)| !out.is_empty());
        filled.map(|(builder, out)| Ok((builder.table(), out.finish()?))).collect()
    }

    fn finish(&mut self, block: &ValidBlock) -> Result<BlockRows, ProjectionError> {
        let mut rows = Vec::new();
        for (builder, out) in self.builders.iter_mut().filter(|(_, out)| !out.is_empty()) {
            let batch = out.finish().map_err(|source| ProjectionError::Rows {
                table: builder.table().name(),
                partition: block.header.partition,
                height: block.header.height,
                source,
            })?;
            rows.push((builder.table(), batch));
        }
        Ok(rows)
    }
}

/// The text of a vocabulary word: what JSON calls it.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// A value as JSON text. Facts and event data are JSON by their types, so that this does not fail.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The figures of a trace leaf, as `first,second`: what they mean depends on the kind of task.
pub(crate) fn figures(leaf: &TraceLeaf) -> String {
    format!("{},{}", leaf.figures[0], leaf.figures[1])
}
