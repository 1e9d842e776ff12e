//! Parts: the tasks that a node is made of, each started with what it needs, all stopped by one word.
//!
//! Owns how each part runs and how its end is told. Refuses the order and the choice of parts: see `serve`.

use crate::{
    exit::{Exit, Failure},
    node::gauges::Gauges,
    telemetry,
};
use anyhow::anyhow;
use axum::Router;
use cairn_gateway::{Limits, Metrics, Outcomes};
use cairn_log::{
    EventLog, Place, ReadLimit,
    archive::{self, Archive},
};
use cairn_processors::{runner::Processor, workers::Worker};
use cairn_projections::{
    Projections,
    checkpoint::{CheckpointFiles, Signing},
};
use cairn_schemas::SecretKey;
use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};

/// Between two checkpoints of a growing partition.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// How long the parts may take to stop before they are dropped: all of them survive that.
const GRACE: Duration = Duration::from_secs(10);
/// How long the log may take meanwhile to answer: parts that end with a look at it wait in vain for one that is silent.
const ANSWER: Duration = Duration::from_secs(2);
/// Between two questions to the log.
const LOOK: Duration = Duration::from_millis(500);

/// The tasks of a node and their common end.
#[derive(Debug)]
pub struct Parts {
    stop: watch::Sender<bool>,
    running: JoinSet<Result<(), Failure>>,
}

impl Parts {
    pub fn new() -> Parts {
        Parts { stop: watch::Sender::new(false), running: JoinSet::new() }
    }

    /// What became of events, for those who wait for it.
    pub fn outcomes(&mut self, log: &Arc<dyn EventLog>, outcomes: &Outcomes) {
        for partition in 0..log.partitions() {
            let (outcomes, log, stop) = (outcomes.clone(), log.clone(), self.stopped());
            self.running.spawn(async move {
                tokio::select! {
                    () = stop => Ok(()),
                    Err(error) = outcomes.follow(log, partition) => Err(halted(error.code(), error)),
                }
            });
        }
    }

    /// A processor, under the name by which the log gives it partitions.
    pub fn processor(&mut self, processor: Processor, member: String) {
        let stop = self.stopped();
        self.running.spawn(async move { processor.run(&member, stop).await.map_err(|error| halted(error.code(), error)) });
    }

    /// The archiving of each journal.
    pub fn archivers(&mut self, log: &Arc<dyn EventLog>, archive: &Archive, options: archive::Options) {
        for partition in 0..log.partitions() {
            let archiving = archive::archive(log.clone(), archive.clone(), partition, options, self.stopped());
            self.running.spawn(async move { archiving.await.map_err(|error| halted(error.code(), error)) });
        }
    }

    /// The signing of a checkpoint for each partition.
    pub fn checkpoints(&mut self, log: &Arc<dyn EventLog>, files: &Arc<CheckpointFiles>, key: &SecretKey) {
        for partition in 0..log.partitions() {
            let signing = Signing::new(files.clone(), log.clone(), partition, key.clone());
            let stop = self.stop.subscribe();
            self.running.spawn(async move { signing.run(CHECKPOINT_INTERVAL, stop).await.map_err(|error| halted(error.code(), error)) });
        }
    }

    pub fn projections(&mut self, projections: &Projections) {
        let (projections, stop) = (projections.clone(), self.stop.subscribe());
        self.running.spawn(async move { projections.run(stop).await.map_err(|error| halted(error.code(), error)) });
    }

    pub fn gauges(&mut self, gauges: Gauges) {
        let stop = self.stopped();
        self.running.spawn(async move {
            tokio::select! { () = stop => Ok(()), () = gauges.run() => Ok(()) }
        });
    }

    /// Sends the figures to a collector, where there is one.
    pub fn figures(&mut self, metrics: Metrics) {
        let (stop, stopped) = (self.stop.subscribe(), self.stopped());
        self.running.spawn(async move {
            telemetry::send_figures(metrics, stop).await;
            // A part that ends by itself ends the node.
            stopped.await;
            Ok(())
        });
    }

    pub fn worker(&mut self, mut worker: Worker) {
        let stop = self.stopped();
        self.running.spawn(async move { worker.run(stop).await.map_err(|error| halted(&error.code().to_owned(), error)) });
    }

    /// Serves `routes` and says under which URL.
    pub async fn serve(&mut self, routes: Router, listen: SocketAddr) -> Result<String, Failure> {
        let in_the_way = |error| Failure::new(Exit::Failed, "CRN-1007", anyhow!("address {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(in_the_way)?;
        let mut address = listener.local_addr().map_err(in_the_way)?;
        if address.ip().is_unspecified() {
            // Every address is no address to type: those on this machine use loopback.
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let stop = self.stopped();
        self.running.spawn(async move {
            cairn_gateway::serve(listener, routes, Limits::default(), stop).await;
            Ok(())
        });
        Ok(format!("http://{address}"))
    }

    /// Resolves when a part ends, with why.
    pub async fn ended(&mut self) -> Result<(), Failure> {
        match self.running.join_next().await {
            Some(ended) => flatten(ended),
            None => std::future::pending().await,
        }
    }

    /// Stops all parts; the first error is the answer. What was acknowledged is durable, so that none is waited for without a reason.
    pub async fn stop(mut self, log: &dyn EventLog) -> Result<(), Failure> {
        self.stop.send_replace(true);
        let stopping = async {
            let mut first = Ok(());
            while let Some(ended) = self.running.join_next().await {
                first = first.and(flatten(ended));
            }
            first
        };
        // A part that does not stop is dropped as a crash would drop it.
        tokio::select! {
            biased;
            stopped = stopping => stopped,
            () = sleep(GRACE) => Ok(()),
            () = silence(log) => Ok(()),
        }
    }

    /// Resolves once the node is to stop.
    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.subscribe();
        async move {
            // A dropped sender means the same.
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }
}

/// Resolves once the log is silent. One that answers with an error is not.
async fn silence(log: &dyn EventLog) {
    let one = ReadLimit { records: 1, bytes: 1 };
    while timeout(ANSWER, log.read(Place::journal(0), 0, one)).await.is_ok() {
        sleep(LOOK).await;
    }
    tracing::warn!(code = "CRN-1012", "the log is silent: what waits for it is not waited for");
}

fn flatten(ended: Result<Result<(), Failure>, JoinError>) -> Result<(), Failure> {
    ended.unwrap_or_else(|error| Err(halted("CRN-1000", error)))
}

fn halted(code: &str, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Failed, code, error)
}
