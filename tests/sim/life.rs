//! A life: one seed from an empty log to a quiet end.
//!
//! Owns the world's parts and the order in which they act. Refuses real time and threads: tasks run until none can go on, then
//! time moves, so that a seed repeats its run exactly.

use crate::{
    chance::Chance,
    faults,
    members::{Alarms, Member},
    people::{Moment, Part, Person, Word, account, id, key, note, seal},
    promises::{PARTITION, Reached, Witness, now, place},
};
use bytes::Bytes;
use cairn_log::{Clock, EventLog, journal::genesis, memory::MemoryLog};
use cairn_processors::runner::{Snapshots, VirtualTime};
use cairn_schemas::{
    Account, Body, ByteString, RealmId, RecordHash, Timestamp, Topic,
    event::{AccountOpened, Admission, Currency, KeyRegistered, RealmOpened, StakeLocked, TransferPosted, WorkerRegistered},
    genesis::Genesis,
    record,
};
use futures::{executor::LocalPool, task::LocalSpawnExt};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, atomic::Ordering};

pub const START: i64 = 1_800_000_000_000;
/// Acts of one life.
const STEPS: u64 = 90;
/// Rounds of work after the last fault.
const PEACE: usize = 40;
/// Rounds of resending in which everything must be decided once no fault is left.
const PATIENCE: usize = 400;

/// Appends that were answered, by place.
pub type Acknowledged = Rc<RefCell<BTreeMap<(Topic, u64), RecordHash>>>;

pub struct Life {
    pub chance: Chance,
    pub time: Arc<VirtualTime>,
    pub log: MemoryLog,
    pub pool: LocalPool,
    pub members: Vec<Member>,
    pub people: Vec<Person>,
    pub witness: Witness,
    pub snapshots: Option<Snapshots>,
    pub realm: RealmId,
    /// All that was ever sent.
    pub sent: Vec<(Topic, Bytes)>,
    acknowledged: Acknowledged,
    alarms: Alarms,
}

/// Lives through a seed; what was reached on the way, or which promise broke. `snapshots` is an empty folder, if any are to be kept.
pub fn live(seed: u64, snapshots: Option<Snapshots>) -> Result<Reached, String> {
    let mut life = Life::begin(seed, snapshots)?;
    for step in 0..STEPS {
        life.step()?;
        if step % 30 == 29 {
            life.witness.balances()?;
        }
    }
    life.quiesce()?;
    life.work_on()?;
    life.witness.close(&life.log, &life.acknowledged.borrow(), life.snapshots.clone())?;
    Ok(life.witness.reached)
}

fn document() -> Genesis {
    Genesis {
        name: "sim".parse().unwrap(),
        nonce: ByteString(vec![7; 16]),
        time: Timestamp::from_millis(START).unwrap(),
        partitions: 2,
        admins: vec![id("founder")],
        processors: vec![id("one"), id("two")],
        origin: "sim.example/log".parse().unwrap(),
        checkpoint_keys: vec![id("checkpoint")],
        rules: 1,
        demo: false,
    }
}

impl Life {
    fn begin(seed: u64, snapshots: Option<Snapshots>) -> Result<Life, String> {
        let time = Arc::new(VirtualTime::new(START));
        let log = MemoryLog::new(2, time.clone());
        let shared: Arc<dyn EventLog> = Arc::new(log.clone());
        now(genesis::create(&shared, &document(), &key("one"))).map_err(|error| error.to_string())?;
        let members = [("first", "one"), ("second", "two"), ("twin", "one")];
        let people = [
            ("founder", Part::Disturbs),
            ("acme", Part::Trades),
            ("zoe", Part::Trades),
            ("ann", Part::Works),
            ("bob", Part::Works),
            ("cyd", Part::Works),
            ("eve", Part::Lies),
            ("mallory", Part::Disturbs),
        ];
        let mut life = Life {
            chance: Chance::new(seed),
            members: members.map(|(name, key)| Member::new(name, key, &time)).into(),
            people: people.map(|(name, part)| Person::new(name, part)).into(),
            witness: Witness::new(id("eve")),
            pool: LocalPool::new(),
            realm: document().id().map_err(|error| error.to_string())?.into(),
            time,
            log,
            snapshots,
            sent: Vec::new(),
            acknowledged: Acknowledged::default(),
            alarms: Alarms::default(),
        };
        life.found()?;
        Ok(life)
    }

