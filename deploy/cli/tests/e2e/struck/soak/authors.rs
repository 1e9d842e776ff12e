//! Authors who go on talking whatever happens: they keep what was acknowledged and send again, byte for byte, what was not.
//!
//! Owns their lanes, their bookkeeping and their pace. Refuses to give up: an event is said until somebody answers for it.

use crate::{
    node::{Answer, Http, Rng},
    voice::{Voice, note, transfer},
};
use cairn_schemas::{Account, Body, Encoding, RealmId};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What each author is given before it begins.
pub const FUNDS: u128 = 1_000_000_000;
/// How long one answer is waited for: a gateway that sleeps does not hold its author up.
const ANSWER: Duration = Duration::from_secs(8);
/// After an event, and after one that found nobody.
const PACE: Duration = Duration::from_millis(25);
const PAUSE: Duration = Duration::from_millis(100);
/// Longer than anything that happens here keeps the way to the log shut.
const PATIENCE: Duration = Duration::from_secs(300);

/// What an author waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    Durable,
    Decided,
}

/// What all authors share.
pub struct Street {
    /// The addresses of the gateways, whoever serves there.
    pub gateways: Vec<String>,
    pub is_closing: AtomicBool,
    pub acknowledged: AtomicU64,
    pub resent: AtomicU64,
}

/// One author of one realm.
pub struct Author {
    pub name: String,
    /// Whom it pays.
    pub others: Vec<String>,
    pub voice: Voice,
    pub rng: Rng,
    /// Hashes of what was answered for, in the order of the lanes.
    pub acknowledged: Vec<String>,
    /// What it paid, by whom.
    pub paid: BTreeMap<String, u128>,
    /// The longest time until an event was answered for.
    pub longest: Duration,
    http: Http,
}

impl Author {
    pub fn new(name: &str, others: Vec<String>, seed: u8, realm: RealmId) -> Author {
        Author {
            name: name.to_owned(),
            others,
            voice: Voice::new(seed, realm),
            rng: Rng(seed.into()),
            acknowledged: Vec::new(),
            paid: BTreeMap::new(),
            longest: Duration::ZERO,
            http: Http::new(),
        }
    }

    /// Registers and opens an account, which are there then: topics are unordered among themselves.
    pub fn enter(&mut self, street: &Street) {
        for body in self.voice.introduction(&self.name) {
            self.say(street, body, Until::Decided);
        }
    }

    /// Talks until the street closes. What was begun is brought to an end.
    pub fn talk(mut self, street: &Street) -> Author {
        while !street.is_closing.load(Ordering::Acquire) {
            let body = if self.rng.below(3) == 0 { self.remark() } else { self.payment() };
            let until = if self.rng.below(4) == 0 { Until::Decided } else { Until::Durable };
            self.say(street, body, until);
            thread::sleep(PACE);
        }
        self
    }

    fn remark(&mut self) -> Body {
        note(&format!("{} has said {} things", self.name, self.acknowledged.len()))
    }

    fn payment(&mut self) -> Body {
        let to = self.others[self.rng.below(self.others.len() as u64) as usize].clone();
        let amount = u128::from(1 + self.rng.below(9));
        *self.paid.entry(to.clone()).or_default() += amount;
        transfer(Account::Named(self.name.parse().unwrap()), &to, amount)
    }

    /// Says the lane's next event until it is acknowledged.
    pub fn say(&mut self, street: &Street, body: Body, until: Until) {
        let encoding = if self.rng.below(2) == 0 { Encoding::Cose } else { Encoding::Json };
        let bytes = self.voice.seal(body, encoding);
        let began = Instant::now();
        let hash = loop {
            if let Some(hash) = self.ask(street, &bytes, encoding, until) {
                break hash;
            }
            assert!(began.elapsed() < PATIENCE, "{}: nobody took an event for {PATIENCE:?}", self.name);
            street.resent.fetch_add(1, Ordering::Relaxed);
            thread::sleep(PAUSE);
        };
        self.longest = self.longest.max(began.elapsed());
        street.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.acknowledged.push(hash);
    }

    /// The event's hash, once somebody answers for it.
    fn ask(&mut self, street: &Street, bytes: &[u8], encoding: Encoding, until: Until) -> Option<String> {
        let gateway = &street.gateways[self.rng.below(street.gateways.len() as u64) as usize];
        let kind = if encoding == Encoding::Json { "application/json" } else { "application/cose" };
        let query = if until == Until::Decided { "?wait=decided" } else { "" };
        let asked = self.http.ask("POST", &format!("{gateway}/v1/events{query}"), &[("content-type", kind)], bytes.to_vec(), ANSWER);
        let answer = asked.ok()?;
        match answer.status {
            200 => assert!(is_accepted(&answer), "{}: {}", self.name, answer.text()),
            202 => {}
            // Too much at once, or the gateway does not know yet or any more.
            408 | 429 | 500..=599 => return None,
            404 if answer.problem() == "CRN-1105" => return None,
            _ => panic!("{}: {} {}", self.name, answer.status, answer.text()),
        }
        Some(answer.json()["event_hash"].as_str().unwrap().to_owned())
    }
}

/// A second copy was decided as the first.
fn is_accepted(answer: &Answer) -> bool {
    let told = answer.json();
    told["verdict"] == "accepted" || (told["verdict"] == "disposed" && told["code"] == "duplicate")
}
