//! The entrance: one value that folds, answers and proves.
//!
//! Owns what the tasks and the routes share. Refuses work of its own: see `follow`, `sql`, `receipts`.

use crate::{
    checkpoint::CheckpointFiles,
    error::ProjectionError,
    follow,
    lag::{Folds, NoFolds},
    options::Options,
    prove::{Checkpoints, InclusionProof, NoCheckpoints, prove},
    sql::Engine,
    tables::{Tables, tables_dir},
    tree::Tree,
};
use cairn_log::EventLog;
use cairn_schemas::{InstanceId, LeafHash, block::Next};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tokio::sync::watch;

/// The projections of one instance. Clones share everything.
#[derive(Clone, Debug)]
pub struct Projections {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: Arc<dyn EventLog>,
    instance: Option<InstanceId>,
    tables: Tables,
    proofs: Arc<Proofs>,
    engine: Engine,
    options: Options,
    /// Journal offset that each partition's fold reads next.
    offsets: watch::Sender<BTreeMap<u32, u64>>,
    /// How far the inputs of each partition are decided, by the last block folded.
    decided: Mutex<BTreeMap<u32, [Next; 6]>>,
    /// Partitions whose fold halted, with the code of the reason.
    halts: Mutex<BTreeMap<u32, &'static str>>,
    /// The folds beside us, of whose lag we tell too.
    folds: RwLock<Arc<dyn Folds>>,
    /// Partitions whose journal was read to its end once.
    current: watch::Sender<BTreeSet<u32>>,
}

/// What proving needs: the trees and the newest checkpoints.
#[derive(Debug)]
pub struct Proofs {
    trees: RwLock<BTreeMap<u32, Tree>>,
    checkpoints: RwLock<Arc<dyn Checkpoints>>,
}

impl Default for Proofs {
    fn default() -> Self {
        Proofs { trees: RwLock::default(), checkpoints: RwLock::new(Arc::new(NoCheckpoints)) }
    }
}

impl Proofs {
    pub(crate) fn extend(&self, partition: u32, leaves: &[LeafHash]) {
        let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        let tree = trees.entry(partition).or_default();
        leaves.iter().for_each(|leaf| tree.append(leaf.0));
    }

    /// The source of signed checkpoints.
    pub fn checkpoints(&self) -> Arc<dyn Checkpoints> {
        self.checkpoints.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at a partition's tree; an empty one if nothing is folded yet.
    pub fn with_tree<T>(&self, partition: u32, look: impl FnOnce(&Tree) -> T) -> T {
        let trees = self.trees.read().unwrap_or_else(PoisonError::into_inner);
        match trees.get(&partition) {
            Some(tree) => look(tree),
            None => look(&Tree::default()),
        }
    }

    /// The proof of a leaf under the newest checkpoint; `None` while none covers it.
    pub fn prove(&self, partition: u32, leaf: u64) -> Option<InclusionProof> {
        let checkpoint = self.checkpoints().newest(partition);
        self.with_tree(partition, |tree| prove(tree, checkpoint, leaf))
    }
}

impl Projections {
    /// Opens the tables in `dir/tables` for a node that is the one writer there. Waits for block 0 of partition 0.
    pub async fn open(log: Arc<dyn EventLog>, dir: &Path, options: Options) -> Result<Projections, ProjectionError> {
        let instance = follow::expect_instance(&log).await?;
        let proofs = Arc::new(Proofs::default());
        let engine = Engine::new(&proofs, options)?;
        let tables = Tables::open(&tables_dir(dir), instance, log.partitions(), &engine.session(), options).await?;
        Ok(Projections::of(log, Some(instance), tables, proofs, engine, options))
    }

    /// Opens a directory in which no node lives, changing nothing: the tables as they are, and the rest of the journal
    /// folded into memory. A directory without a journal has no rows.
    pub async fn open_read_only(log: Arc<dyn EventLog>, dir: &Path, options: Options) -> Result<Projections, ProjectionError> {
        let instance = follow::instance(&log).await?;
        let proofs = Arc::new(Proofs::default());
        let engine = Engine::new(&proofs, options)?;
        let tables = match instance {
            Some(instance) => Tables::open_read_only(&tables_dir(dir), instance, log.partitions(), &engine.session(), options).await?,
            None => Tables::in_memory(options),
        };
        let projections = Projections::of(log, instance, tables, proofs, engine, options).with_checkpoints_of(dir);
        projections.catch_up().await?;
        Ok(projections)
    }

    /// Proves with the checkpoints that lie in a directory; without them, if they cannot be read.
    fn with_checkpoints_of(self, dir: &Path) -> Projections {
        match CheckpointFiles::open(dir) {
            Ok(files) => self.with_checkpoints(Arc::new(files)),
            Err(error) => {
                tracing::warn!(%error, "no leaf can be proved");
                self
            }
        }
    }

