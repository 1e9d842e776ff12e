//! The books, asked from outside: what every account holds is what its entries say.
//!
//! Owns the two questions and their comparison. Refuses to know who should hold what: that is the story's.

use serde_json::Value;
use std::collections::BTreeMap;

/// Accounts by realm and name.
pub type Balances = BTreeMap<(String, String), i128>;

/// Compares balances with entries, in each realm, and returns what every account holds; nothing is held in sum.
pub fn balance(ask: impl Fn(&str) -> Vec<Value>) -> Balances {
    let entered = "SELECT realm, account, sum(x) AS balance FROM (SELECT realm, credit AS account, amount AS x FROM entries \
                   UNION ALL SELECT realm, debit, -amount FROM entries) GROUP BY realm, account";
    let balances = |question: &str| -> Balances {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let read = |row: &Value| ((text(row, "realm"), text(row, "account")), text(row, "balance").parse().unwrap());
        ask(question).iter().map(read).filter(|(_, balance)| *balance != 0).collect()
    };
    let held = balances("SELECT realm, account, balance FROM balances");
    assert_eq!(held, balances(entered));
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    held.iter().for_each(|((realm, _), balance)| *sums.entry(realm).or_default() += balance);
    assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    held
}
