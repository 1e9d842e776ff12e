//! The state of a partition: its books, side by side.
//!
//! Owns their composition, the state hash, the bytes of a snapshot, and the question whether all invariants hold.
//! Refuses rules: each book knows its own, and no book sees another's maps.

use super::{
    books::{Accounts, Balance, Checks, Jobs, Keys, Processors, Realms, Tasks, Votes, Workers},
    lanes::Lanes,
    rejection::Halt,
    training,
};
use cairn_schemas::{
    Account, PublicKey, Topic,
    codec::cbor,
    genesis::Genesis,
    ids::{EventHash, InstanceId, RealmId, StateHash},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const STATE_TAG: &[u8] = b"cairn state v1\0";

/// Everything that a decider knows. Two states that folded the same decisions are equal, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) instance: InstanceId,
    pub(super) partition: u32,
    pub(super) lanes: Lanes,
    pub(super) realms: Realms,
    pub(super) keys: Keys,
    pub(super) processors: Processors,
    pub(super) accounts: Accounts,
    pub(super) votes: Votes,
    pub(super) workers: Workers,
    pub(super) jobs: Jobs,
    pub(super) tasks: Tasks,
    pub(super) checks: Checks,
}

impl State {
    /// The state after block 0.
    pub fn new(genesis: &Genesis, partition: u32) -> Result<State, Halt> {
        let wrong = |why: &str| Halt::Genesis { partition, why: why.into() };
        if partition >= genesis.partitions {
            return Err(wrong("the instance has fewer partitions"));
        }
        Ok(State {
            instance: genesis.id().map_err(Halt::Bytes)?,
            partition,
            lanes: Lanes::default(),
            realms: Realms::of_instance(genesis).map_err(Halt::Bytes)?,
            keys: Keys::default(),
            processors: Processors::authorised(&genesis.processors),
            accounts: Accounts::default(),
            votes: Votes::default(),
            workers: Workers::default(),
            jobs: Jobs::default(),
            tasks: Tasks::default(),
            checks: Checks::default(),
        })
    }

    /// SHA-256 over a tag and the state's deterministic CBOR.
    pub fn hash(&self) -> Result<StateHash, Halt> {
        Ok(StateHash(Sha256::new().chain_update(STATE_TAG).chain_update(self.to_bytes()?).finalize().into()))
    }

    /// The bytes of a snapshot.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Halt> {
        cbor::to_vec(self).map_err(Halt::Bytes)
    }

    /// Reads what [`State::to_bytes`] wrote, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<State, Halt> {
        cbor::from_slice(bytes).map_err(Halt::Bytes)
    }

    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// How far an author has been heard: what its next event follows.
    pub fn head(&self, realm: RealmId, topic: Topic, author: PublicKey) -> (u64, EventHash) {
        self.lanes.head(realm, topic, author)
    }

    /// What lies in an account.
    pub fn balance(&self, realm: RealmId, account: &Account) -> Balance {
        self.accounts.balance(realm, account)
    }
}

/// Whether every promise of every book holds. Walks all books: for tests, the simulator, snapshots and `replay --check`.
pub fn check_invariants(state: &State) -> Result<(), Halt> {
    state.accounts.check_invariants()?;
    training::check_invariants(state)
}
