//! Golden bytes: the exact form of every persisted format, kept in `schemas/golden`.
//!
//! A test hands over what the code writes today; it must equal the file. `CAIRN_GOLDEN=write` writes the files anew, which
//! is right for a new format and, for one that anybody has stored, only under a new version.

#![allow(clippy::unwrap_used)]

use data_encoding::HEXLOWER;
use std::{fs, path::Path};

/// Checks bytes against `golden/{name}`. In write mode the file is replaced instead.
pub fn check(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var("CAIRN_GOLDEN").is_ok_and(|mode| mode == "write") {
        fs::write(&path, bytes).unwrap();
        return;
    }
    let golden = fs::read(&path).unwrap_or_else(|error| panic!("golden/{name}: {error}; write it with CAIRN_GOLDEN=write"));
    assert!(golden == bytes, "golden/{name} changed:\n  kept {}\n  now  {}", HEXLOWER.encode(&golden), HEXLOWER.encode(bytes));
}
