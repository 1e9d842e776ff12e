//! Trust: the keys that an auditor was handed by other ways than the export.
//!
//! Owns reading them: one C2SP vkey, or a file with one on each line, such as a node's `checkpoint.vkey`. Refuses a list without keys.

use super::{Reason, VerifyError};
use cairn_schemas::note::VerifierKey;
use std::{fs::File, io::Read, path::Path};

/// Bytes of a file of anchors: the largest instance's has about half of this.
const FILE_BYTES: u64 = 1024 * 1024;

/// Keys that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    keys: Vec<VerifierKey>,
}

impl Trust {
    /// Reads what stands behind `--trust`: a vkey, or the path of a file.
    pub fn read(given: &str) -> Result<Trust, VerifyError> {
        if let Ok(key) = given.parse() {
            return Ok(Trust { keys: vec![key] });
        }
        let refuse = |why: String| Reason::Trust(why).of(given);
        let mut text = String::new();
        let file = File::open(Path::new(given)).map_err(|error| refuse(format!("neither a vkey nor a file that can be read ({error})")))?;
        file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| refuse(error.to_string()))?;
        if text.len() as u64 > FILE_BYTES {
            return Err(refuse(format!("the file has more than {FILE_BYTES} bytes")));
        }
        Trust::parse(&text).map_err(refuse)
    }

    /// Reads one vkey a line; empty lines and those that begin with `#` say nothing.
    pub fn parse(text: &str) -> Result<Trust, String> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys = keys.map(|(number, line)| line.parse().map_err(|error| format!("line {number}: {error}")));
        let keys = keys.collect::<Result<Vec<VerifierKey>, String>>()?;
        if keys.is_empty() { Err("there is no key in it".to_owned()) } else { Ok(Trust { keys }) }
    }

    /// The keys that count for an origin.
    pub fn of(&self, origin: &str) -> Result<Vec<VerifierKey>, VerifyError> {
        let keys: Vec<VerifierKey> = self.keys.iter().filter(|key| key.name() == origin).cloned().collect();
        if keys.is_empty() { Err(Reason::Origin(origin.to_owned()).of(crate::export::CHECKPOINT)) } else { Ok(keys) }
    }
}
