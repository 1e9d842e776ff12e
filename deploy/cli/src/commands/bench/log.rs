//! `cairn bench log`: signed single events through the disk log and the decider.
//!
//! Owns the workload: one realm, a few authors, transfers of one unit. Refuses shortcuts: records are signed, appended, verified, decided
//! and read back as in a node; the peers are this machine's own limits, measured in the same run.

use super::{Figure, median};
use crate::exit::{Exit, Failure};
use anyhow::Context as _;
use bytes::Bytes;
use cairn_log::{
    EventLog, Place, SystemClock,
    disk::{DiskLog, Options},
    journal::genesis,
};
use cairn_processors::{
    author::{Author, Outbox},
    decider::{Context, State, decide_event, evolve},
    runner::Processor,
};
use cairn_schemas::{
    Account, Amount, Body, Encoding, PublicKey, RealmId, SecretKey, Stream, Topic,
    block::Next,
    decision::Position,
    event::{AccountOpened, Admission, Currency, KeyRegistered, RealmOpened, TransferPosted},
    genesis::Genesis,
    ids::BlockHash,
    record::{self, SignedEvent},
    sign,
};
use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
    sync::Arc,
    time::Instant,
};

/// Lanes that speak at once.
const AUTHORS: usize = 8;
/// Events of one run.
const EVENTS: usize = 16_000;
/// Records of one append.
const BATCH: usize = 500;
/// Latencies of one run.
const SAMPLES: usize = 200;

/// All figures, medians of `runs`.
pub async fn run(runs: u8) -> Result<Vec<Figure>, Failure> {
    let mut all: [Vec<f64>; 7] = Default::default();
    for _ in 0..runs {
        let world = World::new()?;
        let (disk, syncs) = (latencies(&world).await?, sync_times(world.dir.path())?);
        let measured = [
            throughput(&world).await?,
            verify_limit(&world),
            decider_alone(&world)?,
            percentile(&disk.appends, 50),
            percentile(&syncs, 50),
            percentile(&disk.decided, 99),
            percentile(&syncs, 99),
        ];
        for (values, value) in all.iter_mut().zip(measured) {
            values.push(value);
        }
    }
    let [events, limit, decider, append, sync50, decided, sync99] = all.map(median);
    Ok(vec![
        Figure::new("single_signed_events", events, "1/s", "zip215_batch_verify, all cores", limit),
        Figure::new("decider_transfers", decider, "1/s", "zip215_batch_verify, all cores", limit),
        Figure::new("append_p50", append, "ms", "fdatasync_p50", sync50),
        Figure::new("append_to_decided_p99", decided, "ms", "fdatasync_p99", sync99),
    ])
}

/// A ledger to be: its genesis, and signed records in their order.
struct World {
    dir: tempfile::TempDir,
    key: SecretKey,
    genesis: Genesis,
    /// Records that prepare realm, keys, accounts and funds.
    prelude: Vec<(Topic, Bytes)>,
    transfers: Vec<Bytes>,
    late: Vec<Bytes>,
}

