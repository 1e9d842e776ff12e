//! Shapes of convolutions and pooling.

use super::super::ir::{Id, Type};
use super::super::op::Op;
use super::site::SiteOf;
use crate::error::ProgramError;

impl SiteOf<'_> {
    pub fn windowed(&self) -> Result<Type, ProgramError> {
        match *self.op {
            Op::Conv2d { x, weight, stride, padding } => {
                let ([n, height, width, channels], [ky, kx, inputs, outputs]) = (self.four_axes(x)?, self.four_axes(weight)?);
                self.same("the number of channels", channels, inputs)?;
                Ok(Type::f32(&[n, self.places(height, ky, stride, padding)?, self.places(width, kx, stride, padding)?, outputs]))
            }
            Op::Conv2dGradInput { weight, gradient, stride, padding, height, width } => {
                let ([ky, kx, inputs, outputs], [n, oy, ox, channels]) = (self.four_axes(weight)?, self.four_axes(gradient)?);
                self.same("the number of channels", channels, outputs)?;
                self.seen([oy, ox], [height, width], [ky, kx], stride, padding)?;
                Ok(Type::f32(&[n, height, width, inputs]))
            }
            Op::Conv2dGradWeight { x, gradient, stride, padding, height, width } => {
                let ([n, y, x, inputs], [images, oy, ox, outputs]) = (self.four_axes(x)?, self.four_axes(gradient)?);
                self.same("the number of images", n, images)?;
                self.seen([oy, ox], [y, x], [height, width], stride, padding)?;
                Ok(Type::f32(&[height, width, inputs, outputs]))
            }
            Op::MaxPool { x, kernel, stride } | Op::AveragePool { x, kernel, stride } => self.pooled(x, kernel, stride),
            Op::MaxPoolGrad { x, gradient, kernel, stride } => {
                self.exactly("the gradient", gradient, &self.pooled(x, kernel, stride)?)?;
                Ok(self.of(x).clone())
            }
            Op::AveragePoolGrad { gradient, kernel, stride, height, width } => {
                let [n, oy, ox, channels] = self.four_axes(gradient)?;
                self.seen([oy, ox], [height, width], [kernel, kernel], stride, 0)?;
                Ok(Type::f32(&[n, height, width, channels]))
            }
            _ => self.refuse("it has no window".to_owned()),
        }
    }

    fn pooled(&self, x: Id, kernel: u32, stride: u32) -> Result<Type, ProgramError> {
        let [n, height, width, channels] = self.four_axes(x)?;
        Ok(Type::f32(&[n, self.places(height, kernel, stride, 0)?, self.places(width, kernel, stride, 0)?, channels]))
    }

    fn seen(&self, gradient: [u32; 2], input: [u32; 2], kernel: [u32; 2], stride: u32, padding: u32) -> Result<(), ProgramError> {
        for axis in 0..2 {
            let places = self.places(input[axis], kernel[axis], stride, padding)?;
            self.same("the gradient's height or width", gradient[axis], places)?;
        }
        Ok(())
    }

    /// Places of a window of `kernel` elements on an axis of `size` with padding on both ends.
    fn places(&self, size: u32, kernel: u32, stride: u32, padding: u32) -> Result<u32, ProgramError> {
        let padded = u64::from(size) + 2 * u64::from(padding);
        if size == 0 || kernel == 0 || stride == 0 || padding >= kernel || u64::from(kernel) > padded {
            return self.refuse(format!("no window of {kernel} by steps of {stride} lies on an axis of {size} with padding {padding}"));
        }
        Ok(((padded - u64::from(kernel)) / u64::from(stride) + 1) as u32)
    }
}
