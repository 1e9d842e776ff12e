//! The cast: realms opened for one run, and their authors.
//!
//! Owns their keys, which live no longer than the run. Refuses authors of others: nothing said here continues anybody's lane but the admin's,
//! who opens the realms, with the outbox of its folder.

use crate::{
    client::Client,
    exit::Failure,
    node::layout::Layout,
    speaker::{self, Speaker, unsaid},
};
use anyhow::Context as _;
use cairn_processors::author::{Author, Head, Kept, Outbox};
use cairn_schemas::{
    Account, Amount, Body, Encoding, EventHash, Name, PublicKey, RealmId, SecretKey, Topic,
    event::{AccountOpened, Admission, Currency, KeyRegistered, NoteRecorded, RealmOpened, TransferPosted},
    genesis::Genesis,
};
use clap::ValueEnum;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;

/// Authors that introduce themselves at once.
const AT_ONCE: usize = 16;
/// Minor units that each author begins with.
const FUNDS: u128 = 1_000_000_000_000;

/// What authors say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A note in the audit trail
    #[default]
    Note,
    /// A transfer of one unit to the realm's next author
    Transfer,
}

impl Kind {
    /// The type of event that only the load says.
    pub fn type_name(self) -> &'static str {
        match self {
            Kind::Note => "note.recorded.v1",
            Kind::Transfer => "transfer.posted.v1",
        }
    }
}

/// A realm of this run.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    pub realm: RealmId,
    partition: u32,
    /// Whose transfers are no load.
    pub issuer: PublicKey,
}

/// All that speak in a run.
#[derive(Debug)]
pub struct Cast {
    pub realms: Vec<Stage>,
    pub voices: Vec<Voice>,
}

/// An author and what it says next.
#[derive(Debug)]
pub struct Voice {
    author: Author,
    realm: RealmId,
    says: Body,
}

impl Cast {
    /// Opens realms, dealt over the partitions, and introduces their authors; returns once all of that is decided.
    pub async fn open(realms: u32, authors: u32, kind: Kind, genesis: &Genesis, layout: &Layout, client: &Client) -> Result<Cast, Failure> {
        let run = speaker::now().millis();
        let mut cast = Cast { realms: Vec::new(), voices: Vec::new() };
        for nth in 0..realms {
            let (issuer, partition) = (fresh_key()?, nth % genesis.partitions);
            let realm = open_realm(name(format!("load-{run}-{nth}"))?, partition, issuer.public(), genesis, layout, client).await?;
            let introduced = (0..authors).map(|author| introduce(author, authors, realm, kind, client));
            cast.voices.extend(futures::stream::iter(introduced).buffered(AT_ONCE).try_collect::<Vec<_>>().await?);
            cast.realms.push(Stage { realm, partition, issuer: issuer.public() });
            if kind == Kind::Transfer {
                let mut issuer = stranger(issuer, realm, client);
                for author in 0..authors {
                    issuer.say(realm, transfer(Account::Issuer, named(author)?, FUNDS)?).await?.accepted_or("")?;
                }
            }
        }
        Ok(cast)
    }

    /// Where anything is said.
    pub fn partitions(&self) -> Vec<u32> {
        self.realms.iter().map(|stage| stage.partition).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Voice {
    /// Signs the next event.
    pub fn say(&mut self) -> Result<Kept, Failure> {
        self.author.say(self.realm, self.says.clone(), speaker::now()).map_err(unsaid)
    }

    /// All that was said is durable: its bytes are needed no longer.
    pub fn settled(&mut self) -> Result<(), Failure> {
        let topic = self.says.topic();
        let Some(head) = self.author.head(self.realm, topic) else { return Ok(()) };
        self.author.settled(self.realm, topic, head.seq).map_err(unsaid)
    }
}

async fn open_realm(
    name: Name,
    partition: u32,
    issuer: PublicKey,
    genesis: &Genesis,
    layout: &Layout,
    client: &Client,
) -> Result<RealmId, Failure> {
    let mut admin = Speaker::open_at(layout, &layout.key("admin"), client.clone(), partition).await?;
    let currency = Currency { code: self::name("load".into())?, scale: 0 };
    let opened = RealmOpened { name, partition, admins: vec![issuer], admission: Admission::Open, currency, issuer };
    let instance = genesis.id().context("the id of the genesis")?;
    let verdict = admin.say(instance.into(), opened).await?.accepted_or("")?;
    let hash: EventHash = verdict.event_hash.parse().context("the hash of a realm's opening")?;
    Ok(hash.into())
}

/// One author of a realm: its key, and what its speech needs.
async fn introduce(nth: u32, of: u32, realm: RealmId, kind: Kind, client: &Client) -> Result<Voice, Failure> {
    let mut speaker = stranger(fresh_key()?, realm, client);
    let key = speaker.id();
    speaker.say(realm, KeyRegistered { key }).await?.accepted_or("")?;
    let says = match kind {
        Kind::Note => NoteRecorded { text: "load".parse().context("a text")?, about: None, blob: None }.into(),
        Kind::Transfer => {
            speaker.say(realm, AccountOpened { account: account(nth)? }).await?.accepted_or("")?;
            // Who is alone pays back.
            let to = if of > 1 { named((nth + 1) % of)? } else { Account::Issuer };
            transfer(named(nth)?, to, 1)?.into()
        }
    };
    Ok(Voice { author: speaker.into_author(), realm, says })
}

/// Somebody whom no realm has met: its lanes are known to be empty without a question.
fn stranger(key: SecretKey, realm: RealmId, client: &Client) -> Speaker {
    let mut author = Author::new(key, Encoding::Cose, Outbox::in_memory());
    for topic in [Topic::Audit, Topic::Payments] {
        author.learn(realm, topic, Head { seq: 0, hash: EventHash::ZERO });
    }
    Speaker::over(author, client.clone())
}

fn fresh_key() -> Result<SecretKey, Failure> {
    Ok(SecretKey::generate().context("a key")?)
}

fn transfer(from: Account, to: Account, units: u128) -> Result<TransferPosted, Failure> {
    Ok(TransferPosted { from, to, amount: Amount::new(units).context("an amount")? })
}

fn named(nth: u32) -> Result<Account, Failure> {
    account(nth).map(Account::Named)
}

fn account(nth: u32) -> Result<Name, Failure> {
    name(format!("author-{nth}"))
}

fn name(text: String) -> Result<Name, Failure> {
    Ok(text.parse().context("a name")?)
}
