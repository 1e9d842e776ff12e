//! Where places end, and where they begin: asked of their leaders.
//!
//! Owns a few threads that ask for many places at once, so that the question costs one request for each leader however many
//! readers wait. Places are dealt to the threads by leader: one broker that hangs does not keep the others' readers waiting.
//! Refuses to answer from memory: an end is the end at the time of the question.

use super::KafkaError;
use super::options::KafkaOptions;
use super::places::Places;
use super::tended::Tended;
use super::watch::Watch;
use crate::Place;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Threads that ask those places that have a leader; one more asks for those that have none, which takes until somebody loses patience.
const LANES: usize = 4;
/// Questions that wait for one thread.
const WAITING: usize = 4_096;
/// Questions of one request.
const BATCH: usize = 1_024;
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(5);
/// Pause before a question without an answer is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a topic may seem to be missing: while a cluster starts, brokers that know it not yet answer.
const SETTLING: Duration = Duration::from_secs(15);

/// Which end of a place is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    First,
    End,
}

#[derive(Debug)]
struct Question {
    place: Place,
    which: Which,
    answer: oneshot::Sender<Result<u64, RDKafkaErrorCode>>,
}

/// Asks for the ends of places. Dropping it ends its threads.
#[derive(Debug)]
pub(super) struct Ends {
    lanes: Vec<mpsc::Sender<Question>>,
    places: Arc<Places>,
    asker: Asker,
    watch: Watch,
    brokers: String,
    patience: Duration,
}

impl Ends {
    pub fn open(options: &KafkaOptions, watch: Watch, places: Arc<Places>) -> Result<Self, KafkaError> {
        let client = Arc::new(Tended::open(&options.client()?, watch.clone(), "ends")?);
        let asker = Asker { client, places: places.clone() };
        let _ = places.topics().iter().all(|topic| asker.learn_leaders(topic));
        let lanes = (0..=LANES).map(|lane| {
            let (sender, questions) = mpsc::channel(WAITING);
            let asker = asker.clone();
            let thread = thread::Builder::new().name(format!("kafka-ends-{lane}")).spawn(move || asker.run(questions));
            thread.map(|_| sender).map_err(|error| KafkaError::Client { reason: error.to_string() })
        });
        Ok(Ends { lanes: lanes.collect::<Result<_, _>>()?, asker, places, watch, brokers: options.bootstrap(), patience: options.patience })
    }

    /// One past the last visible record.
    pub async fn end(&self, place: Place) -> Result<u64, KafkaError> {
        self.ask(place, Which::End).await
    }

    /// The first offset that may still be read.
    pub async fn first(&self, place: Place) -> Result<u64, KafkaError> {
        self.ask(place, Which::First).await
    }

    /// Looks anew who leads a place, for a leader that was replaced may still answer.
    pub async fn learn(&self, place: Place) {
        let (asker, topic) = (self.asker.clone(), self.places.topic(place).to_owned());
        drop(tokio::task::spawn_blocking(move || asker.learn_leaders(&topic)).await);
    }

    /// Asks until there is an answer, for as long as patience lasts.
    async fn ask(&self, place: Place, which: Which) -> Result<u64, KafkaError> {
        let began = Instant::now();
        let mut missing = None;
        loop {
            self.watch.check()?;
            let (answer, answered) = oneshot::channel();
            let lane = usize::try_from(self.places.leader(place)).map_or(LANES, |leader| leader % LANES);
            self.lanes[lane].send(Question { place, which, answer }).await.map_err(|_| ended())?;
            let code = match answered.await.map_err(|_| ended())? {
                Ok(offset) => return Ok(offset),
                Err(code) => code,
            };
            // Counted from the first such answer, for others before it may have taken long.
            missing = is_missing(code).then(|| missing.unwrap_or_else(Instant::now));
            let for_good = is_refusal(code) || missing.is_some_and(|since| since.elapsed() > SETTLING);
            if for_good || began.elapsed() > self.patience {
                return Err(self.failed(place, code));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What an error that stayed means.
    pub fn failed(&self, place: Place, code: RDKafkaErrorCode) -> KafkaError {
        let topic = self.places.topic(place).to_owned();
        match code {
            code if is_missing(code) => super::topics::Finding::Missing { topic }.into(),
            code if is_refusal(code) => KafkaError::Refused { what: format!("reads of topic {topic}"), reason: code.to_string() },
            code => KafkaError::Unreachable { brokers: self.brokers.clone(), reason: format!("{code}; {}", self.watch.reason()) },
        }
    }
}

/// A thread of ours that is gone panicked; it has said why.
fn ended() -> KafkaError {
    KafkaError::Client { reason: "the thread that asks for ends is gone".into() }
}

pub(super) fn is_missing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicId, UnknownTopicOrPartition};
    matches!(code, UnknownTopicOrPartition | UnknownTopicId | UnknownTopic | UnknownPartition)
}

pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, GroupAuthorizationFailed, SaslAuthenticationFailed, TopicAuthorizationFailed};
    matches!(code, TopicAuthorizationFailed | GroupAuthorizationFailed | ClusterAuthorizationFailed | SaslAuthenticationFailed)
}

