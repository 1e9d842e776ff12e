#![allow(clippy::unwrap_used)]

use super::*;
use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::Scalar,
};
use sha2::{Digest, Sha512};

const MESSAGE: &[u8] = b"Zcash";
/// The order of the prime subgroup, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10,
];

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn signature(r: [u8; 32], s: [u8; 32]) -> Signature {
    Signature::from_slice(&[r, s].concat()).unwrap()
}

/// All encodings of points that are not the canonical one: y beyond the field, or a sign where x is zero.
fn non_canonical_points() -> Vec<[u8; 32]> {
    let mut field_end = [0xff; 32];
    field_end[31] = 0x7f;
    let beyond = (0..19u8).map(|excess| {
        let mut y = field_end;
        y[0] = 0xed + excess;
        y
    });
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = field_end;
    minus_one[0] = 0xec;
    let signed = |mut y: [u8; 32]| {
        y[31] |= 0x80;
        y
    };
    let candidates = [signed(one), signed(minus_one)].into_iter().chain(beyond.flat_map(|y| [y, signed(y)]));
    candidates.filter(|bytes| CompressedEdwardsY(*bytes).decompress().is_some()).collect()
}

fn torsion_points() -> Vec<[u8; 32]> {
    let low = |bytes: &[u8; 32]| CompressedEdwardsY(*bytes).decompress().is_some_and(|point| point.is_small_order());
    let canonical = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes());
    canonical.chain(non_canonical_points().into_iter().filter(low)).collect()
}

