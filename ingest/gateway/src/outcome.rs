//! Outcomes: what became of records, told to those who wait; and what every gateway must know of a journal.
//!
//! Owns a fold of each journal: where realms are at home, how far inputs were decided, and a bounded memory of the latest
//! verdicts. Refuses history: an event that was decided long ago is looked up in the projections.

use cairn_log::{
    EventLog,
    journal::{Chain, Follower, JournalError, Step, Taken},
};
use cairn_schemas::{
    Body as EventBody, Event, EventHash, Fact, InstanceId, PublicKey, RealmId, Topic,
    block::{Body, Header},
    decision::{Decision, Disposition, Subject, Verdict},
    fact::KeyState,
    record,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{oneshot, watch};

/// Outcomes kept for those who ask again soon after.
const REMEMBERED: usize = 65_536;
/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// `accepted`, `rejected`, or `disposed` for a record that was not admitted.
    pub verdict: &'static str,
    /// Rejection or disposition code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Where the record lies that this is about; the answer names it once.
    #[serde(skip)]
    pub offset: u64,
    pub height: u64,
    /// Leaf number of the decision; a disposition has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// By what a waiter knows its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Event(EventHash),
    /// Partition, topic, offset.
    Record(u32, Topic, u64),
}

/// Who signed an event, as far as quotas care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Signer {
    /// A key that speaks for an author of the realm.
    Key(RealmId, PublicKey),
    /// Any other.
    Stranger(RealmId),
}

#[derive(Debug, Default)]
struct Memory {
    homes: BTreeMap<RealmId, u32>,
    keys: HashSet<(RealmId, PublicKey)>,
    /// How many authors registered themselves.
    newcomers: BTreeMap<RealmId, usize>,
    /// Each journal's chain behind the last record that was taken.
    chains: BTreeMap<u32, Chain>,
    next: BTreeMap<(u32, Topic), u64>,
    outcomes: HashMap<Key, Outcome>,
    order: VecDeque<Key>,
    waiters: HashMap<Key, Vec<oneshot::Sender<Outcome>>>,
    /// Partitions whose journal was read to its end once.
    current: BTreeMap<u32, bool>,
}

/// The shared fold.
#[derive(Clone, Debug)]
pub struct Outcomes {
    instance: InstanceId,
    memory: Arc<Mutex<Memory>>,
    heights: watch::Sender<BTreeMap<u32, u64>>,
}

impl Outcomes {
    pub fn new(instance: InstanceId, partitions: u32) -> Self {
        let memory = Memory { current: (0..partitions).map(|p| (p, false)).collect(), ..Memory::default() };
        Outcomes { instance, memory: Arc::new(Mutex::new(memory)), heights: watch::Sender::new(BTreeMap::new()) }
    }

    /// Follows the journal of a partition from its front, for as long as it can be read.
    pub async fn follow(&self, log: Arc<dyn EventLog>, partition: u32) -> Result<Infallible, JournalError> {
        let mut follower = Follower::new(log, Chain::of(self.instance, partition));
        loop {
            while let Some(taken) = follower.try_next().await? {
                self.take_record(taken, follower.chain());
            }
            self.caught_up(partition);
            let taken = follower.next().await?;
            self.take_record(taken, follower.chain());
        }
    }

    fn take_record(&self, taken: Taken, chain: &Chain) {
        if let Step::Block(block) = taken.step {
            self.take(&block.header, &block.body);
        }
        self.with(|memory| memory.chains.insert(chain.partition(), chain.clone()));
    }

    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Takes a valid block in. Blocks of one partition come in the order of their heights.
    pub fn take(&self, header: &Header, body: &Body) {
        for (leaf, decision) in (header.first_leaf..).zip(&body.decisions) {
            self.take_decision(header, leaf, decision);
        }
        for Disposition { at, code, .. } in &body.dispositions {
            let outcome = Outcome {
                verdict: "disposed",
                code: Some(code.text()),
                detail: String::new(),
                offset: at.offset,
                height: header.height,
                leaf: None,
            };
            self.tell(Key::Record(header.partition, at.topic, at.offset), outcome);
        }
        self.with(|memory| {
            for next in &header.next {
                memory.next.insert((header.partition, next.topic), next.offset);
            }
        });
        self.heights.send_modify(|heights| {
            heights.insert(header.partition, header.height);
        });
    }

    fn take_decision(&self, header: &Header, leaf: u64, decision: &Decision) {
        self.with(|memory| decision.facts.iter().for_each(|fact| memory.learn(fact)));
        let Subject::Event { record, at } = &decision.subject else { return };
        // A record in a valid block was read by its decider; one that this binary cannot read is told by its position alone.
        let signed = record::open(&record.0).ok();
        if decision.verdict == Verdict::Accepted
            && let Some(signed) = signed.as_ref().filter(|signed| is_newcomer(&signed.event))
        {
            self.with(|memory| *memory.newcomers.entry(signed.event.realm).or_default() += 1);
        }
        let key = signed.map_or(Key::Record(header.partition, at.topic, at.offset), |signed| Key::Event(signed.hash));
        let (code, detail) = match &decision.verdict {
            Verdict::Accepted => (None, String::new()),
            Verdict::Rejected { code, detail } => (Some(code.text()), detail.clone()),
        };
        let verdict = decision.verdict.name();
        self.tell(key, Outcome { verdict, code, detail, offset: at.offset, height: header.height, leaf: Some(leaf) });
    }

