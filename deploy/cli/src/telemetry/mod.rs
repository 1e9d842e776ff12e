//! Telemetry: traces, metrics and logs on their way to an OpenTelemetry collector, by OTLP over HTTP with protobuf.
//!
//! Owns whether anything is sent (the standard environment says so, see [`settings`]), and the beginning and the end of it. Refuses to matter:
//! the node works the same without a collector, with one that refuses, and with one that hangs. Where nothing is set, nothing is made.
//!
//! | file | owns |
//! |---|---|
//! | `settings` | the environment |
//! | `spans` | spans, and which traces are followed |
//! | `logs` | log records |
//! | `figures` | metrics, read from what `/metrics` shows |
//! | `pipe` | bounded queues, batches, and the POST |
//! | `otlp` | the protocol's types |

mod figures;
mod logs;
mod otlp;
#[cfg(test)]
mod otlp_tests;
mod pipe;
mod settings;
mod spans;

use cairn_gateway::Metrics;
use futures::future::join_all;
pub use logs::Logs;
use pipe::{Pipe, Post, pipe};
use settings::Settings;
use spans::Spans;
use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};
use tokio::{
    runtime::Runtime,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How long the end of a process waits for the collector.
const FLUSH: Duration = Duration::from_secs(2);
/// The way of the figures, which whoever counts them takes up.
static FIGURES: OnceLock<(Post, Duration)> = OnceLock::new();

/// What is under way to the collector.
#[derive(Debug, Default)]
pub struct Telemetry {
    stop: watch::Sender<bool>,
    carriers: Vec<JoinHandle<()>>,
    logs: Option<Logs>,
    warnings: Vec<String>,
}

impl Telemetry {
    /// Begins as the environment says; `service` is our name unless it says another.
    pub fn start(service: &str, runtime: &Runtime) -> Telemetry {
        let mut telemetry = Telemetry::default();
        if let Some(settings) = Settings::read(service, |name| std::env::var(name).ok()) {
            let begun = telemetry.begin(&settings, runtime);
            telemetry.warnings.extend(settings.warnings);
            telemetry.warnings.extend(begun.err().map(|error| format!("no telemetry is sent: {error}")));
        }
        telemetry
    }

    fn begin(&mut self, settings: &Settings, runtime: &Runtime) -> Result<(), reqwest::Error> {
        if let Some(to) = settings.traces.clone() {
            let (queue, carrier) = pipe(Post::new(settings, to)?, settings.spans_delay);
            self.carry(carrier, runtime);
            opentelemetry::global::set_tracer_provider(Spans { sampler: settings.sampler, queue });
        }
        if let Some(to) = settings.logs.clone() {
            let (queue, carrier) = pipe(Post::new(settings, to)?, settings.logs_delay);
            self.carry(carrier, runtime);
            self.logs = Some(Logs(queue));
        }
        if let Some(to) = settings.metrics.clone() {
            // Set once: a process has one telemetry.
            let _ = FIGURES.set((Post::new(settings, to)?, settings.metrics_interval));
        }
        Ok(())
    }

    fn carry<T: otlp::Item + 'static>(&mut self, carrier: Pipe<T>, runtime: &Runtime) {
        self.carriers.push(runtime.spawn(carrier.run(self.stop.subscribe())));
    }

    /// Where logs go besides standard error, if they do.
    pub fn logs(&mut self) -> Option<Logs> {
        self.logs.take()
    }

    /// Says what of the environment was not understood, once there is somebody to log it.
    pub fn warn(&self) {
        self.warnings.iter().for_each(|warning| tracing::warn!("telemetry: {warning}"));
    }

    /// Sends what is left, for as long as a process may be kept from ending.
    pub fn stop(self, runtime: &Runtime) {
        let _ = self.stop.send(true);
        // What the collector did not take by then is lost, as telemetry may be.
        let _ = runtime.block_on(async { timeout(FLUSH, join_all(self.carriers)).await });
    }
}

/// Sends figures from time to time, and once more at `stop`. Ends at once where they go nowhere.
pub async fn send_figures(metrics: Metrics, mut stop: watch::Receiver<bool>) {
    let Some((mut post, interval)) = FIGURES.get().cloned() else { return };
    let start = otlp::nanos(SystemTime::now());
    let mut stopped = false;
    while !stopped {
        stopped = timeout(interval, stop.wait_for(|stop| *stop)).await.is_ok();
        let text = metrics.text().unwrap_or_default();
        let figures = figures::metrics(&text, start, otlp::nanos(SystemTime::now()));
        let mut ending = stop.clone();
        // A collector that hangs holds up neither the end nor, by more than this, what is sent at the end.
        tokio::select! {
            _ = post.send(figures, &mut ending) => {}
            () = sleep(FLUSH), if stopped => {}
            _ = stop.wait_for(|stop| *stop), if !stopped => {}
        }
    }
}
