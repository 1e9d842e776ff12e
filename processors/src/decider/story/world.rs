//! The world of a story: a partition that leads, one that follows, and people with keys.
//!
//! Owns blocks, positions, the client's side of every lane, and the proof that nothing but recorded bytes makes state: a twin
//! evolves from what would lie in the journal, and must end up the same. Refuses randomness: keys derive from names.

use super::{Outcome, manner::Manner};
use crate::decider::{Admission, Context, State, admit, check_invariants, decide_event, decide_tick, due, evolve};
use cairn_schemas::{
    Body, Encoding, Event, EventHash, EventId, PublicKey, RealmId, SecretKey, Timestamp,
    codec::cbor,
    decision::{Decision, DispositionCode, Position, Subject},
    genesis::Genesis,
    ids::BlockHash,
    limits, record,
    value::ByteString,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// 2026-11-21T08:00:00Z.
const DAWN: i64 = 1_795_248_000_000;
/// Blocks in which the ticks of one line must be done.
const PATIENCE: usize = 1_000;

/// Everything a story has come to.
#[derive(Debug)]
pub struct World {
    pub state: State,
    pub ctx: Context,
    /// Every decision so far, in order.
    pub journal: Vec<Decision>,
    /// Every disposition so far.
    pub dispositions: Vec<DispositionCode>,
    /// What was said, by the sentence that said it: bytes to send again.
    sent: BTreeMap<String, Vec<u8>>,
    /// Events that later sentences refer to by name.
    named: BTreeMap<String, EventHash>,
    signers: BTreeMap<String, String>,
    /// Other words for a person, that a story gave.
    pub aliases: BTreeMap<String, String>,
    sentence: String,
    manner: Manner,
    twin: State,
    offset: u64,
}

/// The key of a name.
pub fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(Sha256::digest(format!("cairn story key {name}")).into())
}

/// The author id of a name: its first key.
pub fn id(name: &str) -> PublicKey {
    key(name).public()
}

impl World {
    /// An instance of two partitions, seen from partition 0, with one open realm called `home`.
    pub fn new() -> Result<World, String> {
        let genesis = genesis()?;
        let state = State::new(&genesis, 0).map_err(text)?;
        let ctx = Context { time: genesis.time, height: 0, prev: BlockHash::ZERO, gap_ms: None };
        let mut world = World {
            twin: state.clone(),
            state,
            ctx,
            journal: Vec::new(),
            dispositions: Vec::new(),
            sent: BTreeMap::new(),
            named: BTreeMap::new(),
            signers: BTreeMap::new(),
            aliases: BTreeMap::new(),
            sentence: String::new(),
            manner: Manner::default(),
            offset: 0,
        };
        super::live(&mut world, "founder opens realm home")?;
        Ok(world)
    }

    /// Time goes on; what falls due by it falls due in the next block.
    pub fn pass(&mut self, millis: u64) {
        self.ctx.time = self.ctx.time.plus(millis);
    }

    /// Time in which nobody decided: the first block after the next claim gives it back.
    pub fn outage(&mut self, millis: u64) -> Result<(), String> {
        self.pass(millis);
        self.ctx.gap_ms = Some(millis);
        self.next_block()
    }

    /// Begins a block, after as many others as the ticks that are due need.
    pub fn next_block(&mut self) -> Result<(), String> {
        for _ in 0..PATIENCE {
            self.ctx.height += 1;
            self.ctx.prev = BlockHash(Sha256::digest(self.ctx.prev.0).into());
            let ticks = due(&self.state, &self.ctx);
            if ticks.len() > limits::TICKS_PER_BLOCK {
                return Err(format!("{} ticks in one block", ticks.len()));
            }
            let done = ticks.is_empty();
            for tick in ticks {
                let decision = decide_tick(&self.state, &self.ctx, tick).map_err(text)?;
                // An earlier tick of this block may have settled what this one was due for; the runner leaves it out, too.
                if !decision.facts.is_empty() {
                    self.record(decision)?;
                }
            }
            self.ctx.gap_ms = None;
            if done {
                return Ok(());
            }
        }
        Err("ticks fall due for ever".into())
    }

    /// Does the last ticks, and shows that the state is what was recorded, and survives a snapshot.
    pub fn settle(&mut self) -> Result<(), String> {
        self.next_block()?;
        self.check()?;
        let bytes = self.state.to_bytes().map_err(text)?;
        if self.twin.hash() != self.state.hash() {
            return Err("replay leads to another state".into());
        }
        if State::from_bytes(&bytes).map_err(text)? != self.state {
            return Err("a snapshot loads as another state".into());
        }
        Ok(())
    }

    pub fn check(&self) -> Result<(), String> {
        check_invariants(&self.state).map_err(text)
    }

    /// The event that was decided last.
    pub fn last_event(&self) -> Option<EventHash> {
        self.journal.iter().rev().find_map(|decision| match &decision.subject {
            Subject::Event { record, .. } => record::open(&record.0).ok().map(|signed| signed.hash),
            Subject::Tick(_) => None,
        })
    }

    /// Gives a name to what a sentence said last.
    pub fn name(&mut self, name: &str, hash: EventHash) {
        self.named.insert(name.to_owned(), hash);
    }

    /// What was named so; for a name that nobody gave, a hash that nothing has.
    pub fn called(&self, name: &str) -> EventHash {
        self.named.get(name).copied().unwrap_or_else(|| EventHash(Sha256::digest(name).into()))
    }

