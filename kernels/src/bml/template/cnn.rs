//! `cnn`: convolutions that halve an image, then a perceptron (LeCun et al. 1998, with ReLU and maximum pooling).

use super::super::error::JobError;
use super::super::fields::Fields;
use super::super::job::limits;
use super::super::network::Network;
use super::mlp::perceptron;
use super::{Activation, dropout, unless, widths};
use crate::program::Id;
use crate::program::layers::Made;

/// For each of `channels` a convolution that keeps height and width, an activation, and a maximum over windows of 2 × 2;
/// then hidden layers with ReLU, and one logit for each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Cnn {
    /// Height, width and channels of an image.
    pub input: [u32; 3],
    pub channels: Vec<u32>,
    /// Side of a convolution's window: odd, so that padding keeps the size.
    pub kernel: u32,
    pub hidden: Vec<u32>,
    pub classes: u32,
    pub activation: Activation,
    /// Between hidden layers, while training.
    pub dropout: f32,
}

/// Side of a convolution's window.
const KERNEL: u32 = 15;

impl Cnn {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, JobError> {
        fields.only(&["template", "input", "channels", "kernel", "hidden", "classes", "activation", "dropout"])?;
        let input = fields.integers("input", 1..=limits::WIDTH)?;
        let Ok(input) = <[u32; 3]>::try_from(input) else {
            return Err(fields.conflict("input", "input is [height, width, channels]: three integers".to_owned()));
        };
        let channels = widths(fields, "channels")?;
        if channels.is_empty() || input[0].min(input[1]) >> channels.len() == 0 {
            let reason = format!("{} × {} is halved {} times: once at least, and a pixel must remain", input[0], input[1], channels.len());
            return Err(fields.conflict("channels", reason));
        }
        let kernel = fields.integer("kernel", 1..=KERNEL)?;
        if kernel % 2 == 0 {
            return Err(fields.conflict("kernel", format!("a kernel of {kernel} has no middle: an odd one is wanted")));
        }
        Ok(Self {
            input,
            channels,
            kernel,
            hidden: widths(fields, "hidden")?,
            classes: fields.integer("classes", 2..=limits::CLASSES)?,
            activation: Activation::read(fields, Activation::Relu)?,
            dropout: dropout(fields)?,
        })
    }

    pub(super) fn render(&self) -> String {
        let Self { input, channels, kernel, hidden, classes, activation, .. } = self;
        let (activation, dropout) = (unless("activation", activation.name(), "relu"), unless("dropout", self.dropout, 0.0));
        format!("input: {input:?}, channels: {channels:?}, kernel: {kernel}, hidden: {hidden:?}, classes: {classes}{activation}{dropout}")
    }

    pub(super) fn logits(&self, net: &mut Network<'_>, mut x: Id) -> Made {
        for (index, &channels) in self.channels.iter().enumerate() {
            x = net.conv2d(&format!("convolutions.{index}"), x, channels, self.kernel)?;
            x = net.activation(x, self.activation)?;
            x = net.max_pool(x, 2)?;
        }
        let x = net.flatten(x)?;
        perceptron(net, x, "layers", &self.hidden, self.classes, self.dropout)
    }
}
