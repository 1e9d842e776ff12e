//! Recovery: what is true after a crash.
//!
//! Owns the reading of all segments at open, and the one decision between a torn tail, which is cut, and damage, which
//! halts. A bad frame is damage if it lies in a segment that has a successor, or if a later frame was written when this one was
//! already durable. Else nobody was ever told that it is there. Refuses repair.

use super::files::{Files, SegmentFile};
use super::frame::{BadHead, Encoder, FrameHead, Kind, Reason, SEGMENT_HEAD, SegmentHead, VERSION, segment_first, segment_name};
use super::index::Index;
use super::walk::{Step, Walker};
use super::{OpenError, Options};
use cairn_schemas::limits;
use std::io;

/// A log as it was found, ready to be written on.
#[derive(Debug)]
pub struct Recovered {
    pub index: Index,
    /// The latest append time found.
    pub time: i64,
    pub tail: Tail,
}

/// Where the next frame goes.
#[derive(Debug)]
pub struct Tail {
    pub file: Box<dyn SegmentFile>,
    pub at: u64,
    pub number: u64,
}

/// A log as it was found.
#[derive(Debug)]
pub struct Found {
    pub index: Index,
    pub time: i64,
    /// The number of the next frame.
    number: u64,
    /// The last segment that holds, and where its good frames end.
    last: Option<(String, u64)>,
    /// Why the bytes behind that end are no frames, if there are any.
    torn: Option<Reason>,
    /// A last segment whose making was cut short.
    unborn: Option<String>,
}

/// Reads the log through, cuts a torn tail, and makes durable what is left.
pub fn for_writing(files: &dyn Files, options: &Options) -> Result<Recovered, OpenError> {
    if !(1..=limits::PARTITIONS).contains(&options.partitions) {
        return Err(OpenError::Partitions { found: limits::PARTITIONS, asked: options.partitions });
    }
    let mut found = scan(files, options)?;
    if found.index.partitions() != options.partitions {
        return Err(OpenError::Partitions { found: found.index.partitions(), asked: options.partitions });
    }
    if let Some(name) = &found.unborn {
        files.remove(name).map_err(named(name))?;
    }
    // The names found may be those of a process that was killed before it synced them.
    files.sync_folder().map_err(named("the folder"))?;
    let (name, at, file) = match found.last.take() {
        Some((name, at)) => {
            if let Some(reason) = found.torn {
                tracing::warn!(segment = name, at, reason, "a torn tail is cut from the log: nobody was told that it is there");
            }
            (name.clone(), at, files.open_for_writing(&name).map_err(named(&name))?)
        }
        None => {
            let head = SegmentHead { partitions: options.partitions, salt: found.index.salt(), first: found.number };
            found.index.begin_segment(found.number);
            let name = segment_name(found.number);
            let file = begin_segment(files, head).map_err(named(&name))?;
            settle_segment(files, file.as_ref()).map_err(named(&name))?;
            (name, SEGMENT_HEAD as u64, file)
        }
    };
    let tail = Tail { file, at, number: found.number };
    tail.settle(found.index.salt(), found.time).map_err(named(&name))?;
    Ok(Recovered { index: found.index, time: found.time, tail })
}

/// Reads the log through and changes nothing.
pub fn read_only(files: &dyn Files, options: &Options) -> Result<Found, OpenError> {
    let found = scan(files, options)?;
    if let Some((name, _)) = &found.last {
        // Frames written by a process that died before its fsync are shown, so they must be durable; syncing changes no byte.
        files.open(name).and_then(|file| file.sync()).map_err(named(name))?;
    }
    Ok(found)
}

/// Makes a segment. Its head and its name must be made durable before any frame is in it: [`settle_segment`].
pub fn begin_segment(files: &dyn Files, head: SegmentHead) -> io::Result<Box<dyn SegmentFile>> {
    let file = files.create(&segment_name(head.first))?;
    file.write_at(&head.encode(), 0)?;
    Ok(file)
}

/// Makes a new segment durable: its head, then its name.
pub fn settle_segment(files: &dyn Files, file: &dyn SegmentFile) -> io::Result<()> {
    file.sync()?;
    files.sync_folder()
}

impl Tail {
    /// Cuts what lies behind the tail and marks all before it as durable.
    fn settle(&self, salt: u32, time: i64) -> io::Result<()> {
        self.file.set_len(self.at)?;
        // The mark must not say what is not yet so.
        self.file.sync()?;
        match self.mark(salt, time) {
            // The log on a full disk still opens: the mark only sharpens the next recovery.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => self.file.set_len(self.at)?,
            other => other?,
        }
        self.file.sync()
    }

    /// Writes a bare mark at the tail: all before it is durable. The next frame overwrites it.
    pub fn mark(&self, salt: u32, time: i64) -> io::Result<()> {
        let mut bytes = Vec::new();
        Encoder { into: &mut bytes, salt, durable: self.number - 1, time }.mark(self.number);
        self.file.write_at(&bytes, self.at)
    }
}

