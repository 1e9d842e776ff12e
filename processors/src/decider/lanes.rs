//! Lanes: how far each author has spoken, per realm and topic.
//!
//! Owns the head of every lane and the hashes of its last events, by which a repetition is told from a fork.
//! Refuses everything about authors and contents: a lane knows numbers and hashes.

use super::rejection::Halt;
use cairn_schemas::{
    SignedEvent, Topic,
    decision::DispositionCode,
    event::Event,
    ids::{EventHash, RealmId},
    sign::PublicKey,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Hashes kept per lane. An event at an older seq counts as a duplicate, whatever it is: it changes nothing either way, and a
/// fork so far back is evidence that the journal itself still holds. Memory per lane is what this bounds: 8 KiB.
const REMEMBERED: usize = 256;

/// All lanes of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lanes(BTreeMap<(RealmId, Topic, PublicKey), Lane>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lane {
    /// The seq of the last event.
    seq: u64,
    /// Hashes of the last events, the newest at the end.
    recent: VecDeque<EventHash>,
}

impl Lane {
    fn head(&self) -> EventHash {
        self.recent.back().copied().unwrap_or(EventHash::ZERO)
    }

    /// The hash of the event admitted at `seq`, if it is remembered.
    fn at(&self, seq: u64) -> Option<EventHash> {
        let back = usize::try_from(self.seq.checked_sub(seq)?).ok()?;
        self.recent.iter().rev().nth(back).copied()
    }
}

impl Lanes {
    /// Whether `event` is the next of its lane; otherwise what it is instead.
    pub fn is_next(&self, event: &Event, hash: EventHash) -> Result<(), DispositionCode> {
        let Some(lane) = self.0.get(&lane_of(event)) else {
            return next(event, 0, EventHash::ZERO);
        };
        match lane.at(event.seq) {
            Some(admitted) if admitted != hash => Err(DispositionCode::Fork),
            Some(_) => Err(DispositionCode::Duplicate),
            None if event.seq <= lane.seq => Err(DispositionCode::Duplicate),
            None => next(event, lane.seq, lane.head()),
        }
    }

    /// The seq and hash of the last event that an author was heard with.
    pub fn head(&self, realm: RealmId, topic: Topic, author: PublicKey) -> (u64, EventHash) {
        self.0.get(&(realm, topic, author)).map_or((0, EventHash::ZERO), |lane| (lane.seq, lane.head()))
    }

    /// Moves the head of the lane to an event that was decided.
    pub fn advance(&mut self, signed: &SignedEvent) -> Result<(), Halt> {
        self.is_next(&signed.event, signed.hash).map_err(|code| Halt::fact("admission", format!("the journaled event is a {code}")))?;
        let lane = self.0.entry(lane_of(&signed.event)).or_default();
        if lane.recent.len() == REMEMBERED {
            lane.recent.pop_front();
        }
        lane.recent.push_back(signed.hash);
        lane.seq = signed.event.seq;
        Ok(())
    }
}

fn lane_of(event: &Event) -> (RealmId, Topic, PublicKey) {
    (event.realm, event.topic(), event.source)
}

/// Beyond the head, an event is the next one or it is a gap; one that names another predecessor waits for that one in vain.
fn next(event: &Event, seq: u64, head: EventHash) -> Result<(), DispositionCode> {
    if event.seq == seq + 1 && event.prev == head { Ok(()) } else { Err(DispositionCode::Gap) }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
