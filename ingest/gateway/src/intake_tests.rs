//! Overload and quotas: who is told to come again, when, and that nothing is told so after it was appended.

#![allow(clippy::unwrap_used)]
use super::*;
use cairn_log::{ManualClock, memory::MemoryLog};
use cairn_schemas::{
    BlockHash, ByteString, Encoding, Event, EventId, Fact, InstanceId, Root, SecretKey, Timestamp,
    block::{self, Header, Next},
    decision::{Decision, Position, Subject, Tick, Verdict},
    event::{Admission, Currency, KeyRegistered, NoteRecorded, RealmOpened},
    fact::KeyState,
};
use futures::FutureExt;

const REALM: RealmId = RealmId([7; 32]);
const AUDIT: Place = Place::new(Stream::Topic(Topic::Audit), 0);
const JOBS: Place = Place::new(Stream::Topic(Topic::Jobs), 0);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// A node of one partition, on which the realm is open and keys 1 and 2 are known.
struct World {
    log: MemoryLog,
    outcomes: Outcomes,
    next: [Next; 6],
    said: u64,
}

impl World {
    fn new() -> World {
        let outcomes = Outcomes::new(InstanceId::ZERO, 1);
        let mut world = World { log: MemoryLog::new(1, Arc::new(ManualClock::new(0))), outcomes, next: Next::start(), said: 0 };
        let opened = Fact::RealmOpened {
            realm: REALM,
            name: "home".parse().unwrap(),
            partition: 0,
            admins: vec![key(1).public()],
            admission: Admission::Open,
            currency: Currency { code: "crn".parse().unwrap(), scale: 6 },
            issuer: key(1).public(),
        };
        let registered = |state| Fact::KeyChanged { realm: REALM, author: key(2).public(), key: key(2).public(), state };
        world.decide(vec![tick(vec![opened, registered(KeyState::Registered)])]);
        world
    }

    fn intake(&self, max_lag: u64, quotas: Quotas) -> Intake {
        Intake::new(Arc::new(self.log.clone()), self.outcomes.clone(), max_lag, quotas)
    }

    /// The next block, with the positions as they are.
    fn decide(&mut self, decisions: Vec<Decision>) {
        let header = Header {
            instance: InstanceId::ZERO,
            partition: 0,
            epoch: 1,
            height: 0,
            prev: BlockHash::ZERO,
            time: Timestamp::default(),
            rules: 1,
            next: self.next,
            dispositions: 0,
            first_leaf: 0,
            tree_size: 0,
            root: Root([0; 32]),
            body: Root([0; 32]),
        };
        self.outcomes.take(&header, &block::Body { decisions, ..Default::default() });
    }

    /// A block that takes a topic up to an offset.
    fn decided(&mut self, topic: Topic, offset: u64) {
        self.next[topic as usize].offset = offset;
        self.decide(Vec::new());
    }

    /// An event that nobody said before.
    fn event(&mut self, seed: u8, seq: u64, body: impl Into<Body>) -> Vec<u8> {
        self.said += 1;
        let event = Event {
            id: EventId::from_parts(self.said, &[seed; 10]),
            realm: REALM,
            source: key(seed).public(),
            seq,
            prev: EventHash::ZERO,
            time: Timestamp::default(),
            not_after: None,
            subject: None,
            body: body.into(),
        };
        record::seal(&event, &key(seed), Encoding::Cose).unwrap()
    }

    fn note(&mut self, seed: u8) -> Vec<u8> {
        let text = "said".parse().unwrap();
        self.event(seed, 2, NoteRecorded { text, about: None, blob: None })
    }
}

fn tick(facts: Vec<Fact>) -> Decision {
    Decision { subject: Subject::Tick(Tick::Extension), verdict: Verdict::Accepted, facts }
}

async fn send(intake: &Intake, records: &[Vec<u8>]) -> Result<Vec<u64>, (u16, String)> {
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let answer = async { intake.append(&intake.read_cose(&records)?).await }.await;
    answer.map_err(|refusal: Refusal| (refusal.0.status, refusal.0.code))
}

fn told<T>(status: u16, code: &str) -> Result<T, (u16, String)> {
    Err((status, code.to_owned()))
}

#[tokio::test]
async fn nothing_is_taken_before_the_journals_are_read() {
    let mut world = World::new();
    let intake = world.intake(10, Quotas::default());
    let note = world.note(1);
    assert_eq!(send(&intake, &[note.clone()]).await, told(503, "CRN-1106"));
    assert_eq!(world.log.read(AUDIT, 0, Default::default()).await.unwrap().end, 0);
    world.outcomes.caught_up(0);
    assert_eq!(send(&intake, &[note]).await, Ok(vec![0]));
}

