#![allow(clippy::unwrap_used)]
use super::*;
use crate::{Account, codec::cbor, codec::jcs};
use proptest::prelude::*;

#[test]
fn an_amount_has_one_text_and_a_ceiling() {
    for text in ["0", "1", "2500000", "99999999999999999999999999999999999999"] {
        assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
    }
    for wrong in ["", "00", "01", "-1", "+1", "1.0", " 1", "1e3", "100000000000000000000000000000000000000"] {
        assert!(wrong.parse::<Amount>().is_err(), "{wrong}");
    }
    let most = Amount::new(limits::AMOUNT_MAX).unwrap();
    assert_eq!(most.checked_add(Amount::new(1).unwrap()), None);
    assert_eq!(Amount::ZERO.checked_sub(Amount::new(1).unwrap()), None);
}

#[test]
fn an_amount_reads_well_in_whole_units() {
    for (minor, scale, text) in [(2_500_000, 6, "2.500000"), (5, 6, "0.000005"), (0, 2, "0.00"), (42, 0, "42")] {
        assert_eq!(Amount::new(minor).unwrap().in_units(scale), text);
    }
}

#[test]
fn a_time_has_one_text() {
    for text in ["2026-11-21T08:00:00Z", "2026-11-21T08:00:00.120Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"] {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
    }
    for wrong in [
        "2026-11-21T08:00:00.000Z",
        "2026-11-21T08:00:00.12Z",
        "2026-11-21T08:00:00+00:00",
        "2026-11-21t08:00:00z",
        "2026-11-21 08:00:00Z",
        "1969-12-31T23:59:59Z",
        "2026-02-30T00:00:00Z",
    ] {
        assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
    }
}

#[test]
fn names_lines_and_rates_keep_their_shape() {
    assert!("acme-1.eu_west".parse::<Name>().is_ok());
    for wrong in ["", "Acme", "-acme", "a b", "é", &"a".repeat(64)] {
        assert!(wrong.parse::<Name>().is_err(), "{wrong}");
    }
    assert!("a\nb".parse::<Line>().is_err());
    assert!("a\nb".parse::<Text>().is_ok());
    for (text, billionths) in [("0", 0), ("1", 1_000_000_000), ("0.25", 250_000_000), ("0.000000001", 1)] {
        assert_eq!(text.parse::<Rate>().unwrap().billionths(), billionths);
    }
    for wrong in ["", "1.1", "2", ".5", "0.", "0.50", "0.0000000001", "1e-1", "-0"] {
        assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
    }
}

#[test]
fn an_account_has_one_text_for_each_kind() {
    let did = crate::SecretKey::from_seed([1; 32]).public();
    for text in ["issuer", "treasury", "acme", &format!("escrow:{}", "0a".repeat(32)), &format!("stake:{did}")] {
        assert_eq!(text.parse::<Account>().unwrap().to_string(), text);
    }
    for wrong in ["", "Issuer", "escrow:", "escrow:0a", "stake:acme", "savings:acme", "a:b:c"] {
        assert!(wrong.parse::<Account>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn values_survive_both_encodings(minor in 0..=limits::AMOUNT_MAX, millis in 0..=Timestamp::MAX.millis(), bytes: Vec<u8>) {
        let value = (Amount::new(minor).unwrap(), Timestamp::from_millis(millis).unwrap(), ByteString(bytes));
        prop_assert_eq!(&cbor::from_slice::<(Amount, Timestamp, ByteString)>(&cbor::to_vec(&value).unwrap()).unwrap(), &value);
        prop_assert_eq!(&jcs::from_slice::<(Amount, Timestamp, ByteString)>(&jcs::to_vec(&value).unwrap()).unwrap(), &value);
    }
}
