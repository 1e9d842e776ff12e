//! A world for runners: a log in memory, virtual time, people with keys, and processors that live until they are stopped.
//!
//! Nothing in it waits for real time: tasks run until none can go on, then time moves to the next sleeper.

use crate::runner::{Ended, Options, Pool, Processor, ReplayOptions, ReplayReport, RunError, VirtualTime, replay};
use bytes::Bytes;
use cairn_log::journal::{Chain, Follower, Step, ValidBlock, genesis};
use cairn_log::memory::MemoryLog;
use cairn_log::{Clock, EventLog, Place, ReadLimit};
use cairn_schemas::decision::{Decision, DispositionCode, Subject};
use cairn_schemas::event::{Admission, Currency, KeyRegistered, NoteRecorded, RealmOpened};
use cairn_schemas::genesis::Genesis;
use cairn_schemas::{
    Body, ByteString, Encoding, Event, EventHash, EventId, PublicKey, RealmId, SecretKey, Stream, Timestamp, Topic, limits, record,
};
use futures::FutureExt;
use futures::executor::{LocalPool, LocalSpawner};
use futures::future::{AbortHandle, Abortable};
use futures::task::LocalSpawnExt;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub const START: i64 = 1_800_000_000_000;
/// Opens realms; issuer and admin of the one realm.
pub const FOUNDER: u8 = 9;
pub const ACME: u8 = 10;
/// Sleeps that a test may take to get somewhere.
const PATIENCE: usize = 100_000;

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub fn id(seed: u8) -> PublicKey {
    key(seed).public()
}

/// What became of a processor.
pub type End = Rc<RefCell<Option<Result<Ended, RunError>>>>;

/// A processor at work. Dropping this does nothing; [`Led::kill`] is a crash.
pub struct Led {
    pub end: End,
    kill: AbortHandle,
}

impl Led {
    pub fn kill(&self) {
        self.kill.abort();
    }

    /// The error code with which it ended.
    pub fn code(&self) -> &'static str {
        match &*self.end.borrow() {
            Some(Err(error)) => error.code(),
            other => panic!("no error: {other:?}"),
        }
    }

    pub fn ended(&self) -> Option<Ended> {
        self.end.borrow().as_ref().map(|end| *end.as_ref().unwrap())
    }
}

pub struct World {
    pub time: Arc<VirtualTime>,
    pub log: MemoryLog,
    pub pool: LocalPool,
    pub realm: RealmId,
    heads: BTreeMap<(RealmId, Topic, PublicKey), (u64, EventHash)>,
}

impl World {
    /// An instance of one partition, where keys 1 and 2 may lead, and a realm whose opening was said.
    pub fn new() -> World {
        let time = Arc::new(VirtualTime::new(START));
        let log = MemoryLog::new(1, time.clone());
        let shared: Arc<dyn EventLog> = Arc::new(log.clone());
        now(genesis::create(&shared, &document(), &key(1))).unwrap();
        let realm = document().id().unwrap().into();
        let mut world = World { time, log, pool: LocalPool::new(), realm, heads: BTreeMap::new() };
        let opened = RealmOpened {
            name: "home".parse().unwrap(),
            partition: 0,
            admins: vec![id(FOUNDER)],
            admission: Admission::Open,
            currency: Currency { code: "credit".parse().unwrap(), scale: 6 },
            issuer: id(FOUNDER),
        };
        world.realm = world.say(FOUNDER, opened).1.into();
        world.say(ACME, KeyRegistered { key: id(ACME) });
        world
    }

    pub fn processor(&self, seed: u8) -> Processor {
        self.processor_over(seed, Arc::new(self.log.clone()))
    }

    pub fn processor_over(&self, seed: u8, log: Arc<dyn EventLog>) -> Processor {
        let options = Options { pool: Pool::Inline, invariant_blocks: 1, heartbeat: Duration::from_secs(10), ..Options::default() };
        Processor::new(log, key(seed), self.time.clone()).with_timer(self.time.clone()).with_options(options)
    }

    /// Sets a processor to work on the partition.
    pub fn start(&self, processor: &Processor) -> Led {
        let processor = processor.clone();
        self.spawn(async move { processor.lead(0, futures::future::pending()).await })
    }

    /// Gives the partition to a processor, for good.
    pub fn hold(&self, processor: &Processor) -> Led {
        let processor = processor.clone();
        self.spawn(async move { processor.hold(0, futures::future::pending()).await })
    }

    pub fn spawn(&self, work: impl Future<Output = Result<Ended, RunError>> + 'static) -> Led {
        let (kill, registration) = AbortHandle::new_pair();
        let end = End::default();
        let told = end.clone();
        let work = Abortable::new(work, registration).map(move |ended| {
            if let Ok(ended) = ended {
                *told.borrow_mut() = Some(ended);
            }
        });
        self.spawner().spawn_local(work).unwrap();
        Led { end, kill }
    }

    fn spawner(&self) -> LocalSpawner {
        self.pool.spawner()
    }

