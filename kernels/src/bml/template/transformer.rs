//! `transformer`: a decoder over tokens (Vaswani et al. 2017) with norms before each part (Xiong et al. 2020) and learnt
//! positions.

use super::super::error::JobError;
use super::super::fields::Fields;
use super::super::job::limits;
use super::super::network::{Network, Start};
use super::{Activation, dropout, unless};
use crate::program::Id;
use crate::program::layers::Made;

/// Embeddings of token and place, `depth` blocks of causal attention and a perceptron of four times the width, a norm, and
/// one logit for each token.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformer {
    pub vocabulary: u32,
    pub context: u32,
    pub width: u32,
    pub depth: u32,
    /// They share the width.
    pub heads: u32,
    pub norm: Norm,
    pub activation: Activation,
    /// Of embeddings and of what each part adds, while training.
    pub dropout: f32,
}

/// The norm before each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    Layer,
    Rms,
}

/// Widths of a block's perceptron for each of the block's.
const EXPANSION: u32 = 4;

impl Transformer {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, JobError> {
        fields.only(&["template", "vocabulary", "context", "width", "depth", "heads", "norm", "activation", "dropout"])?;
        let of = Self {
            vocabulary: fields.integer("vocabulary", 2..=limits::VOCABULARY)?,
            context: fields.integer("context", 1..=limits::CONTEXT)?,
            width: fields.integer("width", 1..=limits::WIDTH / EXPANSION)?,
            depth: fields.integer("depth", 1..=limits::BLOCKS)?,
            heads: fields.integer("heads", 1..=limits::WIDTH)?,
            norm: if fields.has("norm") { fields.word("norm", &[("layer", Norm::Layer), ("rms", Norm::Rms)])? } else { Norm::Layer },
            activation: Activation::read(fields, Activation::Gelu)?,
            dropout: dropout(fields)?,
        };
        if of.width % of.heads != 0 {
            return Err(fields.conflict("heads", format!("{} heads do not share a width of {}", of.heads, of.width)));
        }
        Ok(of)
    }

    pub(super) fn render(&self) -> String {
        let Self { vocabulary, context, width, depth, heads, .. } = self;
        let norm = if self.norm == Norm::Layer { "" } else { ", norm: \"rms\"" };
        let (activation, dropout) = (unless("activation", self.activation.name(), "gelu"), unless("dropout", self.dropout, 0.0));
        format!("vocabulary: {vocabulary}, context: {context}, width: {width}, depth: {depth}, heads: {heads}{norm}{activation}{dropout}")
    }

    pub(super) fn logits(&self, net: &mut Network<'_>, tokens: Id) -> Made {
        let mut x = net.embedding("embedding", tokens, self.vocabulary, self.width)?;
        x = net.positions("positions", x)?;
        x = net.dropout(x, self.dropout)?;
        for block in 0..self.depth {
            x = self.block(net, &format!("blocks.{block}"), x)?;
        }
        let x = net.norm("norm", x, self.norm)?;
        net.linear("head", x, self.vocabulary, Start::Unit)
    }

    /// x + attention of its norm, then + the perceptron of that's norm.
    fn block(&self, net: &mut Network<'_>, name: &str, x: Id) -> Made {
        // What is added to the residual is scaled down, so that its variance does not grow with the depth (Radford et al. 2019).
        let added = Start::Residual { parts: 2 * self.depth };
        let normal = net.norm(&format!("{name}.attention.norm"), x, self.norm)?;
        let attended = net.attention(&format!("{name}.attention"), normal, self.heads, added)?;
        let x = net.residual(x, attended, self.dropout)?;
        let normal = net.norm(&format!("{name}.feed.norm"), x, self.norm)?;
        let wide = net.linear(&format!("{name}.feed.up"), normal, EXPANSION * self.width, Start::Unit)?;
        let wide = net.activation(wide, self.activation)?;
        let fed = net.linear(&format!("{name}.feed.down"), wide, self.width, added)?;
        net.residual(x, fed, self.dropout)
    }
}