fn challenge(r: &[u8; 32], key: &[u8; 32]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(key).chain_update(MESSAGE).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

/// Signs with chosen encodings: the verdict of ZIP 215 must not depend on torsion or on how points were written.
fn forge(secret: Scalar, nonce: Scalar, key: [u8; 32], r: [u8; 32]) -> Signature {
    signature(r, (nonce + challenge(&r, &key) * secret).to_bytes())
}

struct Case {
    key: PublicKey,
    signature: Signature,
    valid: bool,
}

/// The 196 pairs of small-order points with s = 0: ZIP 215 accepts every one of them.
fn small_order() -> Vec<Case> {
    let points = torsion_points();
    let pairs = points.iter().flat_map(|key| points.iter().map(move |r| (*key, *r)));
    pairs.map(|(key, r)| Case { key: PublicKey(key), signature: signature(r, [0; 32]), valid: true }).collect()
}

/// Keys and nonces with a torsion part of every order, signed by who knows the prime-order part.
fn mixed_order() -> Vec<Case> {
    let (secret, nonce) = (Scalar::from(0x1234_5678_u64), Scalar::from(0x9abc_def0_u64));
    let point = |scalar: Scalar, torsion: &EdwardsPoint| (ED25519_BASEPOINT_POINT * scalar + torsion).compress().to_bytes();
    let mut cases = Vec::new();
    for torsion in &EIGHT_TORSION {
        for nonce_torsion in &EIGHT_TORSION {
            let (key, r) = (point(secret, torsion), point(nonce, nonce_torsion));
            let good = forge(secret, nonce, key, r);
            let bad = forge(secret + Scalar::ONE, nonce, key, r);
            cases.push(Case { key: PublicKey(key), signature: good, valid: true });
            cases.push(Case { key: PublicKey(key), signature: bad, valid: false });
        }
    }
    cases
}

/// Every non-canonical encoding as the key, with a torsion point as R: only keys of small order can verify with s = 0.
fn non_canonical_keys() -> Vec<Case> {
    let low = torsion_points();
    let cases = non_canonical_points().into_iter().flat_map(|key| {
        let valid = low.contains(&key);
        low.iter().map(move |r| Case { key: PublicKey(key), signature: signature(*r, [0; 32]), valid }).collect::<Vec<_>>()
    });
    cases.collect()
}

/// s + L is the same scalar and must be refused, as must s = L and the largest s; and bytes that are no point.
fn out_of_range() -> Vec<Case> {
    let key = secret(1).public();
    let good = secret(1).sign(MESSAGE).0;
    let mut raised = good;
    let mut carry = 0u16;
    for (byte, order) in raised[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    let identity = EIGHT_TORSION[0].compress().to_bytes();
    let no_point = (2u8..).map(|y| [[y].as_slice(), &[0; 31]].concat().try_into().unwrap());
    let no_point: [u8; 32] = no_point.into_iter().find(|bytes| CompressedEdwardsY(*bytes).decompress().is_none()).unwrap();
    let bad = |key, signature| Case { key, signature, valid: false };
    vec![
        Case { key, signature: Signature(good), valid: true },
        bad(key, Signature(raised)),
        bad(PublicKey(identity), signature(identity, ORDER)),
        bad(PublicKey(identity), signature(identity, [0xff; 32])),
        bad(PublicKey(identity), signature(no_point, [0; 32])),
        bad(PublicKey(no_point), signature(identity, [0; 32])),
        bad(secret(2).public(), Signature(good)),
    ]
}

fn edge_cases() -> Vec<Case> {
    [small_order(), mixed_order(), non_canonical_keys(), out_of_range()].into_iter().flatten().collect()
}

#[test]
fn zip_215_decides_every_edge_vector_the_same_way_alone_and_together() {
    assert_eq!(torsion_points().len(), 14);
    assert_eq!(small_order().len(), 196);
    assert_eq!(non_canonical_points().len(), 26);
    let cases = edge_cases();
    let items: Vec<Item<'_>> = cases.iter().map(|case| Item { key: case.key, message: MESSAGE, signature: case.signature }).collect();
    let verdicts = verify_batch(&items);
    for ((case, item), together) in cases.iter().zip(&items).zip(verdicts) {
        assert_eq!(item.verify(), case.valid, "alone: {:?} {:?}", case.key.0, case.signature);
        assert_eq!(all_valid(&[*item]), case.valid, "a batch of one: {:?} {:?}", case.key.0, case.signature);
        assert_eq!(together, case.valid, "in the batch: {:?} {:?}", case.key.0, case.signature);
    }
    // All that are valid pass as one equation, though each has torsion that must cancel by the cofactor, not by luck.
    let valid: Vec<Item<'_>> = cases.iter().zip(&items).filter(|(case, _)| case.valid).map(|(_, item)| *item).collect();
    assert!(valid.len() > 250 && all_valid(&valid));
}

#[test]
fn a_batch_finds_the_bad_ones_wherever_they_lie() {
    let messages: Vec<Vec<u8>> = (0..600u32).map(|n| n.to_be_bytes().to_vec()).collect();
    let keys: Vec<SecretKey> = (1..=9).map(secret).collect();
    for bad in [vec![], vec![0], vec![599], vec![3, 15, 16, 255, 256, 511, 512], (0..600).collect::<Vec<_>>()] {
        let items: Vec<Item<'_>> = messages
            .iter()
            .enumerate()
            .map(|(n, message)| {
                let key = &keys[n % keys.len()];
                let signed: &[u8] = if bad.contains(&n) { b"something else" } else { message };
                Item { key: key.public(), message, signature: key.sign(signed) }
            })
            .collect();
        let expected: Vec<bool> = (0..600).map(|n| !bad.contains(&n)).collect();
        assert_eq!(verify_batch(&items), expected);
    }
    assert!(verify_batch(&[]).is_empty());
}

#[test]
fn only_canonical_keys_of_prime_order_are_fit_for_registration() {
    assert_eq!(PublicKey::strict(secret(1).public().0), Ok(secret(1).public()));
    for case in non_canonical_keys() {
        assert_eq!(PublicKey::strict(case.key.0), Err(KeyError::NotCanonical));
    }
    for point in &EIGHT_TORSION {
        assert_eq!(PublicKey::strict(point.compress().to_bytes()), Err(KeyError::Torsion));
    }
    for torsion in &EIGHT_TORSION[1..] {
        let mixed = (ED25519_BASEPOINT_POINT * Scalar::from(7u64) + torsion).compress().to_bytes();
        assert_eq!(PublicKey::strict(mixed), Err(KeyError::Torsion));
    }
    let no_point = (0..=255u8).filter(|y| PublicKey::strict([*y; 32]) == Err(KeyError::NotCanonical)).count();
    assert!(no_point > 50, "about half of all encodings are no points");
}

/// RFC 8032 §7.1, TEST 1 and TEST 2; the did:key of TEST 1's key by the multicodec table.
#[test]
fn the_public_vectors_of_ed25519_are_ours() {
    let cases = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "r",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ];
    for (seed, public, message, signed) in cases {
        let key = SecretKey::from_hex_seed(seed).unwrap();
        assert_eq!(HEXLOWER.encode(&key.public().0), public);
        let signature = key.sign(message.as_bytes());
        assert_eq!(HEXLOWER.encode(&signature.0), signed);
        assert!(verify(&key.public(), message.as_bytes(), &signature));
    }
}

#[test]
fn a_did_key_reads_back_and_nothing_near_it_does() {
    let key = secret(1).public();
    let text = key.to_string();
    assert!(text.starts_with("did:key:z6Mk"), "{text}");
    assert_eq!(text.parse(), Ok(key));
    let zeros = PublicKey([0; 32]);
    assert_eq!(zeros.to_string().parse(), Ok(zeros));
    let (long, spaced, doubled) = (format!("{text}1"), format!("{text} "), text.replace("z6Mk", "z16Mk"));
    for bad in [
        "",
        "did:key:z",
        "did:key:",
        &text[8..],
        &text[..text.len() - 1],
        &long,
        &spaced,
        &doubled,
        "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
    ] {
        assert_eq!(bad.parse::<PublicKey>(), Err(KeyError::DidKey), "{bad}");
    }
    assert_eq!(format!("did:key:z{}", "1".repeat(1 << 20)).parse::<PublicKey>(), Err(KeyError::DidKey));
}

#[test]
fn keys_and_signatures_are_text_in_json_and_bytes_in_cbor() {
    use crate::codec::{cbor, jcs};
    let (key, signature) = (secret(1).public(), secret(1).sign(MESSAGE));
    let (json, binary) = (jcs::to_vec(&(key, signature)).unwrap(), cbor::to_vec(&(key, signature)).unwrap());
    assert_eq!(json, format!("[\"{key}\",\"{signature}\"]").into_bytes());
    assert_eq!(binary[..4], [0x82, 0x58, 32, key.0[0]]);
    assert_eq!(jcs::from_slice::<(PublicKey, Signature)>(&json).unwrap(), (key, signature));
    assert_eq!(cbor::from_slice::<(PublicKey, Signature)>(&binary).unwrap(), (key, signature));
    let text_in_cbor = cbor::to_vec(&key.to_string()).unwrap();
    assert!(cbor::from_slice::<PublicKey>(&text_in_cbor).is_err());
    let bytes_in_json = jcs::to_vec(&key.0).unwrap();
    assert!(jcs::from_slice::<PublicKey>(&bytes_in_json).is_err());
    assert!(jcs::from_slice::<Signature>(format!("\"{signature}=\"").as_bytes()).is_err(), "padding");
}

#[test]
fn a_secret_key_never_prints() {
    let key = secret(0x5a);
    let shown = format!("{key:?}");
    assert!(shown.contains("did:key:") && !shown.contains("5a5a"), "{shown}");
    assert_eq!(key.to_hex_seed().as_str(), "5a".repeat(32));
    assert_eq!(SecretKey::from_hex_seed(&format!("{}\n", *key.to_hex_seed())).unwrap().public(), key.public());
    for bad in ["", "5a", &"5A".repeat(32), &"5a".repeat(33), &format!(" {}", "5a".repeat(32)), &format!("{}\n\n", "5a".repeat(32))] {
        assert_eq!(SecretKey::from_hex_seed(bad).unwrap_err(), KeyError::Seed, "{bad:?}");
    }
    assert_ne!(SecretKey::generate().unwrap().public(), SecretKey::generate().unwrap().public());
}

#[test]
fn a_tag_keeps_one_kind_of_statement_from_passing_as_another() {
    let (key, digest) = (secret(1), [9; 32]);
    let signed = key.sign_tagged("cairn.block.v1", &digest);
    assert!(verify_tagged(&key.public(), "cairn.block.v1", &digest, &signed));
    assert!(!verify_tagged(&key.public(), "cairn.claim.v1", &digest, &signed));
    assert!(!verify_tagged(&key.public(), "cairn.block.v1", &[8; 32], &signed));
    assert!(!verify(&key.public(), &digest, &signed));
}
