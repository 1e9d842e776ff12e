//! A whole instance in one process: a log in memory, a processor, people with money, workers of any conduct.

use cairn_kernels::{
    bml::{Example, Job},
    data::DataSet,
    exec::Executor,
};
use cairn_log::{
    Clock, EventLog, SystemClock,
    blobs::Blobs,
    journal::{Chain, Follower, Step, genesis},
    memory::MemoryLog,
};
use cairn_processors::{
    author::{Author, Outbox},
    ledger::{Ledger, Local},
    runner::{Options, Processor, RULES},
    workers::{Conduct, Enlistment, Settings, Worker, enlist::Missing, follow::Follow, shelf::Shelf, submission, voice::Voice},
};
use cairn_schemas::{
    Account, Amount, Body, ByteString, Encoding, EventHash, Fact, JobId, Name, PublicKey, RealmId, SecretKey, Timestamp,
    decision::Verdict,
    event::{AccountOpened, Admission, Currency, KeyRegistered, RealmOpened, TransferPosted},
    genesis::Genesis,
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

/// What anything here may take at most, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Jobs submitted until a worker is drawn: of one job in twenty a third worker is given no work at all.
const JOBS: usize = 12;

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub fn amount(minor: u128) -> Amount {
    Amount::new(minor).unwrap()
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Small enough for a test: 2 rounds of 2 shards, 7 tasks; training takes 7 transitions.
pub fn job() -> Job {
    let text = Example {
        model: "{template: mlp, input: 784, hidden: [16], classes: 10}",
        train: r#"{rounds: 2, epochs: 2, shards: 2, batch: 5, sgd: {rate: "0.05", momentum: "0.5"}, seed: 1, data_seed: 2}"#,
        ..Example::SMALL
    };
    pinned(text)
}

/// The job of a text, on its built-in data.
pub fn pinned(text: Example) -> Job {
    let job = Job::parse("job.yaml", &text.to_string()).unwrap();
    let data = DataSet::builtin(&job).unwrap().unwrap();
    let url = job.data.url.clone();
    job.with_data(url, data.root())
}

pub struct World {
    pub log: Arc<dyn EventLog>,
    pub ledger: Arc<dyn Ledger>,
    pub realm: RealmId,
    pub shelf: Arc<Shelf>,
    issuer: Person,
    producer: Person,
    processor: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.processor.abort();
    }
}

impl World {
    /// An instance with a realm that anyone may enter, an issuer, and a producer with 100 000 000.
    pub async fn new() -> World {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(1, clock.clone()));
        let (admin, processor) = (key(1), key(2));
        let genesis = Genesis {
            name: name("test"),
            nonce: ByteString(vec![7; 16]),
            time: Timestamp::from_millis(clock.now_ms()).unwrap(),
            partitions: 1,
            admins: vec![admin.public()],
            processors: vec![processor.public()],
            origin: "test.invalid/cairn".parse().unwrap(),
            checkpoint_keys: vec![key(3).public()],
            rules: RULES,
            demo: true,
        };
        genesis::create(&log, &genesis, &processor).await.unwrap();
        let options = Options { invariant_blocks: 1, ..Options::default() };
        let leader = Processor::new(log.clone(), processor, clock).with_options(options);
        let processor = tokio::spawn(async move {
            leader.lead(0, std::future::pending()).await.unwrap();
        });
        let ledger: Arc<dyn Ledger> = Arc::new(Local::new(log.clone(), Blobs::open("memory:///").unwrap(), 0));
        let mut founder = Person::new(admin.clone(), &ledger).await;
        let opened = RealmOpened {
            name: name("home"),
            partition: 0,
            admins: vec![admin.public()],
            admission: Admission::Open,
            currency: Currency { code: name("eur"), scale: 6 },
            issuer: key(4).public(),
        };
        founder.says(RealmId::from(genesis.id().unwrap()), opened).await;
        let realm = *founder.follow.view().realms().next().unwrap().0;
        let issuer = Person::new(key(4), &ledger).await;
        let mut producer = Person::new(key(5), &ledger).await;
        producer.says(realm, KeyRegistered { key: key(5).public() }).await;
        producer.says(realm, AccountOpened { account: name("producer") }).await;
        let mut world = World { log, ledger, realm, shelf: Arc::new(Shelf::default()), issuer, producer, processor };
        world.pay("producer", 100_000_000).await;
        world
    }

    async fn pay(&mut self, to: &str, minor: u128) {
        let to = Account::Named(name(to));
        self.issuer.says(self.realm, TransferPosted { from: Account::Issuer, to, amount: amount(minor) }).await;
    }

    pub fn settings(&self, of: &str, seed: u8, conduct: Conduct, outbox: Option<PathBuf>) -> Settings {
        let executor = Arc::new(Executor::fast(1));
        Settings { name: name(of), key: key(seed), partition: 0, outbox, conduct, executor, shelf: self.shelf.clone() }
    }

    /// A worker with a stake, not yet working.
    pub async fn enlisted(&mut self, of: &str, seed: u8, conduct: Conduct) -> Worker {
        let settings = self.settings(of, seed, conduct, None);
        self.enlist(settings, self.ledger.clone()).await
    }

    pub async fn enlist(&mut self, settings: Settings, ledger: Arc<dyn Ledger>) -> Worker {
        let wanted = Enlistment { realm: self.realm, name: settings.name.clone(), stake: amount(5_000_000) };
        let mut worker = Worker::new(settings, ledger).unwrap();
        let lacking = timeout(PATIENCE, worker.enlist(&wanted)).await.unwrap().unwrap();
        assert_eq!(lacking, Missing::Funds(amount(5_000_000)));
        self.pay(wanted.name.as_str(), 5_000_000).await;
        while timeout(PATIENCE, worker.enlist(&wanted)).await.unwrap().unwrap() != Missing::Nothing {}
        worker
    }

    /// Submits a job; its blobs are stored before it is said.
    pub async fn submit(&mut self, job: &Job) -> JobId {
        let yaml = self.ledger.put_blob(job.to_yaml().into()).await.unwrap();
        let (terms, programs) = submission(job, yaml, Account::Named(name("producer"))).unwrap();
        assert_eq!(self.ledger.put_blob(programs.to_bytes().into()).await.unwrap(), terms.program);
        JobId::from(self.producer.says(self.realm, terms).await)
    }

    /// The job in which something was said. Who is drawn is chance, so jobs follow each other until it is said.
    pub async fn submit_until(&mut self, job: &Job, said: impl Fn(&Fact) -> bool) -> JobId {
        for _ in 0..JOBS {
            let id = self.submit(job).await;
            if self.is_said(id, &said).await {
                return id;
            }
        }
        panic!("it was never said in {JOBS} jobs");
    }

    /// Whether something was said before a job ended.
    pub async fn is_said(&self, job: JobId, said: impl Fn(&Fact) -> bool) -> bool {
        let facts = self.facts(|fact| said(fact) || is_end(fact, job)).await;
        facts.last().is_some_and(said)
    }

    /// Every fact from the beginning until one for which `until` holds, that one included.
    pub async fn facts(&self, until: impl Fn(&Fact) -> bool) -> Vec<Fact> {
        let mut follower = Follower::new(self.log.clone(), Chain::new(0));
        let mut facts = Vec::new();
        let read = async {
            loop {
                let Step::Block(block) = follower.next().await.unwrap().step else { continue };
                for fact in block.body.decisions.into_iter().flat_map(|decision| decision.facts) {
                    let last = until(&fact);
                    facts.push(fact);
                    if last {
                        return;
                    }
                }
            }
        };
        if timeout(PATIENCE, read).await.is_err() {
            panic!("the journal never said it; last were {:#?}", &facts[facts.len().saturating_sub(12)..]);
        }
        facts
    }

    pub async fn until_ended(&self, job: JobId) -> Vec<Fact> {
        self.facts(|fact| is_end(fact, job)).await
    }
}

