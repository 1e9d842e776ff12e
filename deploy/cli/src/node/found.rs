//! Founding: the first events of a local node, said once, in an order that any crash may interrupt.
//!
//! Owns the list: realm, keys, accounts, funds, stakes, workers. Refuses state of its own: an author's place in its lane says which of
//! its founding events are said, because every founder says them in this order and nothing before them.

use crate::{
    client::Client,
    commands::say,
    exit::Failure,
    node::{layout::Layout, setup::Setup},
    speaker::Speaker,
};
use cairn_schemas::{
    Account, Amount, Body, Name, RealmId, Topic,
    event::{AccountOpened, Admission, Currency, KeyRegistered, RealmOpened, StakeLocked, TransferPosted, WorkerRegistered},
    ids::InstanceId,
};
use indicatif::ProgressBar;
use std::collections::BTreeMap;

/// One author's way through its founding events: how many of each topic were asked for so far.
struct Founder<'a> {
    speaker: Speaker,
    asked: BTreeMap<Topic, u64>,
    bar: &'a ProgressBar,
}

impl<'a> Founder<'a> {
    async fn enter(layout: &Layout, name: &str, client: &Client, bar: &'a ProgressBar) -> Result<Founder<'a>, Failure> {
        let mut speaker = Speaker::open(layout, &layout.key(name), client.clone())?;
        speaker.settle_pending().await?;
        Ok(Founder { speaker, asked: BTreeMap::new(), bar })
    }

    /// Says the next founding event of its topic, unless the lane is past it.
    async fn say(&mut self, realm: RealmId, body: impl Into<Body>) -> Result<(), Failure> {
        let body = body.into();
        let ordinal = self.asked.entry(body.topic()).or_default();
        *ordinal += 1;
        if self.speaker.said(realm, body.topic()).await? < *ordinal {
            self.speaker.say(realm, body).await?.accepted_or("")?;
        }
        self.bar.inc(1);
        Ok(())
    }
}

/// Says what is missing of the founding events; the realm. Harmless when all is said.
pub async fn found(setup: &Setup, layout: &Layout, client: &Client, instance: InstanceId, bar: &ProgressBar) -> Result<RealmId, Failure> {
    bar.set_length(1 + 2 + 2 + setup.workers.len() as u64 * 5);
    let realm = open_realm(setup, layout, client, instance, bar).await?;
    // The issuer is an author since its realm was opened; its lane holds the funds, one transfer an author.
    let mut issuer = Founder::enter(layout, "issuer", client, bar).await?;
    let producer = &setup.producer;
    let mut author = Founder::enter(layout, producer.name.as_str(), client, bar).await?;
    introduce(&mut author, realm, &producer.name).await?;
    fund(&mut issuer, realm, &producer.name, producer.funds).await?;
    for worker in &setup.workers {
        let mut author = Founder::enter(layout, worker.name.as_str(), client, bar).await?;
        introduce(&mut author, realm, &worker.name).await?;
        fund(&mut issuer, realm, &worker.name, worker.stake).await?;
        let account = Account::Named(worker.name.clone());
        author.say(realm, WorkerRegistered { name: worker.name.clone(), account: account.clone() }).await?;
        author.say(realm, StakeLocked { from: account, amount: worker.stake }).await?;
    }
    Ok(realm)
}

async fn open_realm(setup: &Setup, layout: &Layout, client: &Client, instance: InstanceId, bar: &ProgressBar) -> Result<RealmId, Failure> {
    let issuer = Speaker::open(layout, &layout.key("issuer"), client.clone())?.id();
    let mut admin = Founder::enter(layout, "admin", client, bar).await?;
    let realm = RealmOpened {
        name: setup.realm.name.clone(),
        partition: 0,
        admins: vec![admin.speaker.id()],
        admission: Admission::Open,
        currency: Currency { code: setup.realm.currency.clone(), scale: setup.realm.scale },
        issuer,
    };
    admin.say(instance.into(), realm).await?;
    say::realm(client, Some(setup.realm.name.as_str()), layout).await
}

async fn introduce(author: &mut Founder<'_>, realm: RealmId, name: &Name) -> Result<(), Failure> {
    let key = author.speaker.id();
    author.say(realm, KeyRegistered { key }).await?;
    author.say(realm, AccountOpened { account: name.clone() }).await
}

async fn fund(issuer: &mut Founder<'_>, realm: RealmId, name: &Name, amount: Amount) -> Result<(), Failure> {
    issuer.say(realm, TransferPosted { from: Account::Issuer, to: Account::Named(name.clone()), amount }).await
}
