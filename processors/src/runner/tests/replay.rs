//! Replay: what a processor that lies is found out by.

use super::world::*;
use crate::decider::{Context, State, decide_event};
use crate::runner::ReplayReport;
use crate::runner::fold::apply;
use cairn_log::journal::{Chain, Draft, genesis};
use cairn_log::{Clock, EventLog, Place, Record, Traces};
use cairn_schemas::block::{Block, Body, Claim};
use cairn_schemas::decision::{Decision, Disposition, DispositionCode, Position, RejectionCode, Subject, Tick, Verdict};
use cairn_schemas::event::NoteRecorded;
use cairn_schemas::{Fact, Timestamp, Topic, record};

/// A processor that signs whatever it likes: the owner of the partition's key, without the runner's manners.
pub struct Forger {
    chain: Chain,
    state: State,
    offset: u64,
}

impl Forger {
    /// Leads `world` behind the two events with which it begins, decided as they should be.
    pub fn open(world: &mut World) -> Forger {
        let begin = genesis::block(&document(), 0, &key(1)).unwrap();
        let mut chain = Chain::new(0);
        let claim = Claim::signed(document().id().unwrap(), 0, 1, &key(1));
        for (offset, bytes) in [begin.to_record(), claim.to_record()].into_iter().enumerate() {
            chain.take(&Record { offset: offset as u64, time: START, bytes: bytes.into(), traces: Traces::default() }).unwrap();
        }
        now(world.log.append(Place::journal(0), vec![claim.to_record().into()].into())).unwrap();
        let mut forger = Forger { chain, state: State::new(&document(), 0).unwrap(), offset: 0 };
        let said: Vec<_> =
            world.records(cairn_schemas::Stream::Topic(Topic::Audit)).into_iter().map(|record| record.bytes.to_vec()).collect();
        let decisions = said.iter().map(|bytes| forger.decided(bytes)).collect();
        forger.publish(world, Body { decisions, ..Body::default() }, |_| ());
        forger
    }

    fn ctx(&self) -> Context {
        Context {
            time: Timestamp::from_millis(START).unwrap(),
            height: self.chain.height().map_or(0, |h| h + 1),
            prev: self.chain.prev(),
            gap_ms: None,
        }
    }

    /// Takes the next record of the audit topic and decides it properly.
    fn decided(&mut self, bytes: &[u8]) -> Decision {
        let at = Position { topic: Topic::Audit, offset: self.offset, index: 0 };
        self.offset += 1;
        let (signed, ctx) = (record::open(bytes).unwrap(), self.ctx());
        let decision = decide_event(&self.state, &ctx, &signed, at, bytes);
        apply(&mut self.state, &ctx, &decision, Some(&signed)).unwrap();
        decision
    }

    /// Acme says something, and gets its decision.
    pub fn decide(&mut self, world: &mut World, text: &str) -> Decision {
        let bytes = world.note(ACME, text);
        self.decided(&bytes)
    }

    /// Puts a block into the journal that counts, whatever it says.
    pub fn publish(&mut self, world: &World, body: Body, change: impl FnOnce(&mut Draft)) -> Block {
        let mut next = *self.chain.next();
        next[Topic::Audit as usize].offset = self.offset;
        if let Some(last) = world.records(cairn_schemas::Stream::Topic(Topic::Audit)).iter().find(|record| record.offset + 1 == self.offset)
        {
            next[Topic::Audit as usize].last = record::record_hash(&last.bytes);
        }
        let mut draft = Draft { time: Timestamp::from_millis(world.time.now_ms()).unwrap(), rules: 1, next, body };
        change(&mut draft);
        let block = self.chain.form(draft, &key(1)).unwrap();
        now(world.log.append(Place::journal(0), vec![block.to_record().into()].into())).unwrap();
        block
    }
}

/// The report on a world in which a block was forged.
fn found(forge: impl FnOnce(&mut World, &mut Forger)) -> ReplayReport {
    let mut world = World::new();
    let mut forger = Forger::open(&mut world);
    forge(&mut world, &mut forger);
    let report = world.replay(&crate::runner::ReplayOptions::default());
    assert_eq!(report.void.values().sum::<u64>(), 0, "the forged block counts");
    report
}

#[track_caller]
fn finds(what: &str, forge: impl FnOnce(&mut World, &mut Forger)) {
    let report = found(forge);
    assert!(report.problems.iter().any(|problem| problem.what.contains(what)), "{what}: {report:#?}");
    assert!(!report.is_clean());
}

