//! Founding: the first events of a local node, said once, in an order that any crash may interrupt.
//!
//! Owns the list: realm, producer, funds, workers. Refuses state of its own: an author's place in its lane says which of
//! its founding events are said, because every founder says them in this order and nothing before them. What a worker must say, and
//! what it lacks, its enlistment knows.

use crate::{
    client::Client,
    commands::say,
    exit::{Exit, Failure},
    node::{
        keys,
        layout::Layout,
        setup::{self, Setup},
    },
    speaker::Speaker,
};
use anyhow::anyhow;
use cairn_kernels::exec::Executor;
use cairn_processors::workers::{
    self, Conduct, Enlistment, WorkerError,
    enlist::{self, Missing},
    shelf::Shelf,
};
use cairn_schemas::{
    Account, Amount, Body, Name, RealmId, Topic,
    event::{AccountOpened, Admission, Currency, KeyRegistered, RealmOpened, TransferPosted},
    ids::InstanceId,
};
use futures::future::try_join_all;
use indicatif::ProgressBar;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Between two looks whether a worker sees what it was given; it reads along within milliseconds.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 600;

/// The partition of the first realm.
const HOME: u32 = 0;

/// One author's way through its founding events: how many of each topic were asked for so far.
struct Founder<'a> {
    speaker: Speaker,
    asked: BTreeMap<Topic, u64>,
    bar: &'a ProgressBar,
}

impl<'a> Founder<'a> {
    async fn enter(layout: &Layout, name: &str, client: &Client, bar: &'a ProgressBar) -> Result<Founder<'a>, Failure> {
        Founder::with(Speaker::open(layout, &layout.key(name), client.clone()).await?, bar).await
    }

    async fn with(mut speaker: Speaker, bar: &'a ProgressBar) -> Result<Founder<'a>, Failure> {
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
    bar.set_length(1 + 2 + 1 + setup.workers.len() as u64);
    let realm = open_realm(setup, layout, client, instance, bar).await?;
    // The issuer is an author since its realm was opened; its lane holds the funds, one transfer an author.
    let mut issuer = Founder::enter(layout, "issuer", client, bar).await?;
    let producer = &setup.producer;
    let mut author = Founder::enter(layout, producer.name.as_str(), client, bar).await?;
    introduce(&mut author, realm, &producer.name).await?;
    fund(&mut issuer, realm, &producer.name, producer.funds).await?;
    let mut candidates = Vec::new();
    for worker in &setup.workers {
        candidates.extend(Candidate::enter(layout, client, realm, worker, bar).await?);
    }
    try_join_all(candidates.iter_mut().map(Candidate::look)).await?;
    for worker in &setup.workers {
        fund(&mut issuer, realm, &worker.name, worker.stake).await?;
    }
    try_join_all(candidates.iter_mut().map(Candidate::complete)).await?;
    Ok(realm)
}

/// A worker on its way to a stake.
struct Candidate {
    worker: workers::Worker,
    wanted: Enlistment,
}

impl Candidate {
    /// None if its stake is said, the last word of an enlistment: one that lost it later is not enlisted again by a restart.
    async fn enter(
        layout: &Layout,
        client: &Client,
        realm: RealmId,
        worker: &setup::Worker,
        bar: &ProgressBar,
    ) -> Result<Option<Candidate>, Failure> {
        let mut author = Founder::enter(layout, worker.name.as_str(), client, bar).await?;
        if author.speaker.said(realm, Topic::Payments).await? >= enlist::PAYMENTS {
            return Ok(None);
        }
        // One key has one writer at a time.
        drop(author);
        let settings = workers::Settings {
            name: worker.name.clone(),
            key: keys::read(&layout.key(worker.name.as_str()))?,
            partition: 0,
            outbox: Some(layout.outbox()),
            conduct: Conduct::Honest,
            executor: Arc::new(Executor::fast(1)),
            shelf: Arc::new(Shelf::default()),
        };
        let wanted = Enlistment { realm, name: worker.name.clone(), stake: worker.stake };
        let worker = workers::Worker::new(settings, Arc::new(client.clone())).map_err(unenlisted)?;
        Ok(Some(Candidate { worker, wanted }))
    }

    /// Says what it can say, and answers what it needs then.
    async fn look(&mut self) -> Result<Missing, Failure> {
        self.worker.enlist(&self.wanted).await.map_err(unenlisted)
    }

    /// Says the rest, once it sees its funds.
    async fn complete(&mut self) -> Result<(), Failure> {
        for _ in 0..LOOKS {
            if self.look().await? == Missing::Nothing {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Failure::new(Exit::Failed, "CRN-1007", anyhow!("worker {} does not see its funds", self.wanted.name)))
    }
}

fn unenlisted(error: WorkerError) -> Failure {
    let code = error.code().to_owned();
    Failure::new(Exit::Failed, &code, error)
}

async fn open_realm(setup: &Setup, layout: &Layout, client: &Client, instance: InstanceId, bar: &ProgressBar) -> Result<RealmId, Failure> {
    let issuer = Speaker::open(layout, &layout.key("issuer"), client.clone()).await?.id();
    let mut admin = Founder::with(Speaker::open_at(layout, &layout.key("admin"), client.clone(), HOME).await?, bar).await?;
    let realm = RealmOpened {
        name: setup.realm.name.clone(),
        partition: HOME,
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
