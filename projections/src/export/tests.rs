#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    checkpoint::{CheckpointFiles, Signing},
    testing::{Journal, author, economy, key},
};
use cairn_schemas::Encoding;
use futures::TryStreamExt;
use object_store::{ObjectStore, memory::InMemory, path::Path as ObjectPath};
use std::{fs, path::Path};
use tempfile::TempDir;

/// The economy of the stories and `notes` notes after it, in blocks of five.
pub(crate) async fn history(notes: usize, encoding: Encoding) -> Journal {
    let mut journal = economy(encoding).await;
    let mut bob = author(6);
    for first in (0..notes).step_by(5) {
        let decisions = (first..notes.min(first + 5)).map(|number| journal.note(&mut bob, &format!("note {number}"))).collect();
        journal.block(0, decisions).await;
    }
    journal
}

/// The newest checkpoint of partition 0, signed in a folder of its own.
pub(crate) async fn checkpoint(journal: &Journal) -> SignedCheckpoint {
    let dir = tempfile::tempdir().unwrap();
    let files = Arc::new(CheckpointFiles::open(dir.path()).unwrap());
    Signing::new(files, journal.log.clone(), 0, key(2)).advance().await.unwrap().unwrap()
}

pub(crate) async fn exported(journal: &Journal, range: Option<RangeInclusive<u64>>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let request = Request { checkpoint: checkpoint(journal).await, range, key: key(2) };
    let target = Target::Folder(dir.path().to_path_buf());
    export(journal.log.clone(), &request, &target, &mut |_| {}).await.unwrap();
    dir
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn refused(journal: &Journal, request: Request, target: &Target) -> &'static str {
    let error = export(journal.log.clone(), &request, target, &mut |_| {}).await.unwrap_err();
    assert!(cairn_schemas::code::find(error.code()).is_some(), "{error}");
    error.code()
}

#[tokio::test]
async fn an_export_is_seven_files_and_tells_how_far_it_is() {
    let journal = history(23, Encoding::Cose).await;
    let (size, root) = journal.tree(0);
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new/export");
    let request = Request { checkpoint: checkpoint(&journal).await, range: None, key: key(2) };
    let mut told = Vec::new();
    let manifest = export(journal.log.clone(), &request, &Target::Folder(folder.clone()), &mut |at| told.push(at.done)).await.unwrap();
    assert_eq!(
        names(&folder),
        ["checkpoint", "decisions.parquet", "entries.parquet", "events.parquet", "genesis.cbor", "manifest.json", "proofs"]
    );
    assert!(told.is_sorted() && told.last() == Some(&size));
    let (read, signer) = Manifest::open(&fs::read(folder.join(MANIFEST)).unwrap()).unwrap();
    assert_eq!((&read, signer), (&manifest, key(2).public()));
    assert_eq!((read.first(), read.last(), read.checkpoint.size, read.checkpoint.root), (0, size - 1, size, root));
    let rows: Vec<(&str, u64)> = read.tables.iter().map(|table| (table.path.as_str(), table.rows)).collect();
    assert_eq!(rows, [("decisions.parquet", size), ("entries.parquet", 6), ("events.parquet", size - 4)]);
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused() {
    let journal = history(5, Encoding::Json).await;
    let signed = checkpoint(&journal).await;
    let size = signed.size;
    let dir = tempfile::tempdir().unwrap();
    let target = |name: &str| Target::Folder(dir.path().join(name));
    let request = |range| Request { checkpoint: signed.clone(), range, key: key(2) };
    assert_eq!(refused(&journal, request(Some(0..=size)), &target("a")).await, "CRN-6202");
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = 3..=2;
    assert_eq!(refused(&journal, request(Some(backwards)), &target("a")).await, "CRN-6202");
    let mut empty = request(None);
    empty.checkpoint.size = 0;
    assert_eq!(refused(&journal, empty, &target("a")).await, "CRN-6201");
    assert_eq!(refused(&journal, Request { key: key(9), ..request(None) }, &target("b")).await, "CRN-6205");
    let shorter = history(0, Encoding::Json).await;
    assert_eq!(refused(&shorter, request(None), &target("c")).await, "CRN-6206");
    let other = history(5, Encoding::Cose).await;
    assert_eq!(refused(&other, request(None), &target("d")).await, "CRN-6206");
    assert!(["b", "c", "d"].iter().all(|name| !dir.path().join(name).join(MANIFEST).exists()), "nothing cut off looks like an export");
    let taken = exported(&journal, None).await;
    let before = names(taken.path());
    assert_eq!(refused(&journal, request(None), &Target::Folder(taken.path().to_path_buf())).await, "CRN-6203");
    assert_eq!(names(taken.path()), before);
    assert_eq!(Target::parse("gopher://x/y").unwrap_err().code(), "CRN-6204");
}

#[tokio::test]
async fn an_export_goes_to_an_object_store_whole() {
    let journal = history(8, Encoding::Cose).await;
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let target = Target::Store { store: store.clone(), prefix: ObjectPath::from("audits/2026") };
    let request = Request { checkpoint: checkpoint(&journal).await, range: None, key: key(2) };
    export(journal.log.clone(), &request, &target, &mut |_| {}).await.unwrap();
    let folder = exported(&journal, None).await;
    let mut found: Vec<_> = store.list(None).try_collect().await.unwrap();
    found.sort_by(|one, other| one.location.cmp(&other.location));
    assert_eq!(found.len(), 7);
    for meta in found {
        let name = meta.location.as_ref().strip_prefix("audits/2026/").unwrap().to_owned();
        let bytes = store.get_opts(&meta.location, Default::default()).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, fs::read(folder.path().join(&name)).unwrap(), "{name} is what a folder would hold");
    }
    assert_eq!(refused(&journal, request, &target).await, "CRN-6203");
}

