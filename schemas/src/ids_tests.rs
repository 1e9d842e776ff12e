#![allow(clippy::unwrap_used)]
use super::*;
use crate::codec::{cbor, jcs};

#[test]
fn a_digest_has_one_text() {
    let hex = "00".repeat(31) + "ff";
    let hash: EventHash = hex.parse().unwrap();
    assert_eq!(hash.to_string(), hex);
    for wrong in ["", "00", &hex.to_uppercase(), &format!("{hex}00"), &"g".repeat(64), &format!(" {}", &hex[1..])] {
        assert!(wrong.parse::<EventHash>().is_err(), "{wrong}");
    }
}

#[test]
fn a_digest_is_hex_in_json_and_bytes_in_cbor() {
    let hash = BlobHash([7; 32]);
    assert_eq!(jcs::to_vec(&hash).unwrap(), format!("\"{}\"", "07".repeat(32)).into_bytes());
    assert_eq!(cbor::to_vec(&hash).unwrap(), [vec![0x58, 32], vec![7; 32]].concat());
    assert_eq!(cbor::from_slice::<BlobHash>(&cbor::to_vec(&hash).unwrap()).unwrap(), hash);
    assert!(cbor::from_slice::<BlobHash>(&[0x41, 7]).is_err(), "31 bytes too few");
}

#[test]
fn an_event_id_is_a_uuid_of_version_7_in_one_spelling() {
    let id = EventId::from_parts(1_763_712_000_000, &[0xab; 10]);
    let text = id.to_string();
    assert_eq!(text.parse::<EventId>().unwrap(), id);
    assert_eq!(cbor::from_slice::<EventId>(&cbor::to_vec(&id).unwrap()).unwrap(), id);
    let v4 = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
    for wrong in [v4, &text.to_uppercase(), &text.replace('-', ""), &format!("{{{text}}}"), ""] {
        assert!(wrong.parse::<EventId>().is_err(), "{wrong}");
    }
}

#[test]
fn a_task_is_named_by_its_job_and_index() {
    let task = TaskId { job: JobId([1; 32]), index: 7 };
    assert_eq!(task.to_string().parse::<TaskId>().unwrap(), task);
    assert!("7".parse::<TaskId>().is_err());
    assert!(format!("{}/x", task.job).parse::<TaskId>().is_err());
}

#[test]
fn what_an_error_echoes_is_short() {
    let error = "x".repeat(10_000).parse::<EventHash>().unwrap_err();
    assert!(error.to_string().len() < 200);
}
