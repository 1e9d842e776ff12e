//! A case: one task, with everything in the books that bears on it.
//!
//! Owns the way from an event or a tick to its task, and the movements of money that a task causes.
//! Refuses verdicts: those are in the files beside it.

use crate::decider::{
    Context, Rejection, State,
    books::{Check, Job, Task},
    rejection::require,
};
use cairn_schemas::{
    Account, Amount, Fact, Timestamp,
    decision::RejectionCode,
    fact::Movement,
    ids::{EventHash, RealmId, TaskId},
    sign::PublicKey,
};

#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub state: &'a State,
    pub ctx: &'a Context,
    pub id: TaskId,
    pub job: &'a Job,
    pub task: &'a Task,
}

impl<'a> Case<'a> {
    /// The case of a tick; none if the task ended since the tick fell due.
    pub fn of_tick(state: &'a State, ctx: &'a Context, id: TaskId) -> Option<Case<'a>> {
        Some(Case { state, ctx, id, job: state.jobs.get(&id.job)?, task: state.tasks.get(&id)? })
    }

    /// The case of what a worker says about an attempt.
    pub fn of_event(
        state: &'a State,
        ctx: &'a Context,
        by: &PublicKey,
        realm: RealmId,
        id: TaskId,
        attempt: u32,
    ) -> Result<Case<'a>, Rejection> {
        state.workers.is_worker(realm, by)?;
        let job = state.jobs.open(realm, &id.job)?;
        require(id.index < job.tasks(), RejectionCode::NoSuchTask)?;
        require(job.closing.is_none() || job.open.contains(&id.index), RejectionCode::JobEnded)?;
        let case = Case { state, ctx, id, job, task: state.tasks.attempt(&id, attempt)? };
        // What concerns the work of a slashed worker is void; the tick that says so comes before the next events.
        let fallen = case.task.stage.worker().is_some_and(|author| state.workers.is_slashed(realm, author));
        if fallen { Err(Rejection::because(RejectionCode::WrongPhase, "the attempt is void: its worker was slashed")) } else { Ok(case) }
    }

    pub fn check(&self) -> Option<&'a Check> {
        self.state.checks.get(&self.id)
    }

    pub fn attempt(&self) -> u32 {
        self.task.attempt
    }

    pub fn fee(&self) -> Amount {
        self.job.terms.pay.check
    }

    /// When something that may take `ms` from now is over.
    pub fn within(&self, ms: u64) -> Timestamp {
        self.ctx.time.plus(ms)
    }

    /// When the next word in a check is awaited.
    pub fn check_due(&self) -> Timestamp {
        self.within(self.job.terms.deadlines.check_ms)
    }

    pub fn is_slashed(&self, who: &PublicKey) -> bool {
        self.state.workers.is_slashed(self.job.realm, who)
    }

    /// Where a worker is paid; a name that is no worker's any more leaves its pay to the realm.
    pub fn account_of(&self, who: &PublicKey) -> Account {
        self.state.workers.get(self.job.realm, who).map_or(Account::Treasury, |worker| worker.account.clone())
    }

    /// Money that this attempt moves.
    pub fn movement(&self, debit: Account, credit: Account, amount: Amount, because: Option<EventHash>) -> Movement {
        Movement { realm: self.job.realm, debit, credit, amount, because, task: Some(self.id), attempt: Some(self.attempt()) }
    }

    pub fn escrow(&self) -> Account {
        Account::Escrow(self.id.job)
    }

    /// The escrow that is left when `facts` have moved theirs.
    pub fn escrow_after(&self, facts: &[Fact]) -> Amount {
        let spent = facts.iter().filter_map(Fact::movement).map(|(_, movement)| movement);
        let spent = spent.filter(|movement| movement.debit == self.escrow());
        spent.fold(self.job.escrow, |rest, movement| rest.checked_sub(movement.amount).unwrap_or_default())
    }
}

/// Money taken from a purse, first come first served, until it is empty.
pub struct Purse<'a> {
    case: Case<'a>,
    debit: Account,
    rest: Amount,
    because: Option<EventHash>,
    kind: fn(Movement) -> Fact,
    pub facts: Vec<Fact>,
}

impl<'a> Purse<'a> {
    pub fn new(case: Case<'a>, debit: Account, holds: Amount, because: Option<EventHash>, kind: fn(Movement) -> Fact) -> Purse<'a> {
        Purse { case, debit, rest: holds, because, kind, facts: Vec::new() }
    }

    /// Pays up to `amount` to a worker, and says how much it was. Who was slashed gets nothing.
    pub fn pay(&mut self, who: &PublicKey, amount: Amount) -> Amount {
        if self.case.is_slashed(who) { Amount::ZERO } else { self.give(self.case.account_of(who), amount) }
    }

    /// Half of the rest to the winner, the other half and an odd unit to the treasury.
    pub fn share(mut self, winner: &PublicKey) -> Vec<Fact> {
        let half = Amount::new(self.rest.get() / 2).unwrap_or_default();
        self.pay(winner, half);
        self.empty()
    }

    /// The rest to the treasury.
    pub fn empty(mut self) -> Vec<Fact> {
        self.give(Account::Treasury, self.rest);
        self.facts
    }

    fn give(&mut self, to: Account, amount: Amount) -> Amount {
        let given = amount.min(self.rest);
        self.rest = self.rest.checked_sub(given).unwrap_or_default();
        if !given.is_zero() {
            let movement = self.case.movement(self.debit.clone(), to, given, self.because);
            self.facts.push((self.kind)(movement));
        }
        given
    }
}
