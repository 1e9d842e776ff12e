//! `lstm`: a recurrent network over tokens, unrolled over its context.

use super::super::error::JobError;
use super::super::fields::Fields;
use super::super::job::limits;
use super::super::network::{Network, Start};
use super::{dropout, unless};
use crate::program::Id;
use crate::program::layers::Made;

/// An embedding, `depth` layers of cells of `width` that begin each record at rest, and one logit for each token.
#[derive(Debug, Clone, PartialEq)]
pub struct Lstm {
    pub vocabulary: u32,
    pub context: u32,
    pub width: u32,
    pub depth: u32,
    /// Between layers, while training.
    pub dropout: f32,
}

impl Lstm {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, JobError> {
        fields.only(&["template", "vocabulary", "context", "width", "depth", "dropout"])?;
        Ok(Self {
            vocabulary: fields.integer("vocabulary", 2..=limits::VOCABULARY)?,
            context: fields.integer("context", 1..=limits::UNROLLED)?,
            width: fields.integer("width", 1..=limits::WIDTH)?,
            depth: fields.integer("depth", 1..=limits::LAYERS as u32)?,
            dropout: dropout(fields)?,
        })
    }

    pub(super) fn render(&self) -> String {
        let Self { vocabulary, context, width, depth, .. } = self;
        let dropout = unless("dropout", self.dropout, 0.0);
        format!("vocabulary: {vocabulary}, context: {context}, width: {width}, depth: {depth}{dropout}")
    }

    pub(super) fn logits(&self, net: &mut Network<'_>, tokens: Id) -> Made {
        let mut steps = net.embedded_steps("embedding", tokens, self.vocabulary, self.width)?;
        for layer in 0..self.depth {
            steps = net.lstm(&format!("cells.{layer}"), &steps, self.width)?;
            for x in &mut steps {
                *x = net.dropout(*x, self.dropout)?;
            }
        }
        let x = net.joined(&steps)?;
        net.linear("head", x, self.vocabulary, Start::Unit)
    }
}
