//! Configuration: what an operator may set, in one file with every default written out.
//!
//! Owns `cairn.toml`, its defaults and its checks; unknown keys are refused. What the environment says (`CAIRN_LOG_URL` for `log.url`)
//! takes the file's place, so that containers need no file of their own. Refuses to be global: it is passed down.

use crate::{
    exit::{Exit, Failure},
    node::{device::Choice, keys, layout::Layout, logs, stores},
};
use anyhow::anyhow;
use cairn_log::{
    archive, durable,
    kafka::{PASSWORD, Security, TOKEN},
};
use serde::Deserialize;
use std::{
    fs,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

/// The file that a new node gets. Its values are the defaults, and a test holds them together.
pub const DEFAULT: &str = include_str!("../../../cairn.toml");

/// The sections, as the environment's names begin.
const SECTIONS: [&str; 8] = ["server", "log", "kafka", "processor", "blobs", "snapshots", "archive", "worker"];
/// Where a log elsewhere is written into the default file, when a folder begins with one.
const LOG_AT_HOME: &str = "[/PREFIX].\nurl = \"\"";

/// Characters of a token, so that nobody guesses it.
const TOKEN_LEAST: usize = 16;

/// The whole tree.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    #[serde(default)]
    pub log: Log,
    /// How to be let in by Kafka.
    #[serde(default)]
    pub kafka: Security,
    pub processor: Processor,
    pub blobs: Blobs,
    #[serde(default)]
    pub snapshots: Snapshots,
    #[serde(default)]
    pub archive: Archive,
    pub worker: Worker,
}

/// The HTTP edge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    pub hosts: Vec<String>,
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    pub concurrency: usize,
    pub max_lag: u64,
}

/// Where what was said and decided is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Empty: a folder of this node.
    pub url: String,
}

/// The processors of this node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    pub snapshot_blocks: u64,
}

/// The store of large bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blobs {
    pub url: String,
}

/// The store of snapshots. Files of nodes that were begun before it was a choice do not name it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    pub url: String,
    pub keep: NonZeroUsize,
}

impl Default for Snapshots {
    fn default() -> Self {
        Snapshots { url: String::new(), keep: NonZeroUsize::MIN.saturating_add(2) }
    }
}

/// The archive of journals; none where the URL is empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    pub url: String,
    /// Seconds that a block may wait for its segment to be full.
    pub patience_s: u64,
    /// Whether the log is deleted behind it.
    pub delete: bool,
}

impl Default for Archive {
    fn default() -> Self {
        Archive { url: String::new(), patience_s: archive::Options::default().patience.as_secs(), delete: true }
    }
}

/// The workers of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    #[serde(default)]
    pub device: Choice,
    pub threads: usize,
}

impl Server {
    /// The token that requests must carry, from its file; a relative path is one of the node's folder.
    pub fn token(&self, layout: &Layout) -> Result<Option<String>, Failure> {
        self.token_file.as_deref().map(|path| read_token(&layout.root().join(path))).transpose()
    }
}

/// The token for the node of this folder, or for any: from the file that `CAIRN_TOKEN_FILE` names, else the folder's own. Never
/// from an argument, which others could see.
pub fn token(layout: &Layout) -> Result<Option<String>, Failure> {
    match std::env::var_os("CAIRN_TOKEN_FILE") {
        Some(path) => read_token(Path::new(&path)).map(Some),
        None if layout.config().exists() => Config::load(layout)?.server.token(layout),
        None => Ok(None),
    }
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::usage(format!("token file {}: {why}", path.display()));
    let token = keys::read_secret(path).map_err(wrong)?.trim().to_owned();
    if token.len() < TOKEN_LEAST { Err(wrong(format!("a token has at least {TOKEN_LEAST} characters"))) } else { Ok(token) }
}

