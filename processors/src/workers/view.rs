//! The view: a fold of the journal into what one worker must know, and nothing else.
//!
//! Owns jobs with their terms, open attempts, the worker's own lanes, words and standing. From recorded facts only; its own
//! events are read for their number and kind, so that a restart knows what was said. Refuses decisions: what it did not read in a
//! block did not happen.

mod attempt;
mod standing;
#[cfg(test)]
pub(crate) mod tale;

pub use attempt::{Attempt, Checker, Committed};
pub use standing::Standing;

use super::duty::{Act, Duty};
use crate::author::Head;
use cairn_log::journal::ValidBlock;
use cairn_schemas::{
    Body, Fact, InstanceId, JobId, Name, PublicKey, RealmId, RecordHash, SignedEvent, TaskId, Timestamp, Topic,
    decision::{Decision, DispositionCode, Subject, Verdict},
    event::{Admission, JobSubmitted},
    fact::TaskKind,
    record,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A realm as its opening told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    pub name: Name,
    pub admission: Admission,
}

/// A job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub realm: RealmId,
    pub terms: Arc<JobSubmitted>,
}

/// A task that was created, and its open attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub kind: TaskKind,
    pub round: u32,
    pub shard: u32,
    pub attempt: Option<Attempt>,
}

/// What became of something that this worker said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub realm: RealmId,
    pub topic: Topic,
    pub head: Head,
    pub kind: &'static str,
    pub verdict: Verdict,
}

/// What one worker knows of a partition.
#[derive(Clone, Debug)]
pub struct View {
    me: PublicKey,
    instance: Option<InstanceId>,
    time: Timestamp,
    realms: BTreeMap<RealmId, Realm>,
    jobs: BTreeMap<JobId, Job>,
    tasks: BTreeMap<TaskId, Task>,
    lanes: BTreeMap<(RealmId, Topic), Head>,
    said: BTreeSet<Duty>,
    /// Words that were rejected, until the attempt goes on: what was too early then may be owed now.
    turned_down: BTreeSet<Duty>,
    standing: Standing,
}

/// What one block told this worker about its own records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Its events that were decided.
    pub heard: Vec<Heard>,
    /// Records that were not admitted, whoever sent them.
    pub disposed: Vec<(RecordHash, DispositionCode)>,
}

impl News {
    /// Adds what later blocks told.
    pub fn join(&mut self, later: News) {
        self.heard.extend(later.heard);
        self.disposed.extend(later.disposed);
    }
}

impl View {
    pub fn new(me: PublicKey) -> View {
        View {
            me,
            instance: None,
            time: Timestamp::default(),
            realms: BTreeMap::new(),
            jobs: BTreeMap::new(),
            tasks: BTreeMap::new(),
            lanes: BTreeMap::new(),
            said: BTreeSet::new(),
            turned_down: BTreeSet::new(),
            standing: Standing::new(me),
        }
    }

    pub fn me(&self) -> PublicKey {
        self.me
    }

    /// The instance of the last block; none before the first.
    pub fn instance(&self) -> Option<InstanceId> {
        self.instance
    }

