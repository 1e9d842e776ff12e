//! Dense tensors in row-major order.
//!
//! Owns elements and shape, which always agree. Refuses views and strides: logical shape decides the order of operations.

use crate::program::{Dtype, Type};

/// The elements of a tensor.
#[derive(Debug, Clone)]
pub enum Elements {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

/// A dense tensor; equal when type and bits are equal.
#[derive(Debug, Clone)]
pub struct Tensor {
    shape: Vec<u32>,
    elements: Elements,
}

impl Tensor {
    /// A tensor of f32. Panics if the shape does not hold exactly these elements: shapes come from checked programs.
    pub fn f32(shape: &[u32], elements: Vec<f32>) -> Self {
        assert_eq!(Type::f32(shape).elements(), elements.len() as u64, "elements of {shape:?}");
        Self { shape: shape.to_vec(), elements: Elements::F32(elements) }
    }

    /// A tensor of u32. Panics as [`Tensor::f32`] does.
    pub fn u32(shape: &[u32], elements: Vec<u32>) -> Self {
        assert_eq!(Type::u32(shape).elements(), elements.len() as u64, "elements of {shape:?}");
        Self { shape: shape.to_vec(), elements: Elements::U32(elements) }
    }

    /// A tensor of +0.
    pub fn zeros(shape: &[u32]) -> Self {
        Self::f32(shape, vec![0.0; Type::f32(shape).elements() as usize])
    }

    /// Its element type and shape.
    pub fn type_of(&self) -> Type {
        let dtype = match self.elements {
            Elements::F32(_) => Dtype::F32,
            Elements::U32(_) => Dtype::U32,
        };
        Type { dtype, shape: self.shape.clone() }
    }

    /// Its axes, outermost first.
    pub fn shape(&self) -> &[u32] {
        &self.shape
    }

    /// The elements as f32; of another type, none. Programs are checked, so that an executor never meets that.
    pub fn floats(&self) -> &[f32] {
        match &self.elements {
            Elements::F32(values) => values,
            Elements::U32(_) => &[],
        }
    }

    /// The elements as u32; of another type, none.
    pub fn integers(&self) -> &[u32] {
        match &self.elements {
            Elements::U32(values) => values,
            Elements::F32(_) => &[],
        }
    }

    /// The elements' bytes, little-endian.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        match &self.elements {
            Elements::F32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Elements::U32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    /// The bits of the only element of a scalar.
    pub fn scalar_bits(&self) -> u32 {
        match &self.elements {
            Elements::F32(values) => values[0].to_bits(),
            Elements::U32(values) => values[0],
        }
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        let same_bits = match (&self.elements, &other.elements) {
            (Elements::F32(a), Elements::F32(b)) => a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits()),
            (Elements::U32(a), Elements::U32(b)) => a == b,
            _ => false,
        };
        same_bits && self.shape == other.shape
    }
}

impl Eq for Tensor {}