impl Config {
    /// Reads the folder's file, or writes the default one; `log` is the log that a new folder begins with, and an old one must have.
    pub fn load_or_create(layout: &Layout, log: Option<&str>) -> Result<Config, Failure> {
        let path = layout.config();
        if !path.exists() {
            let text = log.map_or_else(|| DEFAULT.to_owned(), |url| with_log(url));
            // What cannot be opened is not kept, or the folder would refuse what was meant.
            let config = Config::parse(&text, std::env::vars()).map_err(Failure::usage)?;
            if !config.log.url.is_empty() {
                logs::kafka_options(&config)?;
            }
            stores::archive(&config)?;
            durable::write(&path, text.as_bytes(), durable::PUBLIC)
                .map_err(|error| Failure::new(Exit::Failed, "CRN-1002", anyhow!("configuration {}: {error}", path.display())))?;
        }
        let config = Config::load(layout)?;
        match log {
            Some(url) if url != config.log.url => {
                let kept = if config.log.url.is_empty() { "the folder itself" } else { &config.log.url };
                Err(Failure::usage(format!("--log says {url}, and {} keeps its log at {kept}", layout.root().display())))
            }
            _ => Ok(config),
        }
    }

    /// Reads the folder's file.
    pub fn load(layout: &Layout) -> Result<Config, Failure> {
        let path = layout.config();
        let wrong = |why: String| Failure::new(Exit::Usage, "CRN-1002", anyhow!("configuration {}: {why}", path.display()));
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        Config::parse(&text, std::env::vars()).map(|config| config.rooted(layout)).map_err(wrong)
    }

    /// Relative paths are of the node's folder.
    fn rooted(mut self, layout: &Layout) -> Config {
        let kafka = &mut self.kafka;
        let files = [&mut kafka.ca_file, &mut kafka.certificate_file, &mut kafka.key_file];
        let secrets = [&mut kafka.key_password_file, &mut kafka.password_file, &mut kafka.token_file];
        for file in files.into_iter().chain(secrets).flatten() {
            *file = layout.root().join(&file);
        }
        self
    }

    /// Reads the folder's file, or takes the defaults where there is none. Writes nothing.
    pub fn load_or_default(layout: &Layout) -> Result<Config, Failure> {
        if layout.config().exists() {
            return Config::load(layout);
        }
        Config::parse(DEFAULT, std::env::vars()).map(|config| config.rooted(layout)).map_err(Failure::usage)
    }

