//! Archiving: one journal followed, and cut into segments.
//!
//! Owns where to cut: behind the first block at which a segment is full, which depends on the journal alone; and, so that little
//! is outside the archive when the log is lost, behind the last block once it has waited long enough. Refuses a position of its
//! own: the last segment says where to go on.

use super::{Archive, ArchiveError, Segment, Span};
use crate::journal::{Chain, Follower, JournalError, Step, Taken};
use crate::{EventLog, Place, Record, Traces};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// The first pause after the store did not answer; each next is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// What a record takes beside its bytes.
const RECORD_FRAME: usize = 20;

/// How to archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of records at which a segment is full.
    pub segment_bytes: usize,
    /// Bytes of records from which on void ones are left out, and counted: nobody fills the archive with noise.
    pub void_bytes: usize,
    /// How long a block may wait for its segment to be full, by the log's clock.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { segment_bytes: 8 * 1024 * 1024, void_bytes: 16 * 1024 * 1024, patience: Duration::from_secs(300) }
    }
}

/// One journal on its way into the archive. Every future is safe to drop, as a crash would: whoever opens it again goes on.
#[derive(Debug)]
pub struct Archiver {
    log: Arc<dyn EventLog>,
    archive: Archive,
    options: Options,
    follower: Follower,
    pending: Pending,
    /// The segment behind which it goes on; none before there is one.
    last: Option<Span>,
}

/// Records that no segment holds yet.
#[derive(Debug, Default)]
struct Pending {
    first: u64,
    from: u64,
    left_out: u64,
    bytes: usize,
    records: Vec<Record>,
    /// Up to and with the last valid block; none before there is one.
    whole: Option<Whole>,
}

#[derive(Debug)]
struct Whole {
    records: usize,
    left_out: u64,
    chain: Chain,
}

impl Archiver {
    /// Goes on behind the last segment. The log must still hold the record that it ends with.
    pub async fn open(log: Arc<dyn EventLog>, archive: Archive, partition: u32, options: Options) -> Result<Archiver, ArchiveError> {
        let segment = archive.last(partition).await?;
        let last = segment.as_ref().map(Segment::span);
        let chain = segment.map_or_else(|| Chain::new(partition), |segment| segment.chain);
        let pending = Pending::behind(&chain);
        Ok(Archiver { follower: Follower::new(log.clone(), chain), log, archive, options, pending, last })
    }

    /// The journal's offset below which all is archived.
    pub fn archived(&self) -> u64 {
        self.pending.from
    }

    /// Reads what is visible and keeps each segment that is full.
    pub async fn catch_up(&mut self) -> Result<(), ArchiveError> {
        loop {
            if self.pending.is_full(&self.options) {
                self.keep().await?;
            }
            let Some(taken) = self.follower.try_next().await? else { return Ok(()) };
            self.pending.push(&taken, self.follower.chain(), &self.options);
        }
    }

    /// Keeps what was read, up to the last block, full or not.
    pub async fn flush(&mut self) -> Result<(), ArchiveError> {
        if self.pending.whole.is_some() { self.keep().await } else { Ok(()) }
    }

    /// Catches up, keeps what waited long enough, and answers how long the rest may still wait; none if nothing does.
    async fn tend(&mut self) -> Result<Option<Duration>, ArchiveError> {
        self.catch_up().await?;
        let now = self.log.time().await.map_err(JournalError::from)?;
        let Some(left) = self.pending.patience_left(now, self.options.patience) else { return Ok(None) };
        if left.is_zero() {
            self.flush().await?;
            return Ok(None);
        }
        Ok(Some(left))
    }

    async fn keep(&mut self) -> Result<(), ArchiveError> {
        let Some(segment) = self.pending.segment() else { return Ok(()) };
        // Somebody may have moved the archive away: what follows a hole is of no use to a reader, and nobody would be told.
        if let Some(last) = self.last
            && !self.archive.has(segment.partition, last).await?
        {
            return Err(ArchiveError::Gap { partition: segment.partition, height: last.first });
        }
        self.archive.keep(&segment).await?;
        self.last = Some(segment.span());
        tracing::debug!(partition = segment.partition, span = ?segment.span(), "archived");
        self.pending.cut(segment.chain);
        Ok(())
    }

    fn place(&self) -> (Place, u64) {
        (Place::journal(self.follower.chain().partition()), self.follower.chain().offset())
    }
}