fn is_end(fact: &Fact, job: JobId) -> bool {
    matches!(fact, Fact::JobCompleted { job: ended, .. } | Fact::JobFailed { job: ended, .. } if *ended == job)
}

/// A worker at work, until it is dropped or stopped.
pub struct AtWork {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Worker>,
}

pub fn at_work(mut worker: Worker) -> AtWork {
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        worker.run(async { drop(stopped.await) }).await.unwrap();
        worker
    });
    AtWork { stop: Some(stop), task }
}

impl AtWork {
    pub async fn stop(mut self) {
        drop(self.stop.take());
        drop(timeout(PATIENCE, self.task).await.unwrap().unwrap());
    }

    /// As a crash would end it: nothing more is said, and nothing tidied up.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
    }
}

/// An author who waits for the answer.
struct Person {
    voice: Voice,
    follow: Follow,
}

impl Person {
    async fn new(key: SecretKey, ledger: &Arc<dyn Ledger>) -> Person {
        let follow = Follow::new(ledger.clone(), 0, key.public());
        Person { voice: Voice::new(Author::new(key, Encoding::Cose, Outbox::in_memory()), ledger.clone()), follow }
    }

    async fn says(&mut self, realm: RealmId, body: impl Into<Body>) -> EventHash {
        let body = body.into();
        let kind = body.type_name();
        let heard = async {
            let news = self.follow.catch_up().await.unwrap();
            self.voice.hear(&news, self.follow.view()).unwrap();
            self.voice.say(realm, body).await.unwrap();
            loop {
                let news = self.follow.next().await.unwrap();
                self.voice.hear(&news, self.follow.view()).unwrap();
                if let Some(heard) = news.heard.into_iter().next() {
                    return heard;
                }
            }
        };
        let heard = timeout(PATIENCE, heard).await.unwrap();
        assert_eq!(heard.verdict, Verdict::Accepted, "{kind}");
        heard.head.hash
    }
}

/// Whom the facts say was slashed.
pub fn slashed(facts: &[Fact]) -> Vec<PublicKey> {
    let closed = facts.iter().filter_map(|fact| match fact {
        Fact::DisputeClosed { slashed, .. } => *slashed,
        _ => None,
    });
    closed.collect()
}
