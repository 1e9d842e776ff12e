//! The brokers under test: where they are, fresh topics on them, and what may be done to their processes.

use cairn_log::kafka::{KafkaLog, KafkaOptions, topics};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const PARTITIONS: u32 = 2;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: these tests need brokers, see the head of main.rs"))
}

pub fn bootstrap() -> String {
    variable("CAIRN_KAFKA")
}

/// How many brokers there are, and so how many copies a topic can have.
pub fn copies() -> u16 {
    bootstrap().split(',').count().try_into().unwrap()
}

/// Options of a log that nobody used before, with the patience of a test.
pub fn options() -> KafkaOptions {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let prefix = format!("t{millis}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let options = KafkaOptions::from_url(&format!("kafka://{}/{prefix}", bootstrap())).unwrap();
    KafkaOptions { patience: Duration::from_secs(90), ..options }
}

/// Fresh topics for a log.
pub async fn fresh() -> KafkaOptions {
    let options = options();
    let audit = topics::create(&options, PARTITIONS, copies()).await.unwrap();
    assert_eq!((audit.partitions, audit.forbidding()), (PARTITIONS, None));
    options
}

pub async fn open(options: &KafkaOptions) -> KafkaLog {
    KafkaLog::open(options.clone()).await.unwrap()
}

/// Where the brokers ask for TLS and SASL, and the folder with what lets one in.
pub struct Secure {
    pub brokers: Vec<String>,
    pub dir: PathBuf,
}

pub fn secure() -> Secure {
    let dir = PathBuf::from(variable("CAIRN_KAFKA_DIR"));
    let address = |number: u16| {
        let text = std::fs::read_to_string(dir.join(format!("broker-{number}.properties"))).unwrap();
        let listeners = text.lines().find_map(|line| line.strip_prefix("advertised.listeners=")).unwrap();
        listeners.split(',').find_map(|listener| listener.strip_prefix("SECURE://")).unwrap().to_owned()
    };
    Secure { brokers: (1..=copies()).map(address).collect(), dir }
}

pub fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap()).create().unwrap()
}

/// Changes settings of a topic, and leaves those that matter here as they were made: AlterConfigs sets all of them anew.
pub async fn change(topic: &str, settings: &[(&'static str, &'static str)]) {
    let made = [("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1"), ("compression.type", "uncompressed")];
    let kept = made.iter().filter(|(name, _)| settings.iter().all(|(key, _)| key != name)).chain(settings);
    let change = kept.fold(AlterConfig::new(ResourceSpecifier::Topic(topic)), |change, (key, value)| change.set(key, value));
    admin().alter_configs([&change], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
}

/// Who keeps partition 0 of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// None while nobody leads.
    pub leader: Option<u16>,
    pub replicas: Vec<u16>,
    /// Those of them that have all that was acknowledged.
    pub in_sync: Vec<u16>,
}

impl Kept {
    /// None where no broker answers.
    fn of(topic: &str) -> Option<Kept> {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap()).create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).ok()?;
        let partition = metadata.topics().first()?.partitions().iter().find(|partition| partition.id() == 0)?;
        let numbers = |ids: &[i32]| ids.iter().map(|id| u16::try_from(*id).unwrap()).collect();
        let leader = u16::try_from(partition.leader()).ok();
        Some(Kept { leader, replicas: numbers(partition.replicas()), in_sync: numbers(partition.isr()) })
    }

    /// Looks until it is as it should be.
    pub fn until(topic: &str, is: impl Fn(&Kept) -> bool) -> Kept {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            let kept = Kept::of(topic);
            if let Some(kept) = kept.clone().filter(&is) {
                return kept;
            }
            assert!(Instant::now() < end, "{topic} stays with {kept:?}");
        }
    }
}

/// The broker that leads partition 0 of a topic.
pub fn leader_of(topic: &str) -> u16 {
    Kept::until(topic, |kept| kept.leader.is_some()).leader.unwrap()
}

