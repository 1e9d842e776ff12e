//! Notes: what somebody wants remembered. The journal keeps them; no decision ever looks at one, so there is no state.

use cairn_schemas::{Fact, event::NoteRecorded, ids::RealmId, sign::PublicKey};

/// Every note of an author is kept.
pub fn decide(realm: RealmId, by: &PublicKey, ask: &NoteRecorded) -> Vec<Fact> {
    #[cfg(any(test, feature = "story"))]
    planted(ask);
    vec![Fact::NoteKept { realm, author: *by, text: ask.text.clone(), about: ask.about, blob: ask.blob }]
}

/// The panic that tests plant, to see it contained.
#[cfg(any(test, feature = "story"))]
#[allow(clippy::panic)]
fn planted(ask: &NoteRecorded) {
    if ask.text.as_str() == "planted panic" {
        panic!("planted by a test");
    }
}
