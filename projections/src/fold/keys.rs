//! `keys`: every change of an author's or a processor's key.

use super::{Builder, Seen, word};
use crate::rows::{Columns, FactAt, KeyRow, Table};
use cairn_schemas::Fact;

#[derive(Debug)]
pub(super) struct Keys;

impl Builder for Keys {
    fn table(&self) -> Table {
        Table::Keys
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, _seen: &Seen<'_>, out: &mut Columns) {
        let row = match fact {
            Fact::KeyChanged { realm, author, key, state } => {
                KeyRow { realm: Some(*realm), author: Some(*author), key: *key, role: "author", state: word(state) }
            }
            Fact::ProcessorChanged { key, authorised } => {
                let state = if *authorised { "registered" } else { "revoked" };
                KeyRow { realm: None, author: None, key: *key, role: "processor", state: state.to_owned() }
            }
            _ => return,
        };
        out.push(at, &row);
    }
}
