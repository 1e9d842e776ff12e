//! Fetching: blobs that others named.
//!
//! Owns the check of size before and after, for a hash says nothing of how much will come. Refuses retries: the worker's loop has
//! those, with a limit.

use super::Trouble;
use crate::ledger::Ledger;
use bytes::Bytes;
use cairn_schemas::{BlobRef, limits};

/// The bytes of a blob, exactly as it was named.
pub async fn blob(ledger: &dyn Ledger, named: &BlobRef) -> Result<Bytes, Trouble> {
    let unfit = |reason: String| Trouble::Unfit { hash: named.hash, reason };
    if named.size > limits::BLOB_BYTES as u64 {
        return Err(unfit(format!("{} bytes, at most {} are taken", named.size, limits::BLOB_BYTES)));
    }
    let bytes = ledger.blob(&named.hash).await?;
    if bytes.len() as u64 == named.size { Ok(bytes) } else { Err(unfit(format!("{} bytes, {} were named", bytes.len(), named.size))) }
}
