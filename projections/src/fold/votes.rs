//! `votes`: questions that were put to a realm, and every answer.

use super::{Builder, Seen, word};
use crate::rows::{Columns, FactAt, Table, VoteRow};
use cairn_schemas::Fact;

#[derive(Debug)]
pub(super) struct Votes;

impl Builder for Votes {
    fn table(&self) -> Table {
        Table::Votes
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, _seen: &Seen<'_>, out: &mut Columns) {
        let row = match fact {
            Fact::ProposalOpened { realm, proposal, author, title } => {
                VoteRow { realm: *realm, kind: "proposal", proposal: *proposal, author: *author, title: Some(title.clone()), choice: None }
            }
            Fact::VoteCounted { realm, proposal, author, choice } => {
                VoteRow { realm: *realm, kind: "vote", proposal: *proposal, author: *author, title: None, choice: Some(word(choice)) }
            }
            _ => return,
        };
        out.push(at, &row);
    }
}
