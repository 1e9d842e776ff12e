//! Serving: the parts of a node put together, joined by one log, and stopped together.
//!
//! Owns the composition: ground (lock, log, genesis) → processors, projections, checkpoints, gateway → workers, as far as the process
//! has these roles. Refuses to be half a node: when one part ends, the others are stopped and the first error is the answer.

use crate::{
    client::Client,
    exit::{Exit, Failure},
    node::{
        beside::{Beside, health},
        config::{self, Config, Server, token},
        gauges::Gauges,
        ground::{Ground, Keys},
        keys,
        layout::Layout,
        live::Live,
        parts::Parts,
        pulse::Pulse,
        setup::{Conduct, Setup},
        stores,
    },
};
use axum::Router;
use cairn_gateway::{Metrics, Outcomes, Token};
use cairn_kernels::exec::Executor;
use cairn_log::{SystemClock, archive, blobs::Blobs};
use cairn_processors::{
    ledger::Local,
    runner::{self, Processor},
    workers::{self, Worker, shelf::Shelf},
};
use cairn_projections::{Projections, checkpoint::CheckpointFiles};
use cairn_schemas::ids::InstanceId;
use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Which parts of the product a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything: the node of one machine.
    Whole,
    /// Takes events; serves journal and blobs.
    Gateway,
    /// Decides.
    Processor,
    /// Folds tables, answers SQL, signs checkpoints where it has the key.
    Projector,
}

impl Role {
    fn includes(self, part: Role) -> bool {
        self == Role::Whole || self == part
    }
}

/// How a node is to be started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The log that a new folder begins with, and an old one must have.
    pub log: Option<String>,
    /// Copies of each record, where a log elsewhere is made.
    pub copies: u16,
    pub door: Door,
    /// The key of the processor, if not the folder's own.
    pub processor_key: Option<PathBuf>,
}

impl Default for Start {
    fn default() -> Self {
        Start { log: None, copies: 1, door: Door::default(), processor_key: None }
    }
}

/// A node that serves.
#[derive(Debug)]
pub struct Node {
    pub url: String,
    pub instance: InstanceId,
    pub layout: Layout,
    /// The signed checkpoints of this node's partitions.
    pub checkpoints: Arc<CheckpointFiles>,
    live: Live,
    ground: Ground,
    blobs: Blobs,
    parts: Parts,
}

impl Node {
    /// Starts a whole node: the instance begins here, if it has not. The workers start later, for they must be founded first.
    pub async fn found(layout: &Layout, fresh: impl FnOnce() -> Setup, start: Start) -> Result<(Node, Setup), Failure> {
        let (ground, setup) = Ground::found(layout, fresh, &start).await?;
        let node = Node::on(ground, layout, Role::Whole, start).await?;
        Ok((node, setup))
    }

    /// Starts one role of an instance that began elsewhere, over a log that processes share.
    pub async fn join(layout: &Layout, role: Role, start: Start) -> Result<Node, Failure> {
        Node::on(Ground::join(layout, &start).await?, layout, role, start).await
    }

    async fn on(ground: Ground, layout: &Layout, role: Role, start: Start) -> Result<Node, Failure> {
        let Ground { config, log, listen, .. } = &ground;
        let edge = edge_options(&config.server, layout)?;
        let blobs = stores::blobs(config, layout)?;
        let checkpoints = Arc::new(CheckpointFiles::open(layout.root()).map_err(|error| cannot_start(error.code(), error))?);
        let (mut parts, mut routes, metrics) = (Parts::new(), Router::new(), Metrics::default());
        let mut beside = Beside::new(log, &metrics);
        if role.includes(Role::Gateway) {
            let outcomes = Outcomes::new(ground.instance, log.partitions());
            parts.outcomes(log, &outcomes);
            routes = routes.merge(cairn_gateway::router(log.clone(), blobs.clone(), outcomes.clone(), edge.clone()));
            beside = beside.with_outcomes(outcomes);
        }
        if role.includes(Role::Processor) {
            let processor = processor(&ground, layout, start.processor_key.as_deref(), beside.counts()).await?;
            parts.processor(processor.clone(), member());
            beside = beside.with_processor(processor);
        }
        let (beside, mut projections) = (Arc::new(beside), None);
        if role.includes(Role::Projector) {
            let tables = tables(&ground, layout, &checkpoints, &beside).await?;
            read_all_journals(&mut parts, &ground, layout, &checkpoints, &tables).await?;
            routes = routes.merge(cairn_projections::http::router(tables.clone()));
            projections = Some(tables);
        }
        let pulse = Arc::new(Pulse::new(&metrics, beside.decides()));
        routes = routes.merge(cairn_gateway::vitals(log.clone(), metrics.clone(), health(&beside, projections.as_ref(), &pulse)));
        parts.gauges(Gauges::new(beside, projections, pulse, &metrics));
        parts.figures(metrics);
        let url = parts.serve(cairn_gateway::guard(routes, &edge), *listen).await?;
        let instance = ground.instance;
        let live =
            Live { url: url.clone(), pid: std::process::id(), instance: instance.to_string(), version: env!("CARGO_PKG_VERSION").into() };
        live.announce(layout).map_err(|error| cannot_start("CRN-1007", error))?;
        Ok(Node { url, instance, layout: layout.clone(), checkpoints, live, ground, blobs, parts })
    }

    /// How its workers are to compute.
    pub fn workers(&self) -> config::Worker {
        self.ground.config.worker
    }

