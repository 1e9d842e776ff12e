//! Planted faults: defects that a test switches on, to see whether it would find them.
//!
//! Owns the switch of one thread. Exists in test builds alone, where it is off until a test plants something.

use std::cell::Cell;

/// A defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A rejected event does not use up its number: said again, it is decided again.
    LaneStays,
    /// A new leader begins one record too late in each topic.
    RecordSkipped,
}

impl Fault {
    pub const ALL: &'static [Fault] = &[Fault::LaneStays, Fault::RecordSkipped];
}

thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// From now on this thread has that defect, or none.
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

pub(crate) fn is(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}
