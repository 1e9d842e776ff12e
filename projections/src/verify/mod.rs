//! Verify: whether an export is what it claims, offline, with nothing but the folder and an anchor from outside of it.
//!
//! Owns the order of the questions: who signed the manifest, are these the files, who signed the checkpoint, are the leaves those of its
//! tree, do the decisions, signatures and rows belong to the leaves. Each failure has a code and names its file.
//! Refuses to call anything verified without a trust anchor, and to go back behind a checkpoint seen before.

mod error;
mod folder;
mod memory;
mod receipt;
mod rows;
#[cfg(test)]
mod tests;
mod trust;

pub use error::{Reason, VerifyError};
pub use memory::{Memory, Seen};
pub use receipt::{Proven, verify_receipt};
pub use trust::Trust;

use crate::{
    checkpoint::verifier_keys,
    export::{
        CHECKPOINT, Column, DECISIONS, DERIVED, GENESIS, Leaves, MANIFEST, Manifest, ManifestError, PROOF, Progress, RangeProof,
        columns_of, file_of,
    },
};
use arrow::datatypes::SchemaRef;
use cairn_schemas::{
    InstanceId, Root, Timestamp,
    codec::cbor,
    genesis::Genesis,
    note::{Checkpoint, NoteError, VerifierKey},
};
use folder::Folder;
use serde::Serialize;
use std::path::Path;

/// What a verification looks at, in order: for people, and for those who have no anchor yet.
pub const CHECKS: [&str; 7] = [
    "the manifest is canonical and signed by a checkpoint key",
    "the folder holds the manifest's files and no others, each with its size and SHA-256",
    "the checkpoint is signed by a trusted key, and no older than the last one seen",
    "every leaf of the range is there, in order, and under the checkpoint's root",
    "every leaf entry is that of its decision",
    "every event's signature holds under ZIP 215",
    "every row of every table follows from the decisions",
];

/// The answer to an export that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is what it claims, by the word of a trusted key.
    Verified(Report),
    /// It agrees with itself. Whose it is nobody outside of it has said: this is no success.
    Unanchored(Report),
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub origin: String,
    pub instance: InstanceId,
    /// Whether the instance is marked as a demo.
    pub demo: bool,
    pub partition: u32,
    /// First and last leaf.
    pub first: u64,
    pub last: u64,
    /// Leaves under the checkpoint.
    pub size: u64,
    pub root: Root,
    /// Keys that signed the checkpoint: trusted ones, or, without an anchor, those that the export names itself.
    pub signed_by: Vec<String>,
    /// Block times of the first and the last leaf.
    pub from: Timestamp,
    pub until: Timestamp,
    pub files: usize,
    pub bytes: u64,
    /// Events whose signatures were verified; the other leaves are ticks.
    pub events: u64,
    /// Rows of each table.
    pub rows: Vec<(String, u64)>,
    /// How the checkpoint stands to the one that was remembered.
    pub seen: Seen,
}

