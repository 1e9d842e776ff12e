//! Admission: whether a record is somebody's next event here.
//!
//! Owns the order of the eight dispositions: the first that fits is the answer. Changes no state.
//! Refuses signatures, which the runner has checked in batches, and every question of meaning: those are rejections.

use super::{Context, State};
use cairn_schemas::{
    SignedEvent,
    codec::CodecError,
    decision::{DispositionCode, Position},
    event::{Body, Event},
};

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It gets exactly one decision, and consumes its seq.
    Admitted,
    Disposed(DispositionCode),
}

/// Judges a record read at `at`; `authentic` is the runner's verdict on its signature.
pub fn admit(state: &State, ctx: &Context, record: Result<&SignedEvent, &CodecError>, at: Position, authentic: bool) -> Admission {
    match record.map_err(|_| DispositionCode::Malformed).and_then(|signed| judge(state, ctx, signed, at, authentic)) {
        Ok(()) => Admission::Admitted,
        Err(code) => Admission::Disposed(code),
    }
}

fn judge(state: &State, ctx: &Context, signed: &SignedEvent, at: Position, authentic: bool) -> Result<(), DispositionCode> {
    let event = &signed.event;
    fits(is_at_home(state, event, at), DispositionCode::WrongPartition)?;
    fits(may_speak(state, signed), DispositionCode::Unadmitted)?;
    fits(authentic, DispositionCode::BadSignature)?;
    state.lanes.is_next(event, signed.hash)?;
    fits(!event.not_after.is_some_and(|end| ctx.is_past(end)), DispositionCode::Expired)
}

fn fits(holds: bool, otherwise: DispositionCode) -> Result<(), DispositionCode> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// The instance's own realm is at home on every partition, with lanes of its own on each; a new realm only where it says.
fn is_at_home(state: &State, event: &Event, at: Position) -> bool {
    let here = match &event.body {
        Body::RealmOpened(ask) if state.realms.is_instance(event.realm) => ask.partition == state.partition,
        _ => state.realms.is_home(event.realm),
    };
    here && at.topic == event.topic()
}

fn may_speak(state: &State, signed: &SignedEvent) -> bool {
    let event = &signed.event;
    if state.realms.is_instance(event.realm) {
        return signed.kid == event.source && state.realms.is_instance_admin(&event.source);
    }
    state.keys.speaks_for(event.realm, &event.source, &signed.kid) || registers_itself(state, signed)
}

/// In an open realm a newcomer's first event is its own registration, signed by the very key it names.
fn registers_itself(state: &State, signed: &SignedEvent) -> bool {
    let event = &signed.event;
    let first = matches!(&event.body, Body::KeyRegistered(ask) if ask.key == event.source) && event.seq == 1;
    first && signed.kid == event.source && state.realms.is_open(event.realm) && !state.keys.is_author(event.realm, &event.source)
}
