//! Checking one block: were these the decisions and dispositions that its inputs, its time and the state before it give?
//!
//! Owns the comparison. What a block does not record is the order between topics of what it disposed of; a disposition agrees
//! if there is a place for it, between its neighbours of the same topic, at which admission says the same.

use super::ReplayReport;
use crate::decider::{Admission, Context, State, admit, decide_event, decide_tick, due};
use crate::runner::{
    Pool, RunError,
    fold::context,
    verify::{Input, verify},
};
use cairn_log::{EventLog, Place, ReadError, ReadLimit, journal::ValidBlock};
use cairn_schemas::{
    Fact, RecordHash, SignedEvent, Stream, Timestamp,
    block::Next,
    decision::{Decision, Disposition, Position, RejectionCode, Subject, Tick},
    record,
};

/// One block under examination.
pub struct Check<'a> {
    block: &'a ValidBlock,
    before: &'a [Next; 6],
    ctx: Context,
    report: &'a mut ReplayReport,
    /// Dispositions to make again, each with the first and last number of decisions that may precede it.
    again: Vec<(usize, usize, &'a Disposition, Input)>,
}

/// The records that a block disposed of, as far as they still exist.
pub async fn load(log: &dyn EventLog, pool: Pool, block: &ValidBlock) -> Result<Vec<Option<Input>>, RunError> {
    let mut inputs = Vec::with_capacity(block.body.dispositions.len());
    for disposition in &block.body.dispositions {
        let Position { topic, offset, .. } = disposition.at;
        let place = Place::new(Stream::Topic(topic), block.header.partition);
        let found = match log.read(place, offset, ReadLimit { records: 1, bytes: 1 }).await {
            Err(ReadError::Truncated { .. }) => None,
            read => read?.records.into_iter().next().filter(|record| record.offset == offset),
        };
        inputs.push(match found {
            Some(record) => verify(pool, vec![(topic, record)]).await.pop(),
            None => None,
        });
    }
    Ok(inputs)
}

impl<'a> Check<'a> {
    pub fn new(block: &'a ValidBlock, before: &'a [Next; 6], time: Timestamp, report: &'a mut ReplayReport) -> Check<'a> {
        let mut check = Check { block, before, ctx: context(block), report, again: Vec::new() };
        check.gap(time);
        check
    }

    fn height(&self) -> u64 {
        self.block.header.height
    }

    fn problem(&mut self, what: impl Into<String>) {
        self.report.problem(self.block.header.height, what);
    }

    /// An extension names its gap; it cannot be longer than the time since the block before.
    fn gap(&mut self, time: Timestamp) {
        let extension = self.block.body.decisions.iter().find(|decision| decision.subject == Subject::Tick(Tick::Extension));
        let Some(Fact::DeadlinesExtended { by_ms }) = extension.and_then(|decision| decision.facts.first()) else { return };
        if *by_ms > self.ctx.time.millis().abs_diff(time.millis()) {
            self.problem(format!("deadlines are extended by {by_ms} ms, more than passed since the block before"));
        }
        self.ctx.gap_ms = Some(*by_ms);
    }

    /// Each record was taken once, in order, and the header's positions are those behind the last.
    pub fn positions(&mut self) {
        let decided = self.block.body.decisions.iter().filter_map(|decision| match &decision.subject {
            Subject::Event { at, record } => Some((*at, record::record_hash(&record.0))),
            Subject::Tick(_) => None,
        });
        let disposed = self.block.body.dispositions.iter().map(|disposition| (disposition.at, disposition.record));
        let mut taken: Vec<(Position, RecordHash)> = decided.chain(disposed).collect();
        taken.sort_unstable_by_key(|(at, _)| *at);
        if taken.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            self.problem("a record was taken twice");
        }
        for (before, after) in self.before.iter().zip(&self.block.header.next) {
            let mut own = taken.iter().filter(|(at, _)| at.topic == before.topic);
            let first = own.clone().next();
            let expected =
                own.next_back().map_or(*before, |(at, hash)| Next { topic: at.topic, offset: at.offset + 1, index: 0, last: *hash });
            if first.is_some_and(|(at, _)| at.offset < before.offset) || *after != expected {
                self.problem(format!("the position in {} is not that behind the records taken", before.topic));
            }
        }
    }