#[test]
fn an_honest_block_is_clean() {
    let report = found(|world, forger| {
        let decisions = vec![forger.decide(world, "honest")];
        forger.publish(world, Body { decisions, ..Body::default() }, |_| ());
    });
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!((report.blocks, report.decisions, report.signatures), (3, 3, 3));
    assert!(report.root.is_some() && report.state_hash.is_some());
}

#[test]
fn a_verdict_that_the_decider_does_not_give_is_found() {
    finds("decided again", |world, forger| {
        let mut decision = forger.decide(world, "refused for nothing");
        decision.verdict = Verdict::Rejected { code: RejectionCode::NotAllowed, detail: String::new() };
        decision.facts.clear();
        forger.publish(world, Body { decisions: vec![decision], ..Body::default() }, |_| ());
    });
}

#[test]
fn facts_that_do_not_follow_are_found() {
    finds("decided again", |world, forger| {
        let mut decision = forger.decide(world, "with a present");
        decision.facts.push(Fact::ProcessorChanged { key: id(66), authorised: true });
        forger.publish(world, Body { decisions: vec![decision], ..Body::default() }, |_| ());
    });
}

#[test]
fn words_that_the_author_did_not_sign_are_found() {
    finds("not admitted, but Disposed(BadSignature)", |world, forger| {
        let (_, bytes, _) = world.write(ACME, NoteRecorded { text: "put into its mouth".parse().unwrap(), about: None, blob: None });
        let mut forged = bytes.to_vec();
        *forged.last_mut().unwrap() ^= 1;
        world.send(Topic::Audit, forged.clone().into());
        let decision = forger.decided(&forged);
        forger.publish(world, Body { decisions: vec![decision], ..Body::default() }, |_| ());
    });
}

#[test]
fn a_tick_that_is_not_due_is_found() {
    finds("the tick transfer_due was not due", |world, forger| {
        let subject = Subject::Tick(Tick::TransferDue(cairn_schemas::EventHash([3; 32])));
        let tick = Decision { subject, verdict: Verdict::Accepted, facts: Vec::new() };
        forger.publish(world, Body { decisions: vec![tick], ..Body::default() }, |_| ());
    });
}

#[test]
fn an_extension_longer_than_the_gap_is_found() {
    finds("deadlines are extended by 5000 ms", |world, forger| {
        let facts = vec![Fact::DeadlinesExtended { by_ms: 5_000 }];
        let tick = Decision { subject: Subject::Tick(Tick::Extension), verdict: Verdict::Accepted, facts };
        forger.publish(world, Body { decisions: vec![tick], ..Body::default() }, |_| ());
    });
}

#[test]
fn an_event_passed_over_is_found() {
    finds("the position in audit", |world, forger| {
        world.note(ACME, "silenced");
        forger.offset += 1;
        let tick = Decision { subject: Subject::Tick(Tick::Extension), verdict: Verdict::Accepted, facts: Vec::new() };
        forger.publish(world, Body { decisions: vec![tick], ..Body::default() }, |_| ());
    });
}

#[test]
fn a_disposition_that_admission_does_not_give_is_found() {
    finds("was disposed of as malformed, and is Admitted", |world, forger| {
        let bytes = world.note(ACME, "silenced");
        let at = Position { topic: Topic::Audit, offset: forger.offset, index: 0 };
        forger.offset += 1;
        let (length, hash) = (bytes.len() as u64, record::record_hash(&bytes));
        let disposition = Disposition { at, length, record: hash, code: DispositionCode::Malformed, evidence: None };
        forger.publish(world, Body { dispositions: vec![disposition], ..Body::default() }, |_| ());
    });
}

#[test]
fn a_disposition_whose_record_is_gone_is_counted_unchecked() {
    let mut world = World::new();
    world.start(&world.processor(1));
    world.until_taken();
    world.send(Topic::Votes, bytes::Bytes::from_static(b"noise"));
    world.until_taken();
    now(world.log.delete_below(Place::new(cairn_schemas::Stream::Topic(Topic::Votes), 0), 1)).unwrap();
    let report = world.replay(&crate::runner::ReplayOptions::default());
    assert!(report.is_clean());
    assert_eq!((report.dispositions, report.redisposed, report.unchecked), (1, 0, 1));
}

#[test]
fn a_journal_without_blocks_is_clean() {
    let world = World::new();
    let empty = cairn_log::memory::MemoryLog::new(1, world.time.clone());
    let report = now(crate::runner::replay(std::sync::Arc::new(empty), 0, &crate::runner::ReplayOptions::default(), |_| ())).unwrap();
    assert!(report.is_clean());
    assert_eq!((report.blocks, report.height, report.state_hash), (0, None, None));
}
