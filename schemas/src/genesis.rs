//! Genesis: what an instance is, written once into block 0 of every partition.
//!
//! Owns the document and the instance id. Refuses change: what may change later is said by events.

use crate::{
    codec::{CodecError, cbor},
    ids::InstanceId,
    sign::PublicKey,
    value::{ByteString, Line, Name, Timestamp},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const GENESIS_TAG: &[u8] = b"cairn genesis v1\0";

/// The document that every partition's block 0 carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    pub name: Name,
    /// Sixteen random bytes: two instances of one name differ.
    pub nonce: ByteString,
    pub time: Timestamp,
    pub partitions: u32,
    /// Keys that may open realms and authorise processors.
    pub admins: Vec<PublicKey>,
    /// Keys that may claim partitions from the first block on; the first signs block 0.
    pub processors: Vec<PublicKey>,
    /// Origin of the checkpoints; partition p signs as `<origin>/<p>`.
    pub origin: Line,
    /// Checkpoint keys: not processor keys.
    pub checkpoint_keys: Vec<PublicKey>,
    pub rules: u32,
    /// A demo instance is never served on other than loopback addresses without `--demo`.
    pub demo: bool,
}

impl Genesis {
    /// SHA-256 over a tag and the document's deterministic CBOR.
    pub fn id(&self) -> Result<InstanceId, CodecError> {
        Ok(InstanceId(Sha256::new().chain_update(GENESIS_TAG).chain_update(cbor::to_vec(self)?).finalize().into()))
    }

    /// The checkpoint origin of a partition.
    pub fn origin_of(&self, partition: u32) -> String {
        format!("{}/{partition}", self.origin)
    }
}
