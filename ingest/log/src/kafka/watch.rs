//! What every Kafka client of a log hears beside its records.
//!
//! Owns the log's halt, the ids of its topics, and the bearer token. Refuses to judge what passes: a lost connection is
//! counted and told, and librdkafka mends it.

use super::error::KafkaError;
use super::options::Security;
use data_encoding::BASE64URL_NOPAD;
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A token without an end of its own is read again after this long, milliseconds.
const TOKEN_LIFE_MS: i64 = 300_000;
/// How librdkafka writes the id of a topic that it does not know yet.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// What all clients of one log share. Each client holds a clone as its context.
#[derive(Clone, Debug)]
pub(super) struct Watch(Arc<Heard>);

#[derive(Debug)]
struct Heard {
    security: Security,
    halt: watch::Sender<Option<KafkaError>>,
    /// The id that each topic had when this log first heard of it.
    ids: Mutex<BTreeMap<String, String>>,
    /// Counts errors of connections: between two equal counts no request was sent twice.
    disturbances: AtomicU64,
    /// The last word of librdkafka about its brokers, for a person.
    reason: Mutex<String>,
}

impl Watch {
    pub fn new(security: Security) -> Self {
        let (halt, ids, reason) = (watch::channel(None).0, Mutex::default(), Mutex::default());
        Watch(Arc::new(Heard { security, halt, ids, disturbances: AtomicU64::new(0), reason }))
    }

    /// Stops the log for good: every call from now on answers with the first such error.
    pub fn stop(&self, error: KafkaError) {
        self.0.halt.send_if_modified(|halt| {
            let first = halt.is_none();
            if first {
                tracing::error!(code = error.code(), next = error.next(), "ALARM: the log halts: {error}");
                *halt = Some(error);
            }
            first
        });
    }

    /// Refuses once the log has halted.
    pub fn check(&self) -> Result<(), KafkaError> {
        self.0.halt.borrow().clone().map_or(Ok(()), Err)
    }

    /// Ends when the log halts, and says why.
    pub async fn halted(&self) -> KafkaError {
        let mut halt = self.0.halt.subscribe();
        let halted = halt.wait_for(Option::is_some).await.ok().and_then(|halt| halt.clone());
        match halted {
            Some(error) => error,
            // The sender lives in this very struct.
            None => std::future::pending().await,
        }
    }

    pub fn disturbances(&self) -> u64 {
        self.0.disturbances.load(Ordering::Acquire)
    }

    /// Why the brokers could not be reached, as far as librdkafka said.
    pub fn reason(&self) -> String {
        let reason = lock(&self.0.reason).clone();
        if reason.is_empty() { "no broker answered in time".into() } else { reason }
    }

    /// Learns a topic's id. One that changes means other records under the same name and the same offsets.
    fn learn(&self, topic: &str, id: &str) {
        if id == NO_ID {
            return;
        }
        let mut ids = lock(&self.0.ids);
        let was = ids.entry(topic.to_owned()).or_insert_with(|| id.to_owned()).clone();
        drop(ids);
        if was != id {
            self.stop(KafkaError::Replaced { topic: topic.to_owned(), was, is: id.to_owned() });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The topic and its new id, from the one line in which librdkafka tells it (`rdkafka_topic.c`). Its interface has no other
/// word for it, and goes on reading at the old offsets; a test over real brokers fails should a version word it otherwise.
fn changed_id(line: &str) -> Option<(&str, &str)> {
    let (_, told) = line.split_once("Topic ")?;
    let (topic, ids) = told.split_once(" changed id from ")?;
    let (_, id) = ids.split_once(" to ")?;
    Some((topic, id.trim()))
}

impl ClientContext for Watch {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if let Some((topic, id)) = changed_id(line) {
            self.learn(topic, id);
        }
        match level {
            RDKafkaLogLevel::Debug => tracing::trace!(target: "librdkafka", "{facility}: {line}"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice => tracing::debug!(target: "librdkafka", "{facility}: {line}"),
            _ => tracing::warn!(target: "librdkafka", "{facility}: {line}"),
        }
    }

    fn error(&self, error: ClientError, reason: &str) {
        if !matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PartitionEOF)) {
            self.0.disturbances.fetch_add(1, Ordering::AcqRel);
            let mut told = lock(&self.0.reason);
            // That all are down says less than why one of them is.
            if told.is_empty() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
                *told = reason.to_owned();
            }
            tracing::debug!(target: "librdkafka", "{error}: {reason}");
        }
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let token = self.0.security.token()?;
        let claims = claims(&token);
        let text = |name: &str| claims.get(name).and_then(|claim| claim.as_str()).map(str::to_owned);
        let end = claims.get("exp").and_then(serde_json::Value::as_f64).map(|seconds| (seconds * 1_000.0) as i64);
        let soon = || i64::try_from(now_ms()).unwrap_or(i64::MAX).saturating_add(TOKEN_LIFE_MS);
        let principal_name = self.0.security.user.clone().or_else(|| text("sub")).unwrap_or_else(|| "cairn".into());
        Ok(OAuthToken { principal_name, lifetime_ms: end.unwrap_or_else(soon), token })
    }
}

impl ConsumerContext for Watch {}

/// What a JWT says; nothing where the token is of another kind. The broker checks it, not we.
fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).and_then(|part| BASE64URL_NOPAD.decode(part.trim_end_matches('=').as_bytes()).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

fn now_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_topic_that_changes_its_id_halts_the_log_and_the_first_id_does_not() {
        let watch = Watch::new(Security::default());
        let say = |line: &str| watch.log(RDKafkaLogLevel::Debug, "METADATA", line);
        say(&format!("[thrd:main]: Topic acme.jobs changed id from {NO_ID} to q1w2"));
        say(&format!("[thrd:main]: Topic acme.jobs changed id from q1w2 to {NO_ID}"));
        say("[thrd:main]: Topic acme.jobs changed id from AAAAAAAAAAAAAAAAAAAAAA to q1w2");
        assert!(watch.check().is_ok());
        say("[thrd:main]: Topic acme.jobs changed id from q1w2 to e3r4");
        let error = watch.check().unwrap_err();
        assert_eq!(error, KafkaError::Replaced { topic: "acme.jobs".into(), was: "q1w2".into(), is: "e3r4".into() });
        watch.stop(KafkaError::Undated { topic: "acme.jobs".into() });
        assert_eq!(watch.check().unwrap_err(), error, "the first cause stays");
    }

    #[test]
    fn a_token_says_whose_it_is_and_until_when() {
        let security = Security { token_file: Some("golden/none".into()), ..Security::default() };
        assert!(Watch::new(security).generate_oauth_token(None).is_err());
        let payload = BASE64URL_NOPAD.encode(br#"{"sub":"ada","exp":1700000000}"#);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, format!("e30.{payload}.c2ln\n")).unwrap();
        let token = Watch::new(Security { token_file: Some(file), ..Security::default() }).generate_oauth_token(None).unwrap();
        assert_eq!((token.principal_name.as_str(), token.lifetime_ms), ("ada", 1_700_000_000_000));
        assert!(!token.token.ends_with('\n'));
    }
}