    /// Ticks come first, and each is due.
    pub fn ticks(&mut self, state: &State) {
        let mut due = due(state, &self.ctx).into_iter();
        let mut events = false;
        for decision in &self.block.body.decisions {
            match &decision.subject {
                Subject::Event { .. } => events = true,
                Subject::Tick(_) if events => self.problem("a tick stands behind an event"),
                Subject::Tick(tick) if !due.any(|other| other == *tick) => self.problem(format!("the tick {} was not due", tick.name())),
                Subject::Tick(_) => {}
            }
        }
    }

    /// Places the dispositions between the decisions of their topics.
    pub fn dispositions(&mut self, inputs: Vec<Option<Input>>) {
        let body = &self.block.body;
        let ticks = body.decisions.iter().take_while(|decision| matches!(decision.subject, Subject::Tick(_))).count();
        for (disposition, input) in body.dispositions.iter().zip(inputs) {
            self.report.dispositions += 1;
            let Some(input) = input else {
                self.report.unchecked += 1;
                continue;
            };
            self.report.redisposed += 1;
            if input.hash != disposition.record || input.record.bytes.len() as u64 != disposition.length {
                self.problem(format!("the record at {:?} is not the one that was disposed of", disposition.at));
                continue;
            }
            let first = body.decisions.iter().rposition(|decision| position(decision).is_some_and(|at| precedes(at, disposition.at)));
            let last = body.decisions.iter().position(|decision| position(decision).is_some_and(|at| precedes(disposition.at, at)));
            self.again.push((first.map_or(ticks, |at| at + 1), last.unwrap_or(body.decisions.len()), disposition, input));
        }
    }

    /// Makes the dispositions again that may stand behind `decided` decisions.
    pub fn dispose_again(&mut self, state: &State, decided: usize) {
        let (ctx, mut failed) = (self.ctx, Vec::new());
        self.again.retain(|(first, last, disposition, input)| {
            if decided < *first {
                return true;
            }
            let answer = admit(state, &ctx, input.signed.as_ref(), disposition.at, input.authentic);
            if answer == Admission::Disposed(disposition.code) {
                return false;
            }
            if decided >= *last {
                failed.push(format!("the record at {:?} was disposed of as {}, and is {answer:?}", disposition.at, disposition.code));
            }
            decided < *last
        });
        failed.into_iter().for_each(|what| self.problem(what));
    }

    /// Decides decision `index` again, on the state before it.
    pub fn decide_again(&mut self, state: &State, index: usize, event: Option<&SignedEvent>, authentic: bool) {
        self.dispose_again(state, index);
        self.report.decisions += 1;
        let recorded = &self.block.body.decisions[index];
        let leaf = self.block.header.first_leaf + index as u64;
        let again = match (&recorded.subject, event) {
            (Subject::Event { at, record }, Some(signed)) => {
                let admission = admit(state, &self.ctx, Ok(signed), *at, authentic);
                if admission != Admission::Admitted {
                    self.problem(format!("leaf {leaf}: its event is not admitted, but {admission:?}"));
                }
                Ok(decide_event(state, &self.ctx, signed, *at, &record.0))
            }
            (Subject::Tick(tick), _) => {
                self.report.ticks += 1;
                decide_tick(state, &self.ctx, *tick)
            }
            (Subject::Event { .. }, None) => return self.problem(format!("leaf {leaf}: its event cannot be read")),
        };
        if recorded.verdict.code() == Some(RejectionCode::Internal) {
            self.report.rejected_internal += 1;
        } else if again.as_ref() != Ok(recorded) {
            let height = self.height();
            tracing::debug!(height, leaf, ?recorded, ?again, "decided otherwise");
            self.problem(format!("leaf {leaf}: decided again, verdict or facts are others"));
        }
    }
}

fn position(decision: &Decision) -> Option<Position> {
    match &decision.subject {
        Subject::Event { at, .. } => Some(*at),
        Subject::Tick(_) => None,
    }
}

/// Whether `a` was taken before `b` for certain: both are of one topic, which is taken in order.
fn precedes(a: Position, b: Position) -> bool {
    a.topic == b.topic && a < b
}
