//! Checks: the challenge, and what a verifier or a third says about it.
//!
//! Owns who is drawn to check, when a seal is taken, and whether an answer is the sealed one. Refuses the consequences of a
//! contradiction: disputes are next door.

use super::{case::Case, dispute, draw, ends};
use crate::decider::{
    Rejection, State,
    books::{Check, Job, Turn},
    rejection::require,
};
use cairn_schemas::{
    Fact,
    decision::RejectionCode,
    event::{CheckRevealed, TraceLeaf},
    fact::{Phase, Role, VoidReason},
    ids::{EventHash, Seal},
    limits,
    sign::PublicKey,
    trace,
};

/// Reports that a worker could not be checked, by different checkers, that count as its silence.
const UNAVAILABLE: u32 = 2;

/// Draws the steps of a commitment that are done again, and who does them. Without a candidate a later tick draws one.
pub fn challenge(case: Case<'_>) -> Vec<Fact> {
    let Some(check) = case.check().filter(|check| check.turn == Turn::Committed && check.height < case.ctx.height) else {
        return Vec::new();
    };
    let (task, attempt, due) = (case.id, case.attempt(), case.check_due());
    let seed = draw::seed(case.ctx.prev, &task, attempt, check.commitment);
    let steps = draw::steps(seed, check.leaves, &case.job.terms.verify);
    let verifier = if steps.is_empty() { None } else { draw::one_of(seed, 0, &candidates(case, check)) };
    let drawn = verifier.map(|verifier| Fact::CheckerDrawn { task, attempt, verifier, due });
    [Fact::ChallengeDrawn { task, attempt, seed, steps, due }].into_iter().chain(drawn).collect()
}

/// A verifier or a third, if anybody is left to be drawn. While the worker's turn to open lasts, its deadline stays.
pub fn draw_checker(case: Case<'_>, role: Role) -> Option<Fact> {
    let check = case.check()?;
    let worker = draw::one_of(check.seed, check.drawn.len(), &candidates(case, check))?;
    let (task, attempt) = (case.id, case.attempt());
    let due = if check.turn == Turn::Open { check.due } else { case.check_due() };
    Some(match role {
        Role::Verifier => Fact::CheckerDrawn { task, attempt, verifier: worker, due },
        Role::Third => Fact::ThirdDrawn { task, attempt, third: worker, due },
    })
}

/// An attempt without a verifier is given one, now that there is one.
pub fn attend(case: Case<'_>) -> Vec<Fact> {
    let lacks = case.check().is_some_and(|check| check.turn != Turn::Committed && check.verifier.is_none() && !check.steps.is_empty());
    if lacks { draw_checker(case, Role::Verifier).into_iter().collect() } else { Vec::new() }
}

/// Whether anybody may be drawn to check this attempt.
pub fn has_candidate(state: &State, job: &Job, check: &Check) -> bool {
    fit(state, job, check).next().is_some()
}

fn candidates(case: Case<'_>, check: &Check) -> Vec<PublicKey> {
    fit(case.state, case.job, check).copied().collect()
}

/// Workers that may check this attempt: staked like its author, which they are not, and not drawn for it before.
fn fit<'a>(state: &'a State, job: &'a Job, check: &'a Check) -> impl Iterator<Item = &'a PublicKey> {
    let staked = state.workers.staked(job.realm, job.terms.workers.stake).filter(|_| check.has_room());
    staked.map(|(who, _)| who).filter(|who| **who != check.author && !check.drawn.contains(*who))
}

/// A verifier, or a third, binds itself to an answer.
pub fn seal(case: Case<'_>, by: &PublicKey, seal: Seal) -> Result<Vec<Fact>, Rejection> {
    let check = case.state.checks.of(&case.id)?;
    let (role, _) = check.checked_by(by)?;
    require(matches!(check.turn, Turn::Seal | Turn::ThirdSeal), RejectionCode::WrongPhase)?;
    require(!check.seals.contains(&seal), RejectionCode::CopiedSeal)?;
    Ok(vec![Fact::SealKept { task: case.id, attempt: case.attempt(), role, verifier: *by, seal, due: case.check_due() }])
}

