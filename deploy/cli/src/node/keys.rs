//! Key files: one secret key a file, readable by its owner alone.
//!
//! Owns their text (64 hex digits of the seed, RFC 8032) and the refusal of files that others can read.
//! Refuses arguments and environment variables as sources: those leak.

use crate::exit::{Exit, Failure};
use anyhow::anyhow;
use cairn_log::durable;
use cairn_schemas::SecretKey;
use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

/// Reads a key file.
pub fn read(path: &Path) -> Result<SecretKey, Failure> {
    let failed = |why: String| Failure::new(Exit::Failed, "CRN-1003", anyhow!("key file {}: {why}", path.display()));
    let text = read_secret(path).map_err(failed)?;
    SecretKey::from_hex_seed(text.trim()).map_err(|error| failed(error.to_string()))
}

/// The text of a file that nobody but its owner may read; why not, otherwise.
pub fn read_secret(path: &Path) -> Result<String, String> {
    let meta = fs::metadata(path).map_err(|error| error.to_string())?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err("others can read it; chmod 600".into());
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Makes a key and keeps it durably; refuses to replace one that is there.
pub fn create(path: &Path) -> Result<SecretKey, Failure> {
    let failed = |why: String| Failure::new(Exit::Failed, "CRN-1003", anyhow!("key file {}: {why}", path.display()));
    if path.exists() {
        return Err(failed("it is there already, and a key is never replaced".into()));
    }
    let key = SecretKey::generate().map_err(|error| failed(error.to_string()))?;
    let kept = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            durable::make_folder(folder)?;
        }
        durable::write(path, format!("{}\n", key.to_hex_seed().as_str()).as_bytes(), durable::SECRET)
    };
    kept().map_err(|error| failed(error.to_string()))?;
    Ok(key)
}

/// The key of a file, made if there is none yet: what a node that was cut off finds again.
pub fn read_or_create(path: &Path) -> Result<SecretKey, Failure> {
    if path.exists() { read(path) } else { create(path) }
}
