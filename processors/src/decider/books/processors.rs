//! Processors: whose keys may claim this partition.
//!
//! Owns the list of authorised keys; the journal's rule of validity reads the same facts. Refuses claims and epochs.

use crate::decider::{Halt, Rejection, rejection::require};
use cairn_schemas::{Fact, decision::RejectionCode, limits, sign::PublicKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processors(BTreeSet<PublicKey>);

impl Processors {
    /// The keys that genesis names.
    pub fn authorised(keys: &[PublicKey]) -> Processors {
        Processors(keys.iter().copied().collect())
    }

    /// A genesis admin lets another key claim.
    pub fn decide_authorise(&self, key: PublicKey) -> Result<Vec<Fact>, Rejection> {
        PublicKey::strict(key.0).map_err(|why| Rejection::because(RejectionCode::BadKey, why.to_string()))?;
        require(!self.0.contains(&key), RejectionCode::KeyExists)?;
        require(self.0.len() < limits::PROCESSOR_KEYS, RejectionCode::LimitReached)?;
        Ok(vec![Fact::ProcessorChanged { key, authorised: true }])
    }

    pub fn evolve(&mut self, fact: &Fact) -> Result<(), Halt> {
        let Fact::ProcessorChanged { key, authorised } = fact else { return Ok(()) };
        let changed = if *authorised { self.0.insert(*key) } else { self.0.remove(key) };
        if changed { Ok(()) } else { Err(Halt::fact(fact.name(), format!("{key} stands so already"))) }
    }
}