    fn parse(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Config, String> {
        // The file alone comes first, for its errors name their line. What it does not name has its default.
        if let Err(error) = toml::from_str::<Config>(text)
            && !error.message().starts_with("missing field")
        {
            return Err(error.to_string());
        }
        let said = |error: toml::de::Error| error.to_string();
        let mut table: toml::Table = toml::from_str(DEFAULT).map_err(said)?;
        toml::from_str::<toml::Table>(text).map_err(said)?.into_iter().for_each(|(name, value)| lay_over(&mut table, name, value));
        for (name, value) in environment {
            overlay(&mut table, &name, &value);
        }
        let config: Config = table.try_into().map_err(|error| format!("with what the environment says: {error}"))?;
        config.check().map(|()| config)
    }

    fn check(&self) -> Result<(), String> {
        if !self.server.listen.ip().is_loopback() && self.server.token_file.is_none() {
            return Err(format!("server.listen is {}, which others can reach: set server.token_file", self.server.listen));
        }
        if !(1..=65_536).contains(&self.server.concurrency) {
            return Err("server.concurrency is 1 to 65536".into());
        }
        if !(1..=256).contains(&self.worker.threads) {
            return Err("worker.threads is 1 to 256".into());
        }
        if self.processor.snapshot_blocks == 0 {
            return Err("processor.snapshot_blocks is at least 1".into());
        }
        Ok(())
    }
}

/// The default file with its log elsewhere.
fn with_log(url: &str) -> String {
    let url = toml::Value::String(url.to_owned());
    DEFAULT.replacen(LOG_AT_HOME, &format!("[/PREFIX].\nurl = {url}"), 1)
}

/// A section takes the place of its keys alone.
fn lay_over(table: &mut toml::Table, name: String, value: toml::Value) {
    match (table.get_mut(&name), value) {
        (Some(toml::Value::Table(section)), toml::Value::Table(keys)) => section.extend(keys),
        (_, value) => drop(table.insert(name, value)),
    }
}

/// `CAIRN_SERVER_LISTEN` is `server.listen`: a variable that names a section is a key of it. A value is TOML where it reads as such
/// (numbers, lists, quoted strings), else the string as it stands.
fn overlay(table: &mut toml::Table, name: &str, value: &str) {
    let Some((section, key)) = name.strip_prefix("CAIRN_").and_then(|rest| rest.split_once('_')) else { return };
    let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
    if !SECTIONS.contains(&section.as_str()) || [PASSWORD, TOKEN].contains(&name) {
        return;
    }
    let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    let toml::Value::Table(section) = section else { return };
    let read = toml::from_str::<toml::Table>(&format!("value = {value}")).ok().and_then(|mut table| table.remove("value"));
    section.insert(key, read.unwrap_or_else(|| toml::Value::String(value.to_owned())));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, [])
    }

    #[test]
    fn the_environment_takes_the_files_place_and_unknown_keys_of_it_are_refused() {
        let of = |name: &str, value: &str| Config::parse(DEFAULT, [(name.to_owned(), value.to_owned())]);
        assert_eq!(of("CAIRN_LOG_URL", "kafka://k:9092/cairn").unwrap().log.url, "kafka://k:9092/cairn");
        assert_eq!(of("CAIRN_SERVER_MAX_LAG", "7").unwrap().server.max_lag, 7);
        assert_eq!(of("CAIRN_SERVER_HOSTS", "[\"a.example:7070\"]").unwrap().server.hosts, ["a.example:7070"]);
        assert_eq!(of("CAIRN_DIR", "elsewhere").unwrap(), parse(DEFAULT).unwrap());
        assert!(of("CAIRN_LOG_URI", "x").unwrap_err().contains("uri"));
        assert!(of("CAIRN_SERVER_MAX_LAG", "many").unwrap_err().contains("max_lag"));
    }

    #[test]
    fn a_folder_may_begin_with_its_log_elsewhere() {
        assert_eq!(parse(&with_log("kafka://k:9092/cairn")).unwrap().log.url, "kafka://k:9092/cairn");
    }

    #[test]
    fn the_default_file_is_valid_and_unknown_keys_are_refused() {
        let config = parse(DEFAULT).unwrap();
        assert!(config.server.listen.ip().is_loopback());
        assert!(parse(&format!("{DEFAULT}\nsurprise = 1\n")).unwrap_err().contains("surprise"));
    }

    #[test]
    fn a_file_from_before_a_section_existed_has_its_defaults() {
        let section = |text: &str| {
            text.split("\n[")
                .filter(|part| !["snapshots]", "archive]"].iter().any(|since| part.starts_with(since)))
                .collect::<Vec<_>>()
                .join("\n[")
        };
        let older = section(DEFAULT);
        assert_ne!(older, DEFAULT);
        assert_eq!(parse(&older).unwrap(), parse(DEFAULT).unwrap());
        assert_eq!(parse("").unwrap(), parse(DEFAULT).unwrap());
        let some = parse("[worker]\nthreads = 2\n[server]\nmax_lag = 7\n").unwrap();
        assert_eq!((some.worker.threads, some.server.max_lag), (2, 7));
        assert!(parse("[worker]\nthread = 2\n").unwrap_err().contains("line 2"), "an error still names its line");
        assert!(parse(&DEFAULT.replace("keep = 3", "keep = 0")).is_err());
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        let open = DEFAULT.replace("127.0.0.1:7070", "0.0.0.0:7070");
        assert!(parse(&open).unwrap_err().contains("token_file"));
        let guarded = open.replace("# token_file", "token_file");
        assert!(parse(&guarded).is_ok());
    }
}
