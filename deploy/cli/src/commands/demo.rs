//! `cairn demo`: the main job, from an empty folder to a verified, paid, provable result.
//!
//! Owns the cast (two honest workers, one that cheats), the way through and the report. Refuses tricks: every step is what
//! `up`, `submit`, `watch` and `sql` do, over HTTP, and what it prints is read from the tables.

use crate::{
    client::Client,
    commands::{submit, up, watch},
    exit::Failure,
    node::{
        layout::Layout,
        serve::{Door, Node, Start},
        setup::{Conduct, Setup},
    },
    render::Format,
    speaker::Speaker,
};
use cairn_schemas::{Account, JobId, RealmId, Topic};
use clap::Parser;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

mod part;
mod report;

use part::{Part, Show};

/// Longer than every deadline of the default job together.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Run the main job from nothing to a proven result: a realm, three workers of whom one cheats, a digits job, a report
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn demo
  cairn demo --dir d --format json
  cairn demo --data mnist/              the same job on real MNIST files
  cairn demo --job digits-cnn           a convolutional network
  cairn demo --job text                 a small transformer reads this product's own pages, then writes
  cairn demo --log kafka://127.0.0.1:9092/demo

Run again on the same folder it goes on where it was cut off, or shows its report again.")]
pub struct Args {
    /// What is trained
    #[arg(long, value_enum, default_value_t)]
    job: Show,
    /// Records from here instead of the job's: a folder of IDX files, or of text for `--job text`
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The log of a fresh folder, if not the folder itself: kafka://host:port[,host:port]/PREFIX
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let begun = Instant::now();
    // A folder that holds no such files is said before anything is founded.
    let part = Part::read(args.job, args.data.as_deref())?;
    let fresh = cast()?;
    let door = Door { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), ..Door::default() };
    let start = Start { log: args.log, door, ..Start::default() };
    let (mut node, setup) = Node::found(layout, || fresh, start).await?;
    let client = node.client()?;
    let interrupted = up::interrupted()?;
    tokio::pin!(interrupted);
    let realm = match up::begin(&mut node, &setup, layout, &client, &mut interrupted).await {
        Ok(Some(realm)) => realm,
        Ok(None) => return node.stop().await,
        Err(failure) => return node.stop().await.and(Err(failure)),
    };
    let played = tokio::select! {
        played = play(&client, layout, &setup, realm, part.prepared.clone()) => played,
        failure = node.ended() => Err(failure),
        () = &mut interrupted => return node.stop().await,
    };
    let report = match played {
        Ok(job) => report::Report::read(&client, &node.checkpoints, &setup, layout, (&job, &part), begun).await,
        Err(failure) => Err(failure),
    };
    // What stopped the play is the answer; the parts stop in order all the same.
    let stopped = node.stop().await;
    let report = report?;
    stopped?;
    report.show(args.format, layout).map_err(|error| anyhow::Error::from(error).into())
}

/// Two who work and one who invents.
fn cast() -> Result<Setup, Failure> {
    let workers = [("ada", Conduct::Honest), ("bob", Conduct::Honest), ("cyd", Conduct::Lazy)];
    let workers = workers.into_iter().map(|(name, conduct)| up::worker(name, conduct)).collect::<Result<_, _>>()?;
    up::setup("demo", 1, true, workers)
}

async fn play(client: &Client, layout: &Layout, setup: &Setup, realm: RealmId, prepared: submit::Prepared) -> Result<JobId, Failure> {
    let job = submitted(client, layout, setup, realm, prepared).await?;
    watch::until_end(client, &job, PATIENCE).await?;
    Ok(job)
}

/// The producer's first job: found again if it was submitted before a crash.
async fn submitted(client: &Client, layout: &Layout, setup: &Setup, realm: RealmId, prepared: submit::Prepared) -> Result<JobId, Failure> {
    let producer = &setup.producer.name;
    let mut speaker = Speaker::open(layout, &layout.key(producer.as_str()), client.clone()).await?;
    speaker.settle_pending().await?;
    if speaker.said(realm, Topic::Jobs).await? > 0 {
        let sql = format!("SELECT job FROM jobs WHERE author = '{}' ORDER BY leaf LIMIT 1", speaker.id());
        let found = client.sql(&sql).await?;
        if let Some(job) = found.first().and_then(|row| row.text("job").parse().ok()) {
            return Ok(job);
        }
    }
    let (job, _) = prepared.submit(client, &mut speaker, realm, Account::Named(producer.clone())).await?;
    Ok(job)
}
