//! An instance over Kafka whose roles run in processes of their own.
//!
//! Owns starting the roles, asking them, and what must hold at the end of every story. Refuses to start a broker: `CAIRN_KAFKA` names one.

use crate::node::{Http, PATIENCE, Running, cairn, run, until};
use cairn_schemas::RealmId;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ChildStdout, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

pub const JOB: &str = r#"cairn: job/v1
name: small
model: {template: mlp, input: 784, hidden: [16], classes: 10}
data: {url: "builtin:digits?seed=7&count=500", train: 400, test: 100}
train: {rounds: 2, epochs: 1, shards: 2, batch: 20, sgd: {rate: "0.1", momentum: "0.9"}, seed: 1, data_seed: 2}
workers: {min: 2, stake: "5000000", bond: "1000000"}
verify: {assurance: sampled, rate: "1", steps: 2}
deadlines: {accept_s: 120, task_s: 120, check_s: 120}
attempts: 3
pay: {escrow: "8000000", task: "500000", check: "90000"}
"#;

/// A log of its own for each test: the topics' names begin with what nobody else takes.
pub fn log_url(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let brokers = std::env::var("CAIRN_KAFKA").expect("CAIRN_KAFKA names the brokers: host:port[,host:port]");
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    format!("kafka://{brokers}/{name}-{since}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a program finds around it, beside what every test's program does.
pub type Environment<'a> = &'a [(&'static str, String)];

/// A role in a process of its own, and where it is to be reached.
pub struct Role {
    pub process: Running,
    pub url: String,
    /// Held open: whoever starts a role by hand does not close its output either.
    _lines: BufReader<ChildStdout>,
}

impl Role {
    pub fn start(role: &str, dir: &Path, log: &str, more: &[&str]) -> Role {
        Role::start_in(role, dir, log, more, &[])
    }

    /// The same in an environment.
    pub fn start_in(role: &str, dir: &Path, log: &str, more: &[&str], environment: Environment<'_>) -> Role {
        let mut command = cairn(&[role, "--dir", text(dir), "--log", log, "--listen", "127.0.0.1:0"]);
        let mut process = Running::start({
            command.args(more).envs(environment.iter().map(|(name, value)| (*name, value))).stdout(Stdio::piped());
            command
        });
        let mut lines = BufReader::new(process.0.stdout.take().unwrap());
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the {role} ended");
        Role { process, url: line.strip_prefix("address").unwrap().trim().to_owned(), _lines: lines }
    }
}

/// Gateway, projector and a founded instance; processors come and go.
pub struct Cluster {
    pub folder: tempfile::TempDir,
    pub log: String,
    pub gateway: Role,
    pub projector: Role,
    pub http: Http,
    environment: Vec<(&'static str, String)>,
}

impl Cluster {
    /// Begins an instance with this many partitions, and starts one processor, which founding needs.
    pub fn begin(name: &str, partitions: &str) -> (Cluster, Role) {
        Cluster::begin_in(tempfile::tempdir().unwrap(), log_url(name), partitions, &[])
    }

    /// The same in a folder whose roles may have configurations of their own, and in an environment.
    pub fn begin_in(folder: tempfile::TempDir, log: String, partitions: &str, environment: Environment<'_>) -> (Cluster, Role) {
        let founded = folder.path().join("founded");
        run(&["found", "--dir", text(&founded), "--log", &log, "--partitions", partitions, "--copies", "1", "--workers", "2"]).good();
        let projector = folder.path().join("projector");
        fs::create_dir_all(projector.join("keys")).unwrap();
        fs::copy(founded.join("keys/checkpoint.key"), projector.join("keys/checkpoint.key")).unwrap();
        let gateway = Role::start_in("gateway", &folder.path().join("gateway"), &log, &[], environment);
        let projector = Role::start_in("projector", &projector, &log, &[], environment);
        let cluster = Cluster { folder, log, gateway, projector, http: Http::new(), environment: environment.to_vec() };
        let first = cluster.processor("first");
        run(&["found", "--dir", text(&founded), "--node", &cluster.node()]).good();
        (cluster, first)
    }

    /// Where the instance's keys are.
    pub fn founded(&self) -> PathBuf {
        self.folder.path().join("founded")
    }

    pub fn processor(&self, name: &str) -> Role {
        self.processor_over(name, &self.log)
    }

    /// A processor that reaches the brokers by another way.
    pub fn processor_over(&self, name: &str, log: &str) -> Role {
        let key = self.founded().join("keys/processor.key");
        Role::start_in("processor", &self.folder.path().join(name), log, &["--key", text(&key)], &self.environment)
    }

    /// The realm that was founded.
    pub fn realm(&self) -> RealmId {
        let answer = self.http.ask("GET", &format!("{}/v1/realms", self.projector.url), &[], Vec::new(), PATIENCE).unwrap();
        answer.json()[0]["id"].as_str().unwrap().parse().unwrap()
    }

    /// Where commands write and read.
    pub fn node(&self) -> String {
        format!("{},{}", self.gateway.url, self.projector.url)
    }

    pub fn workers(&self) -> Vec<Running> {
        let start = |name: &str| {
            let founded = self.founded();
            let mut command = cairn(&["worker", "--dir", text(&founded), "--node", &self.node(), "--name", name]);
            command.stdout(Stdio::null());
            Running::start(command)
        };
        ["ada", "bob"].map(start).into()
    }

    /// Submits the small job; `meanwhile` runs until it has ended.
    pub fn job(&self, mut meanwhile: impl FnMut(&Cluster)) -> Value {
        let (founded, job) = (self.founded(), self.folder.path().join("job.yaml"));
        fs::write(&job, JOB).unwrap();
        run(&["submit", text(&job), "--dir", text(&founded), "--node", &self.node()]).good();
        until("the job ends", || {
            meanwhile(self);
            self.sql("SELECT state, correct, total FROM jobs WHERE state = 'completed' OR state = 'failed'").into_iter().next()
        })
    }

    /// What a role counts, by name and labels as `/metrics` writes them; nothing if it does not answer.
    pub fn counts(&self, role: &Role) -> BTreeMap<String, f64> {
        let asked = self.http.ask("GET", &format!("{}/metrics", role.url), &[], Vec::new(), Duration::from_secs(10));
        let text = asked.map(|answer| answer.text()).unwrap_or_default();
        let of = |line: &str| line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
        text.lines().filter(|line| !line.starts_with('#')).filter_map(of).collect()
    }

    /// The partitions that a processor leads, and so counts the lag of.
    pub fn led(&self, role: &Role) -> BTreeSet<u32> {
        let led = |name: &String| name.strip_prefix("cairn_lag_records{partition=\"")?.strip_suffix("\",fold=\"decider\"}")?.parse().ok();
        self.counts(role).keys().filter_map(led).collect()
    }

    /// Journal records that did not count, as processors counted them.
    pub fn voids<'a>(&self, roles: impl IntoIterator<Item = &'a Role>) -> u64 {
        let voids = |role| self.counts(role).into_iter().filter(|(name, _)| name.starts_with("cairn_void_blocks_total"));
        // A counter is a whole number.
        roles.into_iter().flat_map(voids).map(|(_, count)| count as u64).sum()
    }

    /// Claims in the journals, by partition: each change of owner is one.
    pub fn epochs(&self) -> BTreeMap<u64, u64> {
        let rows = self.sql("SELECT partition, max(epoch) AS epoch FROM blocks GROUP BY partition");
        rows.iter().map(|row| (row["partition"].as_u64().unwrap(), row["epoch"].as_u64().unwrap())).collect()
    }

    pub fn sql(&self, question: &str) -> Vec<Value> {
        until(question, || self.http.sql(&self.projector.url, question, Duration::from_secs(30)))
    }

    /// Why a role is not ready; nothing if it is.
    pub fn asks_ready(&self, role: &Role) -> Option<String> {
        match self.http.ask("GET", &format!("{}/readyz", role.url), &[], Vec::new(), Duration::from_secs(10)) {
            Ok(answer) if answer.status == 200 => None,
            Ok(answer) => Some(answer.text()),
            Err(error) => Some(error.to_string()),
        }
    }

    pub fn is_ready(&self, role: &Role) {
        assert_eq!(self.asks_ready(role), None, "a role is not ready");
    }

    /// What must hold at the end of every story; what the journal's replay says of each partition.
    pub fn is_well(&self) -> Vec<Value> {
        self.is_well_as(&self.founded())
    }

    /// The same, as a folder sees it whose configuration may know an archive.
    pub fn is_well_as(&self, dir: &Path) -> Vec<Value> {
        let sums = self.sql("SELECT sum(balance) AS n FROM balances");
        assert_eq!(sums[0]["n"].to_string().trim_matches('"'), "0", "the books balance");
        assert!(self.sql("SELECT * FROM slashes").is_empty(), "nobody honest is slashed");
        let twice = "SELECT event_hash FROM events WHERE verdict IS NOT NULL GROUP BY event_hash HAVING count(*) > 1";
        assert!(self.sql(twice).is_empty(), "no event is decided twice");
        let rows = run(&["replay", "--check", "--dir", text(dir), "--format", "json"]).rows();
        assert!(rows.iter().all(|row| row["problem_count"] == 0), "{rows:?}");
        rows
    }
}
