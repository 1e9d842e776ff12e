//! Testing: a journal made block by block, with a small economy in it.
//!
//! Owns what the suites of this crate share. Refuses a decider: facts are written down here as one would have recorded them.

use crate::{Options, Projections};
use bytes::Bytes;
use cairn_log::{
    EventLog, ManualClock, Place,
    journal::{Chain, Draft, genesis},
    memory::MemoryLog,
};
use cairn_schemas::{
    Account, Amount, BlobHash, BlobRef, Body as EventBody, Encoding, Event, EventHash, EventId, Fact, JobId, Name, PublicKey, RealmId,
    RecordHash, Root, SecretKey, StateRoot, TaskId, Timestamp, Topic,
    block::{Body, Claim},
    decision::{Decision, Disposition, DispositionCode, Position, RejectionCode, Subject, Tick, Verdict},
    event::{
        Admission, Assurance, Currency, DataSource, Deadlines, JobSubmitted, NoteRecorded, PayTerms, Score, TaskPlan, TraceLeaf,
        TransferPosted, VerifyTerms, WorkerTerms,
    },
    fact::{DisputeOutcome, KeyState, Movement, Opened, Role, TaskKind, WorkerState},
    genesis::Genesis,
    record,
};
use std::{path::Path, sync::Arc};

