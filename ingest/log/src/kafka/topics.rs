//! The seven topics: made as the journal's rules need them, and audited against those.
//!
//! Owns what each setting must be and why. Refuses to change a topic that is there: what it holds may already have suffered.

use super::append::HEADER_BYTES;
use super::error::KafkaError;
use super::options::{KafkaOptions, Sasl};
use super::tended::Tended;
use super::watch::Watch;
use crate::error::next_of;
use cairn_schemas::{Stream, limits};
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::{join, task::spawn_blocking};

/// How long one question to the brokers may take.
const QUESTION: Duration = Duration::from_secs(30);
/// And one on which nothing depends.
const ASIDE: Duration = Duration::from_secs(5);
/// How long new topics may take until all brokers know them.
const SETTLING: Duration = Duration::from_secs(15);
/// Room for a record of the largest size with its batch around it: Kafka's own default.
const RECORD_BATCH_BYTES: u64 = 1_048_588;

/// After which the brokers give the partitions of a silent member to others, milliseconds.
const SESSION: &str = "group.consumer.session.timeout.ms";
/// Longer than this, a death is an outage. Kafka's own default is 45 000.
const SESSION_MS: u64 = 15_000;

/// What is not as it must be with one topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error("topic {topic} is missing")]
    Missing { topic: String },
    #[error("topic {topic} has {found} partitions, {wanted} are wanted")]
    Partitions { topic: String, found: u32, wanted: u32 },
    #[error("topic {topic} has {key}={found}, it must be {wanted}: {why}")]
    Setting { topic: String, key: &'static str, found: String, wanted: String, why: &'static str },
    #[error("topic {topic}: partition {partition} has no leader")]
    Leaderless { topic: String, partition: i32 },
    #[error("topic {topic} keeps {found} copies of a record, {wanted} are wanted in production")]
    Copies { topic: String, found: usize, wanted: usize },
    #[error("topic {topic}: its settings cannot be read: {reason}")]
    Unaudited { topic: String, reason: String },
    #[error("topic {topic}: a processor that dies is missed after {found_ms} ms only, for the brokers have {SESSION}={found_ms}")]
    Session { topic: String, found_ms: u64 },
}

impl Finding {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            Finding::Missing { .. } => "CRN-5144",
            Finding::Partitions { .. } => "CRN-5145",
            Finding::Setting { .. } => "CRN-5146",
            Finding::Leaderless { .. } => "CRN-5147",
            Finding::Copies { .. } => "CRN-5148",
            Finding::Unaudited { .. } => "CRN-5149",
            Finding::Session { .. } => "CRN-5156",
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        next_of(self.code())
    }

    /// The topic that it is about.
    pub fn topic(&self) -> &str {
        match self {
            Finding::Missing { topic }
            | Finding::Partitions { topic, .. }
            | Finding::Setting { topic, .. }
            | Finding::Leaderless { topic, .. }
            | Finding::Copies { topic, .. }
            | Finding::Unaudited { topic, .. }
            | Finding::Session { topic, .. } => topic,
        }
    }

    fn missing(&self) -> Option<&str> {
        match self {
            Finding::Missing { topic } => Some(topic),
            _ => None,
        }
    }

    /// Whether a log must not be opened over it. The others are for an operator to weigh.
    pub fn forbids(&self) -> bool {
        !matches!(self, Finding::Leaderless { .. } | Finding::Copies { .. } | Finding::Unaudited { .. } | Finding::Session { .. })
    }
}

/// What the topics of one log are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Partitions of the journal, 0 where it is missing.
    pub partitions: u32,
    pub findings: Vec<Finding>,
}

impl Audit {
    /// The first finding over which a log must not be opened.
    pub fn forbidding(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.forbids())
    }
}

