//! Account names: whose money a movement concerns.
//!
//! Owns the five kinds of account and their one text each. Refuses balances: the decider's book of accounts has those.

use crate::{
    ids::{IdError, JobId},
    sign::PublicKey,
    value::{Name, serde_as_text},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, str::FromStr};

/// An account of a realm. Only facts move `escrow:` and `stake:`; only its author debits a named one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// Where the realm's currency comes from: the only account that may go negative.
    Issuer,
    /// Where what is forfeited goes.
    Treasury,
    /// What a job has put aside for its workers.
    Escrow(JobId),
    /// What a worker loses when it cheats; named by the worker's author id.
    Stake(PublicKey),
    /// An author's own account, by the name it was opened under.
    Named(Name),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Account::Issuer => f.write_str("issuer"),
            Account::Treasury => f.write_str("treasury"),
            Account::Escrow(job) => write!(f, "escrow:{job}"),
            Account::Stake(worker) => write!(f, "stake:{worker}"),
            Account::Named(name) => name.fmt(f),
        }
    }
}

impl FromStr for Account {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            kind: "account",
            text: text.chars().take(80).collect(),
            why: "it is a name, issuer, treasury, escrow:<job> or stake:<did:key>",
        };
        match text {
            "issuer" => Ok(Account::Issuer),
            "treasury" => Ok(Account::Treasury),
            _ => match text.split_once(':') {
                Some(("escrow", job)) => job.parse().map(Account::Escrow),
                Some(("stake", did)) => did.parse().map(Account::Stake).map_err(|_| wrong()),
                Some(_) => Err(wrong()),
                None => text.parse().map(Account::Named).map_err(|_| wrong()),
            },
        }
    }
}

serde_as_text!(Account);
