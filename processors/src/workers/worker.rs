//! The loop: journal → view → duties → bench → voice, until it is stopped.
//!
//! Owns what is being done, what failed and when it is tried again. One own work and one word for others are under way at a time, so
//! that nobody waits for a worker that computes. Refuses to remember: after a crash the journal tells what is owed.

use super::{
    Conduct, Enlistment, Fault, Trouble, WorkerError,
    bench::{Bench, Case},
    duty::{Act, Duty, duties},
    enlist::{Missing, missing},
    follow::Follow,
    shelf::Shelf,
    view::{News, View},
    voice::Voice,
};
use crate::{
    author::{Author, Outbox},
    ledger::Ledger,
};
use cairn_kernels::exec::Executor;
use cairn_schemas::{Encoding, Name, PublicKey, RealmId, SecretKey, TaskId, decision::Verdict, fact::TaskKind};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::broadcast, time::Instant};

/// How often something is looked for that ought to be there, with pauses of 0.2 s to 3.2 s between: 6 s in all, for a check's
/// deadline is counted in tens of seconds.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(200);
/// The longest pause, while a node is away. The end of the attempt is the end of its duties.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Between two warnings that a node does not do what a duty needs.
const QUIET: Duration = Duration::from_secs(60);
/// Steps of progress that a slow watcher may be behind.
const PROGRESS: usize = 1_024;

/// How far a duty is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub worker: PublicKey,
    pub task: TaskId,
    pub kind: TaskKind,
    pub act: Act,
    pub step: u32,
    pub of: u32,
}

/// What a worker is made of, besides its ledger.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For logs.
    pub name: Name,
    pub key: SecretKey,
    pub partition: u32,
    /// Where its outbox lies; none: in memory, and a crash forgets it.
    pub outbox: Option<PathBuf>,
    pub conduct: Conduct,
    /// What it computes with: proven by `exec::self_test`, where it is not the machine's own processor.
    pub executor: Arc<Executor>,
    /// Jobs and data sets made ready; shared by workers of one process.
    pub shelf: Arc<Shelf>,
}

#[derive(Debug)]
struct Done {
    duty: Duty,
    realm: RealmId,
    answer: Result<cairn_schemas::Body, Trouble>,
}

/// A duty that failed.
#[derive(Clone, Copy, Debug)]
struct Retry {
    tries: u32,
    /// None: given up.
    at: Option<Instant>,
}

/// A worker of one partition.
#[derive(Debug)]
pub struct Worker {
    name: Name,
    conduct: Conduct,
    follow: Follow,
    voice: Voice,
    bench: Arc<Bench>,
    doing: FuturesUnordered<BoxFuture<'static, Done>>,
    busy: Vec<Duty>,
    failed: BTreeMap<Duty, Retry>,
    warned: Option<Instant>,
    progress: broadcast::Sender<Progress>,
}

impl Worker {
    /// A worker that goes on with what its outbox holds, the only one with its key in that folder as long as it lives.
    pub fn new(settings: Settings, ledger: Arc<dyn Ledger>) -> Result<Worker, WorkerError> {
        let Settings { name, key, partition, outbox, conduct, executor, shelf } = settings;
        let me = key.public();
        let outbox = match outbox {
            Some(folder) => Outbox::open(&folder, &me).map_err(|source| WorkerError::Mute { name: name.clone(), source })?,
            None => Outbox::in_memory(),
        };
        let author = Author::new(key.clone(), Encoding::Cose, outbox);
        let progress = broadcast::channel(PROGRESS).0;
        Ok(Worker {
            name,
            conduct,
            follow: Follow::new(ledger.clone(), partition, me),
            voice: Voice::new(author, ledger.clone()),
            bench: Arc::new(Bench::new(key, conduct, executor, ledger, shelf, progress.clone())),
            doing: FuturesUnordered::new(),
            busy: Vec::new(),
            failed: BTreeMap::new(),
            warned: None,
            progress,
        })
    }

    /// How far its duties are, from now on.
    pub fn progress(&self) -> broadcast::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// What it has read so far.
    pub fn view(&self) -> &View {
        self.follow.view()
    }

    /// Says what is missing for this enlistment, waiting for each verdict, until nothing is missing that it could say itself:
    /// what comes back is [`Missing::Nothing`], [`Missing::Funds`] or [`Missing::Admission`]. Repeatable.
    pub async fn enlist(&mut self, wanted: &Enlistment) -> Result<Missing, WorkerError> {
        let news = self.follow.catch_up().await?;
        self.learn(&news)?;
        loop {
            match missing(self.follow.view(), wanted) {
                Missing::Say(body) if !self.voice.pending_bodies().contains(&body) => self.voice.say(wanted.realm, body).await?,
                Missing::Say(_) => {}
                other => return Ok(other),
            }
            let news = self.hear().await?;
            if let Some(heard) = news.heard.iter().find(|heard| heard.verdict != Verdict::Accepted)
                && let Verdict::Rejected { code, detail } = &heard.verdict
            {
                return Err(WorkerError::Rejected { kind: heard.kind, code: *code, detail: detail.clone() });
            }
        }
    }