/// One setting: its name, what it must be, and what goes wrong otherwise.
struct Rule {
    key: &'static str,
    wanted: &'static str,
    holds: fn(&str) -> bool,
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        key: "message.timestamp.type",
        wanted: "LogAppendTime",
        holds: |value| value == "LogAppendTime",
        why: "block time is bound to the broker's clock, not to an author's",
    },
    Rule { key: "cleanup.policy", wanted: "delete", holds: |value| value == "delete", why: "compaction takes records out of a chain" },
    Rule { key: "retention.ms", wanted: "-1", holds: |value| value == "-1", why: "retention by time eats what is not decided yet" },
    Rule { key: "retention.bytes", wanted: "-1", holds: |value| value == "-1", why: "retention by size eats what is not decided yet" },
    Rule {
        key: "unclean.leader.election.enable",
        wanted: "false",
        holds: |value| value == "false",
        why: "an unclean election takes acknowledged records back",
    },
    Rule {
        key: "max.message.bytes",
        wanted: "1048588 or more",
        holds: |value| value.parse().is_ok_and(|bytes: u64| bytes >= RECORD_BATCH_BYTES),
        why: "the largest block would be refused",
    },
    Rule {
        key: "compression.type",
        wanted: "lz4 or uncompressed",
        holds: |value| matches!(value, "lz4" | "uncompressed" | "snappy"),
        why: "else an author chooses it, and we do not read every one",
    },
];

// A record of ours must fit into the smallest batch that the rule lets through.
const _: () = assert!((limits::RECORD_BYTES + HEADER_BYTES) as u64 <= RECORD_BATCH_BYTES);

/// Makes the topics that are missing, each with `partitions` partitions and `copies` copies of each record, and audits all seven.
pub async fn create(options: &KafkaOptions, partitions: u32, copies: u16) -> Result<Audit, KafkaError> {
    if partitions == 0 || partitions > limits::PARTITIONS || copies == 0 {
        let what = format!("{partitions} partitions with {copies} copies: 1 to {} partitions and at least one copy", limits::PARTITIONS);
        return Err(KafkaError::Address { what });
    }
    let admin = Admin::open(options)?;
    let before = admin.audit(Some(partitions)).await?;
    let missing: Vec<&str> = before.findings.iter().filter_map(Finding::missing).collect();
    if missing.is_empty() {
        return Ok(before);
    }
    admin.create(&missing, partitions, copies).await?;
    admin.settle(&missing, partitions).await
}

/// Audits the seven topics. `partitions`: how many each must have, or as many as the journal.
pub async fn check(options: &KafkaOptions, partitions: Option<u32>) -> Result<Audit, KafkaError> {
    Admin::open(options)?.audit(partitions).await
}

/// Deletes the records of a partition below an offset and returns its first offset after that.
pub(super) async fn delete_below(
    options: &KafkaOptions,
    watch: &Watch,
    topic: &str,
    partition: u32,
    below: u64,
) -> Result<u64, KafkaError> {
    let failed = |reason: String| KafkaError::Change { operation: "deletion of records", topic: topic.to_owned(), reason };
    let admin = AdminClient::from_config_and_context(&options.client()?, watch.clone()).map_err(|error| KafkaError::of_client(&error))?;
    let mut list = TopicPartitionList::new();
    let (number, below) = (i32::try_from(partition).unwrap_or(i32::MAX), i64::try_from(below).unwrap_or(i64::MAX));
    list.add_partition_offset(topic, number, Offset::Offset(below)).map_err(|error| failed(error.to_string()))?;
    let asked = AdminOptions::new().request_timeout(Some(QUESTION)).operation_timeout(Some(QUESTION));
    let deleted = admin.delete_records(&list, &asked).await.map_err(|error| failed(error.to_string()))?;
    let deleted = deleted.find_partition(topic, number).ok_or_else(|| failed("no answer for the partition".into()))?;
    deleted.error().map_err(|error| failed(error.to_string()))?;
    match deleted.offset() {
        Offset::Offset(first) => u64::try_from(first).map_err(|_| failed("no first offset was told".into())),
        _ => Err(failed("no first offset was told".into())),
    }
}

/// Two clients: one for what topics there are, one for their settings.
struct Admin {
    options: KafkaOptions,
    watch: Watch,
    plain: Arc<Tended>,
    settings: AdminClient<Watch>,
}

/// What the brokers say about one topic.
struct Seen {
    partitions: u32,
    copies: usize,
    leaderless: Option<i32>,
}

impl Admin {
    fn open(options: &KafkaOptions) -> Result<Self, KafkaError> {
        let watch = Watch::new(options.security.clone());
        let config = options.client()?;
        let plain = Arc::new(Tended::open(&config, watch.clone(), "topics")?);
        let settings = AdminClient::from_config_and_context(&config, watch.clone()).map_err(|error| KafkaError::of_client(&error))?;
        Ok(Admin { options: options.clone(), watch, plain, settings })
    }

