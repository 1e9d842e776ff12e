//! Workers: who works in which realm, what each has at stake, and what each owes an answer for.
//!
//! Owns registrations, the stake of each worker as the movements of money tell it, and open duties: one per worker and task,
//! from the draw until the attempt ends or somebody else takes its place. A duty as author holds one bond of the stake.
//! Refuses draws (who is taken, `training::draw` says), balances, and phases: whether an answer is awaited, checks know.

use crate::decider::{Context, Halt, Rejection, rejection::require};
use cairn_schemas::{
    Account, Amount, Fact, Name,
    decision::RejectionCode,
    event::WorkerRegistered,
    fact::{Movement, Phase, WorkerState},
    ids::{JobId, RealmId, TaskId},
    limits,
    sign::PublicKey,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    realms: BTreeMap<RealmId, Roll>,
    /// What duties of a job that has not ended mean here.
    jobs: BTreeMap<JobId, Terms>,
    /// Who has a duty in a task.
    parties: BTreeMap<TaskId, BTreeSet<PublicKey>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roll {
    workers: BTreeMap<PublicKey, Worker>,
    names: BTreeMap<Name, PublicKey>,
    /// Slashed, with duties that others must take over.
    fallen: BTreeSet<PublicKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    realm: RealmId,
    bond: Amount,
}

/// A worker of a realm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    pub name: Name,
    /// Where it is paid.
    pub account: Account,
    pub state: WorkerState,
    pub stake: Amount,
    pub duties: BTreeMap<TaskId, Duty>,
}

/// What a worker owes a task: the part it has there, and the bond that this holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    pub part: Part,
    pub bond: Amount,
}

/// The three parts; nobody has two in one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Author,
    Verifier,
    Third,
}

impl Worker {
    /// What no bond holds.
    pub fn spare(&self) -> Amount {
        self.duties.values().fold(self.stake, |rest, duty| rest.checked_sub(duty.bond).unwrap_or_default())
    }

    fn may_be_drawn(&self, stake: Amount) -> bool {
        self.state == WorkerState::Active && self.stake >= stake
    }
}

impl Workers {
    pub fn get(&self, realm: RealmId, who: &PublicKey) -> Option<&Worker> {
        self.realms.get(&realm)?.workers.get(who)
    }

    /// Whether `who` is a worker that was never slashed.
    pub fn is_worker(&self, realm: RealmId, who: &PublicKey) -> Result<(), Rejection> {
        match self.get(realm, who).ok_or(RejectionCode::NoSuchWorker)?.state {
            WorkerState::Slashed => Err(Rejection::because(RejectionCode::WorkerInactive, "it was slashed")),
            WorkerState::Active | WorkerState::Retired => Ok(()),
        }
    }

    /// Whether `who` takes tasks.
    pub fn is_active(&self, realm: RealmId, who: &PublicKey) -> Result<(), Rejection> {
        self.is_worker(realm, who)?;
        require(self.get(realm, who).is_some_and(|worker| worker.state == WorkerState::Active), RejectionCode::WorkerInactive)
    }

    pub fn is_slashed(&self, realm: RealmId, who: &PublicKey) -> bool {
        self.get(realm, who).is_some_and(|worker| worker.state == WorkerState::Slashed)
    }

    /// Stake leaves only a worker that owes nobody an answer, or it would be gone before it can be taken.
    pub fn has_no_duty(&self, realm: RealmId, who: &PublicKey) -> Result<(), Rejection> {
        require(self.get(realm, who).is_none_or(|worker| worker.duties.is_empty()), RejectionCode::StakeInUse)
    }

    /// Active workers with `stake` or more, in the order of their ids.
    pub fn staked(&self, realm: RealmId, stake: Amount) -> impl Iterator<Item = (&PublicKey, &Worker)> {
        let workers = self.realms.get(&realm).into_iter().flat_map(|roll| &roll.workers);
        workers.filter(move |(_, worker)| worker.may_be_drawn(stake))
    }

    /// Those of them that can put up another `bond`.
    pub fn free(&self, realm: RealmId, stake: Amount, bond: Amount) -> impl Iterator<Item = (&PublicKey, &Worker)> {
        self.staked(realm, stake).filter(move |(_, worker)| worker.spare() >= bond)
    }

