//! A soak: an instance in many processes, under load, of which one after the other is killed, paused or restarted at random, brokers too.
//!
//! Owns the acts, chosen by a seed, and what must hold after them. Refuses to run by accident: `tests/soak.sh` starts brokers and says how many acts.
//!
//! | file | owns |
//! |---|---|
//! | `stage` | the processes |
//! | `authors` | the load, and what was acknowledged of it |
//! | `acts` | who is struck, how, and when they come back |
//! | `verdict` | what must hold at the end |

mod acts;
mod authors;
mod stage;
mod verdict;

use crate::{
    cluster::{JOB, log_url, text},
    kafka::archived::configure,
    node::{Http, LOOK, Rng, run, until},
};
use acts::Acts;
use authors::{Author, FUNDS, Street, Until};
use cairn_schemas::{
    InstanceId, RealmId, SecretKey,
    event::{Admission, Currency, RealmOpened},
};
use stage::{Actor, Ground, Kind, copy_key};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// One realm lives on each partition.
const PARTITIONS: u32 = 2;
/// Training jobs in the course of all acts: what the producer can pay.
const JOBS: u64 = 12;
/// Blocks between two snapshots, behind which the log is deleted.
const SNAPSHOT_BLOCKS: u32 = 50;
const AUTHORS: [&str; 2] = ["tess", "uma"];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

#[test]
#[ignore = "needs brokers and time: tests/soak.sh"]
fn whatever_is_struck_comes_back_and_nothing_is_lost() {
    let (acts, minutes, seed) = (number("CAIRN_SOAK_ACTS", 15), number("CAIRN_SOAK_MINUTES", 10), number("CAIRN_SOAK_SEED", 1));
    println!("{acts} acts within {minutes} minutes, seed {seed}");
    let mut soak = Soak::begin();
    let (authors, jobs) = (soak.load(), soak.jobs());
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut course = Acts::new(Rng(seed), &soak.ground.log);
    for act in 0..acts {
        assert!(Instant::now() < end, "only {act} of {acts} acts within {minutes} minutes: say --minutes");
        soak.wanted.store(1 + JOBS * act / acts, Ordering::Release);
        let told = course.next(&mut soak.actors, &soak.ground);
        println!("{:>5}/{acts}  {told}  {:>7} acknowledged", act + 1, soak.street.acknowledged.load(Ordering::Relaxed));
        soak.actors.iter_mut().for_each(|actor| actor.check(&soak.ground));
        let is_over = authors.iter().any(JoinHandle::is_finished) || jobs.is_finished();
        assert!(!is_over, "whoever made the load has ended; why stands above");
    }
    course.all_return(&mut soak.actors, &soak.ground);
    soak.street.is_closing.store(true, Ordering::Release);
    let authors: Vec<Author> = authors.into_iter().map(|author| author.join().unwrap()).collect();
    let submitted = jobs.join().unwrap();
    verdict::judge(&mut soak, &authors, submitted);
}

/// An instance with two of every role.
struct Soak {
    ground: Ground,
    actors: Vec<Actor>,
    street: Arc<Street>,
    /// How many jobs should have been submitted by now.
    wanted: Arc<AtomicU64>,
    http: Http,
}

impl Soak {
    /// Founds it and waits until all are ready. Nobody is struck before.
    fn begin() -> Soak {
        let ground = Ground { folder: tempfile::tempdir().unwrap(), log: log_url("soak") };
        let (founded, partitions) = (ground.founded(), PARTITIONS.to_string());
        run(&["found", "--dir", text(&founded), "--log", &ground.log, "--partitions", &partitions, "--copies", "3", "--workers", "2"])
            .good();
        let mut actors: Vec<Actor> = [(Kind::Gateway, "gateway"), (Kind::Processor, "processor"), (Kind::Projector, "projector")]
            .into_iter()
            .flat_map(|(kind, name)| (1..=2).map(move |number| Actor::new(kind, &format!("{name}-{number}"))))
            .collect();
        // Whoever comes back begins from a snapshot, or reads through the archive what was deleted while it was away.
        let names = actors.iter().map(|actor| actor.name.as_str());
        names.for_each(|name| configure(ground.folder.path(), name, &ground.log, SNAPSHOT_BLOCKS, true));
        copy_key(&ground, "checkpoint.key", &actors[4].name);
        actors.iter_mut().for_each(|actor| actor.start(&ground));
        let gateways = actors.iter().filter(|actor| actor.kind == Kind::Gateway).map(|actor| actor.url.clone()).collect();
        let street = Street { gateways, is_closing: AtomicBool::new(false), acknowledged: AtomicU64::new(0), resent: AtomicU64::new(0) };
        let mut soak = Soak { ground, actors, street: Arc::new(street), wanted: Arc::default(), http: Http::new() };
        soak.actors.iter().for_each(|actor| soak.is_ready(actor));
        run(&["found", "--dir", text(&founded), "--node", &soak.node()]).good();
        for (number, name) in ["ada", "bob"].into_iter().enumerate() {
            let mut worker = Actor::worker(name, &soak.actors[number], &soak.actors[4 + number]);
            worker.start(&soak.ground);
            soak.actors.push(worker);
        }
        soak
    }

