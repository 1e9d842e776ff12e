#![allow(clippy::unwrap_used)]

use super::*;
use crate::limits::DEPTH;
use ciborium::Value;
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

fn hex<T: Serialize + ?Sized>(value: &T) -> String {
    HEXLOWER.encode(&to_vec(value).unwrap())
}

/// RFC 8949, appendix A, as far as the shared model reaches.
#[test]
fn the_public_vectors_are_ours() {
    let integers: [(i64, &str); 14] = [
        (0, "00"),
        (1, "01"),
        (10, "0a"),
        (23, "17"),
        (24, "1818"),
        (25, "1819"),
        (100, "1864"),
        (1000, "1903e8"),
        (1_000_000, "1a000f4240"),
        (1_000_000_000_000, "1b000000e8d4a51000"),
        (-1, "20"),
        (-10, "29"),
        (-100, "3863"),
        (-1000, "3903e7"),
    ];
    for (value, encoded) in integers {
        assert_eq!(hex(&value), encoded);
        assert_eq!(from_slice::<i64>(&bytes(encoded)).unwrap(), value);
    }
    assert_eq!(hex(&9_007_199_254_740_991i64), "1b001fffffffffffff");
    assert_eq!(hex(&-9_007_199_254_740_991i64), "3b001ffffffffffffe");
    assert_eq!(hex(&false), "f4");
    assert_eq!(hex(&true), "f5");
    for (text, encoded) in
        [("", "60"), ("a", "6161"), ("IETF", "6449455446"), ("\"\\", "62225c"), ("ü", "62c3bc"), ("水", "63e6b0b4"), ("𐅑", "64f0908591")]
    {
        assert_eq!(hex(text), encoded);
        assert_eq!(from_slice::<String>(&bytes(encoded)).unwrap(), text);
    }
    assert_eq!(hex(&[0u8; 0]), "80");
    assert_eq!(hex(&(1, (2, 3), (4, 5))), "8301820203820405");
    assert_eq!(hex(&(1..=25).collect::<Vec<u8>>()), "98190102030405060708090a0b0c0d0e0f101112131415161718181819");
    assert_eq!(hex(&BTreeMap::from([(1, 2), (3, 4)])), "a201020304");
    assert_eq!(
        hex(&BTreeMap::from([("a", "A"), ("b", "B"), ("c", "C"), ("d", "D"), ("e", "E")])),
        "a56161614161626142616361436164614461656145"
    );
    assert_eq!(hex(&("a", BTreeMap::from([("b", "c")]))), "826161a161626163");
    assert_eq!(hex(&crate::merkle::Range::new()), "480000000000000000");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    zebra: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    b: Option<Box<Model>>,
    aa: Kind,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    c: Vec<Kind>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Plain,
    Wrapped(String),
    Pair(u8, bool),
    Named { long: i32, a: i32 },
}

fn model() -> Model {
    let kinds = vec![Kind::Plain, Kind::Wrapped("x".into()), Kind::Pair(1, true), Kind::Named { long: -5, a: 500 }];
    let inner = Model { zebra: 1, b: None, aa: Kind::Plain, c: vec![] };
    Model { zebra: 1 << 40, b: Some(Box::new(inner)), aa: Kind::Named { long: 1, a: 2 }, c: kinds }
}

#[test]
fn keys_are_sorted_by_their_encoding_whatever_the_order_of_declaration() {
    assert_eq!(hex(&Model { zebra: 1, b: None, aa: Kind::Plain, c: vec![] }), "a262616165506c61696e657a6562726101");
    // Shorter keys come first: their head is smaller.
    assert_eq!(hex(&BTreeMap::from([("aa", 1), ("b", 2)])), "a261620262616101");
    assert_eq!(hex(&BTreeMap::from([(-1, 0), (24, 0), (10, 0)])), "a30a001818002000");
    assert_eq!(from_slice::<Model>(&to_vec(&model()).unwrap()).unwrap(), model());
}

#[test]
fn what_the_model_lacks_is_not_written() {
    assert_eq!(to_vec(&1.5f64), Err(CodecError::Float(0)));
    assert_eq!(to_vec(&(1, 1.0f32)), Err(CodecError::Float(1)));
    assert_eq!(to_vec(&None::<u8>), Err(CodecError::Null(0)));
    assert_eq!(to_vec(&()), Err(CodecError::Null(0)));
    assert_eq!(to_vec(&9_007_199_254_740_992u64), Err(CodecError::Integer(0)));
    assert_eq!(to_vec(&-9_007_199_254_740_992i64), Err(CodecError::Integer(0)));
    assert!(matches!(to_vec(&u128::MAX), Err(CodecError::Schema(_))));
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("k", 1), ("j", 2), ("k", 3)])
        }
    }
    assert!(matches!(to_vec(&Twice), Err(CodecError::DuplicateKey(_))));
}

