//! `cairn worker --node URL`: a worker in a process of its own.
//!
//! Owns its key, outbox and enlistment. Refuses the node's files: it has an address and a key, like any outsider.

use crate::{
    client::Client,
    commands::{self, say, up},
    exit::{Exit, Failure},
    node::{config::Config, device, keys, layout::Layout, setup},
};
use anyhow::anyhow;
use cairn_processors::workers::{self, Enlistment, Settings, Worker, WorkerError, enlist::Missing, shelf::Shelf};
use cairn_schemas::{Amount, Name, RealmId};
use clap::Parser;
use std::{
    io::Write,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// Between two looks whether somebody has funded the stake.
const LOOK: Duration = Duration::from_secs(1);
/// How long a node that was named may be away when its worker starts.
const PATIENCE: Duration = Duration::from_secs(300);

/// Run a worker against a node: it reads the journal, does what it is drawn for, and is paid for what is verified
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn worker --node http://127.0.0.1:7070 --name dan --stake 5000000 --dir dan
  cairn worker --name dan --device cuda:0
  cairn say transfer.posted.v1 '{\"from\":\"issuer\",\"to\":\"dan\",\"amount\":\"5000000\"}' --key issuer")]
pub struct Args {
    /// The node, or its GATEWAY,PROJECTOR, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Its name, and its account's; its key is DIR/keys/NAME.key, made if missing
    #[arg(long, value_name = "NAME")]
    name: Name,
    /// The stake to lock, minor units
    #[arg(long, default_value = "5000000", value_name = "AMOUNT")]
    stake: Amount,
    /// The realm, by name or id
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
    #[arg(long, default_value_t = 0)]
    partition: u32,
    /// What its kernels run on, if not what the folder's configuration says (auto): cpu, cuda:N, or auto for the first CUDA device that
    /// is there and right; the bits do not depend on it
    #[arg(long, value_name = "DEVICE")]
    device: Option<device::Choice>,
    /// Threads of its kernels on the processor, if not what the folder's configuration says (1); the bits do not depend on it
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// A folder that `file:` data sets are read in; without it they are refused
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// How it behaves; `lazy` invents its results, so that a demonstration has somebody to catch
    #[arg(long, value_enum, default_value_t)]
    conduct: setup::Conduct,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let stop = up::interrupted()?;
    tokio::pin!(stop);
    let kept = Config::load_or_default(layout)?.worker;
    let (device, threads) = (args.device.unwrap_or(kept.device), args.threads.map_or(kept.threads, usize::from));
    // Before anything is said: who cannot compute the contract's bits takes no work.
    let executor = tokio::select! {
        () = &mut stop => return Ok(()),
        proven = device::proven(device, threads) => proven?,
    };
    let (client, realm) = tokio::select! {
        () = &mut stop => return Ok(()),
        found = find(&args, layout) => found?,
    };
    let settings = Settings {
        name: args.name.clone(),
        key: keys::read_or_create(&layout.key(args.name.as_str()))?,
        partition: args.partition,
        outbox: Some(layout.outbox()),
        conduct: match args.conduct {
            setup::Conduct::Honest => workers::Conduct::Honest,
            setup::Conduct::Lazy => workers::Conduct::Lazy,
        },
        executor: executor.clone(),
        shelf: Arc::new(args.data.clone().map_or_else(Shelf::default, Shelf::with_folder)),
    };
    let mut worker = Worker::new(settings, Arc::new(client)).map_err(halted)?;
    let wanted = Enlistment { realm, name: args.name.clone(), stake: args.stake };
    tokio::select! {
        () = &mut stop => return Ok(()),
        enlisted = enlist(&mut worker, &wanted) => enlisted?,
    }
    tell(&format!("{} works in realm {realm} on {}", args.name, executor.describe()))?;
    worker.run(stop).await.map_err(halted)
}

/// The node and the realm. A node that was named may be away for a while, as it may be later: it is waited for.
async fn find(args: &Args, layout: &Layout) -> Result<(Client, RealmId), Failure> {
    let begun = Instant::now();
    loop {
        match find_now(args, layout).await {
            Err(failure) if failure.exit == Exit::Unreachable && args.node.is_some() && begun.elapsed() < PATIENCE => {
                tracing::warn!(code = failure.code, "asked again: {}", failure.source);
                tokio::time::sleep(LOOK).await;
            }
            found => return found,
        }
    }
}

async fn find_now(args: &Args, layout: &Layout) -> Result<(Client, RealmId), Failure> {
    let client = commands::node(args.node.as_deref(), layout).await?;
    let realm = say::realm(&client, args.realm.as_deref(), layout).await?;
    Ok((client, realm))
}

/// Says what is missing; waits while it is somebody else's to say.
async fn enlist(worker: &mut Worker, wanted: &Enlistment) -> Result<(), Failure> {
    let mut told = None;
    loop {
        let missing = worker.enlist(wanted).await.map_err(halted)?;
        if missing == Missing::Nothing {
            return Ok(());
        }
        if told.as_ref() != Some(&missing) {
            match &missing {
                Missing::Funds(amount) => tell(&format!("account {} lacks {amount} of the stake; waiting", wanted.name))?,
                Missing::Admission(key) => tell(&format!("an admin of the realm must register {key}; waiting"))?,
                Missing::Say(body) => return Err(Failure::new(Exit::Failed, "CRN-1008", anyhow!("{} was not said", body.type_name()))),
                Missing::Nothing => {}
            }
            told = Some(missing);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn tell(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| anyhow::Error::from(error).into())
}

fn halted(error: WorkerError) -> Failure {
    let code = error.code().to_owned();
    Failure::new(Exit::Failed, &code, error)
}
