//! The tables of what people say without moving anything: votes and the audit trail.

use super::{FactAt, row};
use cairn_schemas::{BlobHash, EventHash, Line, PublicKey, RealmId, Text};

row! {
    /// A question that was put, or an answer to one; an author's last answer stands.
    VoteRow of Votes at FactAt {
        realm: RealmId,
        /// `proposal` or `vote`.
        kind: &'static str,
        proposal: EventHash,
        author: PublicKey,
        title: Option<Line>,
        choice: Option<String>,
    }
}

row! {
    /// The audit trail: notes, and changes that concern the whole partition.
    AuditRow of Audit at FactAt {
        realm: Option<RealmId>,
        /// `note`, `processor` or `extension`.
        kind: &'static str,
        author: Option<PublicKey>,
        about: Option<EventHash>,
        text: Option<Text>,
        blob: Option<BlobHash>,
        key: Option<PublicKey>,
        /// Milliseconds that open deadlines were moved by.
        extended_ms: Option<u64>,
    }
}
