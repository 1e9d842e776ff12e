#![allow(clippy::unwrap_used)]
use super::*;
use crate::{event::*, ids::*, value::*};

fn event() -> (SecretKey, Event) {
    let key = SecretKey::from_seed([7; 32]);
    let event = Event {
        id: EventId::from_parts(1_763_712_000_000, &[1; 10]),
        realm: RealmId([3; 32]),
        source: key.public(),
        seq: 1,
        prev: EventHash::ZERO,
        time: Timestamp::from_millis(1_763_712_000_000).unwrap(),
        not_after: None,
        subject: None,
        body: TransferPosted { from: "issuer".parse().unwrap(), to: "acme".parse().unwrap(), amount: Amount::new(2_500_000).unwrap() }
            .into(),
    };
    (key, event)
}

#[test]
fn both_encodings_say_the_same_event_with_the_same_hash() {
    let (key, event) = event();
    for encoding in [Encoding::Json, Encoding::Cose] {
        let record = seal(&event, &key, encoding).unwrap();
        let opened = open(&record).unwrap();
        assert_eq!(opened.event, event);
        assert_eq!(opened.hash, event.hash().unwrap());
        assert_eq!(opened.encoding, encoding);
        assert!(opened.is_authentic());
    }
}

#[test]
fn json_in_any_order_is_accepted_at_the_edge_and_refused_in_the_log() {
    let (key, event) = event();
    let record = seal(&event, &key, Encoding::Json).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let sent = format!("{{ \"signature\": {}, \"event\": {} }}", value["signature"], value["event"]);
    assert_eq!(open(sent.as_bytes()), Err(CodecError::NotCanonical));
    let (signed, canonical) = accept_json(sent.as_bytes()).unwrap();
    assert_eq!(canonical, record);
    assert!(signed.is_authentic());
}
