#![allow(clippy::unwrap_used)]

use super::*;
use crate::{codec::cbor, golden};
use std::collections::BTreeMap;

const TYP: &str = "application/cairn-event+cbor";

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn payload() -> Vec<u8> {
    cbor::to_vec(&BTreeMap::from([("id", 1), ("seq", 2)])).unwrap()
}

fn protected_with(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = protected(&key().public(), TYP);
    change(&mut header);
    let unsigned = CoseSign1Builder::new().protected(header).payload(payload()).build();
    let signature = key().sign(&unsigned.tbs_data(&[])).0.to_vec();
    encode(CoseSign1 { signature, ..unsigned }).unwrap()
}

#[test]
fn a_signed_payload_reads_back_and_keeps_its_bytes() {
    let bytes = sign(&key(), TYP, &payload()).unwrap();
    golden::check("signed.cose", &bytes);
    let signed = parse(&bytes, TYP).unwrap();
    assert_eq!((signed.kid, &signed.payload), (key().public(), &payload()));
    assert!(signed.verify());
    assert_eq!(protected_with(|_| {}), bytes);
}

/// The layout by hand from RFC 9052: tag 18, four items, and the Sig_structure that the signature covers.
fn by_hand(header: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let payload = payload();
    let protected = [&[0x58, header.len() as u8], header].concat();
    let body = [&[0x40 + payload.len() as u8], payload.as_slice()].concat();
    let covered = [b"\x84\x6aSignature1".as_slice(), &protected, &[0x40], &body].concat();
    let signature = key().sign(&covered);
    let bytes = [&[0xd2, 0x84], protected.as_slice(), &[0xa0], &body, &[0x58, 64], &signature.0].concat();
    (bytes, covered)
}

/// The three entries of the protected header, in their order.
fn entries() -> [Vec<u8>; 3] {
    let kid = [&[0x04, 0x58, 32], key().public().0.as_slice()].concat();
    let typ = [&[0x10, 0x78, TYP.len() as u8], TYP.as_bytes()].concat();
    [vec![0x01, 0x32], kid, typ]
}

#[test]
fn the_layout_is_the_one_of_the_rfc() {
    let [alg, kid, typ] = entries();
    let (expected, covered) = by_hand(&[&[0xa3], alg.as_slice(), &kid, &typ].concat());
    assert_eq!(sign(&key(), TYP, &payload()).unwrap(), expected);
    assert_eq!(parse(&expected, TYP).unwrap().to_be_signed, covered);
}

#[test]
fn any_changed_byte_is_refused_or_fails_to_verify() {
    let bytes = sign(&key(), TYP, &payload()).unwrap();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x10, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            assert!(!parse(&changed, TYP).is_ok_and(|signed| signed.verify()), "byte {at} flipped by {flip:#x}");
        }
        assert!(parse(&bytes[..at], TYP).is_err(), "cut at {at}");
    }
    assert!(parse(&[bytes.as_slice(), &[0]].concat(), TYP).is_err(), "a trailing byte");
}

#[test]
fn other_layouts_are_refused_even_when_they_verify() {
    let good = sign(&key(), TYP, &payload()).unwrap();
    let refused = |name: &str, bytes: &[u8]| assert!(parse(bytes, TYP).is_err(), "{name}");
    refused("another type", &sign(&key(), "application/cairn-block", &payload()).unwrap());
    refused("no tag", &good[1..]);
    refused("a tag in a longer form", &[&[0xd8, 18], &good[1..]].concat());
    refused("the array in a longer form", &[&[0xd2, 0x98, 4], &good[2..]].concat());
    refused("an indefinite array", &[&[0xd2, 0x9f], &good[2..], &[0xff]].concat());
    refused(
        "EdDSA in place of Ed25519",
        &protected_with(|header| header.alg = HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).build().alg),
    );
    refused("no alg", &protected_with(|header| header.alg = None));
    refused("no kid", &protected_with(|header| header.key_id.clear()));
    refused("a short kid", &protected_with(|header| header.key_id.truncate(31)));
    refused("no typ", &protected_with(|header| header.rest.clear()));
    refused("one label more", &protected_with(|header| header.rest.push((Label::Int(99), Value::from(1)))));
    refused("an IV", &protected_with(|header| header.iv = vec![1]));
    let [alg, kid, typ] = entries();
    refused("labels in another order", &by_hand(&[&[0xa3], kid.as_slice(), &alg, &typ].concat()).0);
    refused("a label in a longer form", &by_hand(&[&[0xa3, 0x18], alg.as_slice(), &kid, &typ].concat()).0);
    refused("a label twice", &by_hand(&[&[0xa4], alg.as_slice(), &alg, &kid, &typ].concat()).0);
    let unprotected = good.iter().position(|byte| *byte == 0xa0).unwrap();
    refused("an unprotected label", &[&good[..unprotected], &[0xa1, 0x18, 99, 0x01], &good[unprotected + 1..]].concat());
    let detached = CoseSign1 { payload: None, ..CoseSign1::from_tagged_slice(&good).unwrap() };
    refused("a detached payload", &encode(detached).unwrap());
    let short = CoseSign1 { signature: vec![0; 63], ..CoseSign1::from_tagged_slice(&good).unwrap() };
    refused("a short signature", &encode(short).unwrap());
}

#[test]
fn claimed_lengths_take_no_memory() {
    for head in ["d29bffffffffffffffff", "d2845bffffffffffffffff", "d2847b7fffffffffffffff", "d284bbffffffffffffffff"] {
        assert!(parse(&data_encoding::HEXLOWER.decode(head.as_bytes()).unwrap(), TYP).is_err());
    }
    assert!(parse(&vec![0x81; 100_000], TYP).is_err(), "a deep nest");
    assert!(parse(&vec![0xc6; 100_000], TYP).is_err(), "a deep nest of tags");
}
