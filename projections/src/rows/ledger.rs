//! The tables of realms, keys and money.

use super::{FactAt, row};
use cairn_schemas::{Account, Amount, EventHash, JobId, Name, PublicKey, RealmId};

row! {
    /// A realm, as it was opened.
    RealmRow of Realms at FactAt {
        realm: RealmId,
        name: Name,
        /// The partition it lives on.
        home: u32,
        /// The admins' keys, a JSON array.
        admins: String,
        admission: String,
        currency: Name,
        /// Decimals of a whole unit.
        scale: u32,
        issuer: PublicKey,
    }
}

row! {
    /// A change of a key. Processor keys belong to no realm and no author.
    KeyRow of Keys at FactAt {
        realm: Option<RealmId>,
        author: Option<PublicKey>,
        key: PublicKey,
        /// `author` or `processor`.
        role: &'static str,
        state: String,
    }
}

row! {
    /// An account after one change: the latest row of an account is its balance.
    AccountRow of Accounts at FactAt {
        realm: RealmId,
        account: Account,
        owner: Option<PublicKey>,
        /// What this fact added (or took).
        change: i128,
        /// Minor units after the change; only the issuer's is ever below zero.
        balance: i128,
        /// The part that pending transfers hold.
        held: i128,
    }
}

row! {
    /// A movement of money, both of its sides.
    EntryRow of Entries at FactAt {
        realm: RealmId,
        /// The author's transfer that it carries out.
        transfer: Option<EventHash>,
        debit: Account,
        credit: Account,
        amount: Amount,
        /// `transfer`, `escrow`, `refund`, `slash`, `forfeit` or `payment`.
        kind: &'static str,
        /// The event that caused it; of a payment or slash, the check that allowed it.
        because: Option<EventHash>,
        job: Option<JobId>,
        task: Option<u32>,
        attempt: Option<u32>,
    }
}