/// The persisted form: a change of it is a new version.
#[test]
fn the_manifest_has_one_form() {
    let manifest = Manifest {
        version: 1,
        instance: cairn_schemas::InstanceId([1; 32]),
        partition: 3,
        claim: Claim::Range { first: 4, last: 9 },
        checkpoint: Head { origin: "cairn.test/log/3".to_owned(), size: 12, root: Root([2; 32]) },
        files: vec![FileEntry { path: CHECKPOINT.to_owned(), size: 5, sha256: Root([3; 32]) }],
        tables: vec![TableEntry { path: DECISIONS.to_owned(), rows: 6, columns: columns_of(&Leaves::schema())[..5].to_vec() }],
    };
    let hex = |byte: &str| byte.repeat(32);
    let golden = format!(
        concat!(
            r#"{{"manifest":{{"checkpoint":{{"origin":"cairn.test/log/3","root":"{}","size":12}},"claim":{{"range":{{"first":4,"last":9}}}},"#,
            r#""files":[{{"path":"checkpoint","sha256":"{}","size":5}}],"instance":"{}","partition":3,"tables":[{{"columns":["#,
            r#"{{"name":"partition","nullable":false,"type":"Int64"}},{{"name":"leaf","nullable":false,"type":"Int64"}},"#,
            r#"{{"name":"leaf_hash","nullable":false,"type":"Utf8"}},{{"name":"height","nullable":false,"type":"Int64"}},"#,
            r#"{{"name":"at","nullable":false,"type":"Timestamp(µs, \"UTC\")"}}],"path":"decisions.parquet","rows":6}}],"version":1}},"signature":""#
        ),
        hex("02"),
        hex("03"),
        hex("01")
    );
    let bytes = manifest.sign(&key(2)).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(&text[..golden.len()], golden);
    assert_eq!(Manifest::open(&bytes).unwrap(), (manifest, key(2).public()));
    let edge: Range = (0..3).map(|leaf| [leaf; 32]).collect();
    let proof = RangeProof::new(&edge, &[[7; 32]]);
    let left = [merkle::node_hash(&[0; 32], &[1; 32]), [2; 32]].map(|hash| Root(hash).to_string());
    let golden = format!(r#"{{"consistency":["{}"],"left":["{}","{}"]}}"#, hex("07"), left[0], left[1]);
    assert_eq!(String::from_utf8(proof.to_bytes().unwrap()).unwrap(), golden);
    assert_eq!(RangeProof::from_bytes(golden.as_bytes()).unwrap().left(3).unwrap(), edge);
    assert!(proof.left(4).is_err(), "another number of leaves has another number of peaks");
}