/// A verifier, or a third, shows the answer that it sealed; what that says about the others, follows.
pub fn reveal(case: Case<'_>, by: &PublicKey, proof: EventHash, ask: &CheckRevealed) -> Result<Vec<Fact>, Rejection> {
    let check = case.state.checks.of(&case.id)?;
    let (role, checker) = check.checked_by(by)?;
    require(matches!(check.turn, Turn::Reveal | Turn::ThirdReveal), RejectionCode::WrongPhase)?;
    let salted = (limits::SALT_BYTES_MIN..=limits::SALT_BYTES_MAX).contains(&ask.salt.0.len());
    let sealed = trace::seal(by, &case.id, case.attempt(), &ask.salt.0, &ask.leaves);
    require(checker.seal == Some(sealed), RejectionCode::SealMismatch)?;
    let indexes = ask.leaves.iter().map(|leaf| leaf.index);
    require(salted && indexes.eq(check.steps.iter().copied()), RejectionCode::BadAnswer)?;
    let closed = Fact::CheckClosed {
        task: case.id,
        attempt: case.attempt(),
        role,
        verifier: *by,
        proof,
        claimed: check.answers.clone(),
        recomputed: ask.leaves.clone(),
        agrees: ask.leaves == check.answers,
    };
    Ok(match role {
        Role::Verifier => verdict(case, check, by, proof, closed, &ask.leaves),
        Role::Third => dispute::settle(case, check, by, proof, closed, &ask.leaves),
    })
}

/// Agreement is paid; one contradiction is not enough to slash anybody.
fn verdict(case: Case<'_>, check: &Check, by: &PublicKey, proof: EventHash, closed: Fact, recomputed: &[TraceLeaf]) -> Vec<Fact> {
    let differs = check.answers.iter().zip(recomputed).find(|(claimed, recomputed)| claimed != recomputed);
    let Some((claimed, recomputed)) = differs else {
        let fee = case.movement(case.escrow(), case.account_of(by), case.fee(), Some(proof));
        let paid = (!case.fee().is_zero()).then_some(Fact::PaymentMade(fee));
        let Some(last) = check.last else { return Vec::new() };
        return ends::verified(case, [closed].into_iter().chain(paid).collect(), last, proof);
    };
    let opened = Fact::DisputeOpened {
        task: case.id,
        attempt: case.attempt(),
        worker: check.author,
        verifier: *by,
        step: claimed.index,
        claimed: *claimed,
        recomputed: *recomputed,
    };
    [closed, opened].into_iter().chain(dispute::next_third(case)).collect()
}

/// A checker could not fetch what the worker named. One may err; the second is believed.
pub fn fail(case: Case<'_>, by: &PublicKey, proof: EventHash) -> Result<Vec<Fact>, Rejection> {
    let check = case.state.checks.of(&case.id)?;
    let (role, _) = check.checked_by(by)?;
    require(!matches!(check.turn, Turn::Open | Turn::Answer), RejectionCode::WrongPhase)?;
    let failed = Fact::CheckFailed { task: case.id, attempt: case.attempt(), role, verifier: *by, proof };
    let rest = if check.unavailable + 1 >= UNAVAILABLE {
        dispute::forfeit(case, VoidReason::Unavailable, Some(proof), Some(by))
    } else {
        replaced(case, role)
    };
    Ok([failed].into_iter().chain(rest).collect())
}

/// A turn is over without a word. A worker loses its bond; a checker its fee, and another is drawn.
pub fn overdue(case: Case<'_>, check: &Check) -> Vec<Fact> {
    let (task, attempt, phase) = (case.id, case.attempt(), check.phase());
    let late = |silent| Fact::AttemptTimedOut { task, attempt, phase, silent };
    match (phase, check.checker()) {
        (Phase::Seal | Phase::Reveal, Some((role, checker))) => {
            [late(Some(checker.worker))].into_iter().chain(replaced(case, role)).collect()
        }
        (Phase::Seal | Phase::Reveal, None) => [late(None)].into_iter().chain(ends::void(case, VoidReason::Undecided, false)).collect(),
        _ => [late(Some(check.author))].into_iter().chain(dispute::forfeit(case, VoidReason::Silent, None, None)).collect(),
    }
}

/// Somebody else takes the place of a checker. If nobody is left, nothing is known against the worker, and the attempt is void.
pub fn replaced(case: Case<'_>, role: Role) -> Vec<Fact> {
    match role {
        Role::Third => dispute::next_third(case),
        Role::Verifier => match draw_checker(case, role) {
            Some(drawn) => vec![drawn],
            None => ends::void(case, VoidReason::Undecided, false),
        },
    }
}