    /// Block time of the last block.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    pub fn realm(&self, realm: &RealmId) -> Option<&Realm> {
        self.realms.get(realm)
    }

    pub fn realms(&self) -> impl Iterator<Item = (&RealmId, &Realm)> {
        self.realms.iter()
    }

    pub fn job(&self, job: &JobId) -> Option<&Job> {
        self.jobs.get(job)
    }

    pub fn tasks(&self) -> impl Iterator<Item = (&TaskId, &Task)> {
        self.tasks.iter()
    }

    pub fn task(&self, task: &TaskId) -> Option<&Task> {
        self.tasks.get(task)
    }

    /// The attempt that is open, if it is this one.
    pub fn attempt(&self, task: &TaskId, attempt: u32) -> Option<&Attempt> {
        self.tasks.get(task)?.attempt.as_ref().filter(|open| open.number == attempt)
    }

    /// Where the worker's lanes stand in the journal.
    pub fn lanes(&self) -> impl Iterator<Item = ((RealmId, Topic), Head)> {
        self.lanes.iter().map(|(lane, head)| (*lane, *head))
    }

    /// Whether the worker's word on this duty was accepted, or rejected and nothing happened to the attempt since: it is not said again.
    pub fn has_said(&self, duty: &Duty) -> bool {
        self.said.contains(duty) || self.turned_down.contains(duty)
    }

    /// The worker's own accounts, key, registration and stake.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Takes the next valid block.
    pub fn take(&mut self, block: &ValidBlock) -> News {
        self.instance = Some(block.header.instance);
        self.time = block.header.time;
        let heard = block.body.decisions.iter().filter_map(|decision| self.decided(decision)).collect();
        let disposed = block.body.dispositions.iter().map(|disposed| (disposed.record, disposed.code)).collect();
        News { heard, disposed }
    }

    /// The word is noted before its facts: an opening tells by the phase in which it was said which of the two it is.
    fn decided(&mut self, decision: &Decision) -> Option<Heard> {
        let heard = self.own(decision).map(|(signed, verdict)| self.hear(&signed, verdict));
        decision.facts.iter().for_each(|fact| self.follow(fact));
        heard
    }

    /// The event behind a decision, if this worker said it.
    fn own(&self, decision: &Decision) -> Option<(SignedEvent, Verdict)> {
        let Subject::Event { record, .. } = &decision.subject else { return None };
        let signed = record::open(&record.0).ok().filter(|signed| signed.event.source == self.me)?;
        Some((signed, decision.verdict.clone()))
    }

    fn hear(&mut self, signed: &SignedEvent, verdict: Verdict) -> Heard {
        let (realm, topic) = (signed.event.realm, signed.event.topic());
        let head = Head { seq: signed.event.seq, hash: signed.hash };
        self.lanes.insert((realm, topic), head);
        if let Some(duty) = self.duty_of(&signed.event.body).filter(|duty| self.jobs.contains_key(&duty.task.job)) {
            let words = if verdict == Verdict::Accepted { &mut self.said } else { &mut self.turned_down };
            words.insert(duty);
        }
        Heard { realm, topic, head, kind: signed.event.body.type_name(), verdict }
    }

    /// The duty that an event of this worker answers.
    pub fn duty_of(&self, body: &Body) -> Option<Duty> {
        let (act, task, attempt) = match body {
            Body::TaskAccepted(said) => (Act::Accept, said.task, said.attempt),
            Body::WorkCommitted(said) => (Act::Work, said.task, said.attempt),
            Body::WorkRetracted(said) => (Act::Retract, said.task, said.attempt),
            Body::CheckSealed(said) => (Act::Seal, said.task, said.attempt),
            Body::CheckRevealed(said) => (Act::Reveal, said.task, said.attempt),
            Body::CheckFailed(said) => (Act::Fail, said.task, said.attempt),
            Body::WorkOpened(said) => {
                // The last leaf is nobody's predecessor: only the second opening shows it.
                let last = self.leaves(&said.task)?.checked_sub(1)?;
                let act = if said.openings.iter().any(|opening| opening.leaf.index == last) { Act::Answer } else { Act::Open };
                (act, said.task, said.attempt)
            }
            _ => return None,
        };
        Some(Duty { act, task, attempt })
    }

    /// Leaves of a task's trace, as its job fixes them.
    pub fn leaves(&self, task: &TaskId) -> Option<u32> {
        let plan = &self.jobs.get(&task.job)?.terms.plan;
        Some(match self.tasks.get(task)?.kind {
            TaskKind::Train => plan.train_leaves,
            TaskKind::Aggregate => plan.aggregate_leaves,
            TaskKind::Evaluate => plan.evaluate_leaves,
        })
    }

    fn follow(&mut self, fact: &Fact) {
        self.standing.follow(fact);
        match fact {
            Fact::RealmOpened { realm, name, admission, .. } => {
                self.realms.insert(*realm, Realm { name: name.clone(), admission: *admission });
            }
            Fact::JobAccepted { realm, job, terms, .. } => {
                self.jobs.insert(*job, Job { realm: *realm, terms: Arc::new(terms.clone()) });
            }
            Fact::JobCompleted { job, .. } | Fact::JobFailed { job, .. } => self.forget(job),
            Fact::TaskCreated { task, kind, round, shard, .. } => {
                self.tasks.insert(*task, Task { kind: *kind, round: *round, shard: *shard, attempt: None });
            }
            Fact::TaskAssigned { task, attempt, worker, input, inputs, .. } => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.attempt = Some(Attempt::new(*attempt, *worker, *input, inputs.clone()));
                }
            }
            _ => self.follow_attempt(fact),
        }
    }

    fn follow_attempt(&mut self, fact: &Fact) {
        let Some((task, number)) = attempt::of(fact) else { return };
        self.turned_down.retain(|duty| (duty.task, duty.attempt) != (task, number));
        let Some(task) = self.tasks.get_mut(&task) else { return };
        let Some(open) = task.attempt.as_mut().filter(|open| open.number == number) else { return };
        if !open.follow(fact) {
            task.attempt = None;
        }
    }

    /// An ended job asks nothing of anybody.
    fn forget(&mut self, job: &JobId) {
        self.jobs.remove(job);
        self.tasks.retain(|task, _| task.job != *job);
        self.said.retain(|duty| duty.task.job != *job);
        self.turned_down.retain(|duty| duty.task.job != *job);
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
