//! The binary as a process: one command, or a node that serves.
//!
//! Owns starting, waiting with a limit, and ending. Refuses fixed sleeps: whoever waits names a condition.

use crate::logs;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Long enough for a machine on which everything else runs, too.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at a condition.
pub const LOOK: Duration = Duration::from_millis(50);

/// The binary, with nothing of the machine's own settings around it.
pub fn cairn(arguments: &[&str]) -> Command {
    let path = std::env::var_os("CAIRN_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_cairn")), PathBuf::from);
    let mut command = Command::new(path);
    command.args(arguments).env_remove("CAIRN_DIR").env_remove("CAIRN_TOKEN_FILE").env_remove("RUST_LOG");
    if let Some(url) = logs::begun_by(arguments) {
        command.args(["--log", &url]);
    }
    // It tells tests where the brokers' files lie, and would be read as a key of the configuration.
    command.env_remove("CAIRN_KAFKA_DIR");
    // What `verify` remembers belongs to each test alone.
    command.env("HOME", "/nonexistent").env_remove("XDG_STATE_HOME").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Standard output, of a command that must succeed.
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }

    /// Standard error, of a command that must end so.
    pub fn bad(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self.err
    }

    /// Rows in the form of `--format json`: one object a line.
    pub fn rows(self) -> Vec<Value> {
        self.good().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub fn run(arguments: &[&str]) -> Ran {
    ran(&mut cairn(arguments))
}

pub fn ran(command: &mut Command) -> Ran {
    let ended = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: ended.status.code(), out: text(ended.stdout), err: text(ended.stderr) }
}

/// Waits until `found` finds something, and says what was waited for if it never does.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(it) = found() {
            return it;
        }
        assert!(Instant::now() < end, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(LOOK);
    }
}

/// Sends a signal as a shell does, which knows `kill` itself: a bare system has no program of that name.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", "kill \"-$0\" \"$1\"", name, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "no signal {name} to {pid}");
}

/// A process that is killed when its test ends, however that ends.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    pub fn start(mut command: Command) -> Running {
        Running(command.spawn().unwrap())
    }

    /// SIGKILL: no code of the process runs any more.
    pub fn kill(&mut self) {
        // One that ended by itself is as dead.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }

    /// A signal by its name.
    pub fn signal(&self, name: &str) {
        signal(self.0.id(), name);
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a node answered over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a problem; empty if the answer is none.
    pub fn problem(&self) -> String {
        let is_problem = self.kind.starts_with("application/problem+json");
        if is_problem { self.json()["code"].as_str().unwrap_or_default().to_owned() } else { String::new() }
    }
}

/// A client without settings of the machine.
#[derive(Debug)]
pub struct Http {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Http {
    pub fn new() -> Http {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // No connection is used twice: a node closes those whose body it did not read to the end.
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).pool_max_idle_per_host(0).build().unwrap();
        Http { runtime, client }
    }

    pub fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>, limit: Duration) -> reqwest::Result<Answer> {
        let mut request = self.client.request(method.parse().unwrap(), url).timeout(limit).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.runtime.block_on(async {
            let answer = request.send().await?;
            let kind = answer.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap_or("")).to_owned();
            Ok(Answer { status: answer.status().as_u16(), kind, body: answer.bytes().await?.to_vec() })
        })
    }

    /// Rows of a question, if the node answers in time.
    pub fn sql(&self, url: &str, question: &str, limit: Duration) -> Option<Vec<Value>> {
        let answer = self.ask("POST", &format!("{url}/v1/sql"), &[], question.as_bytes().to_vec(), limit).ok()?;
        (answer.status == 200).then(|| serde_json::from_slice(&answer.body).unwrap())
    }
}

/// A node that `cairn up` serves.
#[derive(Debug)]
pub struct Node {
    pub url: String,
    pub dir: PathBuf,
    pub greeting: String,
    pub process: Running,
    pub http: Http,
    /// What every request carries, where the node asks for it.
    pub token: Option<String>,
}

impl Node {
    /// Starts it and waits for the lines that it prints once it serves.
    pub fn up(dir: &Path, more: &[&str]) -> Node {
        Node::up_with(dir, more, None)
    }

    /// The same for a node whose configuration names a token.
    pub fn up_with(dir: &Path, more: &[&str], token: Option<&str>) -> Node {
        let mut command = cairn(&["up", "--listen", "127.0.0.1:0", "--dir", dir.to_str().unwrap()]);
        command.args(more);
        Node::started(command, dir, token)
    }

    /// The same by a command that is `up` already.
    pub fn started(mut command: Command, dir: &Path, token: Option<&str>) -> Node {
        command.stdout(Stdio::piped());
        let mut process = Running::start(command);
        let mut lines = BufReader::new(process.0.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("\nnext ") {
            assert!(lines.read_line(&mut greeting).unwrap() > 0, "the node ended: {greeting}");
        }
        let url = greeting.lines().find_map(|line| line.strip_prefix("address")).unwrap().trim().to_owned();
        let node =
            Node { url, dir: dir.to_owned(), greeting, process, http: Http::new(), token: token.map(|secret| format!("Bearer {secret}")) };
        until("the node is ready", || (node.get("/readyz").status == 200).then_some(()));
        node
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let token = self.token.as_deref().map(|token| ("authorization", token));
        let headers: Vec<_> = headers.iter().copied().chain(token).collect();
        self.http.ask(method, &format!("{}{path}", self.url), &headers, body.into(), PATIENCE).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub fn sql(&self, question: &str) -> Vec<Value> {
        let answer = self.ask("POST", "/v1/sql", &[], question);
        assert_eq!(answer.status, 200, "{question}: {}", answer.text());
        answer.json().as_array().unwrap().clone()
    }

    /// The one number that a question asks for, as `n`.
    pub fn count(&self, question: &str) -> u64 {
        self.sql(question)[0]["n"].as_u64().unwrap()
    }

    /// SIGTERM, and how it ended then.
    pub fn stop(mut self) -> ExitStatus {
        self.process.signal("TERM");
        until("the node stops", || self.process.ended())
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same moments and bytes for the same seed.
#[derive(Debug)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
