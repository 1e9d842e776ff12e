#![allow(clippy::unwrap_used)]
use super::*;
use cairn_schemas::event::NoteRecorded;

fn note(text: &str) -> NoteRecorded {
    NoteRecorded { text: text.parse().unwrap(), about: None, blob: None }
}

fn author(root: &std::path::Path) -> Author {
    let key = SecretKey::from_seed([9; 32]);
    let outbox = Outbox::open(root, &key.public()).unwrap();
    Author::new(key, Encoding::Cose, outbox)
}

const REALM: RealmId = RealmId([1; 32]);

fn now() -> Timestamp {
    Timestamp::from_millis(1_763_712_000_000).unwrap()
}

#[test]
fn a_lane_goes_on_after_a_crash_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut before = author(dir.path());
    let said: Vec<Kept> = ["one", "two", "three"].map(|text| before.say(REALM, note(text), now()).unwrap()).into();
    drop(before);
    let mut after = author(dir.path());
    assert_eq!(after.pending(), said, "the same bytes, in order");
    after.settled(REALM, Topic::Audit, 2).unwrap();
    assert_eq!(after.pending(), said[2..]);
    after.settled(REALM, Topic::Audit, 3).unwrap();
    assert!(after.pending().is_empty());
    drop(after);
    let mut again = author(dir.path());
    let fourth = again.say(REALM, note("four"), now()).unwrap();
    let event = record::open(&fourth.record).unwrap().event;
    assert_eq!((event.seq, event.prev), (4, said[2].head.hash));
}

#[test]
fn a_damaged_outbox_halts_its_author() {
    let dir = tempfile::tempdir().unwrap();
    author(dir.path()).say(REALM, note("one"), now()).unwrap();
    let folder = dir.path().join(SecretKey::from_seed([9; 32]).public().to_string().trim_start_matches("did:key:"));
    let file = folder.join(REALM.to_string()).join("audit/0000000000000001.event");
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = Outbox::open(dir.path(), &SecretKey::from_seed([9; 32]).public()).unwrap_err();
    assert_eq!(error.code(), "CRN-7114");
}

#[test]
fn a_key_has_one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = author(dir.path());
    let second = Outbox::open(dir.path(), &first.id()).unwrap_err();
    assert_eq!(second.code(), "CRN-7115");
    let process = format!("process {}", std::process::id());
    assert!(second.to_string().contains(&first.id().to_string()) && second.to_string().contains(&process), "{second}");
    let said = first.say(REALM, note("one"), now()).unwrap();
    let other = SecretKey::from_seed([8; 32]).public();
    assert!(Outbox::open(dir.path(), &other).is_ok(), "another key has a folder of its own");
    drop(first);
    assert_eq!(author(dir.path()).pending(), [said], "who comes after goes on where the other stood");
}
