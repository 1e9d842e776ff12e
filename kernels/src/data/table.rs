//! Records of values, each with its label.
//!
//! Owns the decoding rule (a byte is itself ÷ 255, one IEEE division; an f32 is itself), the digest of a record, and what
//! is kept in memory: bytes as long as all values are. Refuses labels above 255.

use sha2::{Digest as _, Sha256};

use super::kind::RecordType;
use crate::bml::limits;
use crate::error::DataError;
use crate::exec::Tensor;
use crate::trace::Digest;
use crate::trace::merkle::{self, Growing};

/// Records in the order in which they were decoded, and the tree over them.
#[derive(Debug, Clone)]
pub struct Table {
    width: u32,
    pub(super) values: Values,
    pub(super) labels: Vec<u8>,
    /// One more than the largest label.
    classes: u32,
    tree: Growing,
}

/// The values of all records, one after another.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Each is a byte ÷ 255.
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Table {
    /// No records yet; each will have `width` values.
    pub fn of_width(width: u32) -> Self {
        Self { width, values: Values::Bytes(vec![]), labels: vec![], classes: 0, tree: Growing::default() }
    }

    /// Values of one record.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Whether a file's records are as wide as these.
    pub fn takes(&self, width: u64) -> Result<(), DataError> {
        let found = RecordType::Values { values: u32::try_from(width).unwrap_or(u32::MAX), classes: 1 };
        found.fits(RecordType::Values { values: self.width, classes: limits::CLASSES })
    }

    /// The type of the records; its classes are as many as the largest label needs.
    pub fn record_type(&self) -> RecordType {
        RecordType::Values { values: self.width, classes: self.classes }
    }

    /// Appends a record of bytes, as many as [`Table::takes`].
    pub fn push_bytes(&mut self, values: &[u8], label: u8) {
        self.push_label(leaf(values.iter().copied().map(decoded), label), label);
        match &mut self.values {
            Values::Bytes(all) => all.extend_from_slice(values),
            Values::Floats(all) => all.extend(values.iter().copied().map(decoded)),
        }
    }

    /// Appends a record of finite numbers, as many as [`Table::takes`].
    pub fn push_floats(&mut self, values: &[f32], label: u8) {
        self.push_label(leaf(values.iter().copied(), label), label);
        if let Values::Bytes(all) = &self.values {
            self.values = Values::Floats(all.iter().copied().map(decoded).collect());
        }
        if let Values::Floats(all) = &mut self.values {
            all.extend_from_slice(values);
        }
    }

    fn push_label(&mut self, leaf: Digest, label: u8) {
        self.tree.push(leaf);
        self.labels.push(label);
        self.classes = self.classes.max(u32::from(label) + 1);
    }

    /// Merkle root (RFC 6962, SHA-256): a leaf is a record's values as f32 little-endian, then its label as one byte.
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// The values of some records: f32 \[records, width\].
    pub fn features(&self, records: &[u32]) -> Tensor {
        let mut values = Vec::with_capacity(records.len() * self.width as usize);
        for &record in records {
            let (first, last) = (record as usize * self.width as usize, (record as usize + 1) * self.width as usize);
            match &self.values {
                Values::Bytes(all) => values.extend(all[first..last].iter().copied().map(decoded)),
                Values::Floats(all) => values.extend_from_slice(&all[first..last]),
            }
        }
        Tensor::f32(&[records.len() as u32, self.width], values)
    }

    /// The labels of some records: u32 \[records\].
    pub fn labels(&self, records: &[u32]) -> Tensor {
        let labels = records.iter().map(|&record| u32::from(self.labels[record as usize])).collect();
        Tensor::u32(&[records.len() as u32], labels)
    }
}

/// Equal when kept values and labels are equal: the tree follows from them.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        (self.width, &self.values, &self.labels) == (other.width, &other.values, &other.labels)
    }
}

fn leaf(values: impl Iterator<Item = f32>, label: u8) -> Digest {
    let mut hash = Sha256::new();
    hash.update([merkle::LEAF]);
    values.for_each(|value| hash.update(value.to_le_bytes()));
    hash.update([label]);
    hash.finalize().into()
}

/// The value of a byte.
pub fn decoded(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}
