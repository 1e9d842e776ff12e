//! The ground: what every part of a node stands on, namely folder, lock, configuration, log and genesis.
//!
//! Owns the order in which they come to be: lock → configuration → keys → setup → log → block 0 → anchor. Refuses parts: see `serve`.

use crate::{
    exit::{Exit, Failure},
    node::{
        config::Config,
        keys,
        layout::Layout,
        logs::{self, Shape},
        serve::Start,
        setup::Setup,
    },
};
use anyhow::anyhow;
use cairn_log::{EventLog, disk::DirLock, durable, journal::genesis};
use cairn_projections::checkpoint::anchors;
use cairn_schemas::{SecretKey, genesis::Genesis, ids::InstanceId};
use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

/// How long a role waits for an instance to begin, and between two looks.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_secs(1);

/// What a node stands on.
#[derive(Debug)]
pub struct Ground {
    pub config: Config,
    pub log: Arc<dyn EventLog>,
    pub instance: InstanceId,
    /// Where the node is to be reached.
    pub listen: SocketAddr,
    /// Held while the process lives, where the log does not hold it.
    _lock: Option<DirLock>,
}

impl Ground {
    /// The ground of an instance that begins in this folder, or began here.
    pub async fn found(layout: &Layout, fresh: impl FnOnce() -> Setup, start: &Start) -> Result<(Ground, Setup), Failure> {
        let (lock, config) = settle(layout, start)?;
        let keys = Keys::of(layout)?;
        let setup = Setup::load_or_keep(layout, fresh)?;
        for author in setup.authors() {
            keys::read_or_create(&layout.key(author))?;
        }
        let listen = start.door.address(&config, setup.demo)?;
        let genesis = keys.genesis(&setup)?;
        let (log, lock) = logs::begin(&config, lock, Shape { partitions: setup.partitions, copies: start.copies }).await?;
        genesis::create(&log, &genesis, &keys.processor).await.map_err(|error| failed(error.code(), error))?;
        Ok((Ground { config, log, instance: instance(layout, &genesis)?, listen, _lock: lock }, setup))
    }

    /// The ground of an instance that began elsewhere, over a log that processes share. Waits for block 0.
    pub async fn join(layout: &Layout, start: &Start) -> Result<Ground, Failure> {
        let (lock, config) = settle(layout, start)?;
        let log = logs::join(&config).await?;
        let genesis = await_genesis(&log).await?;
        let listen = start.door.address(&config, genesis.demo)?;
        Ok(Ground { config, log, instance: instance(layout, &genesis)?, listen, _lock: Some(lock) })
    }
}

fn settle(layout: &Layout, start: &Start) -> Result<(DirLock, Config), Failure> {
    keep_private(layout)?;
    let lock = DirLock::exclusive(layout.root()).map_err(|error| failed(error.code(), error))?;
    let config = Config::load_or_create(layout, start.log.as_deref())?;
    Ok((lock, config))
}

async fn await_genesis(log: &Arc<dyn EventLog>) -> Result<Genesis, Failure> {
    let looking = async {
        loop {
            match genesis::find(log, 0).await.map_err(|error| failed(error.code(), error))? {
                Some(genesis) => return Ok(genesis),
                None => tokio::time::sleep(LOOK).await,
            }
        }
    };
    let nothing = |_| Err(Failure::new(Exit::Failed, "CRN-1010", anyhow!("the journal has no block 0 after {} s", PATIENCE.as_secs())));
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(nothing)
}

/// A new folder is its owner's alone: what others may have goes out over HTTP, or in an export.
fn keep_private(layout: &Layout) -> Result<(), Failure> {
    let make = |folder: &Path| match folder.exists() {
        true => Ok(()),
        false => durable::make_folder(folder).and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700))),
    };
    make(layout.root()).and_then(|()| make(&layout.keys())).map_err(|error| failed("CRN-1007", error))
}

/// The instance, its anchor laid down for auditors.
fn instance(layout: &Layout, genesis: &Genesis) -> Result<InstanceId, Failure> {
    let lines = anchors(genesis).map_err(|error| failed("CRN-1007", error))?;
    durable::write(&layout.anchor(), lines.as_bytes(), durable::PUBLIC).map_err(|error| failed("CRN-1007", error))?;
    genesis.id().map_err(|error| failed("CRN-1007", error))
}

/// The keys of the instance itself; made once, durable before the first event.
pub struct Keys {
    admin: SecretKey,
    processor: SecretKey,
    checkpoint: SecretKey,
}

impl Keys {
    fn of(layout: &Layout) -> Result<Keys, Failure> {
        let key = |name| keys::read_or_create(&layout.key(name));
        Ok(Keys { admin: key("admin")?, processor: key("processor")?, checkpoint: key("checkpoint")? })
    }

    fn genesis(&self, setup: &Setup) -> Result<Genesis, Failure> {
        setup.genesis(self.admin.public(), self.processor.public(), self.checkpoint.public())
    }

    /// The key that a processor claims with. Never made here: the instance must know it.
    pub fn processor(layout: &Layout, named: Option<&Path>) -> Result<SecretKey, Failure> {
        keys::read(named.unwrap_or(&layout.key("processor")))
    }

    /// The key that signs checkpoints, if this folder has it.
    pub fn checkpoint(layout: &Layout) -> Result<Option<SecretKey>, Failure> {
        let path = layout.key("checkpoint");
        path.exists().then(|| keys::read(&path)).transpose()
    }
}

fn failed(code: &str, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Failed, code, error)
}
