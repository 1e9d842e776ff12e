//! Deciding on an admitted event: which book is asked, and what its answer becomes.
//!
//! Owns the verdict, the containment of panics, and the size of a decision. Refuses state: it reads and never changes it.

use super::{Context, Rejection, State, governance, payments, training};
use cairn_schemas::{
    Fact, SignedEvent,
    codec::cbor,
    decision::{Decision, Position, RejectionCode, Subject, Verdict},
    event::Body,
    limits,
    value::ByteString,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a fact takes at most when it does not repeat what its event brought, bytes. Below half the limit nothing is measured.
const FACT_BYTES: usize = 512;

/// Decides on an admitted event. Pure and total: whatever the books do, there is a verdict.
pub fn decide_event(state: &State, ctx: &Context, signed: &SignedEvent, at: Position, record: &[u8]) -> Decision {
    let subject = Subject::Event { at, record: ByteString(record.to_vec()) };
    // The books only read, so a panic in one of them leaves nothing half done: the event is turned down and life goes on.
    let answer = catch_unwind(AssertUnwindSafe(|| ask(state, ctx, signed))).unwrap_or_else(|_| Err(RejectionCode::Internal.into()));
    match answer {
        Ok(facts) => fitting(Decision { subject, verdict: Verdict::Accepted, facts }, record.len()),
        Err(rejection) => rejected(subject, rejection),
    }
}

fn rejected(subject: Subject, rejection: Rejection) -> Decision {
    Decision { subject, verdict: rejection.into(), facts: Vec::new() }
}

/// Turns down an event whose consequences would not fit into one decision. Few come near, so few are measured.
pub(super) fn fitting(decision: Decision, record: usize) -> Decision {
    let likely = 2 * record + FACT_BYTES * decision.facts.len();
    if likely <= limits::DECISION_BYTES / 2 || cbor::to_vec(&decision).is_ok_and(|bytes| bytes.len() <= limits::DECISION_BYTES) {
        return decision;
    }
    rejected(
        decision.subject,
        Rejection::because(RejectionCode::LimitReached, "its consequences do not fit into one decision; say less at once"),
    )
}

/// Asks the books that the event concerns.
fn ask(state: &State, ctx: &Context, signed: &SignedEvent) -> Result<Vec<Fact>, Rejection> {
    let event = &signed.event;
    let (by, realm, hash) = (&event.source, event.realm, signed.hash);
    if state.realms.is_instance(realm) {
        return governance::decide_instance(state, by, hash, &event.body);
    }
    match &event.body {
        Body::KeyRegistered(_)
        | Body::KeyRotated(_)
        | Body::KeyRevoked(_)
        | Body::NoteRecorded(_)
        | Body::ProposalOpened(_)
        | Body::VoteCast(_) => governance::decide(state, by, realm, hash, &event.body),
        Body::AccountOpened(_)
        | Body::TransferPosted(_)
        | Body::TransferPending(_)
        | Body::TransferSettled(_)
        | Body::TransferVoided(_)
        | Body::StakeLocked(_)
        | Body::StakeReleased(_) => payments::decide(state, ctx, by, realm, hash, &event.body),
        Body::RealmOpened(_) | Body::ProcessorAuthorised(_) => Err(RejectionCode::NotAllowed.into()),
        _ => training::decide(state, ctx, by, realm, hash, &event.body),
    }
}