impl Pending {
    fn behind(chain: &Chain) -> Pending {
        let first = chain.height().map_or(0, |height| height + 1);
        Pending { first, from: chain.offset(), ..Pending::default() }
    }

    fn push(&mut self, taken: &Taken, chain: &Chain, options: &Options) {
        if matches!(taken.step, Step::Void(_)) && self.bytes >= options.void_bytes {
            tracing::warn!(partition = chain.partition(), offset = taken.offset, "a void record is left out of the archive");
            self.left_out += 1;
            return;
        }
        let record = Record { offset: taken.offset, time: taken.time, bytes: taken.bytes.clone(), traces: Traces::default() };
        self.bytes += weight(&record);
        self.records.push(record);
        if matches!(taken.step, Step::Block(_) | Step::Genesis { .. }) {
            self.whole = Some(Whole { records: self.records.len(), left_out: self.left_out, chain: chain.clone() });
        }
    }

    /// Whether the last record read is a block, and enough lies before it.
    fn is_full(&self, options: &Options) -> bool {
        self.bytes >= options.segment_bytes && self.whole.as_ref().is_some_and(|whole| whole.records == self.records.len())
    }

    fn patience_left(&self, now: i64, patience: Duration) -> Option<Duration> {
        let oldest = self.whole.as_ref().and(self.records.first())?;
        let waited = Duration::from_millis(now.saturating_sub(oldest.time).max(0).unsigned_abs());
        Some(patience.saturating_sub(waited))
    }

    fn segment(&self) -> Option<Segment> {
        let whole = self.whole.as_ref()?;
        Some(Segment {
            partition: whole.chain.partition(),
            first: self.first,
            from: self.from,
            left_out: whole.left_out,
            chain: whole.chain.clone(),
            records: self.records[..whole.records].to_vec(),
        })
    }

    /// Forgets what a segment holds now.
    fn cut(&mut self, chain: Chain) {
        let Some(whole) = self.whole.take() else { return };
        let records = self.records.split_off(whole.records);
        let bytes = records.iter().map(weight).sum();
        *self = Pending { bytes, records, left_out: self.left_out - whole.left_out, ..Pending::behind(&chain) };
    }
}

fn weight(record: &Record) -> usize {
    record.bytes.len() + RECORD_FRAME
}

/// Archives a journal until `stop`; then what is visible and not yet kept is flushed.
///
/// A store that does not answer is asked again for ever: the log keeps what is not archived. Other errors end it.
pub async fn archive(
    log: Arc<dyn EventLog>,
    archive: Archive,
    partition: u32,
    options: Options,
    stop: impl Future<Output = ()>,
) -> Result<(), ArchiveError> {
    let mut stop = pin!(stop);
    let mut archiver: Option<Archiver> = None;
    let mut pause = PAUSE;
    loop {
        let step = async {
            let archiver = match &mut archiver {
                Some(archiver) => archiver,
                closed => closed.insert(Archiver::open(log.clone(), archive.clone(), partition, options).await?),
            };
            archiver.tend().await.map(|left| (archiver.place(), left))
        };
        let tended = tokio::select! { biased; () = &mut stop => break, tended = step => tended };
        let (news, left) = match tended {
            Ok((place, left)) => {
                pause = PAUSE;
                (Some(place), left)
            }
            Err(error) if error.passes() => {
                tracing::warn!(partition, code = error.code(), "archiving goes on later: {error}");
                let left = pause;
                pause = (pause * 2).min(PAUSE_MAX);
                (None, Some(left))
            }
            // What is missing the log may still hold: it is archived again from there. If it does not, the next opening says so and ends.
            Err(error @ ArchiveError::Gap { .. }) if archiver.take().is_some() => {
                tracing::error!(partition, code = error.code(), "archiving begins again behind what the archive holds: {error}");
                (None, Some(PAUSE))
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            waited = wait(log.as_ref(), news) => waited?,
            () = sleep(left) => {}
        }
    }
    let Some(mut archiver) = archiver else { return Ok(()) };
    archiver.catch_up().await?;
    archiver.flush().await
}

async fn wait(log: &dyn EventLog, news: Option<(Place, u64)>) -> Result<(), ArchiveError> {
    match news {
        Some(place) => Ok(log.wait(&[place]).await.map_err(JournalError::from)?),
        None => std::future::pending().await,
    }
}

async fn sleep(left: Option<Duration>) {
    match left {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}
