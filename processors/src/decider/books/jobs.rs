//! Jobs. The frame only; the helper who writes the training books replaces this file.

use crate::decider::{Context, Halt};
use cairn_schemas::Fact;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {}

impl Jobs {
    pub fn evolve(&mut self, _ctx: &Context, _fact: &Fact) -> Result<(), Halt> {
        Ok(())
    }
}
