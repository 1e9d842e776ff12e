//! Signing: one partition's journal folded to its tree, and the tree signed as it grows.
//!
//! Owns the order: read back, compare with what was signed last, sign, make durable, show. Refuses to sign twice for one size.

use super::{CheckpointError, CheckpointFiles, files::Head};
use crate::prove::SignedCheckpoint;
use cairn_log::{
    EventLog,
    journal::{Chain, Follower, Step},
};
use cairn_schemas::{
    SecretKey,
    genesis::Genesis,
    note::{Checkpoint, Signer},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};

/// The signer of one partition.
#[derive(Debug)]
pub struct Signing {
    files: Arc<CheckpointFiles>,
    follower: Follower,
    key: SecretKey,
    desk: Option<Desk>,
}

/// What a signer has once block 0 said who it is.
#[derive(Debug)]
struct Desk {
    signer: Signer,
    head: Head,
    /// Whether the fold went through the tree that was signed last.
    met: bool,
}

impl Signing {
    /// A signer of a partition, with a checkpoint key of its instance. Reads nothing yet.
    pub fn new(files: Arc<CheckpointFiles>, log: Arc<dyn EventLog>, partition: u32, key: SecretKey) -> Signing {
        Signing { files, follower: Follower::new(log, Chain::new(partition)), key, desk: None }
    }

    /// Folds what is visible now and signs it, if the tree grew since the last checkpoint.
    pub async fn advance(&mut self) -> Result<Option<SignedCheckpoint>, CheckpointError> {
        while let Some(taken) = self.follower.try_next().await? {
            self.meet(&taken.step)?;
            // A long journal must not keep a thread from everybody else.
            tokio::task::yield_now().await;
        }
        self.sign().await
    }

    /// Signs as the journal grows, at most once in `interval`, until `shutdown` becomes true; then once more.
    pub async fn run(mut self, interval: Duration, mut shutdown: watch::Receiver<bool>) -> Result<(), CheckpointError> {
        loop {
            self.advance().await?;
            let grown = async {
                sleep(interval).await;
                self.follower.next().await
            };
            let taken = tokio::select! {
                taken = grown => taken?,
                _ = shutdown.wait_for(|stop| *stop) => break,
            };
            self.meet(&taken.step)?;
        }
        self.advance().await.map(drop)
    }

    fn meet(&mut self, step: &Step) -> Result<(), CheckpointError> {
        match step {
            Step::Genesis { genesis, .. } => self.begin(genesis),
            Step::Block(_) => self.compare(),
            Step::Claim(_) | Step::Void(_) => Ok(()),
        }
    }

    fn begin(&mut self, genesis: &Genesis) -> Result<(), CheckpointError> {
        let partition = self.follower.chain().partition();
        if !genesis.checkpoint_keys.contains(&self.key.public()) {
            return Err(CheckpointError::NotAuthorised { partition });
        }
        let origin = genesis.origin_of(partition);
        let unsignable = |source| CheckpointError::Unsignable { origin: origin.clone(), source };
        let signer = Signer::new(&origin, self.key.clone()).map_err(unsignable)?;
        let head = Head::open(self.files.folder(partition), partition, signer.verifier())?;
        let met = head.last().is_none();
        self.desk = Some(Desk { signer, head, met });
        Ok(())
    }

    /// Every checkpoint ends a block, so that the tree which was signed last must be met on the way.
    fn compare(&mut self) -> Result<(), CheckpointError> {
        let chain = self.follower.chain();
        let Some(desk) = self.desk.as_mut().filter(|desk| !desk.met) else { return Ok(()) };
        let Some(last) = desk.head.last() else { return Ok(()) };
        if chain.tree_size() < last.size {
            return Ok(());
        }
        desk.met = chain.tree_size() == last.size && chain.root() == last.root;
        let inconsistent = CheckpointError::Inconsistent { partition: last.partition, size: last.size, root: last.root };
        if desk.met { Ok(()) } else { Err(inconsistent) }
    }

    async fn sign(&mut self) -> Result<Option<SignedCheckpoint>, CheckpointError> {
        let Some(desk) = self.desk.as_mut() else { return Ok(None) };
        let (partition, size, root) = (self.follower.chain().partition(), self.follower.chain().tree_size(), self.follower.chain().root());
        let signed = desk.head.last().map_or(0, |last| last.size);
        // A log shows what is durable, and shows all of it: less than what was signed means that it was cut.
        if size < signed {
            return Err(CheckpointError::Behind { partition, found: size, signed });
        }
        if size == signed {
            return Ok(None);
        }
        let origin = desk.signer.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin: origin.clone(), size, root: root.0, extensions: Vec::new() };
        let unsignable = |source| CheckpointError::Unsignable { origin: origin.clone(), source };
        let note = checkpoint.sign(&[&desk.signer]).map_err(unsignable)?.to_string();
        let next = SignedCheckpoint { partition, origin, size, root, note };
        desk.head.put(next.clone(), &self.files).await?;
        tracing::debug!(partition, size, %root, "checkpoint signed");
        Ok(Some(next))
    }
}
