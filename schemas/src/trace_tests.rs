#![allow(clippy::unwrap_used)]

use super::*;
use crate::ids::JobId;

fn task() -> TaskId {
    TaskId { job: JobId([7; 32]), index: 3 }
}

fn leaf(index: u32) -> TraceLeaf {
    TraceLeaf { index, state: StateRoot([index as u8; 32]), figures: [u64::from(index), 9] }
}

#[test]
fn every_leaf_opens_under_the_root_and_only_as_itself() {
    let worker = PublicKey([1; 32]);
    for size in 1..=9 {
        let leaves: Vec<TraceLeaf> = (0..size).map(leaf).collect();
        let root = root(&task(), 1, &worker, &leaves);
        for at in 0..size {
            let path: Vec<Root> =
                batch::prove(&leaf_hashes(&task(), 1, &worker, &leaves), at as usize).unwrap().into_iter().map(Root).collect();
            assert!(is_opened(&root, size, &task(), 1, &worker, &leaf(at), &path));
            assert!(!is_opened(&root, size, &task(), 2, &worker, &leaf(at), &path), "another attempt");
            assert!(!is_opened(&root, size, &task(), 1, &PublicKey([2; 32]), &leaf(at), &path), "another worker");
            let other = TraceLeaf { figures: [u64::from(at), 8], ..leaf(at) };
            assert!(!is_opened(&root, size, &task(), 1, &worker, &other, &path), "other figures");
        }
    }
}

#[test]
fn a_seal_binds_verifier_attempt_salt_and_every_leaf() {
    let (who, leaves) = (PublicKey([1; 32]), [leaf(1), leaf(2)]);
    let sealed = seal(&who, &task(), 1, b"salt", &leaves);
    assert_ne!(sealed, seal(&PublicKey([2; 32]), &task(), 1, b"salt", &leaves));
    assert_ne!(sealed, seal(&who, &task(), 2, b"salt", &leaves));
    assert_ne!(sealed, seal(&who, &task(), 1, b"salts", &leaves));
    assert_ne!(sealed, seal(&who, &task(), 1, b"salt", &leaves[..1]));
    assert_ne!(sealed, seal(&who, &task(), 1, b"salt", &[leaf(2), leaf(1)]));
}

/// Golden values: these bytes are signed by workers and may never change.
#[test]
fn the_formats_are_frozen() {
    let who = PublicKey([1; 32]);
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    assert_eq!(hex(&leaf_hash(&task(), 1, &who, &leaf(2))), "7bcbb666425b576ece9fc254a6d25c0a8cfafea5f10af0941742fa07471c5708");
    assert_eq!(
        hex(&inputs_root(&[StateRoot([1; 32]), StateRoot([2; 32])]).0),
        "2dbdadf2a5a58040d6234868e9f4ccc7373eb5ab31e5f9ca6c17529d210ed429"
    );
    assert_eq!(hex(&seal(&who, &task(), 1, b"salt", &[leaf(2)]).0), "6131a4753a6b6a5a428bdd4f085080969d0174ca63f0b95909c2a418e8341410");
}
