//! Serving: the parts of a node started in their order, joined by one log, and stopped together.
//!
//! Owns the composition: lock → log → keys → genesis → processors, projections, checkpoints, gateway → workers. Refuses to be
//! half a node: when one part ends, the others are stopped and the first error is the answer.

use crate::{
    client::Client,
    exit::{Exit, Failure},
    node::{
        config::{Config, Server, token},
        gauges::Gauges,
        keys,
        layout::Layout,
        live::Live,
        setup::{Conduct, Setup},
        stores,
    },
};
use anyhow::anyhow;
use axum::Router;
use cairn_gateway::{Health, Metrics, Outcomes, Token};
use cairn_log::{
    EventLog, SystemClock,
    blobs::Blobs,
    disk::{DirLock, DiskLog, Options},
    durable,
    journal::genesis,
};
use cairn_processors::{
    ledger::Local,
    runner::{self, Processor, Snapshots},
    workers::{self, Worker, shelf::Shelf},
};
use cairn_projections::{
    Projections,
    checkpoint::{CheckpointFiles, Signing, anchors},
};
use cairn_schemas::{SecretKey, genesis::Genesis, ids::InstanceId};
use std::{
    fs,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// Between two checkpoints of a growing partition.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// How long the parts may take to stop before they are dropped: all of them survive that.
const GRACE: Duration = Duration::from_secs(10);

/// A node that serves.
#[derive(Debug)]
pub struct Node {
    pub url: String,
    pub instance: InstanceId,
    pub layout: Layout,
    /// The signed checkpoints of this node's partitions.
    pub checkpoints: Arc<CheckpointFiles>,
    live: Live,
    log: Arc<dyn EventLog>,
    blobs: Blobs,
    stop: watch::Sender<bool>,
    parts: JoinSet<Result<(), Failure>>,
    threads: usize,
}

impl Node {
    /// Starts everything but the workers, who must be founded first.
    pub async fn start(layout: &Layout, fresh: impl FnOnce() -> Setup, door: Door) -> Result<(Node, Setup), Failure> {
        keep_private(layout)?;
        let lock = DirLock::exclusive(layout.root()).map_err(|error| cannot_start(error.code(), error))?;
        let config = Config::load_or_create(layout)?;
        let keys = Keys::of(layout)?;
        let setup = Setup::load_or_keep(layout, fresh)?;
        for author in setup.authors() {
            keys::read_or_create(&layout.key(author))?;
        }
        let listen = door.address(&config, &setup)?;
        let genesis = keys.genesis(&setup)?;
        let instance = genesis.id().map_err(|error| cannot_start("CRN-1007", error))?;
        let options = Options::new(setup.partitions);
        let opened = tokio::task::spawn_blocking(move || DiskLog::open_under(lock, options)).await;
        let log = opened.map_err(|error| cannot_start("CRN-1007", error))?.map_err(|error| cannot_start(error.code(), error))?;
        let log: Arc<dyn EventLog> = Arc::new(log);
        genesis::create(&log, &genesis, &keys.processor).await.map_err(|error| cannot_start(error.code(), error))?;
        publish_anchor(layout, &genesis)?;
        let blobs = stores::blobs(&config, layout)?;
        let mut parts = Parts { stop: watch::Sender::new(false), running: JoinSet::new() };
        let metrics = Metrics::default();
        let outcomes = Outcomes::new(instance, setup.partitions);
        parts.gateway_folds(&log, &outcomes);
        parts.processors(&log, &keys.processor, stores::snapshots(&config, layout)?, &config, &metrics);
        let checkpoints = parts.checkpoints(&log, layout, &keys.checkpoint)?;
        let projections = Projections::open(log.clone(), layout.root(), cairn_projections::Options::default())
            .await
            .map_err(|error| cannot_start(error.code(), error))?
            .with_checkpoints(checkpoints.clone());
        parts.projections(&projections);
        parts.gauges(Gauges::new(&projections, &metrics));
        let edge = edge_options(&config.server, layout)?;
        let routes = cairn_gateway::router(log.clone(), blobs.clone(), outcomes, metrics, Health::default(), edge.clone());
        let routes = cairn_gateway::guard(routes.merge(cairn_projections::http::router(projections)), &edge);
        let url = parts.serve(routes, listen).await?;
        let live =
            Live { url: url.clone(), pid: std::process::id(), instance: instance.to_string(), version: env!("CARGO_PKG_VERSION").into() };
        live.announce(layout).map_err(|error| cannot_start("CRN-1007", error))?;
        let threads = config.worker.threads;
        let node =
            Node { url, instance, layout: layout.clone(), checkpoints, live, log, blobs, stop: parts.stop, parts: parts.running, threads };
        Ok((node, setup))
    }

    /// Starts the workers of the setup, each with its own key, at home on the first partition.
    pub fn start_workers(&mut self, setup: &Setup) -> Result<(), Failure> {
        let shelf = Arc::new(Shelf::default());
        for worker in &setup.workers {
            let settings = workers::Settings {
                name: worker.name.clone(),
                key: keys::read(&self.layout.key(worker.name.as_str()))?,
                partition: 0,
                outbox: Some(self.layout.outbox()),
                conduct: conduct(worker.conduct),
                threads: self.threads,
                shelf: shelf.clone(),
            };
            let ledger = Arc::new(Local::new(self.log.clone(), self.blobs.clone(), 0));
            let mut worker = Worker::new(settings, ledger).map_err(|error| cannot_start(&error.code().to_owned(), error))?;
            let stop = stopped(self.stop.subscribe());
            self.parts.spawn(async move { worker.run(stop).await.map_err(|error| halted(&error.code().to_owned(), error)) });
        }
        Ok(())
    }

    /// Runs until `until` resolves or a part ends; then stops all parts.
    pub async fn run_until(mut self, until: impl Future<Output = ()>) -> Result<(), Failure> {
        let ended = tokio::select! {
            () = until => Ok(()),
            Some(ended) = self.parts.join_next() => flatten(ended),
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
        match self.parts.join_next().await {
            Some(Err(error)) => halted("CRN-1000", error),
            Some(Ok(Err(failure))) => failure,
            Some(Ok(Ok(()))) | None => halted("CRN-1000", anyhow!("a part of the node ended by itself")),
        }
    }

    /// Stops all parts and withdraws the announcement.
    pub async fn stop(mut self) -> Result<(), Failure> {
        self.live.withdraw(&self.layout);
        self.stop.send_replace(true);
        let stopping = async {
            let mut first = Ok(());
            while let Some(ended) = self.parts.join_next().await {
                first = first.and(flatten(ended));
            }
            first
        };
        // A part that does not stop is dropped as a crash would drop it.
        tokio::time::timeout(GRACE, stopping).await.unwrap_or(Ok(()))
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
    /// The address, if nobody is let in by it who should not be.
    fn address(&self, config: &Config, setup: &Setup) -> Result<SocketAddr, Failure> {
        let listen = self.listen.unwrap_or(config.server.listen);
        if listen.ip().is_loopback() {
            return Ok(listen);
        }
        if config.server.token_file.is_none() {
            return Err(Failure::usage(format!("others can reach {listen}: set server.token_file in cairn.toml")));
        }
        if setup.demo && !self.demo {
            return Err(Failure::usage(format!("this is a demo instance, and others can reach {listen}: say --demo if that is meant")));
        }
        Ok(listen)
    }
}

/// A new folder is its owner's alone: what others may have goes out over HTTP, or in an export.
fn keep_private(layout: &Layout) -> Result<(), Failure> {
    let make = |folder: &Path| match folder.exists() {
        true => Ok(()),
        false => durable::make_folder(folder).and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700))),
    };
    make(layout.root()).and_then(|()| make(&layout.keys())).map_err(|error| cannot_start("CRN-1007", error))
}

