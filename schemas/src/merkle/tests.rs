#![allow(clippy::unwrap_used)]

use super::*;
use crate::golden;
use data_encoding::HEXLOWER;
use proptest::prelude::*;

/// The eight leaves of the reference implementation of Certificate Transparency, and the root after each.
const VECTORS: [(&str, &str); 8] = [
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
];

fn hash(hex: &str) -> Hash {
    HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}

fn vectors() -> Vec<Hash> {
    VECTORS.iter().map(|(entry, _)| leaf_hash(&HEXLOWER.decode(entry.as_bytes()).unwrap())).collect()
}

fn leaves(size: usize) -> Vec<Hash> {
    (0..size as u64).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

/// RFC 6962 §2.1 word for word: the oracle for everything else.
fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        many => {
            let mut split = 1;
            while split * 2 < many.len() {
                split *= 2;
            }
            node_hash(&tree_hash(&many[..split]), &tree_hash(&many[split..]))
        }
    }
}

fn root_after(leaves: &[Hash]) -> Hash {
    leaves.iter().copied().collect::<Range>().root()
}

#[test]
fn the_public_roots_are_ours() {
    assert_eq!(empty_root(), hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    assert_eq!(Range::new().root(), empty_root());
    let mut range = Range::new();
    for (leaf, (_, root)) in vectors().into_iter().zip(VECTORS) {
        range.append(leaf);
        assert_eq!(range.root(), hash(root));
    }
}

/// Paths published with the reference implementation: (index, size, path).
#[test]
fn the_public_inclusion_paths_are_ours() {
    let cases: [(u64, u64, &[&str]); 4] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    ];
    for (index, size, path) in cases {
        let path: Vec<Hash> = path.iter().copied().map(hash).collect();
        assert_eq!(inclusion(vectors().as_slice(), index, size).unwrap(), path, "{index} in {size}");
        let root = hash(VECTORS[size as usize - 1].1);
        assert!(verify_inclusion(&vectors()[index as usize], index, size, &path, &root));
    }
}

#[test]
fn the_public_consistency_paths_are_ours() {
    let cases: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (old, new, path) in cases {
        let path: Vec<Hash> = path.iter().copied().map(hash).collect();
        assert_eq!(consistency(vectors().as_slice(), old, new).unwrap(), path, "{old} to {new}");
        let root = |size: u64| hash(VECTORS[size as usize - 1].1);
        assert!(verify_consistency(old, &root(old), new, &root(new), &path));
    }
}

/// rs_merkle promotes the odd node, as RFC 6962 does; nothing but this test says so.
#[test]
fn batches_are_rfc_6962_at_every_size() {
    let all = leaves(300);
    for size in 0..=all.len() {
        assert_eq!(batch::root(&all[..size]), tree_hash(&all[..size]), "size {size}");
        assert_eq!(root_after(&all[..size]), tree_hash(&all[..size]), "size {size}");
    }
    for size in (1..=70).chain([127, 128, 129, 255, 256, 257, 300]) {
        let batch = batch::Batch::new(&all[..size]);
        for index in 0..size {
            let path = batch.prove(index).unwrap();
            assert_eq!(path, inclusion(&all[..size], index as u64, size as u64).unwrap(), "{index} in {size}");
            assert!(batch::verify(&batch.root(), size, index, &all[index], &path), "{index} in {size}");
            assert!(verify_inclusion(&all[index], index as u64, size as u64, &path, &batch.root()), "{index} in {size}");
        }
    }
}

#[test]
fn batches_check_what_rs_merkle_does_not() {
    let all = leaves(7);
    let (root, path) = (batch::root(&all), batch::prove(&all, 6).unwrap());
    assert!(batch::verify(&root, 7, 6, &all[6], &path));
    assert!(!batch::verify(&root, 7, 7, &all[6], &path), "an index outside");
    assert!(!batch::verify(&root, 0, 0, &all[6], &[]), "an empty batch");
    assert!(!batch::verify(&root, 8, 6, &all[6], &path), "another size");
    assert!(!batch::verify(&root, 7, 6, &all[6], &[path.clone(), vec![[0; 32]]].concat()), "a trailing hash");
    assert!(!batch::verify(&root, 7, 6, &all[6], &path[..1]), "a hash too few");
    assert_eq!(batch::prove(&all, 7), Err(MerkleError::Index { index: 7, size: 7 }));
    assert_eq!(batch::prove(&[], 0), Err(MerkleError::Index { index: 0, size: 0 }));
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let all = leaves(4);
    assert_eq!(inclusion(all.as_slice(), 4, 4), Err(MerkleError::Index { index: 4, size: 4 }));
    assert_eq!(inclusion(all.as_slice(), 0, 0), Err(MerkleError::Index { index: 0, size: 0 }));
    assert!(inclusion(all.as_slice(), 0, 9).is_err(), "leaves that the source lacks");
    assert_eq!(consistency(all.as_slice(), 3, 2), Err(MerkleError::Sizes { old: 3, new: 2 }));
    let root = tree_hash(&all);
    assert!(!verify_inclusion(&all[0], 0, 0, &[], &all[0]));
    assert!(!verify_consistency(4, &root, 3, &root, &[]));
    assert!(verify_consistency(0, &empty_root(), 4, &root, &[]), "every tree begins empty");
    assert!(!verify_consistency(0, &root, 4, &root, &[]));
    assert!(!verify_consistency(0, &empty_root(), 0, &root, &[]));
}