    /// Starts the workers of the setup, each with its own key, at home on the first partition.
    pub fn start_workers(&mut self, setup: &Setup, executor: &Arc<Executor>) -> Result<(), Failure> {
        let shelf = Arc::new(Shelf::default());
        for worker in &setup.workers {
            let settings = workers::Settings {
                name: worker.name.clone(),
                key: keys::read(&self.layout.key(worker.name.as_str()))?,
                partition: 0,
                outbox: Some(self.layout.outbox()),
                conduct: conduct(worker.conduct),
                executor: executor.clone(),
                shelf: shelf.clone(),
            };
            let ledger = Arc::new(Local::new(self.ground.log.clone(), self.blobs.clone(), 0));
            let worker = Worker::new(settings, ledger).map_err(|error| cannot_start(&error.code().to_owned(), error))?;
            self.parts.worker(worker);
        }
        Ok(())
    }

    /// Runs until `until` resolves or a part ends; then stops all parts.
    pub async fn run_until(mut self, until: impl Future<Output = ()>) -> Result<(), Failure> {
        let ended = tokio::select! {
            () = until => Ok(()),
            ended = self.parts.ended() => ended,
        };
        self.stop().await?;
        ended
    }

    /// A client of this node, for those in the same process who speak to it like anybody.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.url, token(&self.layout)?.as_deref())
    }

    /// Whether a part has ended: then the node is none any more.
    pub async fn ended(&mut self) -> Failure {
        let ended = self.parts.ended().await;
        ended.err().unwrap_or_else(|| Failure::new(Exit::Failed, "CRN-1000", anyhow::anyhow!("a part of the node ended by itself")))
    }

    /// Stops all parts and withdraws the announcement.
    pub async fn stop(self) -> Result<(), Failure> {
        self.live.withdraw(&self.layout);
        self.parts.stop(self.ground.log.as_ref()).await
    }
}

/// Where a node is to be reached, as its starter says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Door {
    /// Takes the place of the configuration's address.
    pub listen: Option<SocketAddr>,
    /// Whether a demo instance may be served where others can reach it.
    pub demo: bool,
}

impl Door {
    /// The address, if nobody is let in by it who should not be; `demo` says what kind of instance it is.
    pub fn address(&self, config: &Config, demo: bool) -> Result<SocketAddr, Failure> {
        let listen = self.listen.unwrap_or(config.server.listen);
        if listen.ip().is_loopback() {
            return Ok(listen);
        }
        if config.server.token_file.is_none() {
            return Err(Failure::usage(format!("others can reach {listen}: set server.token_file in cairn.toml")));
        }
        if demo && !self.demo {
            return Err(Failure::usage(format!("this is a demo instance, and others can reach {listen}: say --demo if that is meant")));
        }
        Ok(listen)
    }
}

/// The processor, which deletes from the log what lies in the archive, where that is wanted.
async fn processor(ground: &Ground, layout: &Layout, key: Option<&Path>, counts: &runner::Metrics) -> Result<Processor, Failure> {
    let config = &ground.config;
    let options = runner::Options { snapshot_blocks: config.processor.snapshot_blocks, ..runner::Options::default() };
    let processor = Processor::new(ground.log.clone(), Keys::processor(layout, key)?, Arc::new(SystemClock::default()))
        .with_snapshots(stores::own_snapshots(config, layout, ground.instance).await?)
        .with_options(options)
        .with_metrics(counts.clone());
    Ok(match stores::own_archive(config, ground.instance).await? {
        Some(archive) if config.archive.delete => processor.with_archive(archive),
        _ => processor,
    })
}

/// Starts what follows every journal to its end: the tables, the signing of checkpoints where the key is here, and archiving.
async fn read_all_journals(
    parts: &mut Parts,
    ground: &Ground,
    layout: &Layout,
    checkpoints: &Arc<CheckpointFiles>,
    tables: &Projections,
) -> Result<(), Failure> {
    parts.projections(tables);
    if let Some(key) = Keys::checkpoint(layout)? {
        parts.checkpoints(&ground.log, checkpoints, &key);
    }
    if let Some(archive) = stores::own_archive(&ground.config, ground.instance).await? {
        let patience = Duration::from_secs(ground.config.archive.patience_s);
        parts.archivers(&ground.log, &archive, archive::Options { patience, ..archive::Options::default() });
    }
    Ok(())
}

/// The tables, and the folds that they tell of besides their own.
async fn tables(
    ground: &Ground,
    layout: &Layout,
    checkpoints: &Arc<CheckpointFiles>,
    beside: &Arc<Beside>,
) -> Result<Projections, Failure> {
    let opened = Projections::open(ground.log.clone(), layout.root(), cairn_projections::Options::default()).await;
    let projections = opened.map_err(|error| cannot_start(error.code(), error))?;
    Ok(projections.with_checkpoints(checkpoints.clone()).with_folds(beside.clone()))
}

/// Under which name this process asks for partitions, where several share a log. Process ids repeat between containers.
fn member() -> String {
    format!("cairn-{}-{:08x}", std::process::id(), getrandom::u32().unwrap_or_default())
}

fn conduct(conduct: Conduct) -> workers::Conduct {
    match conduct {
        Conduct::Honest => workers::Conduct::Honest,
        Conduct::Lazy => workers::Conduct::Lazy,
    }
}

fn edge_options(server: &Server, layout: &Layout) -> Result<cairn_gateway::Options, Failure> {
    Ok(cairn_gateway::Options {
        hosts: server.hosts.clone(),
        token: server.token(layout)?.map(|secret| Token::new(&secret)),
        concurrency: server.concurrency,
        max_lag: server.max_lag,
        ..cairn_gateway::Options::default()
    })
}

fn cannot_start(code: &str, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Failed, code, error)
}
