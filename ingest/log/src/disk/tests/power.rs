//! A folder that loses power.
//!
//! Owns what a disk may do to writes that were not synced: keep them, lose them, tear them at any sector, and forget the names of files
//! whose folder was not synced. Refuses to be kind: nothing survives a cut by right except what was synced.

use crate::disk::files::{Files, SegmentFile};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: usize = 512;

/// Splitmix64 (Steele, Lea, Flood 2014): enough chance for a test, and the same for the same seed.
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Write(at, bytes) => {
                to.resize(to.len().max(at + bytes.len()), 0);
                to[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Change::Length(length) => to.resize(*length, 0),
        }
    }

    /// What of it reached the disk: all, nothing, a beginning, or any sectors of it.
    fn tear(self, chance: &mut Chance, to: &mut Vec<u8>) {
        let Change::Write(at, bytes) = self else {
            return if chance.below(2) == 0 {
                self.apply(to)
            };
        };
        match chance.below(4) {
            0 => {}
            1 => Change::Write(at, bytes).apply(to),
            2 => Change::Write(at, bytes[..chance.below(bytes.len() as u64 + 1) as usize].to_vec()).apply(to),
            _ => {
                let mut from = 0;
                while from < bytes.len() {
                    // Sectors are counted from the file's beginning, as the disk counts them.
                    let end = (((at + from) / SECTOR + 1) * SECTOR - at).min(bytes.len());
                    if chance.below(2) == 0 {
                        Change::Write(at + from, bytes[from..end].to_vec()).apply(to);
                    }
                    from = end;
                }
            }
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Default)]
struct Disk {
    contents: Vec<Contents>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Operations that change something, until the power goes.
    left: Option<u64>,
    /// Bytes that still fit.
    space: Option<usize>,
    syncs_fail: bool,
    syncs: usize,
}

/// The folder. Clones are the same folder.
#[derive(Debug, Default, Clone)]
pub struct Power(Arc<Mutex<Disk>>);

impl Power {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    /// The power goes after `operations` more that change something.
    pub fn cut_after(&self, operations: u64) {
        self.disk().left = Some(operations);
    }

    /// The power stays: only the process that wrote ended. All is as it was, synced or not.
    pub fn kept(&self) {
        self.disk().left = None;
    }

    /// The folder as it is when the power is back.
    pub fn restored(&self, chance: &mut Chance) -> Power {
        let disk = self.disk();
        let mut after = Disk::default();
        for contents in &disk.contents {
            let mut bytes = contents.durable.clone();
            contents.unsynced.iter().for_each(|change| change.clone().tear(chance, &mut bytes));
            after.contents.push(Contents { now: bytes.clone(), durable: bytes, unsynced: Vec::new() });
        }
        for name in disk.names.keys().chain(disk.durable_names.keys()) {
            let (now, durable) = (disk.names.get(name), disk.durable_names.get(name));
            let kept = if chance.below(2) == 0 { now } else { durable };
            if let Some(id) = kept {
                after.names.insert(name.clone(), *id);
            }
        }
        after.durable_names = after.names.clone();
        Power(Arc::new(Mutex::new(after)))
    }

    pub fn set_space(&self, bytes: Option<usize>) {
        self.disk().space = bytes;
    }

    pub fn fail_syncs(&self) {
        self.disk().syncs_fail = true;
    }

    pub fn syncs(&self) -> usize {
        self.disk().syncs
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let disk = self.disk();
        disk.contents[disk.names[name]].now.clone()
    }

    /// Rot: changes bytes behind everyone's back, or makes a file of them.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut disk = self.disk();
        disk.contents.push(Contents { now: bytes.clone(), durable: bytes, unsynced: Vec::new() });
        let id = disk.contents.len() - 1;
        disk.names.insert(name.into(), id);
        disk.durable_names.insert(name.into(), id);
    }

    fn named(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let id = *self.disk().names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Open { power: self.clone(), id }))
    }
}

impl Disk {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("the power is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, id: usize, change: Change) {
        change.apply(&mut self.contents[id].now);
        self.contents[id].unsynced.push(change);
    }

    fn sync(&mut self) -> io::Result<()> {
        self.spend()?;
        self.syncs += 1;
        if self.syncs_fail { Err(io::Error::other("the disk dropped it")) } else { Ok(()) }
    }
}

impl Files for Power {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.disk().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let mut disk = self.disk();
        disk.spend()?;
        disk.contents.push(Contents::default());
        let id = disk.contents.len() - 1;
        disk.names.insert(name.into(), id);
        drop(disk);
        self.named(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        self.named(name)
    }

    fn open_for_writing(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        self.named(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk();
        disk.spend()?;
        disk.names.remove(name);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut disk = self.disk();
        disk.sync()?;
        disk.durable_names = disk.names.clone();
        Ok(())
    }
}

#[derive(Debug)]
struct Open {
    power: Power,
    id: usize,
}

impl SegmentFile for Open {
    fn len(&self) -> io::Result<u64> {
        Ok(self.power.disk().contents[self.id].now.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let disk = self.power.disk();
        let from = disk.contents[self.id].now.get(at as usize..).unwrap_or_default();
        let read = from.len().min(into.len());
        into[..read].copy_from_slice(&from[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut disk = self.power.disk();
        let powered = disk.spend();
        let grows = (at as usize + bytes.len()).saturating_sub(disk.contents[self.id].now.len());
        let fits = disk.space.is_none_or(|space| grows <= space);
        let kept = if fits && powered.is_ok() { bytes.len() } else { bytes.len() / 2 };
        disk.change(self.id, Change::Write(at as usize, bytes[..kept].to_vec()));
        powered?;
        if !fits {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.space = disk.space.map(|space| space - grows);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.power.disk();
        disk.spend()?;
        disk.change(self.id, Change::Length(len as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.power.disk();
        disk.sync()?;
        let contents = &mut disk.contents[self.id];
        contents.durable = contents.now.clone();
        contents.unsynced.clear();
        Ok(())
    }
}
