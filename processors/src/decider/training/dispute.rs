//! Disputes: when two contradict each other, when somebody falls, and what that costs whom.
//!
//! Owns the third's word, forfeited bonds and slashed stakes. One party's word never slashes: a third has recomputed the same
//! steps, and only who is contradicted by both others loses. Refuses the recomputation itself: the worker does that.

use super::{
    case::{Case, Purse},
    check, ends,
};
use crate::decider::books::{Check, Part};
use cairn_schemas::{
    Account, Amount, Fact,
    event::TraceLeaf,
    fact::{DisputeOutcome, Role, VoidReason, WorkerState},
    ids::{EventHash, TaskId},
    sign::PublicKey,
};

/// A third is drawn; without one nobody is slashed and the attempt is void.
pub fn next_third(case: Case<'_>) -> Vec<Fact> {
    match check::draw_checker(case, Role::Third) {
        Some(drawn) => vec![drawn],
        None => undecided(case, DisputeOutcome::NoThird),
    }
}

/// The third has spoken: whoever both others contradict is slashed.
pub fn settle(case: Case<'_>, check: &Check, third: &PublicKey, proof: EventHash, closed: Fact, recomputed: &[TraceLeaf]) -> Vec<Fact> {
    let verifier = check.verifier.as_ref();
    let outcome = match verifier {
        Some(_) if recomputed == check.answers => DisputeOutcome::VerifierWrong,
        Some(verifier) if recomputed == verifier.recomputed => DisputeOutcome::WorkerWrong,
        _ => DisputeOutcome::Neither,
    };
    let rest = match (outcome, verifier) {
        (DisputeOutcome::WorkerWrong, Some(verifier)) => worker_wrong(case, check, &verifier.worker, third, proof),
        (DisputeOutcome::VerifierWrong, Some(verifier)) => verifier_wrong(case, check, &verifier.worker, third, proof),
        _ => undecided(case, outcome),
    };
    [closed].into_iter().chain(rest).collect()
}

fn undecided(case: Case<'_>, outcome: DisputeOutcome) -> Vec<Fact> {
    [ended(case, outcome, None)].into_iter().chain(ends::void(case, VoidReason::Undecided, false)).collect()
}

fn ended(case: Case<'_>, outcome: DisputeOutcome, slashed: Option<PublicKey>) -> Fact {
    Fact::DisputeClosed { task: case.id, attempt: case.attempt(), outcome, slashed }
}

/// The worker's stake pays those who checked, and the verifier who told on it.
fn worker_wrong(case: Case<'_>, check: &Check, verifier: &PublicKey, third: &PublicKey, proof: EventHash) -> Vec<Fact> {
    let mut purse = seized(case, &check.author, Some(proof));
    purse.pay(verifier, case.fee());
    purse.pay(third, case.fee());
    let mut facts = vec![ended(case, DisputeOutcome::WorkerWrong, Some(check.author))];
    facts.extend(purse.share(verifier));
    facts.extend(fallen(case, &check.author));
    facts.extend(ends::void(case, VoidReason::Contradicted, true));
    facts
}

/// The verifier's stake pays the third, and the worker it wronged, whose work is verified. What the stake lacks of the third's
/// fee (it was slashed before, for another attempt) the escrow has: the verifier of this attempt is not paid from it.
fn verifier_wrong(case: Case<'_>, check: &Check, verifier: &PublicKey, third: &PublicKey, proof: EventHash) -> Vec<Fact> {
    let slashed = (!case.is_slashed(verifier)).then_some(*verifier);
    let mut facts = vec![ended(case, DisputeOutcome::VerifierWrong, slashed)];
    let mut fee = Amount::ZERO;
    if slashed.is_some() {
        let mut purse = seized(case, verifier, Some(proof));
        fee = purse.pay(third, case.fee());
        facts.extend(purse.share(&check.author));
        facts.extend(fallen(case, verifier));
    }
    let missing = case.fee().checked_sub(fee).unwrap_or_default();
    let mut escrow = Purse::new(case, case.escrow(), missing, Some(proof), Fact::PaymentMade);
    escrow.pay(third, missing);
    facts.extend(escrow.facts);
    match check.last {
        Some(last) => ends::verified(case, facts, last, proof),
        None => facts,
    }
}

