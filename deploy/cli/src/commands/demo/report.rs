//! The demo's report: read from the tables and the checkpoint, for people and for programs.
//!
//! Owns the questions and the two forms of NAMES. Refuses numbers of its own.

use crate::{
    client::Client,
    exit::{Exit, Failure},
    node::{keys, layout::Layout, setup::Setup},
    render::Format,
    row::Row,
};
use anyhow::anyhow;
use cairn_processors::ledger::Ledger;
use cairn_projections::{SignedCheckpoint, checkpoint::CheckpointFiles};
use cairn_schemas::{Amount, BlobHash, JobId, PublicKey};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    time::{Duration, Instant},
};

use super::part::Part;

/// How long a checkpoint over everything may be in coming.
const SIGNING: Duration = Duration::from_secs(30);

/// What the demo showed.
#[derive(Debug)]
pub struct Report {
    correct: u64,
    total: u64,
    /// What is counted, many of it.
    counted: &'static str,
    /// What the model wrote, if it writes.
    sample: Option<String>,
    workers: Vec<Paid>,
    funded: Amount,
    paid: Amount,
    refunded: Amount,
    checkpoint: SignedCheckpoint,
    vkey: String,
    scale: u8,
    seconds: f64,
}

/// One worker's end.
#[derive(Debug)]
struct Paid {
    name: String,
    paid: Amount,
    slashed: Amount,
    reason: Option<Reason>,
}

/// What a worker said of a step, beside what two others computed.
#[derive(Debug)]
struct Reason {
    of: String,
    claimed: String,
    recomputed: String,
}

impl Reason {
    /// One line; hashes are cut to `digits` for people.
    fn line(&self, digits: usize) -> String {
        let cut = |hash: &str| if hash.len() > digits { format!("{}…", &hash[..digits]) } else { hash.to_owned() };
        format!("{}: claimed {}, recomputed {}", self.of, cut(&self.claimed), cut(&self.recomputed))
    }
}