    /// Works until `stop` resolves. What was begun and not said is begun again after a restart.
    ///
    /// Errors halt: a forked lane, an outbox that cannot be written, a journal that must not be read on.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let mut stop = std::pin::pin!(stop);
        let news = tokio::select! {
            () = &mut stop => return Ok(()),
            news = self.follow.catch_up() => news?,
        };
        self.learn(&news)?;
        loop {
            self.begin();
            let retry = self.failed.values().filter_map(|failed| failed.at).min();
            tokio::select! {
                () = &mut stop => break,
                news = self.follow.next() => self.learn(&news?)?,
                Some(done) = self.doing.next() => self.finish(done).await?,
                () = self.voice.in_doubt() => self.voice.send_again().await,
                () = until(retry) => {}
            }
        }
        self.bench.stop();
        Ok(())
    }

    /// Reads on, or sends again what was not heard.
    async fn hear(&mut self) -> Result<News, WorkerError> {
        let news = tokio::select! {
            news = self.follow.next() => news?,
            () = self.voice.in_doubt() => {
                self.voice.send_again().await;
                News::default()
            }
        };
        self.learn(&news)?;
        Ok(news)
    }

    fn learn(&mut self, news: &News) -> Result<(), WorkerError> {
        let view = self.follow.view();
        self.voice.hear(news, view)?;
        for heard in &news.heard {
            if let Verdict::Rejected { code, detail } = &heard.verdict {
                tracing::info!(worker = %self.name, kind = heard.kind, seq = heard.head.seq, %code, detail, "rejected");
            }
        }
        let is_open = |task: &TaskId, attempt: u32| view.attempt(task, attempt).is_some();
        self.bench.keep(is_open);
        self.failed.retain(|duty, _| is_open(&duty.task, duty.attempt));
        Ok(())
    }

    /// Begins what is owed: one own work at a time, and beside it one thing that others wait for.
    fn begin(&mut self) {
        let view = self.follow.view();
        let said = self.voice.pending(view);
        for duty in duties(view) {
            let is_work = duty.act == Act::Work;
            let taken = self.busy.iter().any(|busy| (busy.act == Act::Work) == is_work);
            if taken
                || said.contains(&duty)
                || said.contains(&Duty { act: Act::Fail, ..duty })
                || self.waits(&duty)
                || self.shirks(duty.act)
            {
                continue;
            }
            let Some(case) = Case::of(view, &duty) else { continue };
            let (bench, realm) = (self.bench.clone(), case.realm);
            self.busy.push(duty);
            self.doing.push(async move { Done { duty, realm, answer: bench.perform(duty.act, case).await } }.boxed());
        }
    }

    fn waits(&self, duty: &Duty) -> bool {
        self.failed.get(duty).is_some_and(|failed| failed.at.is_none_or(|at| at > Instant::now()))
    }

    fn shirks(&self, act: Act) -> bool {
        match act {
            Act::Work => self.conduct.has(Fault::SilentBefore),
            Act::Open | Act::Answer => self.conduct.has(Fault::SilentAfter),
            _ => false,
        }
    }

    async fn finish(&mut self, done: Done) -> Result<(), WorkerError> {
        let Done { duty, realm, answer } = done;
        self.busy.retain(|busy| *busy != duty);
        // Meanwhile the attempt may have ended, or somebody else was drawn.
        if !duties(self.follow.view()).contains(&duty) {
            return Ok(());
        }
        match answer {
            Ok(body) => {
                self.failed.remove(&duty);
                self.voice.say(realm, body).await?;
                if duty.act == Act::Work && self.conduct.has(Fault::Retracts) {
                    self.say_at_once(realm, Duty { act: Act::Retract, ..duty }).await?;
                }
                Ok(())
            }
            Err(trouble) => self.fail(realm, duty, trouble).await,
        }
    }

    /// Tries again what may pass, with a limit; reports what cannot be checked; gives up the rest.
    async fn fail(&mut self, realm: RealmId, duty: Duty, trouble: Trouble) -> Result<(), WorkerError> {
        let tries = self.failed.get(&duty).map_or(0, |failed| failed.tries) + 1;
        let (name, task, act, code) = (&self.name, duty.task, duty.act, trouble.code());
        if trouble.is_outage() || trouble.passes() && tries < TRIES {
            if trouble.is_outage() && self.warned.is_none_or(|before| before.elapsed() >= QUIET) {
                self.warned = Some(Instant::now());
                tracing::warn!(worker = %name, %task, ?act, tries, code, %trouble, "tried again until it passes");
            } else {
                tracing::debug!(worker = %name, %task, ?act, tries, code, %trouble, "tried again later");
            }
            let pause = PAUSE.saturating_mul(1 << (tries - 1).min(16)).min(PAUSE_MAX);
            self.failed.insert(duty, Retry { tries, at: Some(Instant::now() + pause) });
            return Ok(());
        }
        tracing::warn!(worker = %name, %task, ?act, tries, code, %trouble, "given up");
        self.failed.insert(duty, Retry { tries, at: None });
        if trouble.is_withheld() && matches!(act, Act::Seal | Act::Reveal) {
            self.say_at_once(realm, Duty { act: Act::Fail, ..duty }).await?;
        }
        Ok(())
    }

    /// Says something that needs no computing.
    async fn say_at_once(&mut self, realm: RealmId, duty: Duty) -> Result<(), WorkerError> {
        let Some(case) = Case::of(self.follow.view(), &duty) else { return Ok(()) };
        match self.bench.clone().perform(duty.act, case).await {
            Ok(body) => self.voice.say(realm, body).await,
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.bench.stop();
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
