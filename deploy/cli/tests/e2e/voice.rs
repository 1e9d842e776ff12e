//! A voice: an author of a test, who signs in either encoding and numbers its own lanes.
//!
//! Owns `seq` and `prev`. Refuses to send: what a test does with the bytes is the test's.

use crate::node::{Answer, Node};
use cairn_schemas::{
    Account, Amount, Body, Encoding, Event, EventHash, RealmId, SecretKey, Timestamp, Topic,
    event::{AccountOpened, KeyRegistered, NoteRecorded, TransferPosted},
    ids::EventId,
    record,
};
use std::{collections::BTreeMap, fs};

#[derive(Debug)]
pub struct Voice {
    pub key: SecretKey,
    pub realm: RealmId,
    heads: BTreeMap<Topic, (u64, EventHash)>,
}

/// The realm of a node that has one.
pub fn realm(node: &Node) -> RealmId {
    node.get("/v1/realms").json()[0]["id"].as_str().unwrap().parse().unwrap()
}

/// A note for the audit trail: an event that every author may say and that moves nothing.
pub fn note(text: &str) -> Body {
    NoteRecorded { text: text.parse().unwrap(), about: None, blob: None }.into()
}

pub fn transfer(from: Account, to: &str, amount: u128) -> Body {
    TransferPosted { from, to: Account::Named(to.parse().unwrap()), amount: Amount::new(amount).unwrap() }.into()
}

impl Voice {
    pub fn new(seed: u8, realm: RealmId) -> Voice {
        Voice { key: SecretKey::from_seed([seed; 32]), realm, heads: BTreeMap::new() }
    }

    /// A founding author of the folder, who goes on where its lanes stand.
    pub fn founder(node: &Node, name: &str) -> Voice {
        let seed = fs::read_to_string(node.dir.join("keys").join(format!("{name}.key"))).unwrap();
        let key = SecretKey::from_hex_seed(seed.trim()).unwrap();
        let mut voice = Voice { realm: realm(node), heads: BTreeMap::new(), key };
        let question = format!("SELECT topic, seq, event_hash FROM events WHERE author = '{}' ORDER BY seq", voice.key.public());
        for row in node.sql(&question) {
            let head = (row["seq"].as_u64().unwrap(), row["event_hash"].as_str().unwrap().parse().unwrap());
            voice.heads.insert(row["topic"].as_str().unwrap().parse().unwrap(), head);
        }
        voice
    }

    /// A new author of an open realm, registered and with an account.
    pub fn introduced(node: &Node, seed: u8, name: &str) -> Voice {
        let mut voice = Voice::new(seed, realm(node));
        for body in voice.introduction(name) {
            assert_eq!(voice.says(node, body, Encoding::Cose).json()["verdict"], "accepted");
        }
        voice
    }

    pub fn introduction(&self, name: &str) -> [Body; 2] {
        [KeyRegistered { key: self.key.public() }.into(), AccountOpened { account: name.parse().unwrap() }.into()]
    }

    /// The lane's next event, which nobody has heard yet.
    pub fn next(&self, body: Body) -> Event {
        let (seq, prev) = self.heads.get(&body.topic()).copied().unwrap_or((0, EventHash::ZERO));
        let mut random = [0; 10];
        random[0] = self.key.public().0[0];
        random[1] = u8::try_from(seq % 251).unwrap();
        let time = Timestamp::from_millis(1_790_000_000_000).unwrap();
        Event {
            id: EventId::from_parts(1_790_000_000_000, &random),
            realm: self.realm,
            source: self.key.public(),
            seq: seq + 1,
            prev,
            time,
            not_after: None,
            subject: None,
            body,
        }
    }

    /// Its bytes; the lane stays where it is.
    pub fn sealed(&self, body: Body, encoding: Encoding) -> Vec<u8> {
        record::seal(&self.next(body), &self.key, encoding).unwrap()
    }

    /// Its bytes; the lane goes on.
    pub fn seal(&mut self, body: Body, encoding: Encoding) -> Vec<u8> {
        let event = self.next(body);
        self.heads.insert(event.topic(), (event.seq, event.hash().unwrap()));
        record::seal(&event, &self.key, encoding).unwrap()
    }

    /// Says the lane's next event and waits for its verdict. Whoever asks after that must be shown it.
    pub fn says(&mut self, node: &Node, body: Body, encoding: Encoding) -> Answer {
        let bytes = self.seal(body, encoding);
        let answer = send(node, bytes, "?wait=decided");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let path = format!("/v1/events/{}", answer.json()["event_hash"].as_str().unwrap());
        let shown = node.get(&path);
        assert_eq!(shown.status, 200, "decided, and not shown: {}", shown.text());
        answer
    }
}

/// Posts one record in the form that it has.
pub fn send(node: &Node, record: Vec<u8>, query: &str) -> Answer {
    let kind = if record.first() == Some(&b'{') { "application/json" } else { "application/cose" };
    node.ask("POST", &format!("/v1/events{query}"), &[("content-type", kind)], record)
}
