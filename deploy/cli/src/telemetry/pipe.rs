//! A pipe: a bounded queue, and who carries what is in it to the collector.
//!
//! Owns batches, tries and their ends. Refuses to hold anybody up or to tell endlessly: what finds no room is dropped and counted, and an
//! outage is told once, with its end.

use super::{
    otlp::{Export, Item, Resource},
    settings::{Destination, Settings},
};
use prost::Message;
use reqwest::{Client, StatusCode, header};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout_at},
};

/// Items that wait (the specification's default).
const QUEUE: usize = 2_048;
/// Items of one POST (the specification's default).
const BATCH: usize = 512;
/// Pauses before the second try and those after it.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// The near end: never waits.
#[derive(Debug)]
pub struct Queue<T> {
    items: mpsc::Sender<T>,
    dropped: Arc<AtomicU64>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue { items: self.items.clone(), dropped: self.dropped.clone() }
    }
}

impl<T> Queue<T> {
    pub fn put(&self, item: T) {
        if self.items.try_send(item).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Items that found no room, or were not taken by the collector, since it took something last.
    #[cfg(test)]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// A queue, and where what is put into it comes out.
pub fn queue<T>() -> (Queue<T>, mpsc::Receiver<T>) {
    let (items, received) = mpsc::channel(QUEUE);
    (Queue { items, dropped: Arc::default() }, received)
}

/// The far end.
#[derive(Debug)]
pub struct Pipe<T> {
    items: mpsc::Receiver<T>,
    dropped: Arc<AtomicU64>,
    delay: Duration,
    post: Post,
}

/// A queue and its far end, which is to be [run](Pipe::run). `delay` is how long an item may wait for others.
pub fn pipe<T: Item>(post: Post, delay: Duration) -> (Queue<T>, Pipe<T>) {
    let (queue, items) = queue::<T>();
    let dropped = queue.dropped.clone();
    (queue, Pipe { items, dropped, delay, post })
}

impl<T: Item> Pipe<T> {
    /// Carries until `stop`, and then what is left, each batch tried once.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut batch = Vec::new();
        while self.gather(&mut batch, &mut stop).await {
            self.send(&mut batch, &mut stop).await;
        }
        while self.items.try_recv().map(|item| batch.push(item)).is_ok() {
            if batch.len() == BATCH {
                self.send(&mut batch, &mut stop).await;
            }
        }
        self.send(&mut batch, &mut stop).await;
    }

    /// Fills a batch; false once it is time to stop.
    async fn gather(&mut self, batch: &mut Vec<T>, stop: &mut watch::Receiver<bool>) -> bool {
        let mut until = None;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            let deadline = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600));
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return false,
                received = timeout_at(deadline, self.items.recv_many(batch, room)) => match received {
                    Ok(0) => return false,
                    Ok(_) => until = until.or_else(|| Some(Instant::now() + self.delay)),
                    Err(_) if batch.is_empty() => {}
                    Err(_) => return true,
                },
            }
        }
        true
    }

    async fn send(&mut self, batch: &mut Vec<T>, stop: &mut watch::Receiver<bool>) {
        if batch.is_empty() {
            return;
        }
        let (items, count) = (std::mem::take(batch), batch.len() as u64);
        if !self.post.send(items, stop).await {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        } else if let lost @ 1.. = self.dropped.swap(0, Ordering::Relaxed) {
            tracing::warn!(lost, signal = %self.post.to.signal, "telemetry was dropped: the queue was full, or the collector did not take it");
        }
    }
}

/// The way to one URL of the collector.
#[derive(Clone, Debug)]
pub struct Post {
    client: Client,
    to: Destination,
    resource: Resource,
    /// Whether the outage that goes on now was told.
    told: bool,
}

/// Why a batch was not taken.
enum Refused {
    /// It may be another time.
    Now(String),
    Ever(String),
}

impl Post {
    pub fn new(settings: &Settings, to: Destination) -> Result<Post, reqwest::Error> {
        let client = Client::builder().timeout(settings.timeout).default_headers(settings.headers.clone()).build()?;
        Ok(Post { client, to, resource: settings.resource(), told: false })
    }

    /// Sends items, again while that may help; answers whether they were taken. An outage is told at its begin and at its end.
    pub async fn send<T: Item>(&mut self, items: Vec<T>, stop: &mut watch::Receiver<bool>) -> bool {
        let body = bytes::Bytes::from(Export::of(self.resource.clone(), items).encode_to_vec());
        let mut pauses = PAUSES.into_iter();
        loop {
            let refused = match self.once(body.clone()).await {
                Ok(()) => {
                    if std::mem::take(&mut self.told) {
                        tracing::info!(to = %self.to, "the collector takes telemetry again");
                    }
                    return true;
                }
                Err(refused) => refused,
            };
            let (Refused::Now(reason) | Refused::Ever(reason)) = &refused;
            if !std::mem::replace(&mut self.told, true) {
                tracing::warn!(to = %self.to, reason, "the collector does not take telemetry; it is dropped until it does, and the node goes on");
            }
            let pause = pauses.next().filter(|_| matches!(refused, Refused::Now(_)) && !*stop.borrow());
            let Some(pause) = pause else { return false };
            tokio::select! { () = sleep(pause) => {}, _ = stop.wait_for(|stop| *stop) => {} }
        }
    }

    async fn once(&self, body: bytes::Bytes) -> Result<(), Refused> {
        let request = self.client.post(self.to.url.clone()).header(header::CONTENT_TYPE, "application/x-protobuf").body(body);
        let answer = request.send().await.map_err(|error| Refused::Now(causes(&error)))?;
        let status = answer.status();
        // What may be tried again is the protocol's to say.
        let passing =
            [StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
        match status {
            _ if status.is_success() => Ok(()),
            _ if passing.contains(&status) => Err(Refused::Now(status.to_string())),
            _ => Err(Refused::Ever(status.to_string())),
        }
    }
}

/// An error with its causes, for reqwest's own text names none.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text += &format!(": {cause}");
        next = cause.source();
    }
    text
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.url.origin().ascii_serialization(), self.signal)
    }
}
