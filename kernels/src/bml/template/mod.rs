//! Templates: the models that a job may name, each a file that reads its keys, writes them, and composes its layers.
//!
//! Owns the choice among them and what all have in common: what a record is, and logits from it. Refuses optimisers, which
//! are `optimiser`'s, and data, which only have to fit [`Record`].

mod cnn;
mod lstm;
mod mlp;
mod transformer;

pub use cnn::Cnn;
pub use lstm::Lstm;
pub use mlp::Mlp;
pub use transformer::{Norm, Transformer};

use super::error::JobError;
use super::fields::Fields;
use super::job::limits;
use super::network::Network;
use crate::program::layers::Made;
use crate::program::{Id, Type};

/// A model, by the template that it is of.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    Mlp(Mlp),
    Cnn(Cnn),
    Lstm(Lstm),
    Transformer(Transformer),
}

/// What one record of a model's data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// f32 of this shape, and one label below `classes`.
    Values { shape: Vec<u32>, classes: u32 },
    /// `context` tokens below `vocabulary`, each labelled with the one that follows it.
    Tokens { context: u32, vocabulary: u32 },
}

/// A function between two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Relu,
    Gelu,
    Silu,
}

const ACTIVATIONS: [(&str, Activation); 3] = [("relu", Activation::Relu), ("gelu", Activation::Gelu), ("silu", Activation::Silu)];

#[derive(Clone, Copy)]
enum Kind {
    Mlp,
    Cnn,
    Lstm,
    Transformer,
}

impl Template {
    /// Its name in a job.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mlp(_) => "mlp",
            Self::Cnn(_) => "cnn",
            Self::Lstm(_) => "lstm",
            Self::Transformer(_) => "transformer",
        }
    }

    /// What one record of its data is.
    pub fn record(&self) -> Record {
        match self {
            Self::Mlp(of) => Record::Values { shape: vec![of.input], classes: of.classes },
            Self::Cnn(of) => Record::Values { shape: of.input.to_vec(), classes: of.classes },
            Self::Lstm(of) => Record::Tokens { context: of.context, vocabulary: of.vocabulary },
            Self::Transformer(of) => Record::Tokens { context: of.context, vocabulary: of.vocabulary },
        }
    }

    /// The share of values that training drops; 0 where it drops none.
    pub fn dropout(&self) -> f32 {
        match self {
            Self::Mlp(_) => 0.0,
            Self::Cnn(of) => of.dropout,
            Self::Lstm(of) => of.dropout,
            Self::Transformer(of) => of.dropout,
        }
    }

    /// Reads the mapping `model`.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, JobError> {
        let kinds = [("mlp", Kind::Mlp), ("cnn", Kind::Cnn), ("lstm", Kind::Lstm), ("transformer", Kind::Transformer)];
        match fields.word("template", &kinds)? {
            Kind::Mlp => Mlp::read(fields).map(Self::Mlp),
            Kind::Cnn => Cnn::read(fields).map(Self::Cnn),
            Kind::Lstm => Lstm::read(fields).map(Self::Lstm),
            Kind::Transformer => Transformer::read(fields).map(Self::Transformer),
        }
    }

    /// Its canonical text, without the template's name.
    pub(super) fn render(&self) -> String {
        match self {
            Self::Mlp(of) => of.render(),
            Self::Cnn(of) => of.render(),
            Self::Lstm(of) => of.render(),
            Self::Transformer(of) => of.render(),
        }
    }

    /// The logits of a batch: one row for each label.
    pub(super) fn logits(&self, net: &mut Network<'_>, x: Id) -> Made {
        match self {
            Self::Mlp(of) => of.logits(net, x),
            Self::Cnn(of) => of.logits(net, x),
            Self::Lstm(of) => of.logits(net, x),
            Self::Transformer(of) => of.logits(net, x),
        }
    }

    /// The key that makes a model smaller, at which its size is refused.
    pub(super) fn size_key(&self) -> &'static str {
        match self {
            Self::Mlp(_) | Self::Cnn(_) => "hidden",
            Self::Lstm(_) | Self::Transformer(_) => "width",
        }
    }
}

impl Record {
    /// The features of a batch.
    pub fn features(&self, batch: u32) -> Type {
        match self {
            Self::Values { shape, .. } => Type::f32(&[&[batch], &shape[..]].concat()),
            Self::Tokens { context, .. } => Type::u32(&[batch, *context]),
        }
    }

    /// The labels of a batch.
    pub fn labels(&self, batch: u32) -> Type {
        match self {
            Self::Values { .. } => Type::u32(&[batch]),
            Self::Tokens { context, .. } => Type::u32(&[batch, *context]),
        }
    }

    /// Labels of one record: what an evaluation counts.
    pub fn positions(&self) -> u32 {
        match self {
            Self::Values { .. } => 1,
            Self::Tokens { context, .. } => *context,
        }
    }

    /// Labels are below it.
    pub fn classes(&self) -> u32 {
        match *self {
            Self::Values { classes, .. } => classes,
            Self::Tokens { vocabulary, .. } => vocabulary,
        }
    }

    /// Bytes of one record's decoded features.
    pub fn bytes(&self) -> u64 {
        self.features(1).bytes()
    }
}

impl Activation {
    fn read(fields: &Fields<'_>, default: Self) -> Result<Self, JobError> {
        if fields.has("activation") { fields.word("activation", &ACTIVATIONS) } else { Ok(default) }
    }

    /// Its name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
        }
    }
}

/// The share that training drops; a job that does not say drops none.
fn dropout(fields: &Fields<'_>) -> Result<f32, JobError> {
    if !fields.has("dropout") {
        return Ok(0.0);
    }
    fields.decimal("dropout", "a decimal from 0 to below 1", |rate| (0.0..1.0).contains(&rate))
}

/// Widths of layers that follow each other.
fn widths(fields: &Fields<'_>, key: &'static str) -> Result<Vec<u32>, JobError> {
    let widths = fields.integers(key, 1..=limits::WIDTH)?;
    if widths.len() > limits::LAYERS {
        return Err(fields.conflict(key, format!("{} {key} layers, at most {} are taken", widths.len(), limits::LAYERS)));
    }
    Ok(widths)
}

/// `, key: "value"` unless the value is what a job without the key means.
fn unless<T: PartialEq + std::fmt::Display>(key: &str, value: T, default: T) -> String {
    if value == default { String::new() } else { format!(", {key}: \"{value}\"") }
}