    /// Opens a realm with people, money and workers, before anything goes wrong.
    fn found(&mut self) -> Result<(), String> {
        let opened = RealmOpened {
            name: "home".parse().unwrap(),
            partition: PARTITION,
            admins: vec![id("founder")],
            admission: Admission::Open,
            currency: Currency { code: "coin".parse().unwrap(), scale: 2 },
            issuer: id("founder"),
        };
        let word = self.say(0, opened);
        self.quiesce()?;
        self.realm = word.hash.into();
        self.everybody(0, |name| Some(KeyRegistered { key: id(name) }.into()))?;
        self.everybody(1, |name| Some(AccountOpened { account: name.parse().unwrap() }.into()))?;
        for person in 1..self.people.len() {
            let (to, amount) = (account(self.people[person].name), "1000".parse().unwrap());
            self.say(0, TransferPosted { from: Account::Issuer, to, amount });
        }
        self.everybody(3, |name| Some(WorkerRegistered { name: name.parse().unwrap(), account: account(name) }.into()))?;
        self.everybody(3, |name| Some(StakeLocked { from: account(name), amount: "300".parse().unwrap() }.into()))
    }

    fn everybody(&mut self, from: usize, body: impl Fn(&str) -> Option<Body>) -> Result<(), String> {
        for person in from..self.people.len() {
            // Mallory has a key and nothing else to lose.
            if let Some(body) = body(self.people[person].name).filter(|_| person < 7 || from < 2) {
                self.say(person, body);
            }
        }
        self.quiesce()
    }

    pub fn moment(&self) -> Moment {
        Moment { realm: self.realm, now: self.time.now_ms(), not_after: None }
    }

    fn say(&mut self, person: usize, body: impl Into<Body>) -> Word {
        let at = self.moment();
        let word = self.people[person].say(at, body);
        self.send(word.topic, word.record.clone());
        word
    }

    /// Appends a record to a topic; the answer may come later, or never.
    pub fn send(&mut self, topic: Topic, record: Bytes) {
        self.sent.push((topic, record.clone()));
        let (log, acknowledged, hash) = (self.log.clone(), self.acknowledged.clone(), record::record_hash(&record));
        let append = async move {
            if let Ok(appended) = log.append(place(topic), vec![record].into()).await {
                acknowledged.borrow_mut().extend(appended.iter().map(|at| ((topic, at.offset), hash)));
            }
        };
        self.pool.spawner().spawn_local(append).unwrap();
        self.pool.run_until_stalled();
    }

    fn step(&mut self) -> Result<(), String> {
        match self.chance.below(10) {
            0..=4 => (0..=self.chance.below(3)).for_each(|_| self.somebody_acts()),
            5 => {
                let person = self.chance.index(self.people.len());
                self.resend(person);
            }
            6 => self.mischief(),
            _ => faults::strike(self),
        }
        let pause = if self.chance.one_in(12) { 4_000 } else { 120 };
        let pause = self.chance.below(pause) as i64;
        self.pass(pause)
    }

    /// Peace, in which workers may see jobs through.
    fn work_on(&mut self) -> Result<(), String> {
        for _ in 0..PEACE {
            let at = self.moment();
            for person in 0..self.people.len() {
                let person = &mut self.people[person];
                let word = if matches!(person.part, Part::Works | Part::Lies) { person.act(at, &mut self.chance) } else { None };
                word.into_iter().for_each(|word| self.send(word.topic, word.record));
            }
            self.pass(120)?;
        }
        self.quiesce()
    }

