//! Where the brokers are, how the topics are named, and how to be let in.
//!
//! Owns the log's URL, the settings of TLS and SASL, and their translation into librdkafka's. Refuses secrets in the URL or
//! on the command line: they come from a file or from the environment, and are read when a client is made.

use super::error::KafkaError;
use cairn_schemas::Stream;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a URL of a log over Kafka begins with.
pub const SCHEME: &str = "kafka://";
/// The password, where no file is named.
pub const PASSWORD: &str = "CAIRN_KAFKA_PASSWORD";
/// The bearer token, where no file is named.
pub const TOKEN: &str = "CAIRN_KAFKA_TOKEN";
/// Kafka allows 249 characters for the name of a topic; the longest of ours is nine, with a dot.
const PREFIX_LENGTH: usize = 200;

/// How to open a log over Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaOptions {
    /// `host:port`, at least one.
    pub brokers: Vec<String>,
    /// What the topics' names begin with, before a dot: `acme` for `acme.jobs`. Empty for the plain names.
    pub prefix: String,
    pub security: Security,
    /// How long a read or a wait bears brokers that do not answer, before it says so.
    pub patience: Duration,
    /// After which an append without an answer has an unknown outcome.
    pub append_timeout: Duration,
    /// After which a member that does not come around is taken for stuck, and its partitions are given to others.
    pub poll_interval: Duration,
}

/// How to be let in: the `[kafka]` part of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    pub tls: bool,
    /// PEM. Without it the system's roots count.
    pub ca_file: Option<PathBuf>,
    /// PEM, for mutual TLS.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub key_password_file: Option<PathBuf>,
    pub sasl: Option<Sasl>,
    pub user: Option<String>,
    /// Without it the environment's `CAIRN_KAFKA_PASSWORD`.
    pub password_file: Option<PathBuf>,
    /// A JWT, read again whenever it runs out; without it the environment's `CAIRN_KAFKA_TOKEN`.
    pub token_file: Option<PathBuf>,
}

/// The mechanisms of SASL that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sasl {
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    Oauthbearer,
}

impl Sasl {
    const fn mechanism(self) -> &'static str {
        match self {
            Sasl::Plain => "PLAIN",
            Sasl::ScramSha256 => "SCRAM-SHA-256",
            Sasl::ScramSha512 => "SCRAM-SHA-512",
            Sasl::Oauthbearer => "OAUTHBEARER",
        }
    }
}

impl KafkaOptions {
    /// Reads `kafka://host:port[,host:port…][/PREFIX]`. Security is set apart, for a URL is seen by many.
    pub fn from_url(url: &str) -> Result<Self, KafkaError> {
        let wrong = |what: &str| KafkaError::Address { what: format!("{what}; it is written {SCHEME}host:port[,host:port][/PREFIX]") };
        let rest = url.strip_prefix(SCHEME).ok_or_else(|| wrong("the URL of a log over Kafka begins with kafka://"))?;
        let (brokers, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if brokers.contains('@') {
            return Err(wrong("a URL holds no user and no password: set them in the configuration"));
        }
        let brokers: Vec<String> = brokers.split(',').map(str::to_owned).collect();
        if let Some(broker) = brokers.iter().find(|broker| !is_broker(broker)) {
            return Err(wrong(&format!("`{broker}` is no host:port")));
        }
        let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if prefix.len() > PREFIX_LENGTH || !prefix.chars().all(known) || prefix.starts_with('.') {
            return Err(wrong(&format!("`{prefix}` cannot begin the names of topics (letters, digits, . _ -)")));
        }
        Ok(KafkaOptions {
            brokers,
            prefix: prefix.to_owned(),
            security: Security::default(),
            patience: Duration::from_secs(300),
            append_timeout: Duration::from_secs(30),
            poll_interval: Duration::from_secs(45),
        })
    }

    /// The name of a stream's topic.
    pub fn topic(&self, stream: Stream) -> String {
        if self.prefix.is_empty() { stream.name().to_owned() } else { format!("{}.{stream}", self.prefix) }
    }

    /// The group whose members are given partitions.
    pub fn group(&self) -> String {
        self.topic(Stream::Journal) + ".processors"
    }

    /// All brokers in one line.
    pub fn bootstrap(&self) -> String {
        self.brokers.join(",")
    }

    /// What all clients of this log have in common.
    pub(super) fn client(&self) -> Result<ClientConfig, KafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap())
            .set("client.id", "cairn")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000")
            .set("socket.connection.setup.timeout.ms", "10000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "30000")
            // A topic that was deleted and made anew shows in librdkafka's debug log alone (`watch.rs`).
            .set("debug", "metadata")
            .set_log_level(RDKafkaLogLevel::Debug);
        self.security.apply(&mut config, &self.brokers)?;
        Ok(config)
    }
}

fn is_broker(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn is_loopback(broker: &str) -> bool {
    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Security {
    fn apply(&self, config: &mut ClientConfig, brokers: &[String]) -> Result<(), KafkaError> {
        let bare = |sasl| matches!(sasl, Sasl::Plain | Sasl::Oauthbearer) && !self.tls && !brokers.iter().all(|broker| is_loopback(broker));
        if self.sasl.is_some_and(bare) {
            return Err(KafkaError::Address { what: "this mechanism of SASL would send the secret in clear: set tls = true".into() });
        }
        config.set(
            "security.protocol",
            match (self.tls, self.sasl.is_some()) {
                (false, false) => "plaintext",
                (true, false) => "ssl",
                (false, true) => "sasl_plaintext",
                (true, true) => "sasl_ssl",
            },
        );
        let files = [
            ("ssl.ca.location", &self.ca_file),
            ("ssl.certificate.location", &self.certificate_file),
            ("ssl.key.location", &self.key_file),
        ];
        for (key, file) in files {
            let Some(file) = file.as_deref() else { continue };
            // librdkafka would say no more than that a client could not be made.
            fs::metadata(file).map_err(|error| secret_error(file, &error))?;
            config.set(key, file.to_string_lossy());
        }
        if let Some(file) = &self.key_password_file {
            config.set("ssl.key.password", read_secret(file)?);
        }
        if let Some(sasl) = self.sasl {
            config.set("sasl.mechanism", sasl.mechanism());
            if sasl != Sasl::Oauthbearer {
                let user = self.user.clone().ok_or_else(|| KafkaError::Address { what: "SASL wants a user".into() })?;
                config.set("sasl.username", user).set("sasl.password", secret(self.password_file.as_deref(), PASSWORD)?);
            }
        }
        Ok(())
    }

    /// The bearer token as it stands now.
    pub(super) fn token(&self) -> Result<String, KafkaError> {
        secret(self.token_file.as_deref(), TOKEN)
    }
}

fn secret(file: Option<&Path>, variable: &str) -> Result<String, KafkaError> {
    match file {
        Some(file) => read_secret(file),
        None => std::env::var(variable).map_err(|_| KafkaError::Secret {
            from: PathBuf::from(format!("${variable}")),
            reason: "it is not set, and no file is named".into(),
        }),
    }
}

fn read_secret(file: &Path) -> Result<String, KafkaError> {
    let text = fs::read_to_string(file).map_err(|error| secret_error(file, &error))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(KafkaError::Secret { from: file.to_owned(), reason: "it is empty".into() });
    }
    Ok(secret.to_owned())
}

fn secret_error(file: &Path, error: &std::io::Error) -> KafkaError {
    KafkaError::Secret { from: file.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
