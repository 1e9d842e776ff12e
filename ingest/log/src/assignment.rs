//! Assignments: which member is told to lead which partitions.
//!
//! Owns the table of who was told what, and how a member learns its changes. Refuses ownership: that is a claim in
//! the journal, and nothing here is proof of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio::sync::watch;

/// One change of what a member is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub partition: u32,
    /// Ascends with each assignment of the partition, whoever gets it.
    pub generation: u64,
    pub change: Change,
}

/// Whether a partition comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The member may claim the partition.
    Given,
    /// The member stops forming blocks for it.
    Revoked,
}

/// Partitions of one member, each with its generation.
type Held = BTreeMap<u32, u64>;

/// One member's view of its partitions, as a sequence of changes.
///
/// It compares what it last told with what holds now, so that it needs no queue: a slow member skips what came and went.
#[derive(Debug)]
pub struct Assignments {
    told: Held,
    now: watch::Receiver<Held>,
}

impl Assignments {
    /// The next change; revocations come before anything given. `None` once the log is gone. Safe to drop.
    pub async fn next(&mut self) -> Option<Assignment> {
        loop {
            if let Some(change) = self.change() {
                return Some(change);
            }
            self.now.changed().await.ok()?;
        }
    }

    /// The next change if there is one now.
    pub fn change(&mut self) -> Option<Assignment> {
        let now = self.now.borrow_and_update();
        let gone = self.told.iter().find(|(partition, generation)| now.get(*partition) != Some(generation));
        if let Some((&partition, &generation)) = gone {
            drop(now);
            self.told.remove(&partition);
            return Some(Assignment { partition, generation, change: Change::Revoked });
        }
        let (&partition, &generation) = now.iter().find(|(partition, _)| !self.told.contains_key(*partition))?;
        drop(now);
        self.told.insert(partition, generation);
        Some(Assignment { partition, generation, change: Change::Given })
    }
}

/// The table behind [`Assignments`]: gives and takes partitions. Every backend tells its members through it.
#[derive(Debug, Default)]
pub struct Assigner {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    members: BTreeMap<String, watch::Sender<Held>>,
    generations: BTreeMap<u32, u64>,
}

impl Assigner {
    /// The view of `member`. Views of one name show the same.
    pub fn join(&self, member: &str) -> Assignments {
        let mut table = self.lock();
        Assignments { told: Held::new(), now: table.member(member).subscribe() }
    }

    /// Gives a partition to `member` under a new generation; whoever had it is told that it is revoked.
    pub fn give(&self, partition: u32, member: &str) -> u64 {
        let mut table = self.lock();
        table.revoke(partition);
        table.give(partition, member)
    }

    /// As [`give`](Assigner::give), under a generation of at least `floor`: for a backend whose members live in several processes.
    pub fn give_from(&self, partition: u32, member: &str, floor: u64) -> u64 {
        let mut table = self.lock();
        table.revoke(partition);
        let last = table.generations.entry(partition).or_insert(0);
        *last = (*last).max(floor.saturating_sub(1));
        table.give(partition, member)
    }

    /// As [`give`](Assigner::give), but whoever had it is told nothing and goes on believing: a zombie.
    pub fn give_unseen(&self, partition: u32, member: &str) -> u64 {
        self.lock().give(partition, member)
    }

    /// Revokes a partition from everyone who believes to have it.
    pub fn revoke(&self, partition: u32) {
        self.lock().revoke(partition);
    }

    /// Revokes a partition from one member alone: another may have been given it meanwhile.
    pub fn take(&self, partition: u32, member: &str) {
        if let Some(held) = self.lock().members.get(member) {
            held.send_if_modified(|held| held.remove(&partition).is_some());
        }
    }

    /// Whether anybody has a view of `member`.
    pub fn is_viewed(&self, member: &str) -> bool {
        self.lock().members.get(member).is_some_and(|held| held.receiver_count() > 0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Table {
    fn member(&mut self, name: &str) -> &watch::Sender<Held> {
        self.members.entry(name.to_owned()).or_insert_with(|| watch::channel(Held::new()).0)
    }

    fn give(&mut self, partition: u32, member: &str) -> u64 {
        let generation = self.generations.entry(partition).or_insert(0);
        *generation += 1;
        let generation = *generation;
        self.member(member).send_modify(|held| {
            held.insert(partition, generation);
        });
        generation
    }

    fn revoke(&mut self, partition: u32) {
        for member in self.members.values() {
            member.send_if_modified(|held| held.remove(&partition).is_some());
        }
    }
}