    /// The realm that the sentence speaks in.
    pub fn realm(&self) -> RealmId {
        self.called_realm(self.manner.realm.as_deref().unwrap_or("home"))
    }

    /// From now on another key signs for the author.
    pub fn signs_with(&mut self, author: &str, key: &str) {
        self.signers.insert(author.to_owned(), key.to_owned());
    }

    fn called_realm(&self, name: &str) -> RealmId {
        if name == "instance" { self.state.instance().into() } else { self.called(name).into() }
    }
}

/// Saying something: from a sentence to a verdict.
impl World {
    pub(super) fn take_manner(&mut self, sentence: &str, manner: Manner) {
        (self.sentence, self.manner) = (sentence.to_owned(), manner);
    }

    pub(super) fn drop_manner(&mut self) {
        self.manner = Manner::default();
    }

    /// `who` says `body`: signed, sent, and answered.
    pub fn say(&mut self, who: &str, body: impl Into<Body>) -> Result<Outcome, String> {
        self.say_named(who, body, None)
    }

    /// The same, and remembers the event under a name that later sentences use.
    pub fn say_named(&mut self, who: &str, body: impl Into<Body>, name: Option<&str>) -> Result<Outcome, String> {
        let event = self.event(who, body.into());
        if let Some(name) = name {
            self.name(name, event.hash().map_err(text)?);
        }
        let signer = self.manner.signer.clone().or_else(|| self.signers.get(who).cloned());
        let signer = key(signer.as_deref().unwrap_or(who));
        let mut bytes = record::seal(&event, &signer, self.manner.encoding.unwrap_or(Encoding::Cose)).map_err(text)?;
        if self.manner.damaged {
            // The last byte of a COSE_Sign1 is the last of its signature.
            bytes.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        if self.manner.cut_short {
            bytes.pop();
        }
        self.sent.insert(self.sentence.clone(), bytes.clone());
        self.receive(&bytes)
    }

    fn event(&self, who: &str, body: Body) -> Event {
        let about_instance = matches!(body, Body::RealmOpened(_) | Body::ProcessorAuthorised(_)) && self.manner.realm.is_none();
        let realm = if about_instance { self.state.instance().into() } else { self.realm() };
        let (seq, prev) = self.state.head(realm, body.topic(), id(who));
        let seq = match (self.manner.out_of_turn, self.manner.instead) {
            (true, _) => seq + 2,
            (_, true) => seq,
            _ => seq + 1,
        };
        let not_after = self.manner.too_late.then(|| Timestamp::from_millis(DAWN)).flatten();
        let id = EventId::from_parts(self.ctx.time.millis().unsigned_abs(), &[7; 10]);
        Event { id, realm, source: self::id(who), seq, prev, time: self.ctx.time, not_after, subject: None, body }
    }

    pub(super) fn resend(&mut self, sentence: &str) -> Result<Outcome, String> {
        let bytes = self.sent.get(sentence).cloned().ok_or("nobody said that before")?;
        self.receive(&bytes)
    }

    /// A record arrives on the topic it belongs to, or on the one that the manner names.
    fn receive(&mut self, bytes: &[u8]) -> Result<Outcome, String> {
        self.offset += 1;
        let opened = record::open(bytes);
        let own_topic = opened.as_ref().map_or(cairn_schemas::Topic::Audit, |signed| signed.event.topic());
        let at = Position { topic: self.manner.topic.unwrap_or(own_topic), offset: self.offset, index: 0 };
        let authentic = opened.as_ref().is_ok_and(|signed| signed.is_authentic());
        if let Admission::Disposed(code) = admit(&self.state, &self.ctx, opened.as_ref(), at, authentic) {
            self.dispositions.push(code);
            return Ok(Outcome::Said(code.text().into()));
        }
        let signed = opened.map_err(text)?;
        let decision = decide_event(&self.state, &self.ctx, &signed, at, bytes);
        let verdict = decision.verdict.code().map_or("accepted".to_owned(), |code| format!("rejected {code}"));
        self.record(decision)?;
        Ok(Outcome::Said(verdict))
    }

    /// Writes a decision down, and lets both partitions evolve: the one from what was decided, the other from its bytes.
    fn record(&mut self, decision: Decision) -> Result<(), String> {
        let bytes = cbor::to_vec(&decision).map_err(text)?;
        if bytes.len() > limits::DECISION_BYTES {
            return Err(format!("a decision of {} bytes", bytes.len()));
        }
        let read: Decision = cbor::from_slice(&bytes).map_err(text)?;
        apply(&mut self.state, &self.ctx, &decision)?;
        apply(&mut self.twin, &self.ctx, &read)?;
        self.journal.push(decision);
        Ok(())
    }
}

fn apply(state: &mut State, ctx: &Context, decision: &Decision) -> Result<(), String> {
    let signed = match &decision.subject {
        Subject::Event { record, .. } => Some(record::open(&record.0).map_err(text)?),
        Subject::Tick(_) => None,
    };
    evolve(state, ctx, decision, signed.as_ref()).map_err(text)
}

pub fn genesis() -> Result<Genesis, String> {
    Ok(Genesis {
        name: "story".parse().map_err(text)?,
        nonce: ByteString(vec![0; 16]),
        time: Timestamp::from_millis(DAWN).ok_or("no time")?,
        partitions: 2,
        admins: vec![id("founder")],
        processors: vec![id("processor")],
        origin: "story.example/log".parse().map_err(text)?,
        checkpoint_keys: vec![id("checkpoint")],
        rules: 1,
        demo: false,
    })
}

/// Any error as the text of a failed line.
pub fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}