/// The keys of the instance itself; made once, durable before the first event.
struct Keys {
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
}

/// The tasks of a node and their common end.
struct Parts {
    stop: watch::Sender<bool>,
    running: JoinSet<Result<(), Failure>>,
}

impl Parts {
    fn gateway_folds(&mut self, log: &Arc<dyn EventLog>, outcomes: &Outcomes) {
        for partition in 0..log.partitions() {
            let (outcomes, log, stop) = (outcomes.clone(), log.clone(), stopped(self.stop.subscribe()));
            self.running.spawn(async move {
                tokio::select! {
                    () = stop => Ok(()),
                    Err(error) = outcomes.follow(log, partition) => Err(halted(error.code(), error)),
                }
            });
        }
    }

    fn processors(&mut self, log: &Arc<dyn EventLog>, key: &SecretKey, snapshots: Snapshots, config: &Config, metrics: &Metrics) {
        let options = runner::Options { snapshot_blocks: config.processor.snapshot_blocks, ..runner::Options::default() };
        let processor =
            Processor::new(log.clone(), key.clone(), Arc::new(SystemClock::default())).with_snapshots(snapshots).with_options(options);
        metrics.register(|registry| processor.metrics().register(registry));
        let stop = stopped(self.stop.subscribe());
        self.running.spawn(async move { processor.run("node", stop).await.map_err(|error| halted(error.code(), error)) });
    }

