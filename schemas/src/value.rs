//! Values: amounts, times, names, byte strings and blob references, each of which cannot hold a wrong one.
//!
//! Owns their ranges and texts. Refuses arithmetic on balances: books do that.

use crate::{
    ids::{BlobHash, IdError},
    limits,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, str::FromStr};

/// An amount of money in minor units, 0 to 10^38 − 1. A decimal string in both encodings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u128);

impl Amount {
    pub const ZERO: Amount = Amount(0);

    pub const fn new(minor: u128) -> Option<Amount> {
        if minor <= limits::AMOUNT_MAX { Some(Amount(minor)) } else { None }
    }

    pub const fn get(self) -> u128 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).and_then(Amount::new)
    }

    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    pub fn checked_mul(self, by: u128) -> Option<Amount> {
        self.0.checked_mul(by).and_then(Amount::new)
    }

    /// The amount in whole units of a currency with `scale` decimals: `2.500000`.
    pub fn in_units(self, scale: u8) -> String {
        let digits = format!("{:0>width$}", self.0, width = scale as usize + 1);
        let (whole, part) = digits.split_at(digits.len() - scale as usize);
        if scale == 0 { whole.to_owned() } else { format!("{whole}.{part}") }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Amount {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = |why| IdError { kind: "amount", text: text.chars().take(80).collect(), why };
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        if !plain {
            return Err(wrong("it is a whole number of minor units without sign or leading zero"));
        }
        text.parse().ok().and_then(Amount::new).ok_or_else(|| wrong("it is at most 10^38 − 1"))
    }
}

/// Milliseconds since 1970 in UTC. JSON: RFC 3339 with `Z`, no fraction or exactly three digits; CBOR: the integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 9999-12-31T23:59:59.999Z: the last that RFC 3339 can write.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999);

    /// `None` before 1970 or after the year 9999.
    pub const fn from_millis(millis: i64) -> Option<Timestamp> {
        if millis >= 0 && millis <= Timestamp::MAX.0 { Some(Timestamp(millis)) } else { None }
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Later by `millis`, at most [`Timestamp::MAX`].
    pub fn plus(self, millis: u64) -> Timestamp {
        let later = i64::try_from(millis).ok().and_then(|by| self.0.checked_add(by)).unwrap_or(i64::MAX);
        Timestamp(later.min(Timestamp::MAX.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.0 % 1000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
        let time = DateTime::<Utc>::from_timestamp_millis(self.0).ok_or(fmt::Error)?;
        f.write_str(&time.to_rfc3339_opts(form, true))
    }
}

impl FromStr for Timestamp {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            kind: "time",
            text: text.chars().take(80).collect(),
            why: "it is RFC 3339 in UTC, like 2026-11-21T08:00:00Z or with three decimals",
        };
        let millis = DateTime::parse_from_rfc3339(text).map_err(|_| wrong())?.timestamp_millis();
        let time = Timestamp::from_millis(millis).ok_or_else(wrong)?;
        // One time has one text: offsets, lowercase letters and other fractions are refused.
        if time.to_string() == text { Ok(time) } else { Err(wrong()) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            Cow::<'de, str>::deserialize(d)?.parse().map_err(de::Error::custom)
        } else {
            Timestamp::from_millis(i64::deserialize(d)?).ok_or_else(|| de::Error::custom("a time from 1970 to 9999"))
        }
    }
}

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident: $kind:literal, $max:literal, $why:literal, $ok:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let ok: fn(&str) -> bool = $ok;
                if text.len() <= $max && ok(text) {
                    Ok($name(text.to_owned()))
                } else {
                    Err(IdError { kind: $kind, text: text.chars().take(80).collect(), why: $why })
                }
            }
        }
    )+};
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

text! {
    /// A short name: 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit.
    Name: "name", 63, "it is 1 to 63 of a-z, 0-9, dot, dash and underscore, and begins with a letter or digit", is_name;
    /// One line of text for people: at most 256 bytes, no control characters.
    Line: "line", 256, "it is at most 256 bytes without control characters", is_line;
    /// Text of several lines: at most 8 192 bytes.
    Text: "text", 8192, "it is at most 8192 bytes without control characters but newline and tab",
        |text| !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    /// A decimal from 0 to 1 with at most nine decimals, like `0.25`: rates and probabilities, exactly.
    Rate: "rate", 11, "it is a decimal from 0 to 1 with at most nine decimals", |text| rate_billionths(text).is_some();
}

/// The rate in billionths, or `None` if the text is no rate.
fn rate_billionths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let spelled = (whole == "0" || whole == "1") && digits(part) && part.len() <= 9 && !(text.contains('.') && part.is_empty());
    if !spelled || part.ends_with('0') {
        return None;
    }
    let value = whole.parse::<u64>().ok()? * 1_000_000_000 + format!("{part:0<9}").parse::<u64>().ok()?;
    (value <= 1_000_000_000).then_some(value)
}

impl Rate {
    /// The rate in billionths, 0 to 1 000 000 000.
    pub fn billionths(&self) -> u64 {
        rate_billionths(&self.0).unwrap_or_default()
    }
}

macro_rules! serde_as_text {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_as_text;

serde_as_text!(Amount, Name, Line, Text, Rate);

/// A byte string. JSON: base64url without padding; CBOR: bytes.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteString(pub Vec<u8>);

impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for ByteString {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.serialize_str(&data_encoding::BASE64URL_NOPAD.encode(&self.0)) } else { s.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for ByteString {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl de::Visitor<'_> for Any {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        if d.is_human_readable() {
            let text = Cow::<'de, str>::deserialize(d)?;
            data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).map(ByteString).map_err(de::Error::custom)
        } else {
            d.deserialize_byte_buf(Any).map(ByteString)
        }
    }
}

/// A blob by content: BLAKE3 and length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobRef {
    pub hash: BlobHash,
    pub size: u64,
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
