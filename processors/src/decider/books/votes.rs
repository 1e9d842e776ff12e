//! Votes: questions put to a realm, and what each author answered.
//!
//! Owns proposals and the last answer of every author. Refuses tallies: those come with the rules of quorum.

use crate::decider::{Halt, Rejection, rejection::require};
use cairn_schemas::{
    Fact,
    decision::RejectionCode,
    event::{Choice, ProposalOpened, VoteCast},
    ids::{EventHash, RealmId},
    limits,
    sign::PublicKey,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes(BTreeMap<RealmId, BTreeMap<EventHash, BTreeMap<PublicKey, Choice>>>);

impl Votes {
    pub fn decide_open(&self, realm: RealmId, by: &PublicKey, hash: EventHash, ask: &ProposalOpened) -> Result<Vec<Fact>, Rejection> {
        let open = self.0.get(&realm).map_or(0, BTreeMap::len);
        require(open < limits::PROPOSALS_PER_REALM, RejectionCode::LimitReached)?;
        Ok(vec![Fact::ProposalOpened { realm, proposal: hash, author: *by, title: ask.title.clone() }])
    }

    /// An author answers, or answers anew: the last word stands.
    pub fn decide_cast(&self, realm: RealmId, by: &PublicKey, ask: &VoteCast) -> Result<Vec<Fact>, Rejection> {
        let known = self.0.get(&realm).is_some_and(|proposals| proposals.contains_key(&ask.proposal));
        require(known, RejectionCode::NoSuchProposal)?;
        Ok(vec![Fact::VoteCounted { realm, proposal: ask.proposal, author: *by, choice: ask.choice }])
    }

    /// What an author answered last.
    #[cfg(any(test, feature = "story"))]
    pub fn choice(&self, realm: RealmId, proposal: EventHash, author: &PublicKey) -> Option<Choice> {
        self.0.get(&realm)?.get(&proposal)?.get(author).copied()
    }

    pub fn evolve(&mut self, fact: &Fact) -> Result<(), Halt> {
        match fact {
            Fact::ProposalOpened { realm, proposal, .. } => {
                self.0.entry(*realm).or_default().insert(*proposal, BTreeMap::new());
            }
            Fact::VoteCounted { realm, proposal, author, choice } => {
                let votes = self.0.get_mut(realm).and_then(|proposals| proposals.get_mut(proposal));
                votes.ok_or_else(|| Halt::fact(fact.name(), format!("no proposal {proposal}")))?.insert(*author, *choice);
            }
            _ => {}
        }
        Ok(())
    }
}