    fn names(&self) -> Vec<String> {
        Stream::ALL.into_iter().map(|stream| self.options.topic(stream)).collect()
    }

    async fn audit(&self, wanted: Option<u32>) -> Result<Audit, KafkaError> {
        let names = self.names();
        let mut seen = Vec::new();
        for name in &names {
            seen.push((name.clone(), self.see(name.clone()).await?));
        }
        let journal = seen.last().and_then(|(_, seen)| seen.as_ref()).map_or(0, |seen| seen.partitions);
        let wanted = wanted.or_else(|| seen.iter().rev().find_map(|(_, seen)| seen.as_ref()).map(|seen| seen.partitions)).unwrap_or(0);
        let (mut findings, mut there) = (Vec::new(), Vec::new());
        for (topic, seen) in seen {
            match seen {
                None => findings.push(Finding::Missing { topic }),
                Some(seen) => {
                    findings.extend(judge(&topic, &seen, wanted));
                    there.push((topic, seen.copies));
                }
            }
        }
        let (settings, session) = join!(self.settings(&there), self.session());
        findings.extend(settings.into_iter().chain(session));
        Ok(Audit { partitions: journal, findings })
    }

    /// What is known of a topic; `None` where there is no such topic.
    async fn see(&self, topic: String) -> Result<Option<Seen>, KafkaError> {
        let (plain, patience) = (self.plain.clone(), self.options.patience.min(QUESTION));
        let told = spawn_blocking(move || {
            let metadata = plain.consumer().fetch_metadata(Some(&topic), patience)?;
            Ok(metadata.topics().iter().find(|found| found.name() == topic).map(|found| (found.error().map(Into::into), Seen::of(found))))
        });
        let told = told.await.map_err(|error| KafkaError::Client { reason: error.to_string() })?;
        let told: Option<(Option<RDKafkaErrorCode>, Seen)> =
            told.map_err(|error: rdkafka::error::KafkaError| self.unreachable(&error.to_string()))?;
        match told {
            Some((None, seen)) => Ok(Some(seen)),
            Some((Some(RDKafkaErrorCode::TopicAuthorizationFailed), _)) => Err(KafkaError::Refused {
                what: "a look at the topics".into(),
                reason: RDKafkaErrorCode::TopicAuthorizationFailed.to_string(),
            }),
            Some((Some(_), _)) | None => Ok(None),
        }
    }

    fn unreachable(&self, reason: &str) -> KafkaError {
        KafkaError::Unreachable { brokers: self.options.bootstrap(), reason: format!("{reason}; {}", self.watch.reason()) }
    }

    /// Asks for the settings of all topics at once, for a broker that hangs makes each question long.
    async fn settings(&self, topics: &[(String, usize)]) -> Vec<Finding> {
        let unaudited = |topic: &str, reason: String| vec![Finding::Unaudited { topic: topic.to_owned(), reason }];
        let none = |reason: &str| topics.iter().flat_map(|(topic, _)| unaudited(topic, reason.to_owned())).collect();
        if topics.is_empty() {
            return Vec::new();
        }
        if self.options.security.sasl == Some(Sasl::Oauthbearer) {
            return none("rdkafka's admin client cannot present a bearer token");
        }
        let asked: Vec<ResourceSpecifier<'_>> = topics.iter().map(|(topic, _)| ResourceSpecifier::Topic(topic)).collect();
        let patience = self.options.patience.min(QUESTION);
        // The answers come in the order of the questions.
        let answers = match self.settings.describe_configs(&asked, &AdminOptions::new().request_timeout(Some(patience))).await {
            Ok(answers) if answers.len() == topics.len() => answers,
            Ok(_) => return none("no answer"),
            Err(error) => return none(&error.to_string()),
        };
        let judged = topics.iter().zip(answers).map(|((topic, copies), answer)| match answer {
            Ok(settings) => judge_settings(topic, &settings, *copies),
            Err(code) => unaudited(topic, code.to_string()),
        });
        judged.flatten().collect()
    }