impl World {
    fn new() -> Result<World, Failure> {
        let key = SecretKey::from_seed([1; 32]);
        let genesis = super::super::up::setup("bench", 1, false, Vec::new())?.genesis(key.public(), key.public(), key.public())?;
        let mut admin = Author::new(key.clone(), Encoding::Cose, Outbox::in_memory());
        let mut prelude = Vec::new();
        let opened = RealmOpened {
            name: genesis.name.clone(),
            partition: 0,
            admins: vec![key.public()],
            admission: Admission::Open,
            currency: Currency { code: genesis.name.clone(), scale: 6 },
            issuer: key.public(),
        };
        let instance = genesis.id().context("a genesis id")?;
        let realm = RealmId::from(say(&mut admin, instance.into(), opened, &mut prelude)?);
        let mut authors = Vec::new();
        for n in 0..AUTHORS {
            let key = SecretKey::from_seed([n as u8 + 10; 32]);
            let mut author = Author::new(key.clone(), Encoding::Cose, Outbox::in_memory());
            let account = name(n)?;
            say(&mut author, realm, KeyRegistered { key: key.public() }, &mut prelude)?;
            say(&mut author, realm, AccountOpened { account: account.clone() }, &mut prelude)?;
            say(
                &mut admin,
                realm,
                TransferPosted { from: Account::Issuer, to: Account::Named(account), amount: units(1_000_000)? },
                &mut prelude,
            )?;
            authors.push(author);
        }
        let mut transfers = Vec::new();
        for n in 0..EVENTS + SAMPLES {
            let (from, to) = (n % AUTHORS, (n + 1) % AUTHORS);
            let transfer = TransferPosted { from: Account::Named(name(from)?), to: Account::Named(name(to)?), amount: units(1)? };
            let kept = authors[from].say(realm, transfer, crate::speaker::now()).context("a signed transfer")?;
            transfers.push(kept.record);
        }
        let late = transfers.split_off(EVENTS);
        let dir = tempfile::tempdir().context("a folder")?;
        Ok(World { dir, key, genesis, prelude, transfers, late })
    }

    /// The records as the decider meets them, without the log.
    fn all(&self) -> impl Iterator<Item = (Topic, &Bytes)> {
        let transfers = self.transfers.iter().map(|record| (Topic::Payments, record));
        self.prelude.iter().map(|(topic, record)| (*topic, record)).chain(transfers)
    }
}

fn say(
    author: &mut Author,
    realm: RealmId,
    body: impl Into<Body>,
    into: &mut Vec<(Topic, Bytes)>,
) -> Result<cairn_schemas::EventHash, Failure> {
    let kept = author.say(realm, body, crate::speaker::now()).context("a signed event")?;
    into.push((kept.topic, kept.record));
    Ok(kept.head.hash)
}

fn name(n: usize) -> Result<cairn_schemas::Name, Failure> {
    Ok(format!("author-{n}").parse().context("a name")?)
}

fn units(minor: u128) -> Result<Amount, Failure> {
    Ok(Amount::new(minor).context("an amount")?)
}

/// A disk log with a leader over it, after the prelude was decided.
struct Running {
    log: Arc<dyn EventLog>,
    decided: tokio::sync::watch::Receiver<cairn_processors::runner::Decided>,
    leaves: u64,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(world: &World, folder: &str) -> Result<Running, Failure> {
        let dir = world.dir.path().join(folder);
        let log: Arc<dyn EventLog> = Arc::new(DiskLog::open(&dir, Options::new(1)).context("a disk log")?);
        genesis::create(&log, &world.genesis, &world.key).await.context("block 0")?;
        let processor = Processor::new(log.clone(), world.key.clone(), Arc::new(SystemClock::default()));
        let decided = processor.decided(0);
        let task = tokio::spawn(async move { drop(processor.lead(0, std::future::pending()).await) });
        let mut running = Running { log, decided, leaves: 0, task };
        // One after another: an event on one topic may need one on another to be decided first.
        for (topic, record) in &world.prelude {
            running.append(*topic, vec![record.clone()]).await?;
            running.wait(1).await?;
        }
        Ok(running)
    }

    async fn append(&self, topic: Topic, records: Vec<Bytes>) -> Result<(), Failure> {
        self.log.append(Place::new(Stream::Topic(topic), 0), records.into()).await.context("an append")?;
        Ok(())
    }