    /// No part of it gave a partition up, and it has read what there is.
    fn is_ready(&self, actor: &Actor) {
        let asked = || self.http.ask("GET", &format!("{}/readyz", actor.url), &[], Vec::new(), Duration::from_secs(10)).ok();
        until(&format!("{} is ready", actor.name), || asked().filter(|answer| answer.status == 200).map(drop));
    }

    /// Where commands write and read.
    fn node(&self) -> String {
        format!("{},{}", self.actors[0].url, self.actors[4].url)
    }

    /// Two authors in each realm, who pay each other.
    fn load(&self) -> Vec<JoinHandle<Author>> {
        let mut talking = Vec::new();
        for (partition, realm) in (0..PARTITIONS).zip([self.realm("main"), self.second_realm()]) {
            let names = AUTHORS.map(|name| format!("{name}-{partition}"));
            for (place, name) in names.iter().enumerate() {
                let others = names.iter().filter(|other| *other != name).cloned().collect();
                let seed = u8::try_from(10 * (partition as usize + 1) + place).unwrap();
                let mut author = Author::new(name, others, seed, realm);
                author.enter(&self.street);
                let pays = format!("{{\"from\":\"issuer\",\"to\":\"{name}\",\"amount\":\"{FUNDS}\"}}");
                self.say("transfer.posted.v1", &pays, "issuer", &realm.to_string());
                talking.push((author, self.street.clone()));
            }
        }
        talking.into_iter().map(|(author, street)| thread::spawn(move || author.talk(&street))).collect()
    }

    /// Submits a job whenever there should be one more; how many there were.
    fn jobs(&self) -> JoinHandle<u64> {
        let (founded, node) = (self.ground.founded(), self.node());
        let (street, wanted, job) = (self.street.clone(), self.wanted.clone(), self.ground.folder.path().join("job.yaml"));
        fs::write(&job, JOB).unwrap();
        thread::spawn(move || {
            let mut submitted = 0;
            while !street.is_closing.load(Ordering::Acquire) {
                let is_due = submitted < wanted.load(Ordering::Acquire);
                // What was signed before an interruption lies in the outbox and is said first: such a job is one more.
                if is_due && run(&["submit", text(&job), "--dir", text(&founded), "--node", &node]).code == Some(0) {
                    submitted += 1;
                }
                thread::sleep(LOOK);
            }
            submitted
        })
    }

    fn say(&self, kind: &str, body: &str, key: &str, realm: &str) {
        let founded = self.ground.founded();
        run(&["say", kind, body, "--key", key, "--realm", realm, "--dir", text(&founded), "--node", &self.node()]).good();
    }

    fn realm(&self, name: &str) -> RealmId {
        let question = format!("SELECT realm FROM realms WHERE name = '{name}'");
        until(&question, || {
            let rows = self.http.sql(&self.actors[4].url, &question, Duration::from_secs(30))?;
            rows.first()?["realm"].as_str()?.parse().ok()
        })
    }

    /// A realm on the other partition, with the same issuer. There the admin speaks for the first time: its lane is the partition's.
    fn second_realm(&self) -> RealmId {
        let keys = self.ground.founded().join("keys");
        let secret = |name: &str| SecretKey::from_hex_seed(fs::read_to_string(keys.join(name)).unwrap().trim()).unwrap();
        let mut admin = Author::new("admin", Vec::new(), 0, self.instance().into());
        admin.voice.key = secret("admin.key");
        let realm = RealmOpened {
            name: "second".parse().unwrap(),
            partition: 1,
            admins: vec![admin.voice.key.public()],
            admission: Admission::Open,
            currency: Currency { code: "crn".parse().unwrap(), scale: 6 },
            issuer: secret("issuer.key").public(),
        };
        admin.say(&self.street, realm.into(), Until::Decided);
        self.realm("second")
    }

    fn instance(&self) -> InstanceId {
        let live = fs::read(self.ground.folder.path().join(&self.actors[0].name).join("node.json")).unwrap();
        let live: serde_json::Value = serde_json::from_slice(&live).unwrap();
        live["instance"].as_str().unwrap().parse().unwrap()
    }
}
