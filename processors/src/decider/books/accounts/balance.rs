//! Balances: what lies in an account, below zero for the issuer.
//!
//! Owns signed arithmetic within ±(10^38 − 1), and the decimal text that a balance has in both encodings. Refuses overflow.

use cairn_schemas::{Amount, limits};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt};

/// Minor units, from −(10^38 − 1) to 10^38 − 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Balance(i128);

impl Balance {
    pub const ZERO: Balance = Balance(0);

    pub fn new(minor: i128) -> Option<Balance> {
        (minor.unsigned_abs() <= limits::AMOUNT_MAX).then_some(Balance(minor))
    }

    pub fn plus(self, amount: Amount) -> Option<Balance> {
        self.0.checked_add(signed(amount)?).and_then(Balance::new)
    }

    pub fn minus(self, amount: Amount) -> Option<Balance> {
        self.0.checked_sub(signed(amount)?).and_then(Balance::new)
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The balance as an amount; below zero there is none.
    pub fn amount(self) -> Amount {
        u128::try_from(self.0).ok().and_then(Amount::new).unwrap_or(Amount::ZERO)
    }

    /// The sum, or `None` where even it overflows. Debts and credits are summed apart, so that their order does not matter.
    pub fn sum(balances: impl Iterator<Item = Balance>) -> Option<Balance> {
        let (mut credits, mut debts) = (0u128, 0u128);
        for Balance(minor) in balances {
            let side = if minor < 0 { &mut debts } else { &mut credits };
            *side = side.checked_add(minor.unsigned_abs())?;
        }
        i128::try_from(credits).ok()?.checked_sub(i128::try_from(debts).ok()?).and_then(Balance::new)
    }
}

/// Amounts end at 10^38 − 1, well below the end of `i128`.
fn signed(amount: Amount) -> Option<i128> {
    i128::try_from(amount.get()).ok()
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Balance {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Balance {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        let balance = text.parse().ok().and_then(Balance::new).filter(|balance| balance.to_string() == text);
        balance.ok_or_else(|| de::Error::custom("a balance in minor units"))
    }
}
