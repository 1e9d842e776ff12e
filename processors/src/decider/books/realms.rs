//! Realms: the ledgers that are at home on this partition, and the instance above them.
//!
//! Owns who administers what, who may join, and the names of realms, unique on their partition: a decider sees no other.
//! Refuses keys (an admin is an author like any other, with keys of its own) and balances.

use crate::decider::{Halt, Rejection, rejection::require};
use cairn_schemas::{
    Fact,
    codec::CodecError,
    decision::RejectionCode,
    event::{Admission, Currency, RealmOpened},
    genesis::Genesis,
    ids::{InstanceId, RealmId},
    limits,
    sign::PublicKey,
    value::Name,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realms {
    instance: RealmId,
    instance_admins: BTreeSet<PublicKey>,
    realms: BTreeMap<RealmId, Realm>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Realm {
    name: Name,
    admins: BTreeSet<PublicKey>,
    admission: Admission,
    currency: Currency,
}

impl Realms {
    /// No realm yet; the admins that genesis names may open some.
    pub fn of_instance(genesis: &Genesis) -> Result<Realms, CodecError> {
        let instance: InstanceId = genesis.id()?;
        Ok(Realms { instance: instance.into(), instance_admins: genesis.admins.iter().copied().collect(), realms: BTreeMap::new() })
    }

    /// Whether events of this realm belong on this partition.
    pub fn is_home(&self, realm: RealmId) -> bool {
        self.is_instance(realm) || self.realms.contains_key(&realm)
    }

    pub fn is_instance(&self, realm: RealmId) -> bool {
        realm == self.instance
    }

    pub fn is_instance_admin(&self, author: &PublicKey) -> bool {
        self.instance_admins.contains(author)
    }

    pub fn is_admin(&self, realm: RealmId, author: &PublicKey) -> bool {
        self.realms.get(&realm).is_some_and(|realm| realm.admins.contains(author))
    }

    /// Whether anybody may register itself.
    pub fn is_open(&self, realm: RealmId) -> bool {
        self.realms.get(&realm).is_some_and(|realm| realm.admission == Admission::Open)
    }

    /// A genesis admin opens a realm; admission has seen to it that it is opened here.
    pub fn decide_open(&self, realm: RealmId, ask: &RealmOpened) -> Result<Vec<Fact>, Rejection> {
        require(self.realms.values().all(|other| other.name != ask.name), RejectionCode::RealmExists)?;
        require(self.realms.len() < limits::REALMS_PER_PARTITION, RejectionCode::LimitReached)?;
        let bad = |why: &str| Err(Rejection::because(RejectionCode::BadRealm, why));
        let admins: BTreeSet<_> = ask.admins.iter().collect();
        if admins.is_empty() || admins.len() != ask.admins.len() || admins.len() > limits::ADMINS_PER_REALM {
            return bad("a realm has 1 to 64 admins, each named once");
        }
        if ask.currency.scale > limits::CURRENCY_SCALE {
            return bad("a currency has at most 18 decimals");
        }
        Ok(vec![Fact::RealmOpened {
            realm,
            name: ask.name.clone(),
            partition: ask.partition,
            admins: ask.admins.clone(),
            admission: ask.admission,
            currency: ask.currency.clone(),
            issuer: ask.issuer,
        }])
    }

    pub fn evolve(&mut self, fact: &Fact) -> Result<(), Halt> {
        let Fact::RealmOpened { realm, name, admins, admission, currency, .. } = fact else { return Ok(()) };
        let opened =
            Realm { name: name.clone(), admins: admins.iter().copied().collect(), admission: *admission, currency: currency.clone() };
        match self.realms.insert(*realm, opened) {
            None => Ok(()),
            Some(_) => Err(Halt::fact(fact.name(), format!("realm {realm} is open already"))),
        }
    }
}
