//! People: authors that speak, remember what they said, and say the same bytes again while in doubt.
//!
//! Owns numbering, signing and the pending words of one author. Refuses judgement: the journal tells what became of a word.

use crate::{chance::Chance, labour};
use bytes::Bytes;
use cairn_processors::workers::{View, duty::duties};
use cairn_schemas::{
    Account, Amount, Body, Encoding, Event, EventHash, EventId, PublicKey, RealmId, SecretKey, Timestamp, Topic,
    event::{JobCancelled, NoteRecorded, TransferPending, TransferPosted, TransferSettled, TransferVoided},
    record,
};
use std::collections::BTreeMap;

/// How somebody takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Pays, promises, submits jobs.
    Trades,
    /// Works honestly; sometimes it is silent for too long.
    Works,
    /// Works, and lies whenever asked.
    Lies,
    /// Forks, leaves gaps, comes too late.
    Disturbs,
}

/// A signed record on its way.
#[derive(Clone, Debug)]
pub struct Word {
    pub realm: RealmId,
    pub topic: Topic,
    pub seq: u64,
    pub hash: EventHash,
    pub record: Bytes,
}

/// What an event is besides its body.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub realm: RealmId,
    pub now: i64,
    pub not_after: Option<i64>,
}

/// One author.
pub struct Person {
    pub name: &'static str,
    pub part: Part,
    pub key: SecretKey,
    pub view: View,
    /// Said and not known to be decided, in order.
    pub pending: Vec<Word>,
    heads: BTreeMap<(RealmId, Topic), (u64, EventHash)>,
    /// Pending transfers that it may settle or void.
    promises: Vec<EventHash>,
    jobs: Vec<EventHash>,
}

/// The key of a name.
pub fn key(name: &str) -> SecretKey {
    let mut seed = [b'.'; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SecretKey::from_seed(seed)
}

pub fn id(name: &str) -> PublicKey {
    key(name).public()
}

pub fn account(name: &str) -> Account {
    name.parse().unwrap()
}

/// An event as it stands, sealed.
pub fn seal(key: &SecretKey, at: Moment, seq: u64, prev: EventHash, body: Body, json: bool) -> Word {
    let stamp = |millis| Timestamp::from_millis(millis).unwrap();
    let event = Event {
        id: EventId::from_parts(seq, &[7; 10]),
        realm: at.realm,
        source: key.public(),
        seq,
        prev,
        time: stamp(at.now),
        not_after: at.not_after.map(stamp),
        subject: None,
        body,
    };
    let record = record::seal(&event, key, if json { Encoding::Json } else { Encoding::Cose }).unwrap().into();
    Word { realm: at.realm, topic: event.topic(), seq, hash: event.hash().unwrap(), record }
}

pub fn note(text: &str) -> Body {
    NoteRecorded { text: text.parse().unwrap(), about: None, blob: None }.into()
}

impl Person {
    pub fn new(name: &'static str, part: Part) -> Person {
        let key = key(name);
        let view = View::new(key.public());
        let (pending, heads) = (Vec::new(), BTreeMap::new());
        Person { name, part, key, view, pending, heads, promises: Vec::new(), jobs: Vec::new() }
    }

    /// Signs the next event of a lane and keeps it.
    pub fn say(&mut self, at: Moment, body: impl Into<Body>) -> Word {
        let body = body.into();
        let head = self.heads.entry((at.realm, body.topic())).or_insert((0, EventHash::ZERO));
        let word = seal(&self.key, at, head.0 + 1, head.1, body, head.0 % 5 == 4);
        *head = (word.seq, word.hash);
        self.pending.push(word.clone());
        word
    }

    /// Forgets what the journal shows as decided. An error if somebody else stands at a number of ours.
    pub fn learn(&mut self) -> Result<(), String> {
        let lanes: BTreeMap<_, _> = self.view.lanes().collect();
        let decided = |word: &Word| lanes.get(&(word.realm, word.topic)).filter(|head| head.seq >= word.seq);
        if let Some(word) =
            self.pending.iter().find(|word| decided(word).is_some_and(|head| head.seq == word.seq && head.hash != word.hash))
        {
            return Err(format!("{} never said what stands at {}/{}", self.name, word.topic, word.seq));
        }
        self.pending.retain(|word| decided(word).is_none());
        Ok(())
    }

    /// Something this person might do now.
    pub fn act(&mut self, at: Moment, chance: &mut Chance) -> Option<Word> {
        match self.part {
            Part::Trades => {
                let body = self.trade(chance);
                let settles = matches!(body, Body::TransferPending(_));
                let submits = matches!(body, Body::JobSubmitted(_));
                let word = self.say(at, body);
                if settles {
                    self.promises.push(word.hash);
                }
                if submits {
                    self.jobs.push(word.hash);
                }
                Some(word)
            }
            Part::Works | Part::Lies => {
                // One word at a time: what is owed after it depends on its verdict.
                if !self.pending.is_empty() {
                    return None;
                }
                let owed = duties(&self.view);
                let body = labour::perform(&self.view, owed.first()?, self.part == Part::Works)?;
                Some(self.say(at, body))
            }
            Part::Disturbs => Some(self.disturb(at, chance)),
        }
    }

    fn trade(&mut self, chance: &mut Chance) -> Body {
        let (from, to) = (account(self.name), account(if chance.one_in(2) { "ann" } else { "zoe" }));
        // Every eighth sum is more than there is.
        let most = if chance.one_in(8) { 100_000 } else { 20 };
        let amount = Amount::new(u128::from(1 + chance.below(most))).unwrap();
        let known = (!self.promises.is_empty()).then(|| self.promises[chance.index(self.promises.len())]);
        match (chance.below(12), known) {
            (0..=3, _) => TransferPosted { from, to, amount }.into(),
            (4 | 5, _) => TransferPending { from, to, amount, timeout_ms: 500 + chance.below(20_000) }.into(),
            (6, Some(transfer)) => TransferSettled { transfer }.into(),
            (7, Some(transfer)) => TransferVoided { transfer }.into(),
            (8 | 9, _) if self.jobs.len() < 2 => labour::terms(from, chance.one_in(3)).into(),
            (10, _) if !self.jobs.is_empty() && chance.one_in(4) => {
                JobCancelled { job: self.jobs[chance.index(self.jobs.len())].into() }.into()
            }
            _ => note("so it goes"),
        }
    }

    /// Something that is no next event, or is one at a number already used. Never kept: nobody is owed anything for it.
    fn disturb(&mut self, at: Moment, chance: &mut Chance) -> Word {
        let body = note(&format!("whim {}", chance.below(1_000)));
        let lane = self.view.lanes().find(|((realm, topic), _)| (*realm, *topic) == (at.realm, body.topic()));
        let (seq, prev) = lane.map_or((0, EventHash::ZERO), |(_, head)| (head.seq, head.hash));
        match chance.below(4) {
            0 => seal(&self.key, at, seq.max(1), prev, body, false),
            1 => seal(&self.key, at, seq + 2 + chance.below(3), prev, body, false),
            2 => seal(&self.key, Moment { not_after: Some(at.now - 1_000), ..at }, seq + 1, prev, body, false),
            _ => seal(&self.key, at, seq + 1, prev, body, chance.one_in(2)),
        }
    }
}
