//! Authors: a key that speaks, one lane at a time, and never forgets what it said before it was heard.
//!
//! Owns numbering (`seq`, `prev`), signing, and the outbox: signed bytes are durable before they are sent, and after any doubt
//! the same bytes are sent again. Refuses sending: that is the ledger's; and what to say: that is the worker's or the person's.

mod outbox;

pub use outbox::{Kept, Outbox, OutboxError};

use cairn_schemas::{
    Body, Encoding, Event, EventHash, PublicKey, RealmId, SecretKey, Timestamp, Topic, codec::CodecError, ids::EventId, record,
};
use std::collections::BTreeMap;

/// Where a lane stands: the last event said in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: u64,
    pub hash: EventHash,
}

/// Why an author cannot speak.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    #[error("the event of type {kind} cannot be signed")]
    Unsayable { kind: &'static str, source: CodecError },
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("no random bytes for an event id")]
    Random,
}

impl AuthorError {
    pub fn code(&self) -> &'static str {
        match self {
            AuthorError::Unsayable { .. } => "CRN-7111",
            AuthorError::Outbox(error) => error.code(),
            AuthorError::Random => "CRN-7112",
        }
    }
}

/// One author, with the only writer of its key.
#[derive(Debug)]
pub struct Author {
    key: SecretKey,
    /// The author's id: its first key. Another than `key` after a rotation.
    source: PublicKey,
    encoding: Encoding,
    outbox: Outbox,
    heads: BTreeMap<(RealmId, Topic), Head>,
}

impl Author {
    /// An author whose id is its key, continuing what its outbox holds.
    pub fn new(key: SecretKey, encoding: Encoding, outbox: Outbox) -> Author {
        let source = key.public();
        let heads = outbox.heads();
        Author { key, source, encoding, outbox, heads }
    }

    /// The same author after a rotation: its id stays its first key's.
    pub fn known_as(mut self, source: PublicKey) -> Author {
        self.source = source;
        self
    }

    pub fn id(&self) -> PublicKey {
        self.source
    }

    /// Where a lane stands, as far as this author knows.
    pub fn head(&self, realm: RealmId, topic: Topic) -> Option<Head> {
        self.heads.get(&(realm, topic)).copied()
    }

    /// Learns from the journal that a lane stands further than the outbox knew (a lost folder, an event sent elsewhere).
    pub fn learn(&mut self, realm: RealmId, topic: Topic, head: Head) {
        let known = self.heads.entry((realm, topic)).or_insert(head);
        if head.seq > known.seq {
            *known = head;
        }
    }

    /// Signs the lane's next event and keeps its bytes; after `Ok` they are durable and may be sent.
    pub fn say(&mut self, realm: RealmId, body: impl Into<Body>, time: Timestamp) -> Result<Kept, AuthorError> {
        let body = body.into();
        let topic = body.topic();
        let last = self.head(realm, topic);
        let event = Event {
            id: fresh_id(time)?,
            realm,
            source: self.source,
            seq: last.map_or(1, |head| head.seq + 1),
            prev: last.map_or(EventHash::ZERO, |head| head.hash),
            time,
            not_after: None,
            subject: None,
            body,
        };
        let unsayable = |source| AuthorError::Unsayable { kind: event.body.type_name(), source };
        let record = record::seal(&event, &self.key, self.encoding).map_err(unsayable)?;
        let head = Head { seq: event.seq, hash: event.hash().map_err(unsayable)? };
        let kept = Kept { realm, topic, head, record: record.into() };
        self.outbox.keep(&kept)?;
        self.heads.insert((realm, topic), head);
        Ok(kept)
    }

    /// Signed and not yet known to be decided, in the order of their lanes: what to send again after a restart.
    pub fn pending(&self) -> Vec<Kept> {
        self.outbox.pending()
    }

    /// The lane's last event was disposed of without being admitted: it is forgotten and its number is free again.
    pub fn withdraw(&mut self, realm: RealmId, topic: Topic) -> Result<(), AuthorError> {
        self.outbox.withdraw(realm, topic)?;
        match self.outbox.heads().get(&(realm, topic)) {
            Some(head) => self.heads.insert((realm, topic), *head),
            None => self.heads.remove(&(realm, topic)),
        };
        Ok(())
    }

    /// The journal has decided the lane up to `seq`: its bytes need not be kept any longer.
    pub fn settled(&mut self, realm: RealmId, topic: Topic, seq: u64) -> Result<(), AuthorError> {
        Ok(self.outbox.settle(realm, topic, seq)?)
    }
}

fn fresh_id(time: Timestamp) -> Result<EventId, AuthorError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|_| AuthorError::Random)?;
    Ok(EventId::from_parts(u64::try_from(time.millis()).unwrap_or(0), &random))
}

#[cfg(test)]
mod tests;