pub const START: i64 = 1_700_000_000_000;

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub fn who(seed: u8) -> PublicKey {
    key(seed).public()
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn account(text: &str) -> Account {
    text.parse().unwrap()
}

pub fn amount(minor: u128) -> Amount {
    Amount::new(minor).unwrap()
}

pub fn time(after: i64) -> Timestamp {
    Timestamp::from_millis(START + after).unwrap()
}

/// An author who keeps its lane.
#[derive(Clone, Debug)]
pub struct Author {
    pub key: SecretKey,
    seq: u64,
    prev: EventHash,
}

/// A journal in memory, led by key 1.
#[derive(Debug)]
pub struct Journal {
    pub log: Arc<dyn EventLog>,
    pub clock: Arc<ManualClock>,
    chains: Vec<Chain>,
    encoding: Encoding,
    offset: u64,
}

pub fn author(seed: u8) -> Author {
    Author { key: key(seed), seq: 0, prev: EventHash::ZERO }
}

/// The realm of the stories.
pub fn realm() -> RealmId {
    RealmId([7; 32])
}

pub fn job() -> JobId {
    JobId([9; 32])
}

pub fn task(index: u32) -> TaskId {
    TaskId { job: job(), index }
}

fn document(partitions: u32) -> Genesis {
    Genesis {
        name: name("test"),
        nonce: cairn_schemas::ByteString(vec![0; 16]),
        time: time(0),
        partitions,
        admins: vec![who(1)],
        processors: vec![who(1)],
        origin: "cairn.test/log".parse().unwrap(),
        checkpoint_keys: vec![who(2)],
        rules: 1,
        demo: true,
    }
}

impl Journal {
    /// Block 0 and a claim on every partition.
    pub async fn begin(partitions: u32, encoding: Encoding) -> Journal {
        let clock = Arc::new(ManualClock::new(START));
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(partitions, clock.clone()));
        let document = document(partitions);
        genesis::create(&log, &document, &key(1)).await.unwrap();
        let mut journal = Journal { log, clock, chains: Vec::new(), encoding, offset: 0 };
        for partition in 0..partitions {
            journal.chains.push(Chain::of(document.id().unwrap(), partition));
            journal.read(partition).await;
            let claim = Claim::signed(document.id().unwrap(), partition, 1, &key(1)).to_record();
            journal.append(partition, claim).await;
        }
        journal
    }

    async fn append(&mut self, partition: u32, record: Vec<u8>) {
        self.log.append(Place::journal(partition), vec![Bytes::from(record)].into()).await.unwrap();
        self.read(partition).await;
    }

    async fn read(&mut self, partition: u32) {
        let chain = &mut self.chains[partition as usize];
        let read = self.log.read(Place::journal(partition), chain.offset(), Default::default()).await.unwrap();
        for record in read.records {
            assert!(!matches!(chain.take(&record).unwrap(), cairn_log::journal::Step::Void(_)));
        }
    }

    pub fn height(&self, partition: u32) -> u64 {
        self.chains[partition as usize].height().unwrap()
    }

    pub fn tree(&self, partition: u32) -> (u64, Root) {
        let chain = &self.chains[partition as usize];
        (chain.tree_size(), chain.root())
    }

    /// Appends a block and returns its height.
    pub async fn block(&mut self, partition: u32, decisions: Vec<Decision>) -> u64 {
        self.block_with(partition, decisions, Vec::new()).await
    }

    pub async fn block_with(&mut self, partition: u32, decisions: Vec<Decision>, dispositions: Vec<Disposition>) -> u64 {
        let now = Timestamp::from_millis(self.clock.advance(1_000)).unwrap();
        let chain = &self.chains[partition as usize];
        let draft = Draft { time: now, rules: 1, next: *chain.next(), body: Body { decisions, dispositions, genesis: None } };
        let block = chain.clone().form(draft, &key(1)).unwrap();
        self.append(partition, block.to_record()).await;
        self.height(partition)
    }

    /// A signed event of an author, decided.
    pub fn said(
        &mut self,
        by: &mut Author,
        body: impl Into<EventBody>,
        verdict: Verdict,
        facts: impl FnOnce(EventHash) -> Vec<Fact>,
    ) -> Decision {
        let body = body.into();
        by.seq += 1;
        let event = Event {
            id: EventId::from_parts(START as u64 + by.seq, &[by.key.public().0[0]; 10]),
            realm: realm(),
            source: by.key.public(),
            seq: by.seq,
            prev: by.prev,
            time: time(0),
            not_after: None,
            subject: None,
            body,
        };
        by.prev = event.hash().unwrap();
        self.offset += 1;
        let at = Position { topic: event.topic(), offset: self.offset, index: 0 };
        let record = record::seal(&event, &by.key, self.encoding).unwrap();
        let subject = Subject::Event { at, record: cairn_schemas::ByteString(record) };
        Decision { subject, verdict, facts: facts(by.prev) }
    }

    /// A note, accepted.
    pub fn note(&mut self, by: &mut Author, text: &str) -> Decision {
        let author = by.key.public();
        let text: cairn_schemas::Text = text.parse().unwrap();
        let body = NoteRecorded { text: text.clone(), about: None, blob: None };
        self.said(by, body, Verdict::Accepted, |_| vec![Fact::NoteKept { realm: realm(), author, text, about: None, blob: None }])
    }
}

pub fn tick(facts: Vec<Fact>) -> Decision {
    Decision { subject: Subject::Tick(Tick::Extension), verdict: Verdict::Accepted, facts }
}

pub fn moved(debit: &str, credit: &str, minor: u128, because: Option<EventHash>, task: Option<TaskId>) -> Movement {
    let attempt = task.map(|_| 1);
    Movement { realm: realm(), debit: account(debit), credit: account(credit), amount: amount(minor), because, task, attempt }
}

pub fn leaf(index: u32, state: u8) -> TraceLeaf {
    TraceLeaf { index, state: StateRoot([state; 32]), figures: [u64::from(u32::MAX), 1] }
}

fn blob(byte: u8) -> BlobRef {
    BlobRef { hash: BlobHash([byte; 32]), size: 10 }
}

