//! The processes under soak: roles at addresses of their own, which outlive any process that serves there.
//!
//! Owns starting, striking and stopping them, and what they wrote to standard error. Refuses to excuse: a process that ends by itself, or says that
//! a partition halted, ends the story.

use crate::{
    cluster::text,
    node::{Running, cairn, until},
};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gateway,
    Processor,
    Projector,
    Worker,
}

/// What is the same for all processes of an instance.
pub struct Ground {
    pub folder: tempfile::TempDir,
    pub log: String,
}

impl Ground {
    pub fn founded(&self) -> PathBuf {
        self.folder.path().join("founded")
    }
}

/// A role, and the process that plays it now.
pub struct Actor {
    pub kind: Kind,
    pub name: String,
    /// Where it serves; for a worker, where it asks.
    pub url: String,
    process: Option<Running>,
    is_paused: bool,
}

impl Actor {
    pub fn new(kind: Kind, name: &str) -> Actor {
        Actor { kind, name: name.to_owned(), url: format!("http://127.0.0.1:{}", free_port()), process: None, is_paused: false }
    }

    /// A worker has no address: it knows a gateway's and a projector's.
    pub fn worker(name: &str, gateway: &Actor, projector: &Actor) -> Actor {
        Actor { url: format!("{},{}", gateway.url, projector.url), ..Actor::new(Kind::Worker, name) }
    }

    pub fn is_here(&self) -> bool {
        self.process.is_some() && !self.is_paused
    }

    pub fn start(&mut self, ground: &Ground) {
        let founded = ground.founded();
        let (dir, key) = (ground.folder.path().join(&self.name), founded.join("keys/processor.key"));
        let listen = self.url.trim_start_matches("http://");
        let role = |role| vec![role, "--dir", text(&dir), "--log", &ground.log, "--listen", listen];
        let arguments = match self.kind {
            Kind::Gateway => role("gateway"),
            Kind::Processor => [role("processor"), vec!["--key", text(&key)]].concat(),
            Kind::Projector => role("projector"),
            Kind::Worker => vec!["worker", "--dir", text(&founded), "--node", &self.url, "--name", &self.name],
        };
        let said = fs::File::options().create(true).append(true).open(self.said(ground)).unwrap();
        let mut command = cairn(&arguments);
        // Large bytes in one place for all gateways.
        command.env("CAIRN_BLOBS_URL", format!("file://{}", text(&ground.folder.path().join("blobs"))));
        command.stdout(Stdio::null()).stderr(said);
        self.process = Some(Running::start(command));
    }

    pub fn kill(&mut self) {
        // Dropped, it is killed and reaped.
        self.process = None;
        self.is_paused = false;
    }

    pub fn pause(&mut self) {
        self.process.iter().for_each(|process| process.signal("STOP"));
        self.is_paused = true;
    }

    pub fn resume(&mut self) {
        self.process.iter().for_each(|process| process.signal("CONT"));
        self.is_paused = false;
    }

    /// Stops it in order, which it must do, with success.
    pub fn stop(&mut self, ground: &Ground) {
        let Some(mut process) = self.process.take() else { return };
        process.signal("TERM");
        let ended = until(&format!("{} stops", self.name), || process.ended());
        assert!(ended.success(), "{} stopped with {ended}: {}", self.name, self.last_words(ground));
    }

    /// Alive as it should be, and without complaint.
    pub fn check(&mut self, ground: &Ground) {
        let ended = self.process.as_mut().and_then(Running::ended);
        assert!(ended.is_none(), "{} ended by itself, {ended:?}: {}", self.name, self.last_words(ground));
        let said = fs::read_to_string(self.said(ground)).unwrap_or_default();
        let alarm = said.lines().find(|line| line.contains("halted:") || line.contains("halts:") || line.contains("panicked"));
        assert_eq!(alarm, None, "{}", self.name);
    }

    fn said(&self, ground: &Ground) -> PathBuf {
        ground.folder.path().join(format!("{}.err", self.name))
    }

    fn last_words(&self, ground: &Ground) -> String {
        let said = fs::read_to_string(self.said(ground)).unwrap_or_default();
        said[said.floor_char_boundary(said.len().saturating_sub(3_000))..].to_owned()
    }
}

/// A loopback port below the ephemeral range: nobody else is given it while its process is away.
fn free_port() -> u16 {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let mut ports = (0..12_000).map(|step| 20_000 + u16::try_from((random.wrapping_add(step)) % 12_000).unwrap());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

pub fn copy_key(ground: &Ground, name: &str, to: &str) {
    let keys = ground.folder.path().join(to).join("keys");
    fs::create_dir_all(&keys).unwrap();
    fs::copy(ground.founded().join("keys").join(name), keys.join(name)).unwrap();
}

pub fn dir_of(ground: &Ground, actor: &Actor) -> String {
    let path: &Path = &ground.folder.path().join(&actor.name);
    text(path).to_owned()
}
