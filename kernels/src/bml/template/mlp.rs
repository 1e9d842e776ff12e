//! `mlp`: a multilayer perceptron over vectors.

use super::super::error::JobError;
use super::super::fields::Fields;
use super::super::job::limits;
use super::super::network::{Network, Start};
use super::{Activation, widths};
use crate::program::Id;
use crate::program::layers::Made;

/// `input` values, hidden layers with ReLU, one logit for each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mlp {
    pub input: u32,
    pub hidden: Vec<u32>,
    pub classes: u32,
}

impl Mlp {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, JobError> {
        fields.only(&["template", "input", "hidden", "classes"])?;
        let hidden = widths(fields, "hidden")?;
        Ok(Self { input: fields.integer("input", 1..=limits::WIDTH)?, hidden, classes: fields.integer("classes", 2..=limits::CLASSES)? })
    }

    pub(super) fn render(&self) -> String {
        format!("input: {}, hidden: {:?}, classes: {}", self.input, self.hidden, self.classes)
    }

    pub(super) fn logits(&self, net: &mut Network<'_>, x: Id) -> Made {
        perceptron(net, x, "layers", &self.hidden, self.classes, 0.0)
    }
}

/// x·W + b for each layer, ReLU between layers; the logits.
pub(super) fn perceptron(net: &mut Network<'_>, mut x: Id, name: &str, hidden: &[u32], classes: u32, dropout: f32) -> Made {
    for (index, &width) in hidden.iter().enumerate() {
        x = net.linear(&format!("{name}.{index}"), x, width, Start::He)?;
        x = net.activation(x, Activation::Relu)?;
        x = net.dropout(x, dropout)?;
    }
    net.linear(&format!("{name}.{}", hidden.len()), x, classes, Start::He)
}
