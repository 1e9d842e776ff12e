//! The manifest: which files an export has, what they claim, and under which checkpoint.
//!
//! Owns the JSON of `manifest.json` (JCS, RFC 8785: `{"manifest": …, "signature": …}`, the signature a detached JWS of type
//! [`TYP`] by a checkpoint key) and of `proofs/range.json`, golden with the version. Refuses trust: whose key counts, the verifier's caller says.

use arrow::datatypes::Schema;
use cairn_schemas::{
    InstanceId, PublicKey, Root, SecretKey,
    codec::{CodecError, jcs, jws},
    merkle::{Hash, MerkleError, Range},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The one version so far.
pub(crate) const VERSION: u32 = 1;
/// `typ` of the manifest's signature.
pub(crate) const TYP: &str = "cairn-manifest+jws";

/// What an export says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub version: u32,
    pub instance: InstanceId,
    pub partition: u32,
    pub claim: Claim,
    pub checkpoint: Head,
    /// Every file but the manifest, by path.
    pub files: Vec<FileEntry>,
    /// The Parquet files' contents: first the decisions, then what follows from them.
    pub tables: Vec<TableEntry>,
}

/// What the rows are claimed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Claim {
    /// Every leaf from the first to the last, both included: nothing between them is left out.
    Range { first: u64, last: u64 },
}

/// The tree that the export stands under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub origin: String,
    pub size: u64,
    pub root: Root,
}

/// A file, by its path in the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub path: String,
    /// Bytes.
    pub size: u64,
    pub sha256: Root,
}

/// The rows of a Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEntry {
    pub path: String,
    pub rows: u64,
    pub columns: Vec<Column>,
}

/// A column, its type in Arrow's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    pub r#type: String,
    pub nullable: bool,
}

/// The columns of a schema.
pub(crate) fn columns_of(schema: &Schema) -> Vec<Column> {
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| Column {
        name: field.name().clone(),
        r#type: field.data_type().to_string(),
        nullable: field.is_nullable(),
    };
    schema.fields().iter().map(column).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    manifest: Box<RawValue>,
    signature: String,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("it {0}")]
    Codec(#[from] CodecError),
    #[error("it is of version {0}")]
    Version(u32),
    #[error("its signature is wrong")]
    Signature,
}

impl Manifest {
    /// The bytes of `manifest.json`.
    pub(crate) fn sign(&self, key: &SecretKey) -> Result<Vec<u8>, CodecError> {
        let payload = jcs::to_vec(self)?;
        let signature = jcs::to_vec(&jws::sign(key, TYP, &payload)?)?;
        Ok([b"{\"manifest\":", payload.as_slice(), b",\"signature\":", &signature, b"}"].concat())
    }

    /// Reads `manifest.json`, which must be canonical to the byte; returns the key that did sign it.
    pub(crate) fn open(bytes: &[u8]) -> Result<(Manifest, PublicKey), ManifestError> {
        jcs::check_canonical(bytes)?;
        let signed: Signed = jcs::from_slice(bytes)?;
        let payload = signed.manifest.get().as_bytes();
        let Version { version } = jcs::from_slice(payload)?;
        if version != VERSION {
            return Err(ManifestError::Version(version));
        }
        let manifest: Manifest = jcs::from_slice(payload)?;
        let signature = jws::parse(&signed.signature, payload, TYP).map_err(|_| ManifestError::Signature)?;
        if signature.verify() { Ok((manifest, signature.kid)) } else { Err(ManifestError::Signature) }
    }

    pub fn first(&self) -> u64 {
        let Claim::Range { first, .. } = self.claim;
        first
    }

    pub fn last(&self) -> u64 {
        let Claim::Range { last, .. } = self.claim;
        last
    }
}

/// That leaves first to last are those of the checkpoint's tree.
///
/// `left` are the roots of the perfect subtrees of the leaves before the first, largest first: with them and the exported leaf hashes
/// the root of the tree of last + 1 leaves is computed. `consistency` is the RFC 9162 proof from that tree to the checkpoint's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeProof {
    pub left: Vec<Root>,
    pub consistency: Vec<Root>,
}

impl RangeProof {
    pub(crate) fn new(left: &Range, consistency: &[Hash]) -> RangeProof {
        let bytes = left.to_bytes();
        let peaks = bytes[8..].as_chunks::<32>().0;
        RangeProof {
            left: peaks.iter().map(|peak| Root(*peak)).collect(),
            consistency: consistency.iter().map(|hash| Root(*hash)).collect(),
        }
    }

    /// The bytes of `proofs/range.json`.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        jcs::to_vec(self)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<RangeProof, CodecError> {
        jcs::check_canonical(bytes)?;
        jcs::from_slice(bytes)
    }

    /// The edge of the tree of the leaves before `first`.
    pub(crate) fn left(&self, first: u64) -> Result<Range, MerkleError> {
        let peaks = self.left.iter().flat_map(|peak| peak.0);
        Range::from_bytes(&first.to_be_bytes().into_iter().chain(peaks).collect::<Vec<u8>>())
    }
}