fn terms() -> JobSubmitted {
    JobSubmitted {
        name: name("digits"),
        account: account("acme"),
        yaml: blob(1),
        program: blob(2),
        data: DataSource { url: "builtin:digits".parse().unwrap(), hash: Root([3; 32]), train: 80, test: 20 },
        initial: StateRoot([4; 32]),
        plan: TaskPlan { rounds: 1, shards: 1, train_leaves: 3, aggregate_leaves: 2, evaluate_leaves: 2 },
        workers: WorkerTerms { min: 2, stake: amount(5_000_000), bond: amount(1_000_000) },
        verify: VerifyTerms { assurance: Assurance::Sampled, rate: "1".parse().unwrap(), steps: 2 },
        deadlines: Deadlines { accept_ms: 1, task_ms: 1, check_ms: 1 },
        attempts: 3,
        pay: PayTerms { escrow: amount(12_000_000), task: amount(500_000), check: amount(90_000) },
    }
}

/// A realm with money, a job, an honest and a cheating worker, in six blocks of partition 0.
pub async fn economy(encoding: Encoding) -> Journal {
    let mut journal = Journal::begin(1, encoding).await;
    let (mut admin, mut acme, mut ann, mut cyd) = (author(1), author(3), author(4), author(5));
    let currency = Currency { code: name("usd"), scale: 6 };
    let opened = Fact::RealmOpened {
        realm: realm(),
        name: name("lab"),
        partition: 0,
        admins: vec![who(1)],
        admission: Admission::Open,
        currency,
        issuer: who(1),
    };
    let registered = |seed| Fact::KeyChanged { realm: realm(), author: who(seed), key: who(seed), state: KeyState::Registered };
    journal.block(0, vec![tick(vec![opened, registered(3), registered(4), registered(5)])]).await;
    let account_of = |text: &str, seed| Fact::AccountOpened { realm: realm(), account: account(text), owner: who(seed) };
    let worker = |text: &str, seed| Fact::WorkerChanged {
        realm: realm(),
        worker: who(seed),
        name: name(text),
        account: account(text),
        state: WorkerState::Active,
    };
    let funded = journal.said(
        &mut admin,
        TransferPosted { from: account("issuer"), to: account("acme"), amount: amount(20_000_000) },
        Verdict::Accepted,
        |hash| vec![Fact::MoneyMoved(moved("issuer", "acme", 20_000_000, Some(hash), None))],
    );
    let stake = format!("stake:{}", who(5));
    let setup = tick(vec![
        account_of("acme", 3),
        account_of("ann", 4),
        account_of("cyd", 5),
        worker("ann", 4),
        worker("cyd", 5),
        Fact::MoneyMoved(moved("issuer", &stake, 5_000_000, None, None)),
    ]);
    let overdraft = journal.said(
        &mut ann,
        TransferPosted { from: account("ann"), to: account("acme"), amount: amount(1) },
        Verdict::Rejected { code: RejectionCode::InsufficientFunds, detail: "ann has 0".to_owned() },
        |_| Vec::new(),
    );
    journal.block(0, vec![setup, funded, overdraft]).await;
    let submitted = journal.said(&mut acme, terms(), Verdict::Accepted, |_| {
        let escrow = format!("escrow:{}", job());
        vec![
            Fact::JobAccepted { realm: realm(), job: job(), author: who(3), terms: terms() },
            Fact::EscrowHeld(moved("acme", &escrow, 12_000_000, None, None)),
            Fact::TaskCreated { task: task(0), kind: TaskKind::Train, round: 0, shard: 0, due: time(60_000) },
        ]
    });
    journal.block(0, vec![submitted]).await;
    let assigned = |seed, attempt| Fact::TaskAssigned {
        task: task(0),
        attempt,
        worker: who(seed),
        input: StateRoot([4; 32]),
        inputs: Vec::new(),
        due: time(70_000),
    };
    let kept = |seed, attempt, by: &Author| Fact::WorkKept {
        task: task(0),
        attempt,
        worker: who(seed),
        commitment: by.prev,
        program: BlobHash([2; 32]),
        input: StateRoot([4; 32]),
        leaves: 3,
        trace: Root([8; 32]),
        result: blob(6),
        score: None,
    };
    let locked = Fact::BondLocked { task: task(0), attempt: 1, worker: who(5), amount: amount(1_000_000), due: time(80_000) };
    let opened = Fact::OpeningKept {
        task: task(0),
        attempt: 1,
        worker: who(5),
        openings: vec![Opened { leaf: leaf(1, 11), state: Some(blob(7)) }],
        due: time(90_000),
    };
    let wrong = journal.note(&mut cyd, "cheats");
    journal.block(0, vec![tick(vec![assigned(5, 1), locked, kept(5, 1, &cyd), opened]), wrong]).await;
    let dispute = |hash| {
        vec![
            Fact::CheckClosed {
                task: task(0),
                attempt: 1,
                role: Role::Third,
                verifier: who(4),
                proof: hash,
                claimed: vec![leaf(1, 11), leaf(2, 12)],
                recomputed: vec![leaf(1, 11), leaf(2, 13)],
                agrees: false,
            },
            Fact::DisputeOpened {
                task: task(0),
                attempt: 1,
                worker: who(5),
                verifier: who(4),
                step: 2,
                claimed: leaf(2, 12),
                recomputed: leaf(2, 13),
            },
            Fact::DisputeClosed { task: task(0), attempt: 1, outcome: DisputeOutcome::WorkerWrong, slashed: Some(who(5)) },
            Fact::StakeSlashed(moved(&stake, "treasury", 5_000_000, Some(hash), Some(task(0)))),
        ]
    };
    let text = |text: &str| NoteRecorded { text: text.parse().unwrap(), about: None, blob: None };
    let caught = journal.said(&mut ann, text("stands for a reveal"), Verdict::Accepted, dispute);
    journal.block(0, vec![caught]).await;
    let paid = journal.said(&mut acme, text("stands for another reveal"), Verdict::Accepted, |hash| {
        let escrow = format!("escrow:{}", job());
        vec![
            Fact::CheckClosed {
                task: task(0),
                attempt: 2,
                role: Role::Verifier,
                verifier: who(3),
                proof: hash,
                claimed: vec![leaf(1, 11), leaf(2, 13)],
                recomputed: vec![leaf(1, 11), leaf(2, 13)],
                agrees: true,
            },
            Fact::TaskVerified { task: task(0), attempt: 2, worker: who(4), output: StateRoot([13; 32]), result: blob(6), score: None },
            Fact::PaymentMade(moved(&escrow, "ann", 500_000, Some(hash), Some(task(0)))),
            Fact::EscrowRefunded(moved(&escrow, "acme", 11_500_000, None, None)),
            Fact::JobCompleted { job: job(), score: Score { correct: 19, total: 20 }, output: StateRoot([13; 32]), result: blob(6) },
        ]
    });
    let lost = Disposition {
        at: Position { topic: Topic::Votes, offset: 4, index: 0 },
        length: 12,
        record: RecordHash([1; 32]),
        code: DispositionCode::Malformed,
        evidence: None,
    };
    journal.block_with(0, vec![tick(vec![assigned(4, 2), kept(4, 2, &ann)]), paid], vec![lost]).await;
    journal
}

/// The projections of a journal, folded to its end in memory.
pub async fn folded(journal: &Journal) -> Projections {
    let projections = Projections::in_memory(journal.log.clone(), Options::default()).await.unwrap();
    projections.catch_up().await.unwrap();
    projections
}

/// The projections of a journal with files, folded to its end; nothing is flushed.
pub async fn opened(journal: &Journal, dir: &Path) -> Projections {
    let projections = Projections::open(journal.log.clone(), dir, Options::default()).await.unwrap();
    projections.catch_up().await.unwrap();
    projections
}

/// Rows as JSON.
pub async fn rows(projections: &Projections, question: &str) -> Vec<serde_json::Value> {
    let answer = projections.sql(question).await.unwrap_or_else(|error| panic!("{question}: {error}"));
    let schema = answer.schema();
    let batches = answer.collect().await.unwrap_or_else(|error| panic!("{question}: {error}"));
    let bytes = crate::sql::form::whole(crate::sql::form::Form::Json, &schema, &batches).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
