//! The bench: duties done with the kernels, each from what the view says of its case.
//!
//! Owns what is fetched, computed and stored for a duty, and the memory of own work between commitment and opening. Everything can
//! be computed again with the same bits, so the memory is only time saved. Refuses order and retries: the worker's loop has those.

use super::{
    Conduct, Fault, Progress, Trouble, check, conduct,
    duty::{Act, Duty},
    fetch,
    shelf::{Ready, Shelf},
    view::{Attempt, View},
    work::{self, Work},
};
use crate::ledger::Ledger;
use cairn_kernels::{exec::Executor, trace::Material};
use cairn_schemas::{
    BlobRef, Body, InstanceId, PublicKey, RealmId, SecretKey, TaskId,
    event::{JobSubmitted, TaskAccepted, TraceLeaf, WorkRetracted},
    fact::{Opened, Role, TaskKind},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::broadcast;

/// What a duty is about, as the journal told it when the duty began.
#[derive(Clone, Debug)]
pub struct Case {
    pub instance: InstanceId,
    pub realm: RealmId,
    pub terms: Arc<JobSubmitted>,
    pub task: TaskId,
    pub kind: TaskKind,
    pub attempt: Attempt,
}

impl Case {
    pub fn of(view: &View, duty: &Duty) -> Option<Case> {
        let (job, task) = (view.job(&duty.task.job)?, view.task(&duty.task)?);
        let attempt = view.attempt(&duty.task, duty.attempt)?.clone();
        let instance = view.instance()?;
        Some(Case { instance, realm: job.realm, terms: job.terms.clone(), task: duty.task, kind: task.kind, attempt })
    }

    fn steps(&self) -> Result<&[u32], Trouble> {
        self.attempt.steps.as_deref().ok_or(Trouble::Early)
    }
}

/// An attempt, by which what was computed for it is remembered.
type Key = (TaskId, u32);

/// What was computed and may be needed again.
#[derive(Debug, Default)]
struct Memory {
    works: BTreeMap<Key, Arc<Work>>,
    answers: BTreeMap<Key, Arc<Vec<TraceLeaf>>>,
}

/// Where one worker computes.
#[derive(Debug)]
pub struct Bench {
    key: SecretKey,
    me: PublicKey,
    conduct: Conduct,
    ledger: Arc<dyn Ledger>,
    shelf: Arc<Shelf>,
    executor: Arc<Executor>,
    memory: Mutex<Memory>,
    progress: broadcast::Sender<Progress>,
    stopped: AtomicBool,
}

impl Bench {
    pub fn new(
        key: SecretKey,
        conduct: Conduct,
        executor: Arc<Executor>,
        ledger: Arc<dyn Ledger>,
        shelf: Arc<Shelf>,
        progress: broadcast::Sender<Progress>,
    ) -> Bench {
        let me = key.public();
        Bench { key, me, conduct, ledger, shelf, executor, memory: Mutex::default(), progress, stopped: AtomicBool::new(false) }
    }

    /// Ends what is being computed at its next leaf.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Forgets what belongs to attempts that ended.
    pub fn keep(&self, is_open: impl Fn(&TaskId, u32) -> bool) {
        let mut memory = self.memory();
        memory.works.retain(|(task, attempt), _| is_open(task, *attempt));
        memory.answers.retain(|(task, attempt), _| is_open(task, *attempt));
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a duty; the answer is what is to be said. Done twice, it is the same answer.
    pub async fn perform(self: Arc<Self>, act: Act, case: Case) -> Result<Body, Trouble> {
        let ready = self.shelf.ready(&*self.ledger, case.task.job, &case.terms).await?;
        let (task, attempt) = (case.task, case.attempt.number);
        Ok(match act {
            Act::Accept => TaskAccepted { task, attempt }.into(),
            Act::Work => self.work(&ready, &case).await?.committed(&case, self.me).into(),
            Act::Retract => WorkRetracted { task, attempt }.into(),
            Act::Open => self.open(&ready, &case).await?,
            Act::Answer => self.answer(&ready, &case).await?,
            Act::Seal => check::sealed(&self.key, &case, &self.recompute(&ready, &case).await?).into(),
            Act::Reveal => self.reveal(&ready, &case).await?,
            Act::Fail => check::failed(&case).into(),
        })
    }

    /// The own work of an attempt: remembered, or done.
    async fn work(self: &Arc<Self>, ready: &Arc<Ready>, case: &Case) -> Result<Arc<Work>, Trouble> {
        let key = (case.task, case.attempt.number);
        if let Some(work) = self.memory().works.get(&key) {
            return Ok(work.clone());
        }
        let all = work::fits(ready, work::plan(ready, case.task.index)?.leaves());
        let work = Arc::new(self.walk(ready, case, move |_| all).await?);
        if case.attempt.committed.is_some_and(|committed| committed.result != work.named) {
            return Err(Trouble::Irreproducible);
        }
        self.memory().works.insert(key, work.clone());
        Ok(work)
    }

    async fn walk(self: &Arc<Self>, ready: &Arc<Ready>, case: &Case, keep: impl Fn(u32) -> bool + Send + 'static) -> Result<Work, Trouble> {
        let input = self.input(ready, case).await?;
        let (bench, ready, case) = (self.clone(), ready.clone(), case.clone());
        aside(move || {
            let plan = work::plan(&ready, case.task.index)?;
            let leaves = plan.leaves();
            work::walk(leaves, case.attempt.input, input, keep, |before, index| {
                let next = if bench.conduct.invents_work() {
                    conduct::invented(&bench.key, &case, &plan, before, index)
                } else {
                    conduct::honest(&bench.executor, &ready.data, &plan, before, index)
                };
                bench.tell(&case, Act::Work, index, leaves - 1)?;
                next
            })
        })
        .await
    }

    /// What an attempt begins from, fetched and checked.
    async fn input(&self, ready: &Arc<Ready>, case: &Case) -> Result<Material, Trouble> {
        let mut results = Vec::new();
        for input in &case.attempt.inputs {
            // The initial state has no bytes: the job makes it, and its root was checked with the terms.
            if let Some(named) = &input.blob {
                results.push(work::state(ready, named, input.state, &fetch::blob(&*self.ledger, named).await?)?);
            }
        }
        let input = work::plan(ready, case.task.index)?.input(results).map_err(cairn_kernels::Error::from)?;
        Ok(input)
    }

    /// Stores and opens the predecessors of the challenged leaves, and leaf 0. The assigned input is nobody's to store again.
    async fn open(self: &Arc<Self>, ready: &Arc<Ready>, case: &Case) -> Result<Body, Trouble> {
        let work = self.work(ready, case).await?;
        let wanted: BTreeSet<u32> = case.steps()?.iter().map(|step| step.saturating_sub(1)).chain([0]).collect();
        let to_store: BTreeSet<u32> = wanted.iter().copied().filter(|index| *index > 0).collect();
        let made;
        let kept = if to_store.iter().all(|index| work.kept.contains_key(index)) {
            &work.kept
        } else {
            let only = to_store.clone();
            made = self.walk(ready, case, move |index| only.contains(&index)).await?;
            &made.kept
        };
        let mut stored = BTreeMap::new();
        for index in &to_store {
            let state = kept.get(index).ok_or(Trouble::Irreproducible)?.to_bytes();
            stored.insert(*index, self.store(state.into()).await?);
        }
        Ok(work.opened(case, &self.me, &wanted, &stored)?.into())
    }

    /// Stores the result and opens the challenged leaves and the last; if none was challenged, the first and the last.
    async fn answer(self: &Arc<Self>, ready: &Arc<Ready>, case: &Case) -> Result<Body, Trouble> {
        let work = self.work(ready, case).await?;
        self.store(work.result.clone()).await?;
        let last = work.leaves.len() as u32 - 1;
        let steps = case.steps()?;
        let first = steps.is_empty().then_some(0);
        let wanted: BTreeSet<u32> = steps.iter().copied().chain(first).chain([last]).collect();
        Ok(work.opened(case, &self.me, &wanted, &BTreeMap::new())?.into())
    }

    async fn store(&self, bytes: bytes::Bytes) -> Result<BlobRef, Trouble> {
        if self.conduct.has(Fault::Withholds) {
            return Ok(super::submission::blob_ref(&bytes));
        }
        Ok(self.ledger.put_blob(bytes).await?)
    }

    /// The challenged leaves, computed again from their opened predecessors.
    async fn recompute(self: &Arc<Self>, ready: &Arc<Ready>, case: &Case) -> Result<Arc<Vec<TraceLeaf>>, Trouble> {
        let key = (case.task, case.attempt.number);
        if let Some(answer) = self.memory().answers.get(&key) {
            return Ok(answer.clone());
        }
        let steps = case.steps()?;
        let mut answer = Vec::with_capacity(steps.len());
        if self.conduct.invents_checks() {
            answer = conduct::guessed(&self.key, case, steps);
        } else {
            for (done, step) in (1..).zip(steps) {
                answer.push(self.transition(ready, case, *step).await?);
                self.tell(case, Act::Seal, done, steps.len() as u32)?;
            }
        }
        let answer = Arc::new(answer);
        self.memory().answers.insert(key, answer.clone());
        Ok(answer)
    }

    async fn transition(self: &Arc<Self>, ready: &Arc<Ready>, case: &Case, step: u32) -> Result<TraceLeaf, Trouble> {
        let before = match step.checked_sub(1) {
            None | Some(0) => self.input(ready, case).await?,
            Some(index) => self.predecessor(ready, case, index).await.map_err(Trouble::with_named_blob)?,
        };
        let (bench, ready, index) = (self.clone(), ready.clone(), case.task.index);
        aside(move || {
            let plan = work::plan(&ready, index)?;
            Ok(conduct::honest(&bench.executor, &ready.data, &plan, &before, step)?.0)
        })
        .await
    }

    /// What the worker opened as the state behind a leaf, if it is that.
    async fn predecessor(&self, ready: &Arc<Ready>, case: &Case, index: u32) -> Result<Material, Trouble> {
        let opened = leaf_of(case.attempt.opened.as_deref(), index).ok_or(Trouble::Early)?;
        let named = opened.state.ok_or(Trouble::Early)?;
        let bytes = fetch::blob(&*self.ledger, &named).await?;
        let material =
            work::plan(ready, case.task.index)?.material(index, &bytes).map_err(|error| work::unfit(&named, &error.to_string()))?;
        work::stands_behind(&named, opened.leaf.state, material)
    }

    /// Shows the answer. A verifier first sees that the result is what the last leaf says: it is what others go on from.
    async fn reveal(self: &Arc<Self>, ready: &Arc<Ready>, case: &Case) -> Result<Body, Trouble> {
        let answer = self.recompute(ready, case).await?;
        let verifies = case.attempt.checker(&self.me).is_some_and(|checker| checker.role == Role::Verifier);
        if verifies && !self.conduct.invents_checks() {
            self.result(ready, case).await.map_err(Trouble::with_named_blob)?;
        }
        Ok(check::revealed(&self.key, case, &answer).into())
    }

    async fn result(&self, ready: &Arc<Ready>, case: &Case) -> Result<(), Trouble> {
        let committed = case.attempt.committed.ok_or(Trouble::Early)?;
        let last = committed.leaves.saturating_sub(1);
        let opened = leaf_of(case.attempt.answered.as_deref(), last).ok_or(Trouble::Early)?;
        let bytes = fetch::blob(&*self.ledger, &committed.result).await?;
        let plan = work::plan(ready, case.task.index)?;
        let material = plan.material(last, &bytes).map_err(|error| work::unfit(&committed.result, &error.to_string()))?;
        work::stands_behind(&committed.result, opened.leaf.state, material).map(drop)
    }

    /// Tells who watches how far a duty is; an error if the worker was stopped.
    fn tell(&self, case: &Case, act: Act, step: u32, of: u32) -> Result<(), Trouble> {
        // Nobody need be watching.
        let _ = self.progress.send(Progress { worker: self.me, task: case.task, kind: case.kind, act, step, of });
        if self.stopped.load(Ordering::Acquire) { Err(Trouble::Stopped) } else { Ok(()) }
    }
}

fn leaf_of(opened: Option<&[Opened]>, index: u32) -> Option<Opened> {
    opened?.iter().find(|opened| opened.leaf.index == index).copied()
}

/// Computes on a thread that may take its time.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Trouble> + Send + 'static) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Trouble::Stopped))
}