    /// Tasks in which a slashed worker still has a part.
    pub fn vacated(&self) -> impl Iterator<Item = (RealmId, &PublicKey, TaskId)> {
        self.realms.iter().flat_map(|(realm, roll)| {
            let fallen = roll.fallen.iter().filter_map(|who| Some((who, roll.workers.get(who)?)));
            fallen.flat_map(move |(who, worker)| worker.duties.keys().map(move |task| (*realm, who, *task)))
        })
    }

    /// An author becomes a worker, or a retired one comes back; a slashed one never does.
    pub fn decide_register(&self, realm: RealmId, by: &PublicKey, ask: &WorkerRegistered) -> Result<Vec<Fact>, Rejection> {
        let known = self.get(realm, by);
        if known.is_some() {
            self.is_worker(realm, by)?;
        }
        require(known.is_none_or(|worker| worker.state == WorkerState::Retired), RejectionCode::WorkerExists)?;
        let roll = self.realms.get(&realm);
        let holder = roll.and_then(|roll| roll.names.get(&ask.name));
        require(holder.is_none_or(|holder| holder == by), RejectionCode::WorkerExists)?;
        let room = known.is_some() || roll.is_none_or(|roll| roll.workers.len() < limits::WORKERS_PER_REALM);
        require(room, RejectionCode::LimitReached)?;
        Ok(vec![changed(realm, by, ask.name.clone(), ask.account.clone(), WorkerState::Active)])
    }

    /// A worker takes no more tasks; what it has begun it may finish.
    pub fn decide_retire(&self, realm: RealmId, by: &PublicKey) -> Result<Vec<Fact>, Rejection> {
        self.is_active(realm, by)?;
        Ok(self.become_state(realm, by, WorkerState::Retired).into_iter().collect())
    }

    /// The fact that makes a worker what `state` says.
    pub fn become_state(&self, realm: RealmId, who: &PublicKey, state: WorkerState) -> Option<Fact> {
        let worker = self.get(realm, who)?;
        Some(changed(realm, who, worker.name.clone(), worker.account.clone(), state))
    }

    /// Bonds are told from the duties, so `bond.locked` and `bond.freed`, which come with a change of duty, are not heard here.
    pub fn evolve(&mut self, _ctx: &Context, fact: &Fact) -> Result<(), Halt> {
        if let Some((_, movement)) = fact.movement() {
            return self.count_stake(fact, movement);
        }
        match fact {
            Fact::WorkerChanged { realm, worker, name, account, state } => self.change(*realm, worker, name, account, *state),
            Fact::JobAccepted { realm, job, terms, .. } => {
                self.jobs.insert(*job, Terms { realm: *realm, bond: terms.workers.bond });
            }
            Fact::JobCompleted { job, .. } | Fact::JobFailed { job, .. } => {
                self.jobs.remove(job);
            }
            Fact::TaskAssigned { task, worker, .. } => return self.charge(fact, task, worker, Part::Author),
            Fact::CheckerDrawn { task, verifier, .. } => return self.charge(fact, task, verifier, Part::Verifier),
            Fact::ThirdDrawn { task, third, .. } => return self.charge(fact, task, third, Part::Third),
            Fact::AttemptTimedOut { task, phase: Phase::Seal | Phase::Reveal, silent: Some(who), .. } => self.excuse(task, who),
            Fact::CheckFailed { task, verifier, .. } | Fact::CheckerVoided { task, verifier, .. } => self.excuse(task, verifier),
            Fact::AttemptVoided { task, .. } | Fact::TaskVerified { task, .. } => {
                let parties = self.parties.get(task).cloned().unwrap_or_default();
                parties.iter().for_each(|who| self.excuse(task, who));
            }
            _ => {}
        }
        Ok(())
    }

