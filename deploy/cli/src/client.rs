//! The HTTP client of a node: what every command and every remote worker speaks through.
//!
//! Owns the mapping from answers to results, time limits and bounded repetition of what may be repeated.
//! Refuses knowledge of the node's files: whoever has an address needs nothing else.

use crate::{
    exit::{Exit, Failure},
    row::Row,
};
use anyhow::anyhow;
use async_trait::async_trait;
use bytes::Bytes;
use cairn_gateway::Page;
use cairn_log::{Record, journal::Chain};
use cairn_processors::ledger::{Ledger, LedgerError};
use cairn_schemas::{BlobHash, BlobRef, limits, problem::Problem};
use reqwest::{RequestBuilder, Response, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// Longer than any wait that the node itself allows: a query has 60 s, and 20 s before it until the tables are fresh.
const TIMEOUT: Duration = Duration::from_secs(90);
const POLL_MS: u64 = 10_000;
/// How often a question is asked again while the node's tables are behind its journal; each time the node waits for them itself.
const LOOKS: u32 = 15;

/// Before the same bytes are sent again, where a node does not say when.
const AGAIN: Duration = Duration::from_millis(500);

/// What a node said to events whose verdicts nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// All are durable.
    Taken,
    /// Not now, or nobody knows: the same bytes again, after this time.
    Later(Duration),
}

/// A node by its address.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    /// Where SQL, receipts and realms are asked for.
    reads: String,
    http: reqwest::Client,
}

