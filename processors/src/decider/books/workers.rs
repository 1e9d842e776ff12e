//! Workers. The frame only; the helper who writes the training books replaces this file.

use crate::decider::{Context, Halt, Rejection};
use cairn_schemas::{Fact, decision::RejectionCode, ids::RealmId, sign::PublicKey};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workers {}

impl Workers {
    pub fn evolve(&mut self, _ctx: &Context, _fact: &Fact) -> Result<(), Halt> {
        Ok(())
    }
}

impl Workers {
    pub fn is_worker(&self, _realm: RealmId, _by: &PublicKey) -> Result<(), Rejection> {
        Err(RejectionCode::NoSuchWorker.into())
    }

    pub fn has_no_duty(&self, _realm: RealmId, _by: &PublicKey) -> Result<(), Rejection> {
        Ok(())
    }
}
