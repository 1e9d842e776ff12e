//! The books: the parts of the state, each with its own decide and evolve.
//!
//! A book is one struct that owns its maps. `decide_…(&self, …)` answers one kind of ask with facts or a rejection and changes
//! nothing; `evolve(&mut self, …, &Fact)` hears every recorded fact and takes those it knows. No book sees another's maps:
//! what concerns several is joined in a file of the decider, beside this folder.
//!
//! To add a book: its file here, a field in `State`, a line in `evolve`, an arm in `decide`, and its stories.

mod accounts;
mod checks;
mod jobs;
mod keys;
pub(super) mod notes;
mod processors;
mod realms;
mod tasks;
mod votes;
mod workers;

pub use accounts::{Accounts, Balance};
pub use checks::*;
pub use jobs::*;
pub use keys::Keys;
pub use processors::Processors;
pub use realms::Realms;
pub use tasks::*;
pub use votes::Votes;
pub use workers::*;
