//! Faults: everything that a real log may do to its users, on request.
//!
//! Owns the ways to make one happen. Refuses chance: the simulator draws from its seed and asks for each by name.

use super::{MemoryLog, Shared};
use crate::Place;
use std::collections::VecDeque;
use std::sync::Arc;

/// What becomes of one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFault {
    /// The records are there; the caller is told that nobody knows.
    UnknownWritten,
    /// The records are not there; the caller is told that nobody knows.
    UnknownLost,
    /// The first `kept` records are there; the caller is told that nobody knows.
    UnknownTorn { kept: usize },
    /// The records are there twice, and the caller is told the second place.
    Duplicated,
    /// No space was left; nothing is there.
    Full,
}

/// The hand that a test has in one [`MemoryLog`]. All of it takes effect at once.
#[derive(Clone, Debug)]
pub struct Faults {
    shared: Arc<Shared>,
}

impl Faults {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Faults { shared }
    }

    /// The next append to `place` meets `fault`; asked more than once, the ones after it meet the others, in this order.
    pub fn next_append(&self, place: Place, fault: AppendFault) {
        self.shared.lock().faults.entry(place).or_default().push_back(fault);
    }

    /// Leaves out `offsets` offsets of `place`, as Kafka does for what is none of our records.
    pub fn gap(&self, place: Place, offsets: u64) {
        self.shared.lock().skip(place, offsets);
    }

    /// From now on appends to `place` are taken but not synced: invisible, their callers waiting.
    /// Held places let a test decide in which order topics become visible.
    pub fn hold(&self, place: Place) {
        self.shared.lock().held.insert(place);
    }

    /// Syncs what `place` holds back and stops holding it.
    pub fn release(&self, place: Place) {
        let mut state = self.shared.lock();
        state.held.remove(&place);
        let (ours, others) = std::mem::take(&mut state.unsynced).into_iter().partition(|unsynced| unsynced.place == place);
        let ours: VecDeque<_> = ours;
        state.unsynced = others;
        ours.into_iter().for_each(|unsynced| state.sync(unsynced));
        drop(state);
        self.shared.tell();
    }

    /// Appends taken and not yet synced, over all places.
    pub fn unsynced(&self) -> usize {
        self.shared.lock().unsynced.len()
    }

    /// The node dies: every hold of the log opened so far is closed, of the unsynced appends the first `kept` turn out
    /// to be durable and the rest are gone, and all of their callers learn that nobody knows. Faults not yet met are forgotten.
    pub fn crash(&self, kept: usize) {
        let mut state = self.shared.lock();
        state.crashes += 1;
        state.held.clear();
        state.faults.clear();
        let unsynced = std::mem::take(&mut state.unsynced);
        for lost in unsynced.into_iter().take(kept) {
            state.survive(lost);
        }
        drop(state);
        self.shared.tell();
    }

    /// The log as the next process finds it.
    pub fn reopen(&self) -> MemoryLog {
        MemoryLog { shared: self.shared.clone(), life: self.shared.lock().crashes }
    }

    /// Gives a partition to `member`; whoever had it is told that it is revoked. Returns the generation.
    pub fn give(&self, partition: u32, member: &str) -> u64 {
        self.shared.assigner.give(partition, member)
    }

    /// Gives a partition to `member`, and whoever had it is told nothing: a zombie.
    pub fn give_unseen(&self, partition: u32, member: &str) -> u64 {
        self.shared.assigner.give_unseen(partition, member)
    }

    /// Gives all partitions to `member`.
    pub fn give_all(&self, member: &str) {
        (0..self.shared.partitions).for_each(|partition| {
            self.give(partition, member);
        });
    }

    /// Revokes a partition from everyone who believes to have it.
    pub fn revoke(&self, partition: u32) {
        self.shared.assigner.revoke(partition);
    }
}