#[test]
fn every_leniency_is_refused_with_its_reason() {
    let cases = [
        ("", "truncated"),
        ("18", "truncated"),
        ("1903", "truncated"),
        ("4401", "truncated"),
        ("8201", "truncated"),
        ("a1", "truncated"),
        ("a101", "truncated"),
        ("5bffffffffffffffff", "truncated"),
        ("7b7fffffffffffffff", "truncated"),
        ("9bffffffffffffffff", "truncated"),
        ("bbffffffffffffffff", "truncated"),
        ("0000", "trailing_bytes"),
        ("80f4", "trailing_bytes"),
        ("1817", "non_minimal"),
        ("190018", "non_minimal"),
        ("1900ff", "non_minimal"),
        ("1a0000ffff", "non_minimal"),
        ("1b00000000ffffffff", "non_minimal"),
        ("3800", "non_minimal"),
        ("580161", "non_minimal"),
        ("780161", "non_minimal"),
        ("9800", "non_minimal"),
        ("b800", "non_minimal"),
        ("5f4100ff", "indefinite_length"),
        ("7f6161ff", "indefinite_length"),
        ("9fff", "indefinite_length"),
        ("bfff", "indefinite_length"),
        ("ff", "indefinite_length"),
        ("1b0020000000000000", "integer_range"),
        ("3b001fffffffffffff", "integer_range"),
        ("3bffffffffffffffff", "integer_range"),
        ("1c", "syntax"),
        ("5d", "syntax"),
        ("fc", "syntax"),
        ("a201000100", "duplicate_key"),
        ("a2616100616100", "duplicate_key"),
        ("81a2616100616100", "duplicate_key"),
        ("a202000100", "key_order"),
        ("a262616100616200", "key_order"),
        ("a220000000", "key_order"),
        ("f90000", "float"),
        ("fa3f800000", "float"),
        ("fb3ff0000000000000", "float"),
        ("f6", "null"),
        ("f7", "null"),
        ("81f6", "null"),
        ("a16161f6", "null"),
        ("c000", "tag"),
        ("d8184100", "tag"),
        ("c249010000000000000000", "tag"),
        ("e0", "simple_value"),
        ("f820", "simple_value"),
        ("f8ff", "simple_value"),
        ("61ff", "utf8"),
        ("62c3", "truncated"),
        ("63eda080", "utf8"),
    ];
    for (encoded, reason) in cases {
        assert_eq!(check(&bytes(encoded)).unwrap_err().reason(), reason, "{encoded}");
        assert_eq!(from_slice::<serde::de::IgnoredAny>(&bytes(encoded)).unwrap_err().reason(), reason, "{encoded}");
    }
}

#[test]
fn a_sequence_is_cut_after_its_first_item() {
    for (sequence, length) in [("00ff", 1), ("820102f6", 3), ("d28240a000", 4), ("d200", 2)] {
        assert_eq!(first_item(&bytes(sequence)), Ok(length), "{sequence}");
    }
    for bad in ["", "d2", "82", "d2d200", "c000"] {
        assert!(first_item(&bytes(bad)).is_err(), "{bad}");
    }
}

#[test]
fn depth_is_capped_when_read_and_when_written() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
    assert_eq!(check(&nested(DEPTH)), Ok(()));
    assert_eq!(check(&nested(DEPTH + 1)), Err(CodecError::Depth(DEPTH)));
    assert_eq!(check(&nested(1 << 20)), Err(CodecError::Depth(DEPTH)));
    struct Nest(usize);
    impl Serialize for Nest {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if self.0 == 0 { serializer.serialize_u8(0) } else { serializer.collect_seq([Nest(self.0 - 1)]) }
        }
    }
    assert_eq!(to_vec(&Nest(DEPTH)).unwrap(), nested(DEPTH));
    assert!(matches!(to_vec(&Nest(DEPTH + 1)), Err(CodecError::Depth(_))));
}

#[test]
fn the_schema_has_the_last_word() {
    let unknown = to_vec(&BTreeMap::from([("zebra", 1), ("extra", 2)])).unwrap();
    assert!(matches!(from_slice::<Model>(&unknown), Err(CodecError::Schema(_))));
    assert!(matches!(from_slice::<u8>(&bytes("190100")), Err(CodecError::Schema(_))));
    let long = "x".repeat(20_000);
    assert_eq!(from_slice::<String>(&to_vec(&long).unwrap()).unwrap(), long, "longer than a scratch buffer");
}

/// Any value of the shared model.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (-(1i64 << 53) + 1..1i64 << 53).prop_map(Value::from),
        (-300i64..300).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::btree_map(".{0,6}", inner, 0..6)
                .prop_map(|map| Value::Map(map.into_iter().map(|(key, value)| (key.into(), value)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_strict_and_reads_back_to_the_same_bytes(value in any_value()) {
        let encoded = to_vec(&value).unwrap();
        prop_assert_eq!(check(&encoded), Ok(()));
        let read: Value = from_slice(&encoded).unwrap();
        prop_assert_eq!(to_vec(&read).unwrap(), encoded);
    }

    /// Whatever the decoder accepts, the encoder would have written: there is one encoding only.
    #[test]
    fn accepted_bytes_are_the_canonical_ones(value in any_value(), at in any::<usize>(), byte in any::<u8>()) {
        let mut encoded = to_vec(&value).unwrap();
        let at = at % encoded.len();
        encoded[at] = byte;
        if let Ok(read) = from_slice::<Value>(&encoded) {
            prop_assert_eq!(to_vec(&read).unwrap(), encoded);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if check(&bytes).is_ok() {
            prop_assert_eq!(to_vec(&from_slice::<Value>(&bytes).unwrap()).unwrap(), bytes);
        }
    }
}