    /// Until so many more events are decided and read back.
    async fn wait(&mut self, more: u64) -> Result<(), Failure> {
        self.leaves += more;
        let wanted = self.leaves;
        self.decided.wait_for(|decided| decided.tree_size >= wanted).await.context("the leader ended")?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Events per second from the first append to the last verdict.
async fn throughput(world: &World) -> Result<f64, Failure> {
    let mut running = Running::start(world, "throughput").await?;
    let begun = Instant::now();
    for records in world.transfers.chunks(BATCH) {
        running.append(Topic::Payments, records.to_vec()).await?;
    }
    running.wait(EVENTS as u64).await?;
    Ok(EVENTS as f64 / begun.elapsed().as_secs_f64())
}

/// Milliseconds of single appends, and from an append to its verdict.
struct Latencies {
    appends: Vec<f64>,
    decided: Vec<f64>,
}

async fn latencies(world: &World) -> Result<Latencies, Failure> {
    let mut running = Running::start(world, "latency").await?;
    for records in world.transfers.chunks(BATCH) {
        running.append(Topic::Payments, records.to_vec()).await?;
    }
    running.wait(EVENTS as u64).await?;
    let mut found = Latencies { appends: Vec::new(), decided: Vec::new() };
    for record in &world.late {
        let begun = Instant::now();
        running.append(Topic::Payments, vec![record.clone()]).await?;
        found.appends.push(begun.elapsed().as_secs_f64() * 1e3);
        running.wait(1).await?;
        found.decided.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(found)
}

/// Signatures per second that this machine verifies in batches on all its cores, when it does nothing else.
fn verify_limit(world: &World) -> f64 {
    let signed: Vec<SignedEvent> = world.transfers.iter().filter_map(|record| record::open(record).ok()).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = signed.len().div_ceil(cores);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for part in signed.chunks(share) {
            scope.spawn(move || {
                let item = |signed: &'_ SignedEvent| -> (PublicKey, sign::Signature) { (signed.kid, signed.signature) };
                let items: Vec<_> = part
                    .iter()
                    .map(|signed| {
                        let (key, signature) = item(signed);
                        sign::Item { key, message: &signed.to_be_signed, signature }
                    })
                    .collect();
                std::hint::black_box(sign::verify_batch(&items));
            });
        }
    });
    signed.len() as f64 / begun.elapsed().as_secs_f64()
}

/// Decisions per second of the decider alone, one core, signatures taken as verified.
fn decider_alone(world: &World) -> Result<f64, Failure> {
    let halted = |error| Failure::new(Exit::Failed, "CRN-1000", anyhow::anyhow!("the decider halted: {error:?}"));
    let mut state = State::new(&world.genesis, 0).map_err(halted)?;
    let mut offsets = Next::start().map(|next| next.offset);
    let events: Vec<(Position, SignedEvent, &Bytes)> = world
        .all()
        .filter_map(|(topic, record)| {
            let at = Position { topic, offset: offsets[topic as usize], index: 0 };
            offsets[topic as usize] += 1;
            Some((at, record::open(record).ok()?, record))
        })
        .collect();
    let (prelude, transfers) = events.split_at(world.prelude.len());
    let mut decide = |events: &[(Position, SignedEvent, &Bytes)]| {
        for (height, (at, signed, record)) in (1..).zip(events) {
            let ctx = Context { time: world.genesis.time, height, prev: BlockHash::ZERO, gap_ms: None };
            let decision = decide_event(&state, &ctx, signed, *at, record);
            evolve(&mut state, &ctx, &decision, Some(signed)).map_err(halted)?;
        }
        Ok::<_, Failure>(())
    };
    decide(prelude)?;
    let begun = Instant::now();
    decide(transfers)?;
    Ok(transfers.len() as f64 / begun.elapsed().as_secs_f64())
}

/// Milliseconds that this disk takes to make 4 KiB durable, in place, as a log does in a segment that has its size already.
fn sync_times(dir: &Path) -> Result<Vec<f64>, Failure> {
    let mut file = File::create(dir.join("sync")).context("a file")?;
    file.write_all(&vec![0; SAMPLES * 4096]).and_then(|()| file.sync_all()).and_then(|()| file.rewind()).context("a file of its size")?;
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).context("fdatasync")?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
