//! `cairn watch JOB`: a job's tasks as they go, until it ends.
//!
//! Owns the picture of progress. Refuses to end well for a job that did not.

use crate::{
    client::Client,
    commands,
    exit::{Exit, Failure},
    node::layout::Layout,
    render,
    row::Row,
};
use anyhow::anyhow;
use cairn_schemas::JobId;
use clap::Parser;
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Between two looks at a job.
const LOOK: Duration = Duration::from_millis(300);

/// Show a job's progress until it ends
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  cairn watch 3fa0…            the job that `cairn submit` printed\n  cairn watch                  the latest job"
)]
pub struct Args {
    /// The job's id; the latest one if left out
    job: Option<JobId>,
    /// The node or projector, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Give up after this many seconds
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    timeout: u64,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let client = commands::node(args.node.as_deref(), layout).await?;
    let job = match args.job {
        Some(job) => known(&client, job).await?,
        None => latest(&client).await?,
    };
    let row = until_end(&client, &job, Duration::from_secs(args.timeout)).await?;
    writeln!(std::io::stdout(), "job {job} {}", row.text("state")).map_err(anyhow::Error::from)?;
    Ok(())
}

async fn latest(client: &Client) -> Result<JobId, Failure> {
    let rows = client.sql("SELECT job FROM jobs ORDER BY partition, leaf DESC LIMIT 1").await?;
    let job = rows.first().map(|row| row.text("job")).unwrap_or_default();
    job.parse().map_err(|_| Failure::new(Exit::Failed, "CRN-1013", anyhow!("no job was submitted here")))
}

/// The job, if it is there: the tables show all that was decided before they were asked, so nothing is waited for.
async fn known(client: &Client, job: JobId) -> Result<JobId, Failure> {
    let rows = client.sql(&format!("SELECT job FROM jobs WHERE job = '{job}' LIMIT 1")).await?;
    if rows.is_empty() { Err(Failure::new(Exit::Failed, "CRN-1013", anyhow!("no job {job} was submitted here"))) } else { Ok(job) }
}

/// Shows a bar over the job's tasks until it ends; its last row. A job that failed is an error.
pub async fn until_end(client: &Client, job: &JobId, limit: Duration) -> Result<Row, Failure> {
    let begun = Instant::now();
    let bar = render::bar(0, "tasks verified");
    loop {
        let tasks = client.sql(&format!("SELECT task, state FROM tasks WHERE job = '{job}' ORDER BY leaf")).await?;
        let verified = tasks.iter().filter(|row| row.text("state") == "verified").count();
        let jobs = client.sql(&format!("SELECT * FROM jobs WHERE job = '{job}' ORDER BY leaf DESC LIMIT 1")).await?;
        if let Some(row) = jobs.into_iter().next() {
            let count = |name: &str| row.get(name).as_u64().unwrap_or(0);
            bar.set_length(count("rounds") * (count("shards") + 1) + 1);
            bar.set_position(verified as u64);
            match row.text("state").as_str() {
                "completed" => {
                    bar.finish_and_clear();
                    return Ok(row);
                }
                "failed" => {
                    bar.abandon();
                    return Err(Failure::new(Exit::Failed, "CRN-1009", anyhow!("job {job} failed: {}", row.text("reason"))));
                }
                _ => {}
            }
        }
        if begun.elapsed() > limit {
            return Err(Failure::new(Exit::Failed, "CRN-1009", anyhow!("job {job} is still open after {} s", limit.as_secs())));
        }
        tokio::time::sleep(LOOK).await;
    }
}
