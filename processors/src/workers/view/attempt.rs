//! One attempt at a task, as far as the journal has told it.
//!
//! Owns who does it, who checks it, what was committed, challenged and opened. Refuses time: deadlines are the decider's.

use cairn_schemas::{
    BlobRef, Fact, PublicKey, StateRoot, TaskId,
    fact::{Opened, Role, TaskInput},
};

/// An attempt that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub number: u32,
    pub worker: PublicKey,
    /// What leaf 0 shows.
    pub input: StateRoot,
    /// Where that comes from, in order.
    pub inputs: Vec<TaskInput>,
    pub accepted: bool,
    pub committed: Option<Committed>,
    /// The challenged leaves, once drawn. Empty: nobody checks, and the worker opens its first and last leaf alone.
    pub steps: Option<Vec<u32>>,
    /// The predecessors that the worker opened.
    pub opened: Option<Vec<Opened>>,
    /// The challenged leaves and the last.
    pub answered: Option<Vec<Opened>>,
    /// Who checks or decides now; whoever ended is gone.
    pub checkers: Vec<Checker>,
}

/// What the worker bound itself to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub leaves: u32,
    pub result: BlobRef,
}

/// Who does the challenged steps again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checker {
    pub who: PublicKey,
    pub role: Role,
    pub sealed: bool,
}

impl Attempt {
    pub fn new(number: u32, worker: PublicKey, input: StateRoot, inputs: Vec<TaskInput>) -> Attempt {
        Attempt {
            number,
            worker,
            input,
            inputs,
            accepted: false,
            committed: None,
            steps: None,
            opened: None,
            answered: None,
            checkers: Vec::new(),
        }
    }

    pub fn checker(&self, who: &PublicKey) -> Option<&Checker> {
        self.checkers.iter().find(|checker| checker.who == *who)
    }

    /// Whether somebody waits for the worker's second opening.
    pub fn is_sealed(&self) -> bool {
        self.checkers.iter().any(|checker| checker.sealed)
    }

    /// Takes a fact of this attempt; false: it is over.
    pub(super) fn follow(&mut self, fact: &Fact) -> bool {
        match fact {
            Fact::BondLocked { .. } => self.accepted = true,
            Fact::WorkKept { leaves, result, .. } => self.committed = Some(Committed { leaves: *leaves, result: *result }),
            Fact::ChallengeDrawn { steps, .. } => self.steps = Some(steps.clone()),
            Fact::CheckerDrawn { verifier, .. } => self.draw(*verifier, Role::Verifier),
            Fact::ThirdDrawn { third, .. } => self.draw(*third, Role::Third),
            Fact::OpeningKept { openings, .. } => {
                let slot = if self.opened.is_none() { &mut self.opened } else { &mut self.answered };
                *slot = Some(openings.clone());
            }
            Fact::SealKept { verifier, .. } => {
                self.checkers.iter_mut().filter(|checker| checker.who == *verifier).for_each(|checker| checker.sealed = true);
            }
            Fact::CheckClosed { verifier, .. } | Fact::CheckFailed { verifier, .. } | Fact::CheckerVoided { verifier, .. } => {
                self.release(verifier);
            }
            Fact::AttemptTimedOut { silent: Some(silent), .. } => self.release(silent),
            Fact::AttemptVoided { .. } | Fact::TaskVerified { .. } => return false,
            _ => {}
        }
        true
    }

    fn draw(&mut self, who: PublicKey, role: Role) {
        self.release(&who);
        self.checkers.push(Checker { who, role, sealed: false });
    }

    fn release(&mut self, who: &PublicKey) {
        self.checkers.retain(|checker| checker.who != *who);
    }
}

/// The attempt that a fact is about.
pub(super) fn of(fact: &Fact) -> Option<(TaskId, u32)> {
    match fact {
        Fact::BondLocked { task, attempt, .. }
        | Fact::WorkKept { task, attempt, .. }
        | Fact::ChallengeDrawn { task, attempt, .. }
        | Fact::CheckerDrawn { task, attempt, .. }
        | Fact::CheckerVoided { task, attempt, .. }
        | Fact::ThirdDrawn { task, attempt, .. }
        | Fact::OpeningKept { task, attempt, .. }
        | Fact::SealKept { task, attempt, .. }
        | Fact::CheckClosed { task, attempt, .. }
        | Fact::CheckFailed { task, attempt, .. }
        | Fact::AttemptTimedOut { task, attempt, .. }
        | Fact::AttemptVoided { task, attempt, .. }
        | Fact::TaskVerified { task, attempt, .. } => Some((*task, *attempt)),
        _ => None,
    }
}
