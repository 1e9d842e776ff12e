//! Afar: the journal of a live node, read over HTTP page by page as any follower reads a log.
//!
//! Owns the way from pages to records. Holds no more than a page. Refuses everything but reading one partition's journal: the node's
//! files are the node's alone.

use crate::{
    client::Client,
    exit::{Exit, Failure},
};
use async_trait::async_trait;
use cairn_log::{AppendError, Appended, Assigner, Assignments, Batch, EventLog, Place, Read, ReadError, ReadLimit, Record};
use cairn_processors::ledger::LedgerError;
use std::{error::Error, future::pending, io};

/// How long the node waits for a record before it says that there is none yet.
const POLL_MS: u64 = 10_000;

/// One partition's journal at a node.
#[derive(Debug)]
pub struct Afar {
    client: Client,
    partition: u32,
    /// Nobody is ever given anything to lead here.
    assigner: Assigner,
}

impl Afar {
    pub fn new(client: Client, partition: u32) -> Afar {
        Afar { client, partition, assigner: Assigner::default() }
    }

    fn check(&self, place: Place) -> Result<(), ReadError> {
        let ours = place == Place::journal(self.partition);
        if ours { Ok(()) } else { Err(ReadError::NoSuchPlace { place, partitions: self.partitions() }) }
    }

    async fn page(&self, place: Place, from: u64, wait_ms: u64) -> Result<Read, ReadError> {
        self.check(place)?;
        let unread = |error: LedgerError| ReadError::Io { place, source: io::Error::other(error) };
        let page = self.client.page(place.partition, from, wait_ms).await.map_err(unread)?;
        Ok(Read { end: page.end, records: page.records.into_iter().map(Record::from).collect() })
    }
}

/// What the node said, where that is why a journal cannot be read.
pub fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a LedgerError> {
    anyhow::Chain::new(error).find_map(|cause| cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref())
}

/// Why something could not be done that reads a journal. It may be a node's: then it is the node's answer that counts.
pub fn failed(code: &str, error: impl Error + Send + Sync + 'static) -> Failure {
    let (exit, code) = match cause(&error) {
        Some(answer) if answer.passes() => (Exit::Unreachable, answer.code()),
        Some(answer) => (Exit::Failed, answer.code()),
        None => (Exit::Failed, code),
    };
    let code = code.to_owned();
    Failure::new(exit, &code, error)
}

#[async_trait]
impl EventLog for Afar {
    fn partitions(&self) -> u32 {
        self.partition + 1
    }

    async fn append(&self, place: Place, _batch: Batch) -> Result<Vec<Appended>, AppendError> {
        Err(AppendError::ReadOnly { place })
    }

    /// The node's own limit of a page counts too.
    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        let mut read = self.page(place, from, 0).await?;
        let mut bytes = 0;
        let mut fits = |record: &Record| {
            bytes += record.bytes.len();
            bytes <= limit.bytes
        };
        let fitting = read.records.iter().take(limit.records).map_while(|record| fits(record).then_some(())).count();
        // The first record comes whatever its size.
        read.records.truncate(fitting.max(1));
        Ok(read)
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        for (place, _) in places {
            self.check(*place)?;
        }
        let Some((place, from)) = places.iter().min_by_key(|(_, from)| *from) else { return pending().await };
        while self.page(*place, *from, POLL_MS).await?.records.is_empty() {}
        Ok(())
    }

    /// Only those ask who append.
    async fn time(&self) -> Result<i64, ReadError> {
        Err(ReadError::Closed)
    }

    fn assignments(&self, member: &str) -> Assignments {
        self.assigner.join(member)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::Bytes;
    use cairn_gateway::{Options, Outcomes};
    use cairn_log::{ManualClock, blobs::Blobs, memory::MemoryLog};
    use cairn_schemas::InstanceId;
    use std::sync::Arc;

    /// A node that serves nothing but this log, at its address.
    async fn served(log: MemoryLog) -> Client {
        let outcomes = Outcomes::new(InstanceId::ZERO, log.partitions());
        let (blobs, options) = (Blobs::open("memory:///").unwrap(), Options::default());
        let routes = cairn_gateway::router(Arc::new(log), blobs, outcomes, options);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(cairn_gateway::serve(listener, routes, cairn_gateway::Limits::default(), std::future::pending()));
        Client::new(&url, None).unwrap()
    }

    #[tokio::test]
    async fn a_journal_afar_is_read_as_it_is_and_in_parts() {
        let clock = Arc::new(ManualClock::new(1_000));
        let log = MemoryLog::new(2, clock.clone());
        let place = Place::journal(1);
        for n in 0..30_u32 {
            clock.advance(7);
            let records = (0..100).map(|m| Bytes::from(vec![b'r'; (n * 100 + m) as usize])).collect::<Vec<_>>();
            log.append(place, records.into()).await.unwrap();
        }
        let whole = log.read(place, 0, ReadLimit { records: 10_000, bytes: usize::MAX }).await.unwrap();
        let afar = Afar::new(served(log.clone()).await, 1);
        let (mut records, mut from) = (Vec::new(), 0);
        let limit = ReadLimit { records: 700, bytes: 1_000_000 };
        loop {
            let read = afar.read(place, from, limit).await.unwrap();
            assert_eq!(read.end, whole.end);
            let bytes: usize = read.records.iter().map(|record| record.bytes.len()).sum();
            assert!(read.records.len() <= limit.records && bytes <= limit.bytes);
            if read.records.is_empty() {
                break;
            }
            from = read.next(from);
            records.extend(read.records);
        }
        assert_eq!(records, whole.records);
        afar.wait(&[(place, 2_999)]).await.unwrap();
        let tiny = ReadLimit { records: 1, bytes: 1 };
        assert_eq!(afar.read(place, 2_000, tiny).await.unwrap().records.len(), 1, "the first comes whatever its size");
        assert!(matches!(afar.read(Place::journal(0), 0, limit).await, Err(ReadError::NoSuchPlace { .. })));
        assert!(matches!(afar.append(place, vec![Bytes::new()].into()).await, Err(AppendError::ReadOnly { .. })));
    }
}