    /// Whoever has something to say, from somebody on.
    fn somebody_acts(&mut self) {
        let at = self.moment();
        let everybody = self.people.len();
        let first = self.chance.index(everybody);
        for next in 0..everybody {
            let person = &mut self.people[(first + next) % everybody];
            // The founder's words are awaited by nobody.
            if person.name == "founder" {
                continue;
            }
            if let Some(word) = person.act(at, &mut self.chance) {
                return self.send(word.topic, word.record);
            }
        }
    }

    /// In doubt an author sends the same bytes again.
    fn resend(&mut self, person: usize) {
        let words = self.people[person].pending.clone();
        words.into_iter().for_each(|word| self.send(word.topic, word.record));
    }

    /// A record that should not be there.
    fn mischief(&mut self) {
        let stranger = key("stranger");
        let (topic, record) = self.sent[self.chance.index(self.sent.len())].clone();
        let at = Moment { realm: if self.chance.one_in(2) { RealmId([9; 32]) } else { self.realm }, ..self.moment() };
        let (other, cut) = (Topic::ALL[self.chance.index(Topic::ALL.len())], self.chance.index(record.len()));
        match self.chance.below(5) {
            0 => self.send(topic, record),
            1 => self.send(other, record),
            2 => self.send(topic, record.slice(..cut)),
            3 => {
                let mut bytes = record.to_vec();
                // The last byte of a COSE_Sign1 is the last of its signature.
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                self.send(topic, bytes.into());
            }
            _ => {
                let word = seal(&stranger, at, 1, cairn_schemas::EventHash::ZERO, note("let me in"), false);
                self.send(word.topic, word.record);
            }
        }
    }

    /// Lets time pass from sleeper to sleeper, and reads what the journal shows then.
    pub fn pass(&mut self, millis: i64) -> Result<(), String> {
        let end = self.time.now_ms() + millis;
        self.pool.run_until_stalled();
        while let Some(next) = self.time.next().filter(|next| *next <= end) {
            self.time.advance_to(next);
            self.pool.run_until_stalled();
        }
        self.time.advance_to(end);
        self.pool.run_until_stalled();
        for block in self.witness.read_on(&self.log)? {
            self.people.iter_mut().for_each(|person| drop(person.view.take(&block)));
        }
        self.people.iter_mut().try_for_each(Person::learn)?;
        match self.alarms.borrow().first() {
            Some(alarm) => Err(alarm.clone()),
            None => Ok(()),
        }
    }

    /// Starts a member anew, with the snapshots that the dead one left or without any.
    pub fn start(&mut self, member: usize) {
        let snapshots = self.snapshots.clone().filter(|_| !self.chance.one_in(3));
        let (chance, spawner) = (self.chance.fork(), self.pool.spawner());
        self.members[member].start(&self.log, snapshots, chance, &spawner, &self.alarms);
    }

    /// Faults end and somebody leads: then everything that was said must be decided.
    fn quiesce(&mut self) -> Result<(), String> {
        for topic in Topic::ALL {
            self.log.faults().release(place(topic));
        }
        self.log.faults().crash(usize::MAX);
        self.log = self.log.reopen();
        self.members.iter_mut().for_each(|member| {
            member.kill();
            member.clock.off_ms.store(0, Ordering::Relaxed);
        });
        let leader = self.chance.index(self.members.len());
        self.start(leader);
        self.log.faults().give(PARTITION, self.members[leader].name);
        for _ in 0..PATIENCE {
            self.pass(150)?;
            let said: usize = self.people.iter().map(|person| person.pending.len()).sum();
            if said == 0 && self.witness.taken() == self.visible() {
                return Ok(());
            }
            if self.witness.taken() == self.visible() {
                (0..self.people.len()).for_each(|person| self.resend(person));
            }
        }
        let said =
            self.people.iter().flat_map(|person| person.pending.iter().map(|word| format!("{} {} {}", person.name, word.topic, word.seq)));
        let said: Vec<_> = said.collect();
        Err(format!("{} of {} records were taken, and never decided: {said:?}", self.witness.taken(), self.visible()))
    }

    /// Records in all topics of the partition.
    fn visible(&self) -> usize {
        Topic::ALL.iter().map(|topic| crate::promises::records(&self.log, place(*topic)).len()).sum()
    }
}
