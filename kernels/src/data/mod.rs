//! Data sets: bytes in, records out, pinned by what they decode to.
//!
//! Owns the set that a job trains and tests on (`set`) and its blob (`blob`), records of values (`table`) and of text
//! (`text`), files as streams (`file`), the rule for folders (`folder`), the formats (`idx`, `csv`, `parquet`) and the built-in
//! digits (`digits`). Records are decoded one by one, and the tree over them grows as they come. Refuses to fetch: who
//! has a file says how it is opened.

mod blob;
mod csv;
mod digits;
mod file;
mod folder;
mod idx;
mod kind;
mod parquet;
mod set;
mod table;
mod text;

pub use file::{File, Readable};
pub use kind::RecordType;
pub use set::DataSet;

#[cfg(test)]
mod blob_tests;
#[cfg(test)]
mod parquet_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