fn is_late(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::RequestTimedOut)
}

/// A place as Kafka names it.
type Key = (String, i32);

/// One thread's view.
#[derive(Clone, Debug)]
struct Asker {
    client: Arc<Tended>,
    places: Arc<Places>,
}

impl Asker {
    /// Ends when nobody can ask any more.
    fn run(&self, mut questions: mpsc::Receiver<Question>) {
        while let Some(first) = questions.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(question) = questions.try_recv()
            {
                batch.push(question);
            }
            let (firsts, ends): (Vec<_>, Vec<_>) = batch.into_iter().partition(|question| question.which == Which::First);
            self.answer(ends, Offset::End);
            self.answer(firsts, Offset::Beginning);
        }
    }

    fn answer(&self, questions: Vec<Question>, at: Offset) {
        if questions.is_empty() {
            return;
        }
        let mut asked: BTreeMap<Key, Vec<Question>> = BTreeMap::new();
        for question in questions {
            let place = question.place;
            let key = (self.places.topic(place).to_owned(), i32::try_from(place.partition).unwrap_or(i32::MAX));
            asked.entry(key).or_default().push(question);
        }
        let mut found = self.find(asked.keys(), at);
        let mut failed = BTreeSet::new();
        for (key, questions) in asked {
            let answer = found.remove(&key).unwrap_or(Err(RDKafkaErrorCode::OperationTimedOut));
            // Whoever asked may have gone.
            for question in questions {
                let _ = question.answer.send(answer);
            }
            if answer.is_err() {
                failed.insert(key.0);
            }
        }
        // Whoever does not tell one topic's leaders will not tell another's.
        let _ = failed.iter().all(|topic| self.learn_leaders(topic));
    }

    /// Asks for many places at once. An error of one place hides the answers for the others, so these are then asked one by one;
    /// but not when time ran out, which it would then do once for each.
    fn find<'a>(&self, asked: impl Iterator<Item = &'a Key>, at: Offset) -> BTreeMap<Key, Result<u64, RDKafkaErrorCode>> {
        let asked: Vec<&Key> = asked.collect();
        match self.ask(&asked, at) {
            Ok(found) => found,
            Err(code) if asked.len() == 1 || is_late(code) => asked.into_iter().map(|key| (key.clone(), Err(code))).collect(),
            Err(_) => {
                asked.into_iter().flat_map(|key| self.ask(&[key], at).unwrap_or_else(|code| [(key.clone(), Err(code))].into())).collect()
            }
        }
    }

    fn ask(&self, asked: &[&Key], at: Offset) -> Result<BTreeMap<Key, Result<u64, RDKafkaErrorCode>>, RDKafkaErrorCode> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in asked {
            // The list takes logical offsets in the place of times (KIP-79): −1 is the end, −2 the beginning.
            list.add_partition_offset(topic, *partition, at).map_err(|error| code_of(&error))?;
        }
        let list = self.client.consumer().offsets_for_times(list, REQUEST).map_err(|error| code_of(&error))?;
        Ok(list.elements().iter().map(|element| ((element.topic().to_owned(), element.partition()), offset_of(element))).collect())
    }

    fn learn_leaders(&self, topic: &str) -> bool {
        let Ok(metadata) = self.client.consumer().fetch_metadata(Some(topic), REQUEST) else { return false };
        let leaders = metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| (partition.id(), partition.leader()));
        let leaders: BTreeMap<i32, i32> = leaders.collect();
        for place in self.places.of_topic(topic) {
            let leader = i32::try_from(place.partition).ok().and_then(|partition| leaders.get(&partition));
            leader.into_iter().for_each(|leader| self.places.set_leader(place, *leader));
        }
        true
    }
}

fn offset_of(element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>) -> Result<u64, RDKafkaErrorCode> {
    element.error().map_err(|error| code_of(&error))?;
    match element.offset() {
        Offset::Offset(offset) => u64::try_from(offset).map_err(|_| RDKafkaErrorCode::OffsetNotAvailable),
        // Left as it was asked: its leader did not answer.
        _ => Err(RDKafkaErrorCode::OffsetNotAvailable),
    }
}

pub(super) fn code_of(error: &ClientError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)
}
