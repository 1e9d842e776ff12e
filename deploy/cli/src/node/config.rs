//! Configuration: what an operator may set, in one file with every default written out.
//!
//! Owns `cairn.toml`, its defaults and its checks; unknown keys are refused. Refuses to be global: it is passed down.

use crate::{
    exit::{Exit, Failure},
    node::{keys, layout::Layout},
};
use anyhow::anyhow;
use cairn_log::durable;
use serde::Deserialize;
use std::{
    fs,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

/// The file that a new node gets. Its values are the defaults, and a test holds them together.
pub const DEFAULT: &str = include_str!("../../../cairn.toml");

/// Characters of a token, so that nobody guesses it.
const TOKEN_LEAST: usize = 16;

/// The whole tree.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub processor: Processor,
    pub blobs: Blobs,
    #[serde(default)]
    pub snapshots: Snapshots,
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

/// The workers of this node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
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
    /// Reads the folder's file, or writes the default one.
    pub fn load_or_create(layout: &Layout) -> Result<Config, Failure> {
        let path = layout.config();
        if !path.exists() {
            durable::write(&path, DEFAULT.as_bytes(), durable::PUBLIC)
                .map_err(|error| Failure::new(Exit::Failed, "CRN-1002", anyhow!("configuration {}: {error}", path.display())))?;
        }
        Config::load(layout)
    }

    /// Reads the folder's file.
    pub fn load(layout: &Layout) -> Result<Config, Failure> {
        let path = layout.config();
        let wrong = |why: String| Failure::new(Exit::Usage, "CRN-1002", anyhow!("configuration {}: {why}", path.display()));
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        Config::parse(&text).map_err(wrong)
    }

    /// Reads the folder's file, or takes the defaults where there is none. Writes nothing.
    pub fn load_or_default(layout: &Layout) -> Result<Config, Failure> {
        if layout.config().exists() {
            return Config::load(layout);
        }
        Config::parse(DEFAULT).map_err(Failure::usage)
    }

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_default_file_is_valid_and_unknown_keys_are_refused() {
        let config = Config::parse(DEFAULT).unwrap();
        assert!(config.server.listen.ip().is_loopback());
        assert!(Config::parse(&format!("{DEFAULT}\nsurprise = 1\n")).unwrap_err().contains("surprise"));
    }

    #[test]
    fn a_file_from_before_a_section_existed_has_its_defaults() {
        let section = |text: &str| text.split("\n[").filter(|part| !part.starts_with("snapshots]")).collect::<Vec<_>>().join("\n[");
        let older = section(DEFAULT);
        assert_ne!(older, DEFAULT);
        assert_eq!(Config::parse(&older).unwrap(), Config::parse(DEFAULT).unwrap());
        assert!(Config::parse(&DEFAULT.replace("keep = 3", "keep = 0")).is_err());
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        let open = DEFAULT.replace("127.0.0.1:7070", "0.0.0.0:7070");
        assert!(Config::parse(&open).unwrap_err().contains("token_file"));
        let guarded = open.replace("# token_file", "token_file");
        assert!(Config::parse(&guarded).is_ok());
    }
}
