//! Changed bytes, lost and strange files: whatever is done to the folder, the answer names the file.

use super::*;
use std::os::unix::fs::FileExt;

/// Bytes up to which every one of a file is flipped; of larger files, so many.
const EVERY: usize = 8 * 1024;
const SAMPLE: usize = 400;

/// SplitMix64: the same positions in every run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn files(dir: &Path) -> Vec<String> {
    let named = manifest_of(dir).files.into_iter().map(|file| file.path);
    named.chain([MANIFEST.to_owned()]).collect()
}

/// Positions to flip and what to flip there.
fn flips(length: usize, seeded: &mut Seeded) -> Vec<(usize, u8)> {
    let positions: Vec<usize> = if length <= EVERY {
        (0..length).collect()
    } else {
        let ends = (0..32).chain(length - 32..length);
        ends.chain((0..SAMPLE).map(|_| (seeded.next() % length as u64) as usize)).collect()
    };
    positions.into_iter().map(|at| (at, 1 << (seeded.next() % 8))).collect()
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_named() {
    let dir = exported(&history(60, Encoding::Cose).await, None).await;
    let mut seeded = Seeded(1);
    let mut count = 0;
    for name in files(dir.path()) {
        let path = dir.path().join(&name);
        let bytes = fs::read(&path).unwrap();
        // In place: a file that is cut to nothing and written again is flushed to the disk each time.
        let open = File::options().write(true).open(&path).unwrap();
        for (at, flip) in flips(bytes.len(), &mut seeded) {
            open.write_all_at(&[bytes[at] ^ flip], at as u64).unwrap();
            let (file, code) = failed(dir.path());
            let expected: &[&str] =
                if name == MANIFEST { &["CRN-6306", "CRN-6307", "CRN-6308", "CRN-6309", "CRN-6310"] } else { &["CRN-6305"] };
            assert!(file == name && expected.contains(&code), "byte {at} of {name} ^ {flip:#04x}: {file} {code}");
            open.write_all_at(&bytes[at..=at], at as u64).unwrap();
            count += 1;
        }
    }
    assert!(count > 3_000, "only {count} flips");
    verified(check(dir.path()));
}

/// Here even the hash and the signature are made to fit: what stays is what the format itself answers. Some bytes of Parquet mean
/// nothing; then the rows are what they were, and the export verifies.
#[tokio::test]
async fn parquet_that_is_broken_and_signed_is_an_answer_too() {
    let dir = exported(&history(30, Encoding::Cose).await, None).await;
    let mut seeded = Seeded(2);
    let mut refused = 0;
    for name in [DECISIONS.to_owned(), file_of(DERIVED[0])] {
        let path = dir.path().join(&name);
        let (bytes, manifest) = (fs::read(&path).unwrap(), manifest_of(dir.path()));
        for _ in 0..150 {
            let mut changed = bytes.clone();
            changed[(seeded.next() % bytes.len() as u64) as usize] ^= 1 << (seeded.next() % 8);
            fs::write(&path, &changed).unwrap();
            let mut manifest = manifest.clone();
            let file = manifest.files.iter_mut().find(|file| file.path == name).unwrap();
            file.sha256 = Root(Sha256::digest(&changed).into());
            fs::write(dir.path().join(MANIFEST), manifest.sign(&key(2)).unwrap()).unwrap();
            if let Err(error) = check(dir.path()) {
                assert_eq!(error.file, name, "{error}");
                refused += 1;
            }
        }
        fs::write(&path, &bytes).unwrap();
        fs::write(dir.path().join(MANIFEST), manifest.sign(&key(2)).unwrap()).unwrap();
    }
    assert!(refused > 100, "only {refused} were refused");
}

#[tokio::test]
async fn a_lost_or_cut_file_is_named() {
    let dir = exported(&history(20, Encoding::Json).await, None).await;
    for name in files(dir.path()) {
        let copy = copy_of(dir.path());
        let path = copy.path().join(&name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let cut = if name == MANIFEST { "CRN-6306" } else { "CRN-6304" };
        assert_eq!(failed(copy.path()), (name.clone(), cut));
        fs::write(&path, [bytes.as_slice(), b"\n"].concat()).unwrap();
        assert_eq!(failed(copy.path()), (name.clone(), cut), "a byte more is as bad");
        fs::remove_file(&path).unwrap();
        assert_eq!(failed(copy.path()), (name.clone(), "CRN-6302"));
    }
}

#[tokio::test]
async fn whatever_the_manifest_does_not_name_is_strange() {
    let dir = exported(&history(3, Encoding::Json).await, None).await;
    for name in ["README", "proofs/more.json", "manifest.json.bak", ".hidden"] {
        let copy = copy_of(dir.path());
        fs::write(copy.path().join(name), "x").unwrap();
        assert_eq!(failed(copy.path()), (name.to_owned(), "CRN-6303"));
    }
    let copy = copy_of(dir.path());
    fs::create_dir(copy.path().join("empty")).unwrap();
    assert_eq!(failed(copy.path()), ("empty".to_owned(), "CRN-6303"));
    let copy = copy_of(dir.path());
    fs::create_dir(copy.path().join("proofs/deeper")).unwrap();
    assert_eq!(failed(copy.path()), ("proofs/deeper".to_owned(), "CRN-6303"));
    let copy = copy_of(dir.path());
    fs::remove_file(copy.path().join(DECISIONS)).unwrap();
    std::os::unix::fs::symlink(dir.path().join(DECISIONS), copy.path().join(DECISIONS)).unwrap();
    assert_eq!(failed(copy.path()), (DECISIONS.to_owned(), "CRN-6303"), "a link is no file of an export");
}
