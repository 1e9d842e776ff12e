#![allow(clippy::unwrap_used)]

use super::*;
use crate::limits::DEPTH;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

type Map = BTreeMap<String, String>;

/// RFC 8785 §3.2.3: keys by UTF-16 code units, which is neither by bytes nor by code points.
#[test]
fn the_public_order_of_keys_is_ours() {
    let keys = ["\u{20ac}", "\r", "\u{fb33}", "1", "\u{1f600}", "\u{80}", "\u{f6}"];
    let values = [
        "Euro Sign",
        "Carriage Return",
        "Hebrew Letter Dalet With Dagesh",
        "One",
        "Emoji: Grinning Face",
        "Control",
        "Latin Small Letter O With Diaeresis",
    ];
    let map: Map = keys.into_iter().map(String::from).zip(values.into_iter().map(String::from)).collect();
    let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\
        \"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_eq!(String::from_utf8(to_vec(&map).unwrap()).unwrap(), expected);
    assert!(is_canonical(expected.as_bytes()));
    assert_eq!(from_slice::<Map>(expected.as_bytes()).unwrap(), map);
}

/// RFC 8785 §3.2.2.2, its example string: short escapes where they exist, others in lowercase hexadecimal.
#[test]
fn the_public_escapes_are_ours() {
    let text = "\u{20ac}$\u{0f}\u{0a}A'\u{42}\u{22}\u{5c}\\\"/";
    let expected = "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"";
    assert_eq!(String::from_utf8(to_vec(&text).unwrap()).unwrap(), expected);
    assert!(is_canonical(expected.as_bytes()));
    let lenient = r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#;
    assert_eq!(from_slice::<String>(lenient.as_bytes()).unwrap(), text);
    assert_eq!(check_canonical(lenient.as_bytes()), Err(CodecError::NotCanonical));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    zebra: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    b: Option<String>,
    a: Vec<bool>,
}