    /// Keeps every row in memory: for followers without a directory, up to the bound of the options.
    pub async fn in_memory(log: Arc<dyn EventLog>, options: Options) -> Result<Projections, ProjectionError> {
        let instance = follow::instance(&log).await?;
        let proofs = Arc::new(Proofs::default());
        let engine = Engine::new(&proofs, options)?;
        Ok(Projections::of(log, instance, Tables::in_memory(options), proofs, engine, options))
    }

    fn of(
        log: Arc<dyn EventLog>,
        instance: Option<InstanceId>,
        tables: Tables,
        proofs: Arc<Proofs>,
        engine: Engine,
        options: Options,
    ) -> Projections {
        let shared = Shared {
            log,
            instance,
            tables,
            proofs,
            engine,
            options,
            offsets: watch::Sender::new(BTreeMap::new()),
            decided: Mutex::default(),
            halts: Mutex::default(),
            folds: RwLock::new(Arc::new(NoFolds)),
            current: watch::Sender::new(BTreeSet::new()),
        };
        Projections { shared: Arc::new(shared) }
    }

    /// Says where signed checkpoints come from: from then on leaves can be proved.
    pub fn with_checkpoints(self, checkpoints: Arc<dyn Checkpoints>) -> Projections {
        *self.shared.proofs.checkpoints.write().unwrap_or_else(PoisonError::into_inner) = checkpoints;
        self
    }

    pub fn instance(&self) -> Option<InstanceId> {
        self.shared.instance
    }

    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.shared.log
    }

    pub fn tables(&self) -> &Tables {
        &self.shared.tables
    }

    /// The trees of the history, and proofs from them.
    pub fn proofs(&self) -> &Arc<Proofs> {
        &self.shared.proofs
    }

    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Heights by partition, as rows of their blocks become visible.
    pub fn heights(&self) -> watch::Receiver<BTreeMap<u32, u64>> {
        self.shared.tables.heights()
    }

    /// Returns once the rows of block `height` of a partition are visible.
    pub async fn wait_height(&self, partition: u32, height: u64) {
        let mut heights = self.heights();
        // The sender lives in `self`, so that this ends when the height is there.
        let _ = heights.wait_for(|heights| heights.get(&partition).is_some_and(|reached| *reached >= height)).await;
    }

    /// Whether every journal was read to its end once.
    pub fn is_ready(&self) -> bool {
        self.shared.current.borrow().len() as u64 == u64::from(self.shared.log.partitions())
    }

    /// Returns once every journal was read to its end.
    pub async fn wait_ready(&self) {
        let partitions = self.shared.log.partitions() as usize;
        // The sender lives in `self`.
        let _ = self.shared.current.subscribe().wait_for(|current| current.len() == partitions).await;
    }

    pub(crate) fn met_end(&self, partition: u32) {
        self.shared.current.send_modify(|current| current.extend([partition]));
    }

    pub(crate) fn note_offset(&self, partition: u32, offset: u64) {
        self.shared.offsets.send_modify(|offsets| {
            offsets.insert(partition, offset);
        });
    }

    pub(crate) fn note_decided(&self, partition: u32, next: [Next; 6]) {
        self.shared.decided.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, next);
    }

    /// The next inputs to be decided, as far as our fold knows.
    pub(crate) fn decided(&self, partition: u32) -> [Next; 6] {
        let decided = self.shared.decided.lock().unwrap_or_else(PoisonError::into_inner);
        decided.get(&partition).copied().unwrap_or_else(Next::start)
    }

    pub(crate) fn offset(&self, partition: u32) -> u64 {
        self.shared.offsets.borrow().get(&partition).copied().unwrap_or(0)
    }

    /// Journal offsets that are read next, as they grow.
    pub(crate) fn offsets(&self) -> watch::Receiver<BTreeMap<u32, u64>> {
        self.shared.offsets.subscribe()
    }

    pub(crate) fn note_halt(&self, partition: u32, code: &'static str) {
        self.shared.halts.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, code);
    }

    /// Partitions whose fold halted, with the code of the reason; the others go on.
    pub fn halts(&self) -> BTreeMap<u32, &'static str> {
        self.shared.halts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says which folds live beside these tables: the table of lags tells of them too.
    pub fn with_folds(self, folds: Arc<dyn Folds>) -> Projections {
        *self.shared.folds.write().unwrap_or_else(PoisonError::into_inner) = folds;
        self
    }

    pub(crate) fn folds(&self) -> Arc<dyn Folds> {
        self.shared.folds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
