//! Setup: what a local node is founded with, so that the first job can run: a realm, a producer, workers with stakes.
//!
//! Owns `setup.toml`, durable before the first event, so that whoever starts the folder again goes on with the same authors.
//! Refuses secrets: keys lie in `keys/`.

use crate::{
    exit::{Exit, Failure},
    node::layout::Layout,
};
use anyhow::anyhow;
use cairn_log::durable;
use cairn_schemas::{Amount, ByteString, Name, PublicKey, Timestamp, genesis::Genesis};
use serde::{Deserialize, Serialize};
use std::fs;

/// What an instance of one machine is founded with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Name of the instance, in its genesis.
    pub instance: Name,
    /// Sixteen random bytes of the genesis, and when it was made: the same document after a crash.
    pub nonce: ByteString,
    pub founded: Timestamp,
    pub partitions: u32,
    /// A demo instance is marked in its genesis.
    pub demo: bool,
    pub realm: Realm,
    pub producer: Producer,
    #[serde(default, rename = "worker")]
    pub workers: Vec<Worker>,
}

/// The realm that everything local happens in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realm {
    pub name: Name,
    pub currency: Name,
    pub scale: u8,
}

/// The author whose key `cairn submit` takes unless told otherwise, and what it is given to spend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Producer {
    pub name: Name,
    pub funds: Amount,
}

/// A worker that runs in the node's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    pub name: Name,
    pub stake: Amount,
    #[serde(default)]
    pub conduct: Conduct,
}

/// How a worker behaves. `lazy` exists so that a demonstration has somebody to catch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Conduct {
    #[default]
    Honest,
    Lazy,
}

impl Setup {
    /// The setup of a folder, if it was begun.
    pub fn load(layout: &Layout) -> Result<Option<Setup>, Failure> {
        let path = layout.setup();
        if !path.exists() {
            return Ok(None);
        }
        let wrong = |why: String| Failure::new(Exit::Failed, "CRN-1006", anyhow!("{}: {why}", path.display()));
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        toml::from_str(&text).map(Some).map_err(|error| wrong(error.to_string()))
    }

    /// The folder's setup, or this one, made durable.
    pub fn load_or_keep(layout: &Layout, fresh: impl FnOnce() -> Setup) -> Result<Setup, Failure> {
        if let Some(setup) = Setup::load(layout)? {
            return Ok(setup);
        }
        let setup = fresh();
        let failed = |why: String| Failure::new(Exit::Failed, "CRN-1006", anyhow!("{}: {why}", layout.setup().display()));
        let text = toml::to_string_pretty(&setup).map_err(|error| failed(error.to_string()))?;
        durable::write(&layout.setup(), text.as_bytes(), durable::PUBLIC).map_err(|error| failed(error.to_string()))?;
        Ok(setup)
    }

    /// The genesis document that follows from the setup and the instance's keys.
    pub fn genesis(&self, admin: PublicKey, processor: PublicKey, checkpoint: PublicKey) -> Result<Genesis, Failure> {
        let origin = format!("{}.cairn/{}", self.instance, data_encoding::HEXLOWER.encode(&self.nonce.0));
        let origin = origin.parse().map_err(|error: cairn_schemas::ids::IdError| Failure::new(Exit::Failed, "CRN-1006", error))?;
        Ok(Genesis {
            name: self.instance.clone(),
            nonce: self.nonce.clone(),
            time: self.founded,
            partitions: self.partitions,
            admins: vec![admin],
            processors: vec![processor],
            origin,
            checkpoint_keys: vec![checkpoint],
            rules: 1,
            demo: self.demo,
        })
    }

    /// Every author that founding needs a key for: admin, issuer, producer, workers.
    pub fn authors(&self) -> Vec<&str> {
        let workers = self.workers.iter().map(|worker| worker.name.as_str());
        ["admin", "issuer", self.producer.name.as_str()].into_iter().chain(workers).collect()
    }
}