impl Report {
    pub async fn read(
        client: &Client,
        checkpoints: &CheckpointFiles,
        setup: &Setup,
        layout: &Layout,
        (job, part): (&JobId, &Part),
        begun: Instant,
    ) -> Result<Report, Failure> {
        let score = one(client, &format!("SELECT correct, total, result FROM jobs WHERE job = '{job}' AND state = 'completed'")).await?;
        let mut workers = Vec::new();
        for worker in &setup.workers {
            let id = keys::read(&layout.key(worker.name.as_str()))?.public();
            workers.push(paid(client, worker.name.as_str(), &id).await?);
        }
        let escrow =
            |side: &str, kind: &str| format!("SELECT sum(amount) AS sum FROM entries WHERE {side} = 'escrow:{job}' AND kind = '{kind}'");
        let leaves = one(client, "SELECT max(tree_size) AS leaves FROM blocks").await?.get("leaves").as_u64().unwrap_or(0);
        let signed = tokio::time::timeout(SIGNING, checkpoints.wait(0, leaves)).await.ok().flatten();
        let checkpoint = signed.ok_or_else(|| Failure::new(Exit::Failed, "CRN-6201", anyhow!("no checkpoint over {leaves} leaves")))?;
        let vkey = fs::read_to_string(layout.anchor()).map_err(anyhow::Error::from)?;
        Ok(Report {
            correct: score.get("correct").as_u64().unwrap_or(0),
            total: score.get("total").as_u64().unwrap_or(0),
            counted: part.counted(),
            sample: sample(client, part, &score.text("result")).await?,
            workers,
            funded: sum(client, &escrow("credit", "escrow")).await?,
            paid: sum(client, &escrow("debit", "payment")).await?,
            refunded: sum(client, &escrow("debit", "refund")).await?,
            checkpoint,
            vkey: vkey.lines().next().unwrap_or_default().to_owned(),
            scale: setup.realm.scale,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    pub fn show(&self, format: Format, layout: &Layout) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        match format {
            Format::Json => {
                serde_json::to_writer(&mut out, &self.json())?;
                writeln!(out)
            }
            _ => self.tell(&mut out, &layout.root().display().to_string()),
        }
    }

    fn accuracy(&self) -> f64 {
        self.correct as f64 / self.total.max(1) as f64
    }

    fn json(&self) -> Value {
        let workers: Vec<Value> = self
            .workers
            .iter()
            .map(|worker| json!({"name": worker.name, "paid": worker.paid, "slashed": worker.slashed, "reason": worker.reason.as_ref().map(|reason| reason.line(64)).unwrap_or_default()}))
            .collect();
        json!({
            "accuracy": self.accuracy(),
            "sample": self.sample,
            "workers": workers,
            "escrow": {"funded": self.funded, "paid": self.paid, "refunded": self.refunded},
            "checkpoint": {"origin": self.checkpoint.origin, "size": self.checkpoint.size, "root": self.checkpoint.root, "vkey": self.vkey},
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
        })
    }

    fn tell(&self, out: &mut impl Write, dir: &str) -> std::io::Result<()> {
        let (me, units) = (crate::me(), |amount: Amount| amount.in_units(self.scale));
        writeln!(out, "accuracy    {:.2} % of {} held-out {} ({} right)", self.accuracy() * 100.0, self.total, self.counted, self.correct)?;
        if let Some(sample) = &self.sample {
            let lines: String = sample.lines().map(|line| format!("  {line}\n")).collect();
            writeln!(out, "sample\n{lines}")?;
        }
        for worker in &self.workers {
            let reason = worker.reason.as_ref().map(|reason| reason.line(12)).unwrap_or_default();
            writeln!(out, "{:<11} paid {:<10} slashed {:<10} {reason}", worker.name, units(worker.paid), units(worker.slashed))?;
        }
        writeln!(out, "escrow      funded {}, paid {}, refunded {}", units(self.funded), units(self.paid), units(self.refunded))?;
        writeln!(out, "checkpoint  {} leaves, root {}", self.checkpoint.size, self.checkpoint.root)?;
        writeln!(out, "trust       {}", self.vkey)?;
        writeln!(out, "time        {:.1} s\n", self.seconds)?;
        writeln!(out, "Look further:")?;
        writeln!(
            out,
            "  {me} sql --dir {dir} \"SELECT e.credit, e.amount, p.verdict FROM entries e JOIN proofs p ON p.proof = e.because WHERE e.kind = 'payment'\""
        )?;
        writeln!(out, "  {me} sql --dir {dir} \"SELECT name, task, step, claimed, recomputed, units FROM slashes\"")?;
        writeln!(out, "  {me} replay --dir {dir} --check")?;
        writeln!(out, "  {me} export --dir {dir} --to {dir}/export")?;
        writeln!(out, "  {me} verify {dir}/export --trust {dir}/checkpoint.vkey")?;
        writeln!(out, "  {me} up --dir {dir}")
    }
}

/// What the verified model writes.
async fn sample(client: &Client, part: &Part, result: &str) -> Result<Option<String>, Failure> {
    if !part.writes() {
        return Ok(None);
    }
    let hash: BlobHash = result.parse().map_err(|_| anyhow!("the job's result {result:?} is no hash"))?;
    let model = client.blob(&hash).await.map_err(anyhow::Error::from)?;
    part.sample(&model).map(Some)
}

async fn paid(client: &Client, name: &str, id: &PublicKey) -> Result<Paid, Failure> {
    let paid = sum(client, &format!("SELECT sum(amount) AS sum FROM entries WHERE kind = 'payment' AND credit = '{name}'")).await?;
    let slashed = sum(client, &format!("SELECT sum(amount) AS sum FROM entries WHERE kind = 'slash' AND debit = 'stake:{id}'")).await?;
    Ok(Paid { name: name.to_owned(), paid, slashed, reason: reason(client, id).await? })
}

/// Why a worker was slashed: what it said, and what others computed.
async fn reason(client: &Client, id: &PublicKey) -> Result<Option<Reason>, Failure> {
    let closed =
        client.sql(&format!("SELECT job, task, attempt, outcome FROM disputes WHERE slashed = '{id}' ORDER BY leaf LIMIT 1")).await?;
    let Some(closed) = closed.into_iter().next() else { return Ok(None) };
    let of = |name| closed.text(name);
    let (job, task, attempt) = (of("job"), of("task"), of("attempt"));
    let sql = format!(
        "SELECT leaf_index, claimed, recomputed FROM disputes WHERE state = 'opened' AND job = '{job}' AND task = {task} AND attempt = {attempt}"
    );
    let opened = one(client, &sql).await?;
    let (claimed, recomputed, step) = (opened.text("claimed"), opened.text("recomputed"), opened.text("leaf_index"));
    // The dispute shows what the author claimed beside what the verifier answered; whoever was wrong was contradicted by two.
    Ok(Some(match of("outcome").as_str() {
        "worker_wrong" => Reason { of: format!("task {task} step {step}"), claimed, recomputed },
        _ => Reason { of: format!("check of task {task} step {step}"), claimed: recomputed, recomputed: claimed },
    }))
}

async fn one(client: &Client, sql: &str) -> Result<Row, Failure> {
    let rows = client.sql(sql).await?;
    rows.into_iter().next().ok_or_else(|| anyhow!("no row answers: {sql}").into())
}

async fn sum(client: &Client, sql: &str) -> Result<Amount, Failure> {
    let row = one(client, sql).await?;
    Ok(row.text("sum").parse().unwrap_or_default())
}