    fn checkpoints(&mut self, log: &Arc<dyn EventLog>, layout: &Layout, key: &SecretKey) -> Result<Arc<CheckpointFiles>, Failure> {
        let files = Arc::new(CheckpointFiles::open(layout.root()).map_err(|error| cannot_start(error.code(), error))?);
        for partition in 0..log.partitions() {
            let signing = Signing::new(files.clone(), log.clone(), partition, key.clone());
            let stop = self.stop.subscribe();
            self.running.spawn(async move { signing.run(CHECKPOINT_INTERVAL, stop).await.map_err(|error| halted(error.code(), error)) });
        }
        Ok(files)
    }

    fn projections(&mut self, projections: &Projections) {
        let (projections, stop) = (projections.clone(), self.stop.subscribe());
        self.running.spawn(async move { projections.run(stop).await.map_err(|error| halted(error.code(), error)) });
    }

    fn gauges(&mut self, gauges: Gauges) {
        let stop = stopped(self.stop.subscribe());
        self.running.spawn(async move {
            tokio::select! { () = stop => Ok(()), () = gauges.run() => Ok(()) }
        });
    }

    async fn serve(&mut self, routes: Router, listen: SocketAddr) -> Result<String, Failure> {
        let in_the_way = |error| cannot_start("CRN-1007", anyhow!("address {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(in_the_way)?;
        let mut address = listener.local_addr().map_err(in_the_way)?;
        if address.ip().is_unspecified() {
            // Every address is no address to type: those on this machine use loopback.
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let stop = stopped(self.stop.subscribe());
        self.running.spawn(async move {
            axum::serve(listener, routes).with_graceful_shutdown(stop).await.map_err(|error| halted("CRN-1007", error))
        });
        Ok(format!("http://{address}"))
    }
}

/// Resolves once the node is to stop.
fn stopped(mut stop: watch::Receiver<bool>) -> impl Future<Output = ()> + Send + 'static {
    async move {
        // A dropped sender means the same.
        let _ = stop.wait_for(|stop| *stop).await;
    }
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

fn publish_anchor(layout: &Layout, genesis: &Genesis) -> Result<(), Failure> {
    let lines = anchors(genesis).map_err(|error| cannot_start("CRN-1007", error))?;
    durable::write(&layout.anchor(), lines.as_bytes(), durable::PUBLIC).map_err(|error| cannot_start("CRN-1007", error))
}

fn flatten(ended: Result<Result<(), Failure>, tokio::task::JoinError>) -> Result<(), Failure> {
    ended.unwrap_or_else(|error| Err(halted("CRN-1000", error)))
}

fn cannot_start(code: &str, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Failed, code, error)
}

fn halted(code: &str, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Failed, code, error)
}