/// The processes behind the brokers, as `deploy/kafka/up.sh` left them.
pub struct Brokers {
    dir: PathBuf,
}

impl Brokers {
    /// The brokers of the environment. Whatever a test does to them is undone when this goes.
    pub fn here() -> Self {
        Brokers { dir: variable("CAIRN_KAFKA_DIR").into() }
    }

    pub fn count(&self) -> u16 {
        copies()
    }

    /// Sends a signal to broker `number`, from 1.
    pub fn signal(&self, number: u16, signal: &str) {
        let pid = std::fs::read_to_string(self.dir.join(format!("broker-{number}.pid"))).unwrap();
        assert!(send(signal, &pid), "kill -{signal} {pid}");
    }

    /// Where broker `number` keeps its records.
    pub fn data(&self, number: u16) -> PathBuf {
        self.dir.join(format!("data-{number}"))
    }

    /// Stops broker `number` in order.
    pub fn down(&self, number: u16) {
        script("down.sh", &self.dir, &[&number.to_string()]);
    }

    /// Starts those that are down and waits until they answer.
    pub fn up(&self) {
        script("up.sh", &self.dir, &[]);
    }
}

/// A leader alone with what comes next, and its only follower, paused.
pub struct Behind {
    brokers: Brokers,
    leader: u16,
    stale: u16,
}

impl Behind {
    /// Pauses the follower of a topic with two copies, until its leader goes on without it. Of three brokers in one quorum the third is enough.
    pub fn of(topic: &str) -> Behind {
        let brokers = Brokers::here();
        let both = Kept::until(topic, |kept| kept.leader.is_some() && kept.in_sync.len() == 2);
        let leader = both.leader.unwrap();
        let stale = both.replicas.into_iter().find(|replica| *replica != leader).unwrap();
        brokers.signal(stale, "STOP");
        Kept::until(topic, |kept| kept.in_sync == [leader] && kept.leader == Some(leader));
        Behind { brokers, leader, stale }
    }

    /// The leader dies, the other wakes and leads with what it has; the dead one comes back and throws away what the other lacks.
    pub fn elect_the_stale(self, topic: &str) -> Brokers {
        self.brokers.signal(self.leader, "KILL");
        self.brokers.signal(self.stale, "CONT");
        Kept::until(topic, |kept| kept.leader == Some(self.stale));
        self.brokers.up();
        Kept::until(topic, |kept| kept.in_sync.len() == 2);
        self.brokers
    }
}

/// Runs a script of deploy/kafka over a folder and returns what it printed.
fn script(name: &str, dir: &Path, more: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kafka").join(name);
    let output = Command::new(script).arg(dir).args(more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A broker of a test's own, with settings that the others do not have. It is stopped when this goes.
pub struct OneBroker {
    dir: PathBuf,
    pub bootstrap: String,
}

impl OneBroker {
    pub fn with(settings: &str) -> Self {
        let dir = PathBuf::from(variable("CAIRN_KAFKA_DIR")).join("one");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("more.properties"), settings).unwrap();
        let printed = script("up.sh", &dir, &[]);
        let bootstrap = printed.lines().find_map(|line| line.strip_prefix("BOOTSTRAP=")).unwrap().to_owned();
        OneBroker { dir, bootstrap }
    }
}

impl Drop for OneBroker {
    fn drop(&mut self) {
        script("down.sh", &self.dir, &[]);
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

/// Sends a signal as a shell does, which knows `kill` itself: a bare system has no program of that name. Whether it arrived.
fn send(signal: &str, pid: &str) -> bool {
    Command::new("sh").args(["-c", "kill \"-$0\" \"$1\"", signal, pid.trim()]).output().unwrap().status.success()
}

impl Drop for Brokers {
    fn drop(&mut self) {
        // Nothing is harmed by going on that was not paused, and a broker that is dead has no process to signal.
        for number in 1..=self.count() {
            if let Ok(pid) = std::fs::read_to_string(self.dir.join(format!("broker-{number}.pid"))) {
                send("CONT", &pid);
            }
        }
        self.up();
    }
}
