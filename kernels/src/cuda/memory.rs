//! Memory of a machine, kept for the next who asks.
//!
//! Owns every allocation: a buffer that is dropped is reused, not freed, so that a run of many steps asks its driver for nothing
//! after the first. Operations happen in order, so that a buffer may be given on while a kernel still reads it. What is kept is
//! given back when memory runs out, and in the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::machine::{Address, Machine};
use crate::error::KernelError;

/// A machine and the memory that nobody uses.
#[derive(Debug)]
pub struct Pool<M: Machine> {
    pub machine: M,
    free: Mutex<BTreeMap<usize, Vec<Address>>>,
}

/// Memory in use.
#[derive(Debug)]
pub struct Buffer<M: Machine> {
    pool: Arc<Pool<M>>,
    pub at: Address,
    capacity: usize,
}

impl<M: Machine> Pool<M> {
    pub fn new(machine: M) -> Arc<Self> {
        Arc::new(Self { machine, free: Mutex::default() })
    }

    /// Memory for `bytes` bytes, of any content.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Result<Buffer<M>, KernelError> {
        let capacity = bytes.max(1).next_multiple_of(256);
        let buffer = |at, capacity| Buffer { pool: Arc::clone(self), at, capacity };
        if let Some((capacity, at)) = self.kept(capacity) {
            return Ok(buffer(at, capacity));
        }
        match self.machine.allocate(capacity) {
            Ok(at) => Ok(buffer(at, capacity)),
            Err(_) => {
                self.give_back();
                self.machine.allocate(capacity).map(|at| buffer(at, capacity))
            }
        }
    }

    /// The smallest kept buffer that holds `wanted` bytes and is not more than twice as large.
    fn kept(&self, wanted: usize) -> Option<(usize, Address)> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let (&capacity, places) = free.range_mut(wanted..=2 * wanted).next()?;
        let at = places.pop()?;
        if places.is_empty() {
            free.remove(&capacity);
        }
        Some((capacity, at))
    }

    fn give_back(&self) {
        let free = std::mem::take(&mut *self.free.lock().unwrap_or_else(PoisonError::into_inner));
        free.into_iter().for_each(|(capacity, places)| places.into_iter().for_each(|at| self.machine.free(at, capacity)));
    }
}

impl<M: Machine> Drop for Pool<M> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<M: Machine> Drop for Buffer<M> {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(self.capacity).or_default().push(self.at);
    }
}