    /// Whether the brokers miss a member of the group soon enough, which KIP-848 has them set. Who does not say is not worth a finding.
    async fn session(&self) -> Option<Finding> {
        if self.options.security.sasl == Some(Sasl::Oauthbearer) {
            return None;
        }
        let (plain, patience, topic) = (self.plain.clone(), self.options.patience.min(ASIDE), self.options.topic(Stream::Journal));
        let asked = topic.clone();
        let told = spawn_blocking(move || plain.consumer().fetch_metadata(Some(&asked), patience)).await.ok()?.ok()?;
        let broker = [ResourceSpecifier::Broker(told.brokers().first()?.id())];
        let answer = self.settings.describe_configs(&broker, &AdminOptions::new().request_timeout(Some(patience))).await.ok()?;
        let found_ms = answer.into_iter().next()?.ok()?.get(SESSION)?.value.as_ref()?.parse().ok()?;
        (found_ms > SESSION_MS).then_some(Finding::Session { topic, found_ms })
    }

    async fn create(&self, missing: &[&str], partitions: u32, copies: u16) -> Result<(), KafkaError> {
        let in_sync = copies.saturating_sub(1).max(1).to_string();
        let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
        let new = |topic| {
            let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(i32::from(copies)));
            let new = RULES.iter().fold(new, |new, rule| new.set(rule.key, rule.wanted.split(' ').next().unwrap_or(rule.wanted)));
            new.set("min.insync.replicas", &in_sync)
        };
        let new: Vec<NewTopic<'_>> = missing.iter().map(|topic| new(topic)).collect();
        let asked = AdminOptions::new().request_timeout(Some(QUESTION)).operation_timeout(Some(QUESTION));
        let change = |topic: &str, reason: String| KafkaError::Change { operation: "creation", topic: topic.to_owned(), reason };
        let made = self.settings.create_topics(&new, &asked).await.map_err(|error| change(&missing.join(", "), error.to_string()))?;
        for made in made {
            match made {
                // Somebody else was quicker; the audit says whether it is the topic that we wanted.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(change(&topic, code.to_string())),
            }
        }
        Ok(())
    }

    /// Waits until every broker that is asked knows the new topics as they were made: they hear of them one by one.
    async fn settle(&self, made: &[&str], partitions: u32) -> Result<Audit, KafkaError> {
        let began = Instant::now();
        loop {
            let audit = self.audit(Some(partitions)).await?;
            let settling =
                |finding: &Finding| made.contains(&finding.topic()) && !matches!(finding, Finding::Copies { .. } | Finding::Session { .. });
            if !audit.findings.iter().any(settling) || began.elapsed() > SETTLING {
                return Ok(audit);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Seen {
    fn of(topic: &MetadataTopic) -> Self {
        let partitions = topic.partitions();
        Seen {
            partitions: u32::try_from(partitions.len()).unwrap_or(u32::MAX),
            copies: partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or(0),
            leaderless: partitions.iter().find(|partition| partition.leader() < 0).map(|partition| partition.id()),
        }
    }
}

/// Copies of a record in production, so that one may be lost and one be away.
const COPIES: usize = 3;

fn judge(topic: &str, seen: &Seen, wanted: u32) -> Vec<Finding> {
    let topic = topic.to_owned();
    let mut findings = Vec::new();
    if seen.partitions != wanted {
        findings.push(Finding::Partitions { topic: topic.clone(), found: seen.partitions, wanted });
    }
    if let Some(partition) = seen.leaderless {
        findings.push(Finding::Leaderless { topic: topic.clone(), partition });
    }
    if seen.copies < COPIES {
        findings.push(Finding::Copies { topic, found: seen.copies, wanted: COPIES });
    }
    findings
}

fn judge_settings(topic: &str, settings: &ConfigResource, copies: usize) -> Vec<Finding> {
    let value = |key: &str| settings.get(key).and_then(|entry| entry.value.clone()).unwrap_or_default();
    let finding = |key, found, wanted: String, why| Finding::Setting { topic: topic.to_owned(), key, found, wanted, why };
    let mut findings: Vec<Finding> = RULES
        .iter()
        .map(|rule| (rule, value(rule.key)))
        .filter(|(rule, found)| !(rule.holds)(found))
        .map(|(rule, found)| finding(rule.key, found, rule.wanted.to_owned(), rule.why))
        .collect();
    let in_sync = value("min.insync.replicas");
    if copies >= COPIES && !in_sync.parse().is_ok_and(|least: usize| least >= 2 && least < copies) {
        let wanted = format!("2 to {}", copies - 1);
        let why = "with one a lost broker takes acknowledged records along, with all of them every lost broker stops the log";
        findings.push(finding("min.insync.replicas", in_sync, wanted, why));
    }
    findings
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