#[test]
fn key_order_and_spacing_are_free_when_read() {
    let model = Model { zebra: -5, b: Some("x".into()), a: vec![true, false] };
    let canonical = br#"{"a":[true,false],"b":"x","zebra":-5}"#;
    assert_eq!(to_vec(&model).unwrap(), canonical);
    assert!(is_canonical(canonical));
    for lenient in ["{\"zebra\":-5,\"b\":\"x\",\"a\":[true,false]}", " {\"a\" : [true,\tfalse],\r\n\"b\":\"\\u0078\", \"zebra\":-5 }\n"] {
        assert_eq!(from_slice::<Model>(lenient.as_bytes()).unwrap(), model);
        assert_eq!(check_canonical(lenient.as_bytes()), Err(CodecError::NotCanonical), "{lenient}");
    }
    assert!(matches!(from_slice::<Model>(br#"{"a":[],"zebra":1,"more":1}"#), Err(CodecError::Schema(_))));
}

#[test]
fn every_other_leniency_is_refused_with_its_reason() {
    let cases: [(&[u8], &str); 50] = [
        (b"", "truncated"),
        (b"  ", "truncated"),
        (b"{", "truncated"),
        (b"[1", "truncated"),
        (b"\"a", "truncated"),
        (b"\"a\\", "truncated"),
        (b"{\"a\":", "truncated"),
        (b"1 2", "trailing_bytes"),
        (b"{}{}", "trailing_bytes"),
        (b"[]]", "trailing_bytes"),
        (b"true\0", "trailing_bytes"),
        (b"\xef\xbb\xbf{}", "syntax"),
        (b"{\"a\":1,\"a\":2}", "duplicate_key"),
        (b"{\"a\":1,\"b\":2,\"a\":2}", "duplicate_key"),
        (b"{\"a\":1,\"\\u0061\":2}", "duplicate_key"),
        (b"[{\"x\":{\"b\":1,\"a\":1,\"b\":1}}]", "duplicate_key"),
        (b"1.0", "float"),
        (b"1e5", "float"),
        (b"-1E-5", "float"),
        (b"{\"a\":0.5}", "float"),
        (b"null", "null"),
        (b"{\"a\":null}", "null"),
        (b"[null]", "null"),
        (b"-0", "non_minimal"),
        (b"00", "non_minimal"),
        (b"01", "non_minimal"),
        (b"-01", "non_minimal"),
        (b"9007199254740992", "integer_range"),
        (b"-9007199254740992", "integer_range"),
        (b"99999999999999999999999999999999", "integer_range"),
        (b"\"\xff\"", "utf8"),
        (b"\"\xed\xa0\x80\"", "utf8"),
        (b"\"\\ud800\"", "syntax"),
        (b"\"\\udc00\\ud800\"", "syntax"),
        (b"\"\\ud800x\"", "syntax"),
        (b"\"\\x\"", "syntax"),
        (b"\"\\u12\"", "syntax"),
        (b"\"a\nb\"", "syntax"),
        (b"-", "syntax"),
        (b"+1", "syntax"),
        (b".5", "syntax"),
        (b"nul", "syntax"),
        (b"True", "syntax"),
        (b"NaN", "syntax"),
        (b"'a'", "syntax"),
        (b"[1,]", "syntax"),
        (b"[1 2]", "syntax"),
        (b"{\"a\":1,}", "syntax"),
        (b"{a:1}", "syntax"),
        (b"[]/**/", "trailing_bytes"),
    ];
    for (json, reason) in cases {
        let shown = String::from_utf8_lossy(json);
        assert_eq!(check_canonical(json).unwrap_err().reason(), reason, "{shown}");
        assert_eq!(from_slice::<IgnoredAny>(json).unwrap_err().reason(), reason, "{shown}");
    }
    for good in ["9007199254740991", "-9007199254740991", "0", "-1", "{}", "[]", "\"\"", "\"\u{7f}\u{2028}\""] {
        assert_eq!(check_canonical(good.as_bytes()), Ok(()), "{good}");
    }
    assert_eq!(from_slice::<String>(br#""\ud83d\ude00""#).unwrap(), "😀");
}

#[test]
fn depth_is_capped() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
    assert_eq!(check_canonical(&nested(DEPTH)), Ok(()));
    assert_eq!(check_canonical(&nested(DEPTH + 1)), Err(CodecError::Depth(DEPTH)));
    assert_eq!(check_canonical(&vec![b'['; 1 << 20]), Err(CodecError::Depth(DEPTH)));
}

#[test]
fn what_the_model_lacks_is_not_written() {
    assert!(to_vec(&(crate::limits::INTEGER_MAX)).is_ok());
    assert_eq!(to_vec(&(crate::limits::INTEGER_MAX + 1)), Err(CodecError::Integer(0)));
    assert!(to_vec(&u64::MAX).is_err());
    assert_eq!(to_vec(&1.5f64), Err(CodecError::Float(0)));
    assert_eq!(to_vec(&None::<u8>), Err(CodecError::Null(0)));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Json {
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::Flag),
        (-(1i64 << 53) + 1..1i64 << 53).prop_map(Json::Number),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
            proptest::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Json::Object),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_canonical_and_reads_back(value in any_json()) {
        let encoded = to_vec(&value).unwrap();
        prop_assert!(is_canonical(&encoded));
        prop_assert_eq!(&from_slice::<Json>(&encoded).unwrap(), &value);
        // Through any other writer of JSON the same canonical bytes come out.
        let lenient = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(to_vec(&from_slice::<Json>(&lenient).unwrap()).unwrap(), encoded);
    }

    /// Whatever is judged canonical is what the encoder writes.
    #[test]
    fn canonical_bytes_are_the_written_ones(value in any_json(), at in any::<usize>(), byte in any::<u8>()) {
        let mut encoded = to_vec(&value).unwrap();
        let at = at % encoded.len();
        encoded[at] = byte;
        if is_canonical(&encoded) {
            prop_assert_eq!(to_vec(&from_slice::<Json>(&encoded).unwrap()).unwrap(), encoded);
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[\\[\\]{}\":,0-9a\\\\u\\-.e ]{0,40}") {
        let strict = check_canonical(text.as_bytes());
        if strict.is_ok() || strict == Err(CodecError::NotCanonical) {
            prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }
    }
}
