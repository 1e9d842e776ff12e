//! A speaker: an author at a node. It says one event at a time and waits for the verdict.
//!
//! Owns the order that survives a crash: keep the signed bytes, send, wait, forget; and after any doubt, send the same bytes.
//! Refuses to skip a number: what was signed is decided before the next is signed.

use crate::{
    client::Client,
    exit::{Exit, Failure},
    node::{keys, layout::Layout},
    row::Row,
};
use anyhow::anyhow;
use cairn_processors::author::{Author, AuthorError, Head, Kept, Outbox, OutboxError};
use cairn_schemas::{Body, Encoding, PublicKey, RealmId, Timestamp, Topic};
use serde::Deserialize;
use serde_json::Value;
use std::{
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How often the same bytes are sent while the node does not know their outcome yet.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);
/// How long another may have the key, and how often it is looked: who says one thing has its verdict before.
const TURN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    pub event_hash: String,
    pub verdict: String,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub detail: String,
    pub height: u64,
    #[serde(default)]
    pub leaf: Option<u64>,
}

impl Verdict {
    pub fn is_accepted(&self) -> bool {
        self.verdict == "accepted"
    }

    fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// The verdict as an error, unless the event was accepted or turned down for `fine`.
    pub fn accepted_or(self, fine: &str) -> Result<Verdict, Failure> {
        if self.is_accepted() || self.is_code(fine) { Ok(self) } else { Err(self.into_failure()) }
    }

    fn into_failure(self) -> Failure {
        let code = self.code.unwrap_or_default();
        let detail = if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        Failure::new(Exit::Failed, "CRN-1008", anyhow!("event {} was {} ({code}){detail}", self.event_hash, self.verdict))
    }
}

/// The time for an event's `time`, which no rule looks at.
pub fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    i64::try_from(millis).ok().and_then(Timestamp::from_millis).unwrap_or_default()
}

/// One author at one node.
#[derive(Debug)]
pub struct Speaker {
    author: Author,
    client: Client,
    /// Where it speaks in the instance's name.
    partition: Option<u32>,
}

impl Speaker {
    /// The author of a key file, with its outbox in the node's folder; waits a while for whoever speaks with that key just now.
    pub async fn open(layout: &Layout, key: &Path, client: Client) -> Result<Speaker, Failure> {
        Ok(Speaker::over(open(key, &layout.outbox()).await?, client))
    }

    /// The same for events of the instance, which name their partition: each has the author in a lane of its own.
    pub async fn open_at(layout: &Layout, key: &Path, client: Client, partition: u32) -> Result<Speaker, Failure> {
        let speaker = Speaker::over(open(key, &layout.outbox_at(partition)).await?, client);
        Ok(Speaker { partition: Some(partition), ..speaker })
    }

    /// An author with an outbox that the caller chose.
    pub fn over(author: Author, client: Client) -> Speaker {
        Speaker { author, client, partition: None }
    }

    pub fn into_author(self) -> Author {
        self.author
    }

    pub fn id(&self) -> PublicKey {
        self.author.id()
    }

    /// Events of a lane that were said so far, as the outbox or else the node knows.
    pub async fn said(&mut self, realm: RealmId, topic: Topic) -> Result<u64, Failure> {
        if let Some(head) = self.author.head(realm, topic) {
            return Ok(head.seq);
        }
        let here = self.partition.map_or(String::new(), |partition| format!(" AND partition = {partition}"));
        let sql = format!(
            "SELECT seq, event_hash FROM events WHERE realm = '{realm}' AND topic = '{topic}' AND author = '{}'{here} ORDER BY seq DESC LIMIT 1",
            self.author.id()
        );
        let rows = self.client.sql(&sql).await?;
        let Some((seq, hash)) = rows.first().and_then(head_of) else { return Ok(0) };
        self.author.learn(realm, topic, Head { seq, hash });
        Ok(seq)
    }

    /// Says the lane's next event and waits for its verdict. What a crash left undecided comes first.
    pub async fn say(&mut self, realm: RealmId, body: impl Into<Body>) -> Result<Verdict, Failure> {
        let body = body.into();
        self.settle_pending().await?;
        self.said(realm, body.topic()).await?;
        let kept = self.author.say(realm, body, now()).map_err(unsaid)?;
        self.settle(&kept).await
    }

    /// Sends again what was signed and not yet known to be decided; the last verdict of the lane asked for.
    pub async fn settle_pending(&mut self) -> Result<Vec<Verdict>, Failure> {
        let mut verdicts = Vec::new();
        for kept in self.author.pending() {
            verdicts.push(self.settle(&kept).await?);
        }
        Ok(verdicts)
    }

    async fn settle(&mut self, kept: &Kept) -> Result<Verdict, Failure> {
        let verdict = self.verdict_on(kept).await?;
        match verdict.code.as_deref() {
            Some("unadmitted" | "expired" | "wrong_partition" | "malformed" | "bad_signature") if verdict.verdict == "disposed" => {
                self.author.withdraw(kept.realm, kept.topic).map_err(unsaid)?;
                Err(verdict.into_failure())
            }
            Some("fork" | "gap") if verdict.verdict == "disposed" => Err(verdict.into_failure()),
            _ => {
                self.author.settled(kept.realm, kept.topic, kept.head.seq).map_err(unsaid)?;
                Ok(verdict)
            }
        }
    }

    /// The verdict, asked for again while it is not known: the same bytes change nothing.
    async fn verdict_on(&self, kept: &Kept) -> Result<Verdict, Failure> {
        for _ in 0..TRIES {
            match self.client.decide(kept.record.clone()).await {
                Ok(answer) => {
                    let verdict = read(answer)?;
                    return if verdict.is_code("duplicate") { self.decided_before(kept).await } else { Ok(verdict) };
                }
                Err(failure) if matches!(failure.code.as_str(), "CRN-1105" | "CRN-1106" | "CRN-1107" | "CRN-1117") => {
                    tokio::time::sleep(PAUSE).await
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::new(Exit::Failed, "CRN-1107", anyhow!("event {} after {TRIES} tries", kept.head.hash)))
    }

    async fn decided_before(&self, kept: &Kept) -> Result<Verdict, Failure> {
        read(self.client.get(&format!("/v1/events/{}", kept.head.hash)).await?)
    }
}

async fn open(key: &Path, outbox: &Path) -> Result<Author, Failure> {
    let key = keys::read(key)?;
    let begun = Instant::now();
    loop {
        match Outbox::open(outbox, &key.public()) {
            Err(OutboxError::InUse { .. }) if begun.elapsed() < TURN => tokio::time::sleep(LOOK).await,
            opened => return Ok(Author::new(key, Encoding::Cose, opened.map_err(AuthorError::from).map_err(unsaid)?)),
        }
    }
}

fn head_of(row: &Row) -> Option<(u64, cairn_schemas::EventHash)> {
    Some((row.get("seq").as_u64()?, row.text("event_hash").parse().ok()?))
}

fn read(answer: Value) -> Result<Verdict, Failure> {
    serde_json::from_value(answer).map_err(|error| Failure::new(Exit::Failed, "CRN-1005", anyhow!("a verdict: {error}")))
}

pub fn unsaid(error: AuthorError) -> Failure {
    let code = error.code();
    Failure::new(Exit::Failed, code, error)
}
