//! Forming: inputs and due ticks become the next block, on a state that runs ahead of the journal.
//!
//! Owns the order inside a block (ticks first), its time and its sizes. Pure but for the line of inputs it takes from.
//! Refuses appends: until a block was read back, the state here is a guess that may be thrown away.

use super::{
    RULES, RunError,
    fold::{apply, halted},
    take::Inputs,
    verify::Input,
};
use crate::decider::{Admission, Context, State, admit, decide_event, decide_tick, due};
use bytes::Bytes;
use cairn_log::Trace;
use cairn_log::journal::{Chain, Draft};
use cairn_schemas::{
    BlockHash, ByteString, SecretKey, SignedEvent, Timestamp,
    block::{Body, Next},
    codec::cbor,
    decision::{Disposition, DispositionCode, Position, RejectionCode},
    limits,
};
use serde::Serialize;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a body takes besides decisions and dispositions: two keys and two array heads, generously.
const FRAME_BYTES: usize = 64;

/// A block that was formed and not yet read back.
#[derive(Debug)]
pub struct Formed {
    pub record: Bytes,
    pub hash: BlockHash,
    /// Append times of the events it decides.
    pub times: Vec<i64>,
    /// Of these events, those whose traces are followed.
    pub traced: Vec<Traced>,
    /// Where its record lies, once the append said so.
    pub offset: Option<u64>,
}

/// A decided event that somebody follows.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    pub trace: Trace,
    pub at: Position,
    pub verdict: &'static str,
}

/// A state and a chain behind the last block formed.
#[derive(Debug)]
pub struct Ahead {
    pub state: State,
    pub chain: Chain,
}

/// Block time: max(previous, min(wall clock, append time of the oldest input)); milliseconds since 1970.
///
/// Held back by the oldest input, so that after an outage what arrived in time is decided before deadlines fire.
pub fn block_time(previous: Timestamp, wall: i64, oldest: Option<i64>) -> Timestamp {
    let time = oldest.map_or(wall, |oldest| oldest.min(wall));
    previous.max(Timestamp::from_millis(time.clamp(0, Timestamp::MAX.millis())).unwrap_or(previous))
}

impl Ahead {
    /// The context of the next block at `time`. Until the time from which this processor lives is reached, `live_from`,
    /// nobody decided: what lies between two blocks before it is a gap.
    pub fn context(&self, time: Timestamp, live_from: Timestamp) -> Context {
        let gap = time.min(live_from).millis() - self.chain.time().millis();
        Context {
            time,
            height: self.chain.height().map_or(0, |height| height + 1),
            prev: self.chain.prev(),
            gap_ms: u64::try_from(gap).ok().filter(|gap| *gap > 0),
        }
    }

    /// Whether the next block has ticks to decide.
    pub fn has_due(&self, ctx: &Context) -> bool {
        !due(&self.state, ctx).is_empty()
    }

    /// Forms the next block; none if there is nothing to put in. After an error, state and chain are worthless.
    pub fn form(&mut self, ctx: &Context, inputs: &mut Inputs, key: &SecretKey) -> Result<Option<Formed>, RunError> {
        let mut page = Page { body: Body::default(), size: FRAME_BYTES, next: *self.chain.next(), times: Vec::new(), traced: Vec::new() };
        if self.ticks(ctx, &mut page)? {
            self.events(ctx, inputs, &mut page)?;
        }
        if page.body == Body::default() {
            return Ok(None);
        }
        let Page { body, next, times, traced, .. } = page;
        let draft = Draft { time: ctx.time, rules: RULES, next, body };
        let unencodable = |source| RunError::Unencodable { partition: self.state.partition(), height: ctx.height, source };
        let block = self.chain.form(draft, key).map_err(unencodable)?;
        Ok(Some(Formed { record: block.to_record().into(), hash: self.chain.prev(), times, traced, offset: None }))
    }