fn scan(files: &dyn Files, options: &Options) -> Result<Found, OpenError> {
    let mut firsts: Vec<u64> = files.list().map_err(named("the folder"))?.iter().filter_map(|name| segment_first(name)).collect();
    firsts.sort_unstable();
    let index = Index::new(options.partitions, options.salt, options.recent_bytes);
    let mut found = Found { index, time: i64::MIN, number: 1, last: None, torn: None, unborn: None };
    for (rank, &first) in firsts.iter().enumerate() {
        let next = firsts.get(rank + 1).copied();
        let name = segment_name(first);
        let file = files.open(&name).map_err(named(&name))?;
        if let Some(head) = segment_head(file.as_ref(), &name, next.is_none())? {
            found.segment(file, &name, head, next, options)?;
        } else {
            found.unborn = Some(name);
        }
    }
    found.time = found.time.max(0);
    Ok(found)
}

/// The head of a segment; `None` for a last one in which no frame can be, because its head was never synced.
fn segment_head(file: &dyn SegmentFile, name: &str, last: bool) -> Result<Option<SegmentHead>, OpenError> {
    let mut bytes = [0; SEGMENT_HEAD];
    let read = file.read_at(&mut bytes, 0).map_err(named(name))?;
    let length = file.len().map_err(named(name))?;
    match SegmentHead::decode(&bytes[..read]) {
        Ok(head) if segment_name(head.first) == name => Ok(Some(head)),
        Ok(_) => Err(damaged(name, 0, "its head names another segment")),
        Err(BadHead::Damaged(_)) if last && length <= SEGMENT_HEAD as u64 => Ok(None),
        Err(BadHead::Damaged(reason)) => Err(damaged(name, 0, reason)),
        Err(BadHead::Version(version)) => Err(OpenError::Version { file: name.into(), version, known: VERSION }),
    }
}

impl Found {
    fn segment(
        &mut self,
        file: Box<dyn SegmentFile>,
        name: &str,
        head: SegmentHead,
        next: Option<u64>,
        options: &Options,
    ) -> Result<(), OpenError> {
        if head.first > self.number {
            return Err(OpenError::Missing { from: self.number, to: head.first - 1 });
        }
        if head.first < self.number {
            return Err(damaged(name, 0, "its frames are in an earlier segment too"));
        }
        if self.last.is_none() {
            self.index = Index::new(head.partitions.clamp(1, limits::PARTITIONS), head.salt, options.recent_bytes);
        } else if (head.partitions, head.salt) != (self.index.partitions(), self.index.salt()) {
            return Err(damaged(name, 0, "it belongs to another log"));
        }
        self.index.begin_segment(head.first);
        let mut walker = Walker::new(file, head.salt);
        if let Some(reason) = self.frames(&mut walker, name)? {
            let at = walker.at;
            let damage = match next {
                // A segment is left behind when all its frames are durable; only a mark behind them may be torn.
                Some(next) => self.number != next,
                None => walker.durable_later(self.number).map_err(named(name))?,
            };
            if damage {
                return Err(damaged(name, at, reason));
            }
            walker.at = at;
            self.torn = next.is_none().then_some(reason);
        }
        self.last = Some((name.to_owned(), walker.at));
        Ok(())
    }

    /// Takes frames until the segment ends (`None`) or holds no further good one.
    fn frames(&mut self, walker: &mut Walker, name: &str) -> Result<Option<Reason>, OpenError> {
        loop {
            let head = match walker.head().map_err(named(name))? {
                Step::Frame(head) => head,
                Step::End => return Ok(None),
                Step::Bad(reason) => return Ok(Some(reason)),
            };
            if head.number != self.number {
                return Ok(Some("a frame's number does not follow"));
            }
            if head.durable >= head.number {
                return Ok(Some("a frame claims to have been durable before it was written"));
            }
            if let Err(reason) = walker.body(&head).map_err(named(name)).map(|body| head.check(body))? {
                return Ok(Some(reason));
            }
            if head.kind == Kind::Mark {
                return after_mark(walker, &head, name);
            }
            self.index.add(&head, walker.at as u32).map_err(|reason| damaged(name, walker.at, reason))?;
            self.number += 1;
            self.time = self.time.max(head.time);
            walker.pass(&head);
        }
    }
}

/// A mark ends the good frames; what lies behind it was never durable, unless a frame there says so.
fn after_mark(walker: &mut Walker, head: &FrameHead, name: &str) -> Result<Option<Reason>, OpenError> {
    let at = walker.at;
    walker.pass(head);
    let end = matches!(walker.head().map_err(named(name))?, Step::End);
    walker.at = at;
    Ok((!end).then_some("a frame is missing behind a mark"))
}

fn damaged(file: &str, at: u64, reason: Reason) -> OpenError {
    OpenError::Damaged { file: file.to_owned(), at, reason }
}

fn named(what: &str) -> impl Fn(io::Error) -> OpenError + '_ {
    move |source| OpenError::Io { what: what.to_owned(), source }
}
