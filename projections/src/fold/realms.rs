//! `realms`: every realm as it was opened.

use super::{Builder, Seen, json, word};
use crate::rows::{Columns, FactAt, RealmRow, Table};
use cairn_schemas::Fact;

#[derive(Debug)]
pub(super) struct RealmsOpened;

impl Builder for RealmsOpened {
    fn table(&self) -> Table {
        Table::Realms
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, _seen: &Seen<'_>, out: &mut Columns) {
        let Fact::RealmOpened { realm, name, partition, admins, admission, currency, issuer } = fact else { return };
        out.push(
            at,
            &RealmRow {
                realm: *realm,
                name: name.clone(),
                home: *partition,
                admins: json(admins),
                admission: word(admission),
                currency: currency.code.clone(),
                scale: u32::from(currency.scale),
                issuer: *issuer,
            },
        );
    }
}
