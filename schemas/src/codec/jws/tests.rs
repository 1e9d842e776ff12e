#![allow(clippy::unwrap_used)]

use super::*;
use crate::golden;

const TYP: &str = "application/cairn-event+json";
const PAYLOAD: &[u8] = br#"{"id":1,"seq":2}"#;

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

/// Signs over a protected header of any form.
fn sign_under(header: &str) -> String {
    let protected = BASE64URL_NOPAD.encode(header.as_bytes());
    let signature = key().sign(&signing_input(&protected, PAYLOAD));
    format!("{protected}..{signature}")
}

fn header(kid: &str) -> String {
    format!(r#"{{"alg":"Ed25519","b64":false,"crit":["b64"],"kid":"{kid}","typ":"{TYP}"}}"#)
}

#[test]
fn a_signed_payload_reads_back_and_keeps_its_bytes() {
    let jws = sign(&key(), TYP, PAYLOAD).unwrap();
    golden::check("signed.jws", jws.as_bytes());
    assert_eq!(jws, sign_under(&header(&key().public().to_string())));
    let signed = parse(&jws, PAYLOAD, TYP).unwrap();
    assert_eq!((signed.kid, signed.payload.as_slice()), (key().public(), PAYLOAD));
    assert!(signed.verify());
    let input = format!("{}.{}", jws.split_once("..").unwrap().0, std::str::from_utf8(PAYLOAD).unwrap());
    assert_eq!(signed.to_be_signed, input.as_bytes());
}

#[test]
fn any_changed_byte_is_refused_or_fails_to_verify() {
    let jws = sign(&key(), TYP, PAYLOAD).unwrap();
    for at in 0..jws.len() {
        for flip in [0x01, 0x02, 0x10] {
            let mut changed = jws.clone().into_bytes();
            changed[at] ^= flip;
            let changed = String::from_utf8(changed).unwrap();
            assert!(!parse(&changed, PAYLOAD, TYP).is_ok_and(|signed| signed.verify()), "byte {at} flipped by {flip:#x}");
        }
        assert!(parse(&jws[..at], PAYLOAD, TYP).is_err(), "cut at {at}");
    }
    assert!(!parse(&jws, br#"{"id":1,"seq":3}"#, TYP).unwrap().verify());
}

#[test]
fn other_forms_are_refused_even_when_they_verify() {
    let kid = key().public().to_string();
    let good = header(&kid);
    let signed = sign_under(&good);
    assert!(parse(&signed, PAYLOAD, TYP).is_ok());
    let cases = [
        ("another type", sign(&key(), "application/cairn-block", PAYLOAD).unwrap()),
        ("spaces", sign_under(&good.replace(",", ", "))),
        ("another order", sign_under(&format!(r#"{{"b64":false,"alg":"Ed25519","crit":["b64"],"kid":"{kid}","typ":"{TYP}"}}"#))),
        ("EdDSA in place of Ed25519", sign_under(&good.replace("Ed25519", "EdDSA"))),
        ("none", sign_under(&good.replace("Ed25519", "none"))),
        ("an encoded payload", sign_under(&good.replace("false", "true"))),
        ("no crit", sign_under(&good.replace(r#""crit":["b64"],"#, ""))),
        ("crit twice", sign_under(&good.replace(r#"["b64"]"#, r#"["b64","b64"]"#))),
        ("one label more", sign_under(&good.replace("}", r#","x":1}"#))),
        ("no kid", sign_under(&good.replace(&format!(r#""kid":"{kid}","#), ""))),
        ("a kid with a fragment", sign_under(&good.replace(&kid, &format!("{kid}#key")))),
        ("an escape", sign_under(&good.replace("typ", r"t\u0079p"))),
        ("an attached payload", signed.replace("..", ".eyJ9.")),
        ("padding", format!("{signed}==")),
        ("a newline", format!("{signed}\n")),
        ("a third part", format!("{signed}..x")),
        ("one dot", signed.replace("..", ".")),
        ("nothing", String::new()),
        ("dots", "..".into()),
    ];
    for (name, jws) in cases {
        assert!(parse(&jws, PAYLOAD, TYP).is_err(), "{name}: {jws}");
    }
}
