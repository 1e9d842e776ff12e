//! `cairn submit job.yaml`: compiles a job, stores its blobs, signs and submits it.
//!
//! Owns the way from a YAML file to a decided job. Refuses to guess at the YAML: what is wrong is shown with line and column.

use crate::{
    client::Client,
    commands::{self, job, say, watch},
    exit::{Exit, Failure},
    node::{layout::Layout, setup::Setup},
    render::{self, Format},
    row::Row,
    speaker::{Speaker, Verdict},
};
use anyhow::anyhow;
use bytes::Bytes;
use cairn_kernels::{bml::Job, data::DataSet};
use cairn_processors::{
    ledger::{Ledger, LedgerError},
    workers::{shelf, submission},
};
use cairn_schemas::{Account, JobId, RealmId};
use clap::Parser;
use serde_json::json;
use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// The job of the demo and of `--example`.
pub const EXAMPLE: &str = include_str!("../../../job.yaml");

/// Sign and submit a training job
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn submit --example > job.yaml         more of them: cairn job example
  cairn submit job.yaml --wait
  cairn submit job.yaml --data mnist/       records from a folder of IDX files or a CSV
  cairn submit job.yaml --key acme --node http://127.0.0.1:7070")]
pub struct Args {
    /// The job
    #[arg(required_unless_present = "example", value_name = "FILE")]
    job: Option<PathBuf>,
    /// Print a job to begin with
    #[arg(long, conflicts_with = "job")]
    example: bool,
    /// Take the records from here (a folder, a file, or builtin:…) instead of the job's data
    #[arg(long, value_name = "URL")]
    data: Option<String>,
    /// Wait until the job ends
    #[arg(long)]
    wait: bool,
    /// Who submits: a name in DIR/keys
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// The account that pays; the name of the key if left out
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<Account>,
    /// The realm, by name or id
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
    /// The node, or its GATEWAY,PROJECTOR, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// With --wait: give up after this many seconds
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    timeout: u64,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let Some(path) = args.job.as_deref() else {
        return std::io::stdout().write_all(EXAMPLE.as_bytes()).map_err(|error| anyhow::Error::from(error).into());
    };
    let text = job::text_of(path)?;
    // The YAML is judged before any node is asked: a typing error needs no network.
    let prepared = Prepared::read(&path.display().to_string(), &text, args.data.as_deref())?;
    let client = commands::node(args.node.as_deref(), layout).await?;
    let realm = say::realm(&client, args.realm.as_deref(), layout).await?;
    let account = account(args.account, args.key.as_deref(), layout)?;
    let mut speaker = Speaker::open(layout, &say::key(args.key.as_deref(), layout)?, client.clone()).await?;
    let (job, verdict) = prepared.submit(&client, &mut speaker, realm, account).await?;
    // The key is free for the next job while this one is waited for.
    drop(speaker);
    let row = Row::of([
        ("job", json!(job)),
        ("verdict", json!(verdict.verdict)),
        ("height", json!(verdict.height)),
        ("leaf", json!(verdict.leaf)),
    ]);
    render::rows(&[row], args.format).map_err(anyhow::Error::from)?;
    if args.wait {
        let row = watch::until_end(&client, &job, Duration::from_secs(args.timeout)).await?;
        let of = |name: &str| row.get(name).clone();
        let row = Row::of([("job", json!(job)), ("state", of("state")), ("correct", of("correct")), ("total", of("total"))]);
        render::rows(&[row], args.format).map_err(anyhow::Error::from)?;
    }
    Ok(())
}

fn account(asked: Option<Account>, key: Option<&str>, layout: &Layout) -> Result<Account, Failure> {
    let name = match (asked, key) {
        (Some(account), _) => return Ok(account),
        (None, Some(key)) => key.to_owned(),
        (None, None) => Setup::load(layout)?.map(|setup| setup.producer.name.to_string()).unwrap_or_default(),
    };
    name.parse().map_err(|error: cairn_schemas::ids::IdError| Failure::usage(error))
}

/// A job that compiles, with records that fit it.
#[derive(Clone, Debug)]
pub struct Prepared {
    job: Job,
    /// Records that no worker could find by itself: they are stored as a blob.
    stored: Option<Bytes>,
}

impl Prepared {
    /// Reads a job; `data` takes the place of its data.
    pub fn read(file: &str, text: &str, data: Option<&str>) -> Result<Prepared, Failure> {
        let job = Job::review(file, text).map_err(|faults| job::faulty(&faults))?;
        match data.or(Some(&job.data.url)).filter(|url| !url.starts_with("builtin:") && !url.starts_with("blob:")) {
            Some(path) => {
                let set = from_files(&job, Path::new(path.strip_prefix("file:").unwrap_or(path)))?;
                Ok(Prepared::on(job, &set))
            }
            None => {
                let url = data.unwrap_or(&job.data.url).to_owned();
                let asked = if data.is_some() { unpinned(&job, &url) } else { job.clone() };
                match DataSet::builtin(&asked).map_err(wrong_data)? {
                    Some(set) => Ok(Prepared { job: asked.with_data(url, set.root()), stored: None }),
                    None if asked.data.hash.is_some() => Ok(Prepared { job: asked, stored: None }),
                    None => Err(Failure::usage("data.hash must pin records that are named by blob:")),
                }
            }
        }
    }

    /// A job on records that are stored with it.
    pub fn on(job: Job, set: &DataSet) -> Prepared {
        let bytes = Bytes::from(set.to_bytes());
        let url = format!("blob:{}", submission::blob_ref(&bytes).hash);
        Prepared { job: job.with_data(url, set.root()), stored: Some(bytes) }
    }

    /// Stores the blobs and says `job.submitted`.
    pub async fn submit(
        self,
        client: &Client,
        speaker: &mut Speaker,
        realm: RealmId,
        account: Account,
    ) -> Result<(JobId, Verdict), Failure> {
        if let Some(bytes) = self.stored.clone() {
            client.put_blob(bytes).await.map_err(unstored)?;
        }
        let yaml = client.put_blob(self.job.to_yaml().into()).await.map_err(unstored)?;
        let made = submission(&self.job, yaml, account).map_err(|error| {
            let code = error.code();
            Failure::new(Exit::Usage, code, error)
        });
        let (terms, programs) = made?;
        client.put_blob(programs.to_bytes().into()).await.map_err(unstored)?;
        let verdict = speaker.say(realm, terms).await?.accepted_or("")?;
        let job = verdict.event_hash.parse().map_err(|_| Failure::new(Exit::Failed, "CRN-1005", anyhow!("an event without a hash")))?;
        Ok((job, verdict))
    }
}

/// The job with other data, which nothing pins yet.
fn unpinned(job: &Job, url: &str) -> Job {
    let mut job = job.clone();
    (job.data.url, job.data.hash) = (url.to_owned(), None);
    job
}

fn from_files(job: &Job, path: &Path) -> Result<DataSet, Failure> {
    let files = shelf::files(path).map_err(|error| Failure::usage(format!("data {}: {error}", path.display())))?;
    DataSet::read(&unpinned(job, &job.data.url), &files).map_err(wrong_data)
}

fn wrong_data(error: cairn_kernels::DataError) -> Failure {
    let code = error.code();
    Failure::new(Exit::Usage, code, error)
}

fn unstored(error: LedgerError) -> Failure {
    let exit = match error {
        LedgerError::Unreachable { .. } | LedgerError::Overloaded { .. } => Exit::Unreachable,
        _ => Exit::Failed,
    };
    let code = error.code().to_owned();
    Failure::new(exit, &code, error)
}