    /// Notes that the journal of a partition was read to its end.
    pub fn caught_up(&self, partition: u32) {
        self.with(|memory| memory.current.insert(partition, true));
    }

    /// Whether every journal was read to its end once.
    pub fn is_ready(&self) -> bool {
        self.with(|memory| memory.current.values().all(|current| *current))
    }

    /// Whether the journal of a partition was read to its end once.
    pub(crate) fn is_current(&self, partition: u32) -> bool {
        self.with(|memory| memory.current.get(&partition) == Some(&true))
    }

    /// Journal offset of a partition that is read next.
    pub fn offset(&self, partition: u32) -> u64 {
        self.with(|memory| memory.chains.get(&partition).map_or(0, Chain::offset))
    }

    /// The chain of a partition behind the last record that was taken, from which a reader may go on who takes our word for what was before.
    pub(crate) fn chain(&self, partition: u32) -> Chain {
        self.with(|memory| memory.chains.get(&partition).cloned()).unwrap_or_else(|| Chain::of(self.instance, partition))
    }

    /// Who a key is in a realm.
    pub(crate) fn signer(&self, realm: RealmId, key: PublicKey) -> Signer {
        self.with(|memory| if memory.keys.contains(&(realm, key)) { Signer::Key(realm, key) } else { Signer::Stranger(realm) })
    }

    /// How many authors registered themselves in a realm.
    pub(crate) fn newcomers(&self, realm: &RealmId) -> usize {
        self.with(|memory| memory.newcomers.get(realm).copied().unwrap_or(0))
    }

    /// The partition where a realm is at home.
    pub fn home(&self, realm: &RealmId) -> Option<u32> {
        self.with(|memory| memory.homes.get(realm).copied())
    }

    /// The offset of the next input to be decided.
    pub fn decided(&self, partition: u32, topic: Topic) -> u64 {
        self.with(|memory| memory.next.get(&(partition, topic)).copied().unwrap_or(0))
    }

    /// What became of it, if that was decided lately.
    pub(crate) fn known(&self, key: Key) -> Option<Outcome> {
        self.with(|memory| memory.outcomes.get(&key).cloned())
    }

    /// What will become of it, or became of it lately.
    pub(crate) fn expect(&self, key: Key) -> Expectation {
        let (sender, told) = oneshot::channel();
        self.with(|memory| match memory.outcomes.get(&key) {
            // The receiver is in our hands: sending cannot miss.
            Some(outcome) => drop(sender.send(outcome.clone())),
            None => memory.waiters.entry(key).or_default().push(sender),
        });
        Expectation { key, told, outcomes: self.clone() }
    }

    /// Heights by partition, as they grow.
    pub fn heights(&self) -> watch::Receiver<BTreeMap<u32, u64>> {
        self.heights.subscribe()
    }

    fn tell(&self, key: Key, outcome: Outcome) {
        let waiters = self.with(|memory| {
            memory.remember(key, outcome.clone());
            memory.waiters.remove(&key).unwrap_or_default()
        });
        for waiter in waiters {
            // One that no longer waits is no error.
            drop(waiter.send(outcome.clone()));
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether an event makes its author one of an open realm, without an admin's word.
pub(crate) fn is_newcomer(event: &Event) -> bool {
    matches!(&event.body, EventBody::KeyRegistered(ask) if ask.key == event.source) && event.seq == 1
}

impl Memory {
    fn learn(&mut self, fact: &Fact) {
        match fact {
            Fact::RealmOpened { realm, partition, admins, issuer, .. } => {
                self.homes.insert(*realm, *partition);
                self.keys.extend(admins.iter().chain([issuer]).map(|key| (*realm, *key)));
            }
            Fact::KeyChanged { realm, key, state: KeyState::Registered, .. } => drop(self.keys.insert((*realm, *key))),
            Fact::KeyChanged { realm, key, .. } => drop(self.keys.remove(&(*realm, *key))),
            _ => {}
        }
    }

    fn remember(&mut self, key: Key, outcome: Outcome) {
        if self.outcomes.insert(key, outcome).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.outcomes.remove(&oldest);
            }
        }
    }
}

/// Somebody waits for an outcome; who gives up leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Expectation {
    key: Key,
    told: oneshot::Receiver<Outcome>,
    outcomes: Outcomes,
}

impl Expectation {
    /// The outcome, once there is one; `None` if the node stops before.
    pub async fn outcome(&mut self) -> Option<Outcome> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.told.close();
        self.outcomes.with(|memory| {
            if let Some(waiters) = memory.waiters.get_mut(&self.key) {
                waiters.retain(|waiter| !waiter.is_closed());
                if waiters.is_empty() {
                    memory.waiters.remove(&self.key);
                }
            }
        });
    }
}