/// Verifies the export in `folder`.
///
/// With `trust`, success is [`Outcome::Verified`], and `memory`, if there is one, remembers the checkpoint. Without it everything is
/// checked against the keys that the export names itself, which proves nothing about whose it is.
pub fn verify(
    folder: &Path,
    trust: Option<&Trust>,
    memory: Option<&Memory>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, VerifyError> {
    let folder = Folder::open(folder)?;
    let (manifest, signer) = open_manifest(&folder)?;
    let origin = manifest.checkpoint.origin.clone();
    let anchors = trust.map(|trust| trust.of(&origin)).transpose()?;
    if let Some(anchors) = &anchors {
        must_have_signed(anchors, &signer)?;
    }
    let bytes = folder.check(&manifest.files)?;
    let genesis = open_genesis(&folder, &manifest)?;
    let keys = match anchors {
        Some(anchors) => anchors,
        None => verifier_keys(&genesis, manifest.partition).map_err(|error| Reason::Genesis(error.to_string()).of(GENESIS))?,
    };
    must_have_signed(&keys, &signer)?;
    let signed_by = check_checkpoint(&folder, &manifest, &keys)?;
    let memory = memory.filter(|_| trust.is_some());
    let remembered = memory.map(|memory| memory.recall(&origin, &manifest.checkpoint)).transpose()?.flatten();
    let proof =
        RangeProof::from_bytes(&folder.read(PROOF)?).map_err(|error| Reason::Lenient { row: None, why: error.to_string() }.of(PROOF))?;
    let told = rows::check(&folder, &manifest, &proof, remembered.as_ref(), progress)?;
    if let Some(memory) = memory {
        memory.keep(&manifest.checkpoint)?;
    }
    let report = Report {
        origin,
        instance: manifest.instance,
        demo: genesis.demo,
        partition: manifest.partition,
        first: manifest.first(),
        last: manifest.last(),
        size: manifest.checkpoint.size,
        root: manifest.checkpoint.root,
        signed_by,
        from: told.from,
        until: told.until,
        files: manifest.files.len() + 1,
        bytes,
        events: told.events,
        rows: manifest.tables.iter().map(|table| (table.path.clone(), table.rows)).collect(),
        seen: told.seen,
    };
    Ok(if trust.is_some() { Outcome::Verified(report) } else { Outcome::Unanchored(report) })
}

fn open_manifest(folder: &Folder) -> Result<(Manifest, cairn_schemas::PublicKey), VerifyError> {
    let bytes = folder.read(MANIFEST)?;
    let (manifest, signer) = Manifest::open(&bytes).map_err(|error| {
        let reason = match error {
            ManifestError::Codec(source) => Reason::Manifest(source.to_string()),
            ManifestError::Version(version) => Reason::Version(version),
            ManifestError::Signature => Reason::ManifestSignature,
        };
        reason.of(MANIFEST)
    })?;
    check_shape(&manifest).map_err(|why| Reason::Claim(why).of(MANIFEST))?;
    Ok((manifest, signer))
}

/// The tables of an export, with their columns.
fn schemas() -> impl Iterator<Item = (String, SchemaRef)> {
    let derived = DERIVED.into_iter().map(|table| (file_of(table), table.schema()));
    [(DECISIONS.to_owned(), Leaves::schema())].into_iter().chain(derived)
}

/// A manifest of version 1 names exactly these files and columns, and a range within its checkpoint.
fn check_shape(manifest: &Manifest) -> Result<(), &'static str> {
    let tables: Vec<(String, Vec<Column>)> = schemas().map(|(path, schema)| (path, columns_of(&schema))).collect();
    let mut paths: Vec<String> = tables.iter().map(|(path, _)| path.clone()).collect();
    paths.extend([CHECKPOINT, GENESIS, PROOF].map(str::to_owned));
    paths.sort();
    let must = |answer: bool, why| if answer { Ok(()) } else { Err(why) };
    must(manifest.files.iter().map(|file| &file.path).eq(&paths), "it does not name the files of its version")?;
    let named = manifest.tables.iter().map(|table| (&table.path, &table.columns));
    must(named.eq(tables.iter().map(|(path, columns)| (path, columns))), "it does not name the tables and columns of its version")?;
    must(manifest.first() <= manifest.last() && manifest.last() < manifest.checkpoint.size, "its range is not within its checkpoint")?;
    let leaves = manifest.last() - manifest.first() + 1;
    must(manifest.tables.first().is_some_and(|table| table.rows == leaves), "its number of decisions is not that of its range")
}

fn open_genesis(folder: &Folder, manifest: &Manifest) -> Result<Genesis, VerifyError> {
    let wrong = |why: String| Reason::Genesis(why).of(GENESIS);
    let bytes = folder.read(GENESIS)?;
    let genesis: Genesis = cbor::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if cbor::to_vec(&genesis).ok().as_deref() != Some(bytes.as_slice()) {
        return Err(Reason::Lenient { row: None, why: "it is not in its one encoding".to_owned() }.of(GENESIS));
    }
    if genesis.id().ok() != Some(manifest.instance) {
        return Err(wrong("its hash is not the manifest's instance".to_owned()));
    }
    if manifest.partition >= genesis.partitions || genesis.origin_of(manifest.partition) != manifest.checkpoint.origin {
        return Err(wrong("the checkpoint's origin is not that of its partition".to_owned()));
    }
    Ok(genesis)
}

fn must_have_signed(keys: &[VerifierKey], signer: &cairn_schemas::PublicKey) -> Result<(), VerifyError> {
    if keys.iter().any(|key| key.key() == signer) { Ok(()) } else { Err(Reason::ManifestKey(*signer).of(MANIFEST)) }
}

/// The checkpoint is the manifest's, and a key that counts signed it.
fn check_checkpoint(folder: &Folder, manifest: &Manifest, keys: &[VerifierKey]) -> Result<Vec<String>, VerifyError> {
    let (checkpoint, signed_by) = Checkpoint::open(&folder.read(CHECKPOINT)?, keys).map_err(|error| {
        let reason = match error {
            NoteError::Untrusted | NoteError::BadSignature(_) => Reason::CheckpointKey(error.to_string()),
            other => Reason::Checkpoint(other.to_string()),
        };
        reason.of(CHECKPOINT)
    })?;
    let head = &manifest.checkpoint;
    if (&checkpoint.origin, checkpoint.size, Root(checkpoint.root)) != (&head.origin, head.size, head.root) {
        return Err(Reason::Checkpoint("it is not the one that the manifest names".to_owned()).of(CHECKPOINT));
    }
    Ok(signed_by.into_iter().map(VerifierKey::to_string).collect())
}