    fn change(&mut self, realm: RealmId, who: &PublicKey, name: &Name, account: &Account, state: WorkerState) {
        let roll = self.realms.entry(realm).or_default();
        let worker = roll.workers.entry(*who).or_insert_with(|| Worker {
            name: name.clone(),
            account: account.clone(),
            state,
            stake: Amount::ZERO,
            duties: BTreeMap::new(),
        });
        roll.names.remove(&worker.name);
        roll.names.insert(name.clone(), *who);
        (worker.name, worker.account, worker.state) = (name.clone(), account.clone(), state);
        if state == WorkerState::Slashed && !worker.duties.is_empty() {
            roll.fallen.insert(*who);
        }
    }

    fn count_stake(&mut self, fact: &Fact, movement: &Movement) -> Result<(), Halt> {
        let stakes = [(&movement.debit, false), (&movement.credit, true)];
        for (account, gains) in stakes {
            let Account::Stake(who) = account else { continue };
            let roll = self.realms.get_mut(&movement.realm);
            let worker =
                roll.and_then(|roll| roll.workers.get_mut(who)).ok_or_else(|| Halt::fact(fact.name(), format!("no worker {who}")))?;
            let after = if gains { worker.stake.checked_add(movement.amount) } else { worker.stake.checked_sub(movement.amount) };
            worker.stake = after.ok_or_else(|| Halt::fact(fact.name(), format!("the stake of {who} does not allow it")))?;
        }
        Ok(())
    }

    fn charge(&mut self, fact: &Fact, task: &TaskId, who: &PublicKey, part: Part) -> Result<(), Halt> {
        let lost = |why: &str| Halt::fact(fact.name(), format!("task {task}: {why}"));
        let terms = self.jobs.get(&task.job).ok_or_else(|| lost("its job is not open"))?;
        let bond = if part == Part::Author { terms.bond } else { Amount::ZERO };
        let roll = self.realms.get_mut(&terms.realm);
        let worker = roll.and_then(|roll| roll.workers.get_mut(who)).ok_or_else(|| lost("no such worker"))?;
        if worker.duties.insert(*task, Duty { part, bond }).is_some() {
            return Err(lost("the worker has a part in it already"));
        }
        self.parties.entry(*task).or_default().insert(*who);
        Ok(())
    }

    /// The duty of `who` in the task is over; that it has none any more is no fault.
    fn excuse(&mut self, task: &TaskId, who: &PublicKey) {
        if let Some(parties) = self.parties.get_mut(task) {
            parties.remove(who);
            if parties.is_empty() {
                self.parties.remove(task);
            }
        }
        let roll = self.jobs.get(&task.job).and_then(|terms| self.realms.get_mut(&terms.realm));
        let Some(roll) = roll else { return };
        if let Some(worker) = roll.workers.get_mut(who) {
            worker.duties.remove(task);
            if worker.duties.is_empty() {
                roll.fallen.remove(who);
            }
        }
    }

    /// Bonds are covered by stakes, and the stake of a slashed worker is kept only for what its open duties may cost.
    pub fn check_invariants(&self) -> Result<(), Halt> {
        for (who, worker) in self.realms.values().flat_map(|roll| &roll.workers) {
            let bonds = worker.duties.values().try_fold(Amount::ZERO, |sum, duty| sum.checked_add(duty.bond));
            let slashed = worker.state == WorkerState::Slashed;
            if !slashed && bonds.is_none_or(|bonds| bonds > worker.stake) {
                return Err(Halt::invariant("workers", format!("the bonds of {who} exceed its stake")));
            }
            if slashed && worker.duties.is_empty() && !worker.stake.is_zero() {
                return Err(Halt::invariant("workers", format!("{who} was slashed and has a stake")));
            }
            if worker.duties.keys().any(|task| !self.parties.get(task).is_some_and(|parties| parties.contains(who))) {
                return Err(Halt::invariant("workers", format!("a duty of {who} is not on its task's list")));
            }
        }
        Ok(())
    }

    /// Every worker's stake as this book counts it, for comparison with the accounts.
    pub fn stakes(&self) -> impl Iterator<Item = (RealmId, &PublicKey, Amount)> {
        self.realms.iter().flat_map(|(realm, roll)| roll.workers.iter().map(|(who, worker)| (*realm, who, worker.stake)))
    }
}

fn changed(realm: RealmId, who: &PublicKey, name: Name, account: Account, state: WorkerState) -> Fact {
    Fact::WorkerChanged { realm, worker: *who, name, account, state }
}