#[test]
fn a_range_keeps_its_bytes_and_refuses_others() {
    let range: Range = vectors().into_iter().take(7).collect();
    let bytes = range.to_bytes();
    golden::check("range.bin", &bytes);
    assert_eq!(Range::from_bytes(&bytes).unwrap(), range);
    assert_eq!(bytes.len(), 8 + 3 * 32);
    assert_eq!(Range::from_bytes(&bytes[..7]), Err(MerkleError::RangeHead));
    assert_eq!(Range::from_bytes(&bytes[..bytes.len() - 1]), Err(MerkleError::RangeLength { size: 7 }));
    assert_eq!(Range::from_bytes(&[bytes.as_slice(), &[0]].concat()), Err(MerkleError::RangeLength { size: 7 }));
    assert_eq!(Range::from_bytes(&[bytes.as_slice(), &[0; 32]].concat()), Err(MerkleError::RangeLength { size: 7 }));
    let encoded = crate::codec::cbor::to_vec(&range).unwrap();
    assert_eq!(crate::codec::cbor::from_slice::<Range>(&encoded).unwrap(), range);
}

/// Every way in which one bit, one hash or one length of a proof may differ.
fn mutations(proof: &[Hash], at: usize, bit: usize) -> Vec<Vec<Hash>> {
    let mut mutations = vec![[proof, &[[7; 32]]].concat(), [&[[7; 32]], proof].concat()];
    if !proof.is_empty() {
        let at = at % proof.len();
        let mut flipped = proof.to_vec();
        flipped[at][bit / 8] ^= 1 << (bit % 8);
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        mutations.extend([flipped, shorter]);
    }
    mutations
}

proptest! {
    #[test]
    fn inclusion_holds_and_nothing_else_does(size in 1usize..400, pick in any::<u64>(), at in any::<usize>(), bit in 0usize..256) {
        let all = leaves(size);
        let (index, size) = (pick % size as u64, size as u64);
        let (leaf, root) = (all[index as usize], tree_hash(&all));
        let proof = inclusion(all.as_slice(), index, size).unwrap();
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &root));
        prop_assert!(batch::verify(&root, size as usize, index as usize, &leaf, &proof));
        for bad in mutations(&proof, at, bit) {
            prop_assert!(!verify_inclusion(&leaf, index, size, &bad, &root));
            prop_assert!(!batch::verify(&root, size as usize, index as usize, &leaf, &bad));
        }
        let (mut other_leaf, mut other_root) = (leaf, root);
        other_leaf[bit / 8] ^= 1 << (bit % 8);
        other_root[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verify_inclusion(&other_leaf, index, size, &proof, &root));
        prop_assert!(!verify_inclusion(&leaf, index, size, &proof, &other_root));
        for other in 0..size {
            prop_assert_eq!(verify_inclusion(&leaf, other, size, &proof, &root), other == index);
        }
    }

    #[test]
    fn consistency_holds_and_nothing_else_does(new in 1usize..400, pick in any::<usize>(), at in any::<usize>(), bit in 0usize..256) {
        let all = leaves(new);
        let old = pick % (new + 1);
        let (old_root, new_root) = (tree_hash(&all[..old]), tree_hash(&all));
        let (old, new) = (old as u64, new as u64);
        let proof = consistency(all.as_slice(), old, new).unwrap();
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &proof));
        for bad in mutations(&proof, at, bit) {
            prop_assert!(!verify_consistency(old, &old_root, new, &new_root, &bad), "{} to {}", old, new);
        }
        let mut forged = old_root;
        forged[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verify_consistency(old, &forged, new, &new_root, &proof));
        let mut forged = new_root;
        forged[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(old == 0 || !verify_consistency(old, &old_root, new, &forged, &proof));
    }

    #[test]
    fn a_range_resumes_from_its_bytes(first in 0usize..200, second in 0usize..200) {
        let all = leaves(first + second);
        let mut range = Range::from_bytes(&all[..first].iter().copied().collect::<Range>().to_bytes()).unwrap();
        all[first..].iter().for_each(|leaf| range.append(*leaf));
        prop_assert_eq!(range.root(), tree_hash(&all));
        prop_assert_eq!(range.size(), all.len() as u64);
    }
}