    /// Decides what is due; answers whether all of it was, so that inputs may follow.
    fn ticks(&mut self, ctx: &Context, page: &mut Page) -> Result<bool, RunError> {
        let due = due(&self.state, ctx);
        let drained = due.len() < limits::TICKS_PER_BLOCK;
        for tick in due {
            let decision = decide_tick(&self.state, ctx, tick).map_err(|source| halted(&self.state, ctx, source))?;
            // An earlier tick of this block may have settled what this one was due for.
            if decision.facts.is_empty() {
                continue;
            }
            if !page.has_room(self.size_of(ctx, &decision)?) {
                return Ok(false);
            }
            apply(&mut self.state, ctx, &decision, None)?;
            page.body.decisions.push(decision);
        }
        Ok(drained)
    }

    /// Takes inputs while the page has room.
    fn events(&mut self, ctx: &Context, inputs: &mut Inputs, page: &mut Page) -> Result<(), RunError> {
        while let Some(input) = inputs.peek() {
            let at = Position { topic: input.topic, offset: input.record.offset, index: 0 };
            let taken = match (self.admit(ctx, input, at), &input.signed) {
                (Admission::Admitted, Ok(signed)) => self.decide(ctx, input, signed, at, page)?,
                (Admission::Admitted, Err(_)) => self.dispose(ctx, input, at, DispositionCode::Malformed, page)?,
                (Admission::Disposed(code), _) => self.dispose(ctx, input, at, code, page)?,
            };
            if !taken {
                break;
            }
            page.next[at.topic as usize] = Next { topic: at.topic, offset: at.offset + 1, index: 0, last: input.hash };
            inputs.pop();
        }
        Ok(())
    }

    /// Admission only reads, so a panic in it leaves nothing half done; it must not let an author halt the partition.
    fn admit(&self, ctx: &Context, input: &Input, at: Position) -> Admission {
        let asked = catch_unwind(AssertUnwindSafe(|| admit(&self.state, ctx, input.signed.as_ref(), at, input.authentic)));
        asked.unwrap_or(Admission::Disposed(DispositionCode::Malformed))
    }

    fn dispose(&self, ctx: &Context, input: &Input, at: Position, code: DispositionCode, page: &mut Page) -> Result<bool, RunError> {
        let bytes = &input.record.bytes;
        let evidence = (code == DispositionCode::Fork).then(|| ByteString(bytes.to_vec()));
        let disposition = Disposition { at, length: bytes.len() as u64, record: input.hash, code, evidence };
        let taken = page.has_room(self.size_of(ctx, &disposition)?);
        if taken {
            page.body.dispositions.push(disposition);
        }
        Ok(taken)
    }

    fn decide(&mut self, ctx: &Context, input: &Input, signed: &SignedEvent, at: Position, page: &mut Page) -> Result<bool, RunError> {
        let decision = decide_event(&self.state, ctx, signed, at, &input.record.bytes);
        if !page.has_room(self.size_of(ctx, &decision)?) {
            return Ok(false);
        }
        apply(&mut self.state, ctx, &decision, Some(signed))?;
        if decision.verdict.code() == Some(RejectionCode::Internal) {
            tracing::error!(partition = self.state.partition(), height = ctx.height, ?at, "ALARM: the decider panicked on an event");
        }
        let verdict = decision.verdict.name();
        // A record has one sender, and one trace; a list of them is the journal's.
        page.traced.extend(input.record.traces.iter().next().map(|trace| Traced { trace, at, verdict }));
        page.body.decisions.push(decision);
        page.times.push(input.record.time);
        Ok(true)
    }

    fn size_of(&self, ctx: &Context, part: &impl Serialize) -> Result<usize, RunError> {
        let unencodable = |source| RunError::Unencodable { partition: self.state.partition(), height: ctx.height, source };
        cbor::to_vec(part).map(|bytes| bytes.len()).map_err(unencodable)
    }
}

/// The body of a block to be.
struct Page {
    body: Body,
    size: usize,
    next: [Next; 6],
    times: Vec<i64>,
    traced: Vec<Traced>,
}

impl Page {
    /// Whether `bytes` more fit; if so they are counted.
    fn has_room(&mut self, bytes: usize) -> bool {
        let fits = self.size + bytes <= limits::BLOCK_BYTES;
        self.size += if fits { bytes } else { 0 };
        fits
    }
}