    /// A signed record of the author's next event; nobody has heard it yet.
    pub fn write(&mut self, author: u8, body: impl Into<Body>) -> (Topic, Bytes, EventHash) {
        let body = body.into();
        let about_instance = matches!(body, Body::RealmOpened(_) | Body::ProcessorAuthorised(_));
        let realm = if about_instance { document().id().unwrap().into() } else { self.realm };
        let head = self.heads.entry((realm, body.topic(), id(author))).or_insert((0, EventHash::ZERO));
        let time = Timestamp::from_millis(self.time.now_ms()).unwrap();
        let event = Event {
            id: EventId::from_parts(head.0, &[author; 10]),
            realm,
            source: id(author),
            seq: head.0 + 1,
            prev: head.1,
            time,
            not_after: None,
            subject: None,
            body,
        };
        *head = (event.seq, event.hash().unwrap());
        let record = record::seal(&event, &key(author), Encoding::Cose).unwrap();
        (event.topic(), record.into(), head.1)
    }

    /// Says the author's next event; the record and its hash.
    pub fn say(&mut self, author: u8, body: impl Into<Body>) -> (Bytes, EventHash) {
        let (topic, record, hash) = self.write(author, body);
        self.send(topic, record.clone());
        (record, hash)
    }

    pub fn note(&mut self, author: u8, text: &str) -> Bytes {
        self.say(author, NoteRecorded { text: text.parse().unwrap(), about: None, blob: None }).0
    }

    pub fn send(&self, topic: Topic, record: Bytes) {
        now(self.log.append(Place::new(Stream::Topic(topic), 0), vec![record].into())).unwrap();
    }

    /// Runs all tasks until none can go on without time passing.
    pub fn settle(&mut self) {
        self.pool.run_until_stalled();
    }

    /// Lets time pass, from sleeper to sleeper.
    pub fn pass(&mut self, millis: i64) {
        let end = self.time.now_ms() + millis;
        self.settle();
        for _ in 0..PATIENCE {
            let Some(next) = self.time.next().filter(|next| *next <= end) else { break };
            self.time.advance_to(next);
            self.settle();
        }
        self.time.advance_to(end);
        self.settle();
    }

    /// Lets time pass until everything that was said is disposed of.
    pub fn until_taken(&mut self) {
        for _ in 0..PATIENCE {
            self.settle();
            if self.taken() == self.said() {
                return;
            }
            let next = self.time.next().expect("somebody who will go on");
            self.time.advance_to(next);
        }
        panic!("{} of {} records taken", self.taken(), self.said());
    }

    /// Records in all topics.
    pub fn said(&self) -> usize {
        Topic::ALL.iter().map(|topic| self.records(Stream::Topic(*topic)).len()).sum()
    }

    fn taken(&self) -> usize {
        self.blocks().iter().map(|block| events(block).count() + block.body.dispositions.len()).sum()
    }

    pub fn records(&self, stream: Stream) -> Vec<cairn_log::Record> {
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let read = now(self.log.read(Place::new(stream, 0), from, ReadLimit::default())).unwrap();
            if read.records.is_empty() {
                return all;
            }
            from = read.next(from);
            all.extend(read.records);
        }
    }

    fn steps(&self) -> Vec<Step> {
        let mut follower = Follower::new(Arc::new(self.log.clone()), Chain::new(0));
        let mut steps = Vec::new();
        now(follower.catch_up(|taken| steps.push(taken.step))).unwrap();
        steps
    }

    /// Blocks that count, block 0 aside.
    pub fn blocks(&self) -> Vec<ValidBlock> {
        let block = |step| if let Step::Block(block) = step { Some(*block) } else { None };
        self.steps().into_iter().filter_map(block).collect()
    }

    pub fn voids(&self) -> usize {
        self.steps().iter().filter(|step| matches!(step, Step::Void(_))).count()
    }

    pub fn dispositions(&self) -> Vec<DispositionCode> {
        self.blocks().iter().flat_map(|block| &block.body.dispositions).map(|disposition| disposition.code).collect()
    }

    /// Every decision so far, as `accepted`, a rejection's code, or a tick's name.
    pub fn verdicts(&self) -> Vec<&'static str> {
        let word = |decision: &Decision| match (&decision.subject, decision.verdict.code()) {
            (Subject::Tick(tick), _) => tick.name(),
            (_, None) => "accepted",
            (_, Some(code)) => code.text(),
        };
        self.blocks().iter().flat_map(|block| &block.body.decisions).map(word).collect()
    }

    /// What must hold whatever happened: replay agrees with everything, every record was taken once, blocks are in bounds.
    pub fn check(&self) -> ReplayReport {
        let report = self.replay(&ReplayOptions { pool: Pool::Inline, snapshots: None });
        assert!(report.is_clean(), "{report:#?}");
        assert_eq!(self.taken(), self.said());
        for block in self.blocks() {
            assert!(block.body.to_cbor().unwrap().len() <= limits::BLOCK_BYTES);
        }
        report
    }

    pub fn replay(&self, options: &ReplayOptions) -> ReplayReport {
        now(replay(Arc::new(self.log.clone()), 0, options, |_| ())).unwrap()
    }
}

pub fn events(block: &ValidBlock) -> impl Iterator<Item = &Decision> {
    block.body.decisions.iter().filter(|decision| matches!(decision.subject, Subject::Event { .. }))
}

pub fn document() -> Genesis {
    Genesis {
        name: "test".parse().unwrap(),
        nonce: ByteString(vec![7; 16]),
        time: Timestamp::from_millis(START).unwrap(),
        partitions: 1,
        admins: vec![id(FOUNDER)],
        processors: vec![id(1), id(2)],
        origin: "example.org/test".parse().unwrap(),
        checkpoint_keys: vec![id(8)],
        rules: 1,
        demo: true,
    }
}

/// The answer of something that does not wait.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("it waits")
}