impl Client {
    /// `url` like `http://127.0.0.1:7070`, or `GATEWAY,PROJECTOR` where these are apart; `token` for nodes that ask for one.
    pub fn new(url: &str, token: Option<&str>) -> Result<Client, Failure> {
        let mut headers = header::HeaderMap::new();
        if let Some(token) = token {
            let value =
                format!("Bearer {token}").parse().map_err(|_| Failure::usage("the token has characters that no header can carry"))?;
            headers.insert(header::AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .default_headers(headers)
            .no_proxy()
            .build()
            .map_err(|error| Failure::new(Exit::Failed, "CRN-1004", error))?;
        let (url, reads) = url.split_once(',').unwrap_or((url, url));
        let bare = |url: &str| url.trim().trim_end_matches('/').to_owned();
        Ok(Client { url: bare(url), reads: bare(reads), http })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub async fn is_alive(&self) -> bool {
        let asked = self.http.get(format!("{}/healthz", self.url)).timeout(Duration::from_secs(2)).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends one signed record and waits for its verdict: the answer's object.
    pub async fn decide(&self, record: Bytes) -> Result<Value, Failure> {
        self.post_record(record, "?wait=decided").await
    }

    /// Sends signed records (COSE) in one request, without waiting for their verdicts.
    ///
    /// Errors: the node refused them for good. One that cannot be reached may be back soon.
    pub async fn append(&self, records: &[Bytes]) -> Result<Heard, Failure> {
        let asked = self.http.post(format!("{}/v1/events", self.url)).header(header::CONTENT_TYPE, "application/cbor-seq");
        let Ok(answer) = asked.body(records.concat()).send().await else { return Ok(Heard::Later(AGAIN)) };
        let status = answer.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let seconds = answer.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
            return Ok(Heard::Later(seconds.map_or(AGAIN, Duration::from_secs)));
        }
        self.good(Ok(answer)).await.map(|_| Heard::Taken)
    }

    async fn post_record(&self, record: Bytes, query: &str) -> Result<Value, Failure> {
        let kind = if record.first() == Some(&b'{') { "application/json" } else { "application/cose" };
        let asked = self.http.post(format!("{}/v1/events{query}", self.url)).header(header::CONTENT_TYPE, kind).body(record);
        self.read_json(self.good(asked.send().await).await?).await
    }

    /// Rows of a query. They show all that was decided before it was asked.
    pub async fn sql(&self, sql: &str) -> Result<Vec<Row>, Failure> {
        self.read_json(self.look(self.question(sql)).await?).await
    }

    /// Rows of a query as the tables are now, however far behind.
    pub async fn sql_now(&self, sql: &str) -> Result<Vec<Row>, Failure> {
        let asked = self.question(sql).header(header::CACHE_CONTROL, "max-stale").send().await;
        self.read_json(self.good(asked).await?).await
    }

    /// A query's answer in Arrow's IPC stream format.
    pub async fn sql_arrow(&self, sql: &str) -> Result<Bytes, Failure> {
        let asked = self.question(sql).header(header::ACCEPT, "application/vnd.apache.arrow.stream");
        self.look(asked).await?.bytes().await.map_err(|error| self.unreachable(&error))
    }

    fn question(&self, sql: &str) -> RequestBuilder {
        self.http.post(format!("{}/v1/sql", self.reads)).json(&json!({ "sql": sql }))
    }

    /// Any JSON route of the read side, by path. It shows all that was decided before it was asked.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.read_json(self.look(self.http.get(format!("{}{path}", self.reads))).await?).await
    }

    /// Asks the read side, again while its tables are behind: after a start they may have a long journal before them.
    async fn look(&self, request: RequestBuilder) -> Result<Response, Failure> {
        for _ in 1..LOOKS {
            let Some(asked) = request.try_clone() else { break };
            match self.good(asked.send().await).await {
                Err(failure) if failure.code == "CRN-6131" => {}
                answered => return answered,
            }
        }
        self.good(request.send().await).await
    }

    /// A page of a journal, as it is visible now or, if there is nothing yet, within `wait_ms`.
    pub async fn page(&self, partition: u32, from: u64, wait_ms: u64) -> Result<Page, LedgerError> {
        let operation = "read the journal";
        let url = format!("{}/v1/journal?partition={partition}&from={from}&wait_ms={wait_ms}", self.url);
        let unreachable = |reason: String| LedgerError::Unreachable { operation, reason };
        let bytes = self.ask(operation, self.http.get(url)).await?.bytes().await.map_err(|error| unreachable(error.to_string()))?;
        Page::from_cbor(&bytes).map_err(|error| unreachable(error.to_string()))
    }

    /// The chain of a journal behind what the node has taken of it.
    pub async fn chain(&self, partition: u32) -> Result<Chain, LedgerError> {
        let operation = "ask for the end of a journal";
        let answer = self.ask(operation, self.http.get(format!("{}/v1/journal/chain?partition={partition}", self.url))).await?;
        let unreachable = |reason: String| LedgerError::Unreachable { operation, reason };
        let bytes = answer.bytes().await.map_err(|error| unreachable(error.to_string()))?;
        Chain::from_bytes(partition, &bytes).map_err(|error| unreachable(error.to_string()))
    }

    async fn read_json<T: DeserializeOwned>(&self, answer: Response) -> Result<T, Failure> {
        answer.json().await.map_err(|error| self.unreachable(&error))
    }

    async fn good(&self, answer: reqwest::Result<Response>) -> Result<Response, Failure> {
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let at = answer.url().clone();
        match answer.json::<Problem>().await {
            Ok(problem) if problem.code == "CRN-1113" => Err(self.elsewhere(&at)),
            Ok(problem) => Err(Failure::refused(&problem)),
            Err(_) => Err(self.nonsense(&format!("status {status} without a problem"))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        // Where gateway and projector are apart, the one that was asked.
        let asked = error.url().map_or(self.url.clone(), |url| url.origin().ascii_serialization());
        Failure::new(Exit::Unreachable, "CRN-1004", anyhow!("node {asked}: {error}"))
    }

    /// A route that this address lacks is another role's.
    fn elsewhere(&self, at: &Url) -> Failure {
        let (asked, path) = (at.origin().ascii_serialization(), at.path());
        Failure::usage(format!("node {asked} does not serve {path}: where gateway and projector are apart, say --node GATEWAY,PROJECTOR"))
    }

    fn nonsense(&self, what: &str) -> Failure {
        Failure::new(Exit::Failed, "CRN-1005", anyhow!("node {} answered {what}", self.url))
    }

    async fn ask(&self, operation: &'static str, request: RequestBuilder) -> Result<Response, LedgerError> {
        let unreachable = |reason: String| LedgerError::Unreachable { operation, reason };
        let answer = request.send().await.map_err(|error| unreachable(error.to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::TOO_MANY_REQUESTS => Err(LedgerError::Overloaded { operation }),
            status if status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE => Err(unreachable(status.to_string())),
            status => {
                let Problem { code, title, detail, .. } =
                    answer.json().await.unwrap_or_else(|_| Problem::of(status.as_u16(), "CRN-1005", ""));
                if status == StatusCode::INSUFFICIENT_STORAGE {
                    return Err(LedgerError::Full { operation, code, reason: detail });
                }
                Err(LedgerError::Refused { operation, code, reason: format!("{title} {detail}") })
            }
        }
    }
}

#[async_trait]
impl Ledger for Client {
    async fn journal(&self, partition: u32, from: u64) -> Result<Vec<Record>, LedgerError> {
        Ok(self.page(partition, from, POLL_MS).await?.records.into_iter().map(Record::from).collect())
    }

    async fn blob(&self, hash: &BlobHash) -> Result<Bytes, LedgerError> {
        let operation = "fetch a blob";
        let answer = self.ask(operation, self.http.get(format!("{}/v1/blobs/{hash}", self.url))).await;
        let answer = match answer {
            Err(LedgerError::Refused { code, .. }) if code == "CRN-1110" => return Err(LedgerError::Missing { hash: *hash }),
            other => other?,
        };
        if answer.content_length().is_some_and(|length| length > limits::BLOB_BYTES as u64) {
            return Err(LedgerError::Damaged { hash: *hash });
        }
        let bytes = answer.bytes().await.map_err(|error| LedgerError::Unreachable { operation, reason: error.to_string() })?;
        if blake3::hash(&bytes).as_bytes() == hash.as_bytes() { Ok(bytes) } else { Err(LedgerError::Damaged { hash: *hash }) }
    }

    async fn put_blob(&self, bytes: Bytes) -> Result<BlobRef, LedgerError> {
        let name = BlobRef { hash: BlobHash(*blake3::hash(&bytes).as_bytes()), size: bytes.len() as u64 };
        self.ask("store a blob", self.http.put(format!("{}/v1/blobs/{}", self.url, name.hash)).body(bytes)).await?;
        Ok(name)
    }

    async fn say(&self, record: Bytes) -> Result<(), LedgerError> {
        let kind = if record.first() == Some(&b'{') { "application/json" } else { "application/cose" };
        let asked = self.http.post(format!("{}/v1/events", self.url)).header(header::CONTENT_TYPE, kind).body(record);
        self.ask("say an event", asked).await.map(drop)
    }
}
