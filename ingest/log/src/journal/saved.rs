//! A chain at rest: its bytes, from which a reader goes on.
//!
//! Owns the format: one version byte, then deterministic CBOR. Refuses to trust them alone: a [`super::Follower`] compares
//! the record at the saved position with the saved hash before it reads on.

use super::{Chain, JournalError};
use cairn_schemas::codec::{CodecError, cbor};

const VERSION: u8 = 1;

impl Chain {
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        Ok([&[VERSION], cbor::to_vec(self)?.as_slice()].concat())
    }

    /// Reads what [`Chain::to_bytes`] wrote for this partition.
    pub fn from_bytes(partition: u32, bytes: &[u8]) -> Result<Chain, JournalError> {
        let chain: Result<Chain, CodecError> = match bytes.split_first() {
            Some((&VERSION, rest)) => cbor::from_slice(rest),
            Some((&other, _)) => Err(CodecError::Version(other)),
            None => Err(CodecError::Truncated(0)),
        };
        let of_partition = |chain: Chain| {
            let wrong = CodecError::Schema(format!("it is of partition {}", chain.partition));
            if chain.partition == partition { Ok(chain) } else { Err(wrong) }
        };
        chain.and_then(of_partition).map_err(|source| JournalError::SavedChain { partition, source })
    }
}
