//! Memory of values that ended, for values to come.
//!
//! Owns what is kept between values and between runs: never more than the peak that the program states leaves beside the values
//! that are alive, so that the statement holds of both together. Refuses other types than f32, which few values have.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Vectors of f32 by their exact lengths.
#[derive(Debug, Default)]
pub struct Buffers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    free: BTreeMap<usize, Vec<Vec<f32>>>,
    /// Bytes of `free`.
    kept: u64,
    /// Bytes of the values that runs hold.
    live: u64,
    /// Bytes that those runs may take; after a run what it could take, until the next one says.
    allowed: u64,
    runs: u32,
}

impl Buffers {
    /// A run begins that takes `bytes` at most.
    pub fn begin(&self, bytes: u64) {
        let mut kept = self.lock();
        kept.allowed = if kept.runs == 0 { bytes } else { kept.allowed + bytes };
        kept.runs += 1;
        kept.trim(0);
    }

    /// A run ends that began with `bytes` and still holds `live` of them as its results.
    pub fn end(&self, bytes: u64, live: u64) {
        let mut kept = self.lock();
        kept.runs -= 1;
        kept.live -= live;
        if kept.runs > 0 {
            kept.allowed -= bytes;
            kept.trim(0);
        }
    }

    /// `count` elements of whatever value.
    pub fn take(&self, count: usize) -> Vec<f32> {
        let mut kept = self.lock();
        let found = kept.free.get_mut(&count).and_then(Vec::pop);
        if let Some(found) = found {
            kept.kept -= bytes(count);
            return found;
        }
        kept.trim(bytes(count));
        drop(kept);
        vec![0.0; count]
    }

    /// A value was made of `bytes`.
    pub fn made(&self, bytes: u64) {
        self.lock().live += bytes;
    }

    /// A value of `bytes` ended; its memory may be given after that.
    pub fn ended(&self, bytes: u64) {
        self.lock().live -= bytes;
    }

    /// Keeps memory that nobody uses any more where there is room for it: that of values that ended, and of results that their owner dropped.
    pub fn give(&self, memory: Vec<f32>) {
        let mut kept = self.lock();
        let size = bytes(memory.len());
        if size > 0 && kept.live + kept.kept + size <= kept.allowed {
            kept.kept += size;
            kept.free.entry(memory.len()).or_default().push(memory);
        }
    }

    /// Bytes that are held: by values, and kept.
    #[cfg(test)]
    pub fn held(&self) -> u64 {
        let kept = self.lock();
        kept.live + kept.kept
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // What a run that panicked has left counted is too much, never too little.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Gives back what has no room beside the live values and `wanted` bytes, the largest first.
    fn trim(&mut self, wanted: u64) {
        while self.live + self.kept + wanted > self.allowed {
            let Some(mut last) = self.free.last_entry() else { return };
            if last.get_mut().pop().is_some() {
                self.kept -= bytes(*last.key());
            }
            if last.get().is_empty() {
                last.remove();
            }
        }
    }
}

fn bytes(count: usize) -> u64 {
    (count * size_of::<f32>()) as u64
}