#[tokio::test]
async fn a_backlog_from_before_the_start_is_overload() {
    let mut world = World::new();
    // What a process before this one appended, of which the journal has taken two.
    for place in [AUDIT, JOBS] {
        world.log.append(place, vec![Bytes::from_static(b"record"); 5].into()).await.unwrap();
    }
    world.decided(Topic::Audit, 2);
    world.outcomes.caught_up(0);
    let intake = world.intake(7, Quotas::default());
    let note = world.note(1);
    assert_eq!(send(&intake, &[note.clone()]).await, told(429, "CRN-1106"));
    world.decided(Topic::Jobs, 1);
    assert_eq!(send(&intake, &[note]).await, Ok(vec![5]));
    let note = world.note(1);
    assert_eq!(send(&intake, &[note]).await, told(429, "CRN-1106"));
}

#[tokio::test]
async fn a_key_has_so_much_under_way_and_no_more() {
    let mut world = World::new();
    world.outcomes.caught_up(0);
    let intake = world.intake(1_000, Quotas { per_key: 2, strangers: 1, ..Quotas::default() });
    let notes: Vec<_> = (0..3).map(|_| world.note(1)).collect();
    assert_eq!(send(&intake, &notes).await, told(429, "CRN-1117"), "all or none");
    assert_eq!(send(&intake, &notes[..2]).await, Ok(vec![0, 1]));
    assert_eq!(send(&intake, &notes[2..]).await, told(429, "CRN-1117"));
    // Another key has a share of its own, and all strangers together have one.
    let others: Vec<_> = [2, 3, 4].map(|seed| world.note(seed)).into();
    assert_eq!(send(&intake, &others[..1]).await, Ok(vec![2]));
    assert_eq!(send(&intake, &others[1..2]).await, Ok(vec![3]));
    assert_eq!(send(&intake, &others[2..]).await, told(429, "CRN-1117"));
    // What is decided, whatever its verdict, gives room.
    world.decided(Topic::Audit, 1);
    assert_eq!(send(&intake, &notes[2..]).await, Ok(vec![4]));
    assert_eq!(send(&intake, &others[2..]).await, told(429, "CRN-1117"));
    world.decided(Topic::Audit, 4);
    assert_eq!(send(&intake, &others[2..]).await, Ok(vec![5]));
}

#[tokio::test]
async fn going_away_gives_no_room() {
    let mut world = World::new();
    world.outcomes.caught_up(0);
    let intake = world.intake(1_000, Quotas { per_key: 1, ..Quotas::default() });
    let notes = [world.note(1), world.note(1)];
    world.log.faults().hold(AUDIT);
    assert_eq!(send(&intake, &notes[..1]).now_or_never(), None, "the append is held, and nobody waits for it any more");
    assert_eq!(send(&intake, &notes[1..]).await, told(429, "CRN-1117"));
    world.log.faults().release(AUDIT);
    assert_eq!(send(&intake, &notes[1..]).await, told(429, "CRN-1117"));
    world.log.wait(&[(AUDIT, 0)]).await.unwrap();
    world.decided(Topic::Audit, 1);
    assert_eq!(send(&intake, &notes[1..]).await, Ok(vec![1]));
}

#[tokio::test]
async fn an_open_realm_takes_so_many_strangers_in() {
    let mut world = World::new();
    world.outcomes.caught_up(0);
    let intake = world.intake(1_000, Quotas { newcomers: 2, ..Quotas::default() });
    let register = |world: &mut World, seed: u8| world.event(seed, 1, KeyRegistered { key: key(seed).public() });
    let newcomers = [3, 4, 5].map(|seed| register(&mut world, seed));
    assert_eq!(send(&intake, &newcomers[..2]).await, Ok(vec![0, 1]));
    assert_eq!(send(&intake, &newcomers[2..]).await, told(429, "CRN-1117"));
    // One was rejected, which takes nothing; the other is an author now.
    let decided = |offset: usize, verdict| {
        let at = Position { topic: Topic::Audit, offset: offset as u64, index: 0 };
        Decision { subject: Subject::Event { at, record: ByteString(newcomers[offset].clone()) }, verdict, facts: Vec::new() }
    };
    let rejected = Verdict::Rejected { code: cairn_schemas::decision::RejectionCode::BadKey, detail: String::new() };
    world.next[Topic::Audit as usize].offset = 2;
    world.decide(vec![decided(0, rejected), decided(1, Verdict::Accepted)]);
    assert_eq!(send(&intake, &newcomers[2..]).await, Ok(vec![2]));
    let late = register(&mut world, 6);
    assert_eq!(send(&intake, &[late]).await, told(429, "CRN-1117"));
    // Those whom an admin registers are no strangers.
    let by_admin = world.event(1, 1, KeyRegistered { key: key(6).public() });
    assert_eq!(send(&intake, &[by_admin]).await, Ok(vec![3]));
    // And a realm is opened by nobody's leave but the decider's.
    let realm = RealmOpened {
        name: "more".parse().unwrap(),
        partition: 0,
        admins: vec![key(1).public()],
        admission: Admission::Open,
        currency: Currency { code: "crn".parse().unwrap(), scale: 6 },
        issuer: key(1).public(),
    };
    let opened = world.event(1, 1, realm);
    assert_eq!(send(&intake, &[opened]).await, Ok(vec![4]));
}