/// A worker fell silent, withheld or stepped back after its challenge: its bond pays those who have sealed an answer, the rest
/// is the treasury's. Who reports that nothing could be fetched has computed nothing and is paid nothing, or lies would pay.
pub fn forfeit(case: Case<'_>, reason: VoidReason, because: Option<EventHash>, reporter: Option<&PublicKey>) -> Vec<Fact> {
    let Some(check) = case.check() else { return Vec::new() };
    let mut purse = Purse::new(case, Account::Stake(check.author), case.job.terms.workers.bond, because, Fact::BondForfeited);
    check.sealed().filter(|who| Some(*who) != reporter).for_each(|who| {
        purse.pay(who, case.fee());
    });
    let dispute = check.is_in_dispute().then(|| ended(case, DisputeOutcome::Ended, None));
    dispute.into_iter().chain(purse.empty()).chain(ends::void(case, reason, true)).collect()
}

/// A worker of this task was slashed for another attempt: its own attempt here is void, a check that it owes goes to another.
pub fn vacated(case: Case<'_>) -> Vec<Fact> {
    let (task, attempt) = (case.id, case.attempt());
    if let Some(author) = case.task.stage.worker().filter(|author| case.is_slashed(author)) {
        let mut purse = seized(case, author, None);
        case.check().into_iter().flat_map(Check::sealed).for_each(|who| {
            purse.pay(who, case.fee());
        });
        let dispute = case.check().filter(|check| check.is_in_dispute()).map(|_| ended(case, DisputeOutcome::Ended, None));
        return dispute.into_iter().chain(purse.empty()).chain(ends::void(case, VoidReason::Slashed, true)).collect();
    }
    let awaited = case.check().and_then(Check::checker);
    match awaited.filter(|(_, checker)| checker.recomputed.is_empty() && case.is_slashed(&checker.worker)) {
        Some((role, checker)) => {
            let voided = Fact::CheckerVoided { task, attempt, role, verifier: checker.worker };
            [voided].into_iter().chain(check::replaced(case, role)).collect()
        }
        None => Vec::new(),
    }
}

/// The stake of a worker that falls, but for what its other attempts owe those who have checked them; that is taken when those
/// attempts are ended, and the rest of it with the last of them.
fn seized<'a>(case: Case<'a>, loser: &PublicKey, because: Option<EventHash>) -> Purse<'a> {
    let worker = case.state.workers.get(case.job.realm, loser);
    let stake = worker.map_or(Amount::ZERO, |worker| worker.stake);
    let others = worker.into_iter().flat_map(|worker| &worker.duties);
    let others = others.filter(|(task, duty)| duty.part == Part::Author && **task != case.id);
    let owed = others.fold(Amount::ZERO, |sum, (task, _)| sum.checked_add(owed(case, task)).unwrap_or(stake));
    Purse::new(case, Account::Stake(*loser), stake.checked_sub(owed).unwrap_or_default(), because, Fact::StakeSlashed)
}

/// What an attempt owes those who have sealed an answer on it.
fn owed(case: Case<'_>, task: &TaskId) -> Amount {
    let fee = case.state.jobs.get(&task.job).map_or(Amount::ZERO, |job| job.terms.pay.check);
    let sealed = case.state.checks.get(task).map_or(0, |check| check.sealed().count());
    fee.checked_mul(sealed as u128).unwrap_or_default()
}

fn fallen(case: Case<'_>, who: &PublicKey) -> Option<Fact> {
    case.state.workers.become_state(case.job.realm, who, WorkerState::Slashed)
}
