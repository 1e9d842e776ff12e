//! Dense tensors in row-major order.
//!
//! Owns elements and shape, which always agree; a clone shares the elements. Refuses views and strides: logical shape
//! decides the order of operations.

use std::borrow::Cow;
use std::sync::{Arc, Weak};

use super::buffers::Buffers;
use crate::program::{Dtype, Type};

/// The elements of a tensor.
#[derive(Debug, Clone)]
pub enum Elements {
    F32(Vec<f32>),
    U32(Vec<u32>),
    I8(Vec<i8>),
    I32(Vec<i32>),
    /// The upper halves of binary32.
    Bf16(Vec<u16>),
}

/// A type that elements have.
pub trait Element: Copy {
    /// The elements, if they are of this type; else none. Programs are checked, so that an executor never meets that.
    fn of(elements: &Elements) -> &[Self];
    /// Elements of this type.
    fn elements(values: Vec<Self>) -> Elements;
}

macro_rules! element {
    ($($variant:ident: $type:ty),*) => {
        $(impl Element for $type {
            fn of(elements: &Elements) -> &[Self] {
                match elements {
                    Elements::$variant(values) => values,
                    _ => &[],
                }
            }

            fn elements(values: Vec<Self>) -> Elements {
                Elements::$variant(values)
            }
        })*

        impl Elements {
            /// Their type.
            pub fn dtype(&self) -> Dtype {
                match self { $(Self::$variant(_) => Dtype::$variant,)* }
            }

            /// Their number.
            pub fn count(&self) -> usize {
                match self { $(Self::$variant(values) => values.len(),)* }
            }

            /// Their bytes, little-endian: where the machine is, they themselves.
            pub fn to_le_bytes(&self) -> Cow<'_, [u8]> {
                match self {
                    $(Self::$variant(values) if cfg!(target_endian = "little") => Cow::Borrowed(bytemuck::cast_slice(values)),)*
                    $(Self::$variant(values) => Cow::Owned(values.iter().flat_map(|x| x.to_le_bytes()).collect()),)*
                }
            }
        }

    };
}

element! { F32: f32, U32: u32, I8: i8, I32: i32, Bf16: u16 }

impl Elements {
    /// The bits of elements of four bytes; of smaller ones, none.
    pub fn words(&self) -> &[u32] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::I32(values) => bytemuck::cast_slice(values),
            Self::U32(values) => values,
            Self::I8(_) | Self::Bf16(_) => &[],
        }
    }

    /// The same, to be written.
    pub fn words_mut(&mut self) -> &mut [u32] {
        match self {
            Self::F32(values) => bytemuck::cast_slice_mut(values),
            Self::I32(values) => bytemuck::cast_slice_mut(values),
            Self::U32(values) => values,
            Self::I8(_) | Self::Bf16(_) => &mut [],
        }
    }
}

/// An expression with the name of the type that elements have.
macro_rules! typed {
    ($elements:expr, $type:ident => $result:expr) => {
        match $elements.dtype() {
            $crate::program::Dtype::F32 => {
                type $type = f32;
                $result
            }
            $crate::program::Dtype::U32 => {
                type $type = u32;
                $result
            }
            $crate::program::Dtype::I8 => {
                type $type = i8;
                $result
            }
            $crate::program::Dtype::I32 => {
                type $type = i32;
                $result
            }
            $crate::program::Dtype::Bf16 => {
                type $type = u16;
                $result
            }
        }
    };
}

pub(super) use typed;

/// A dense tensor; equal when type and bits are equal.
#[derive(Debug, Clone)]
pub struct Tensor {
    shape: Vec<u32>,
    elements: Arc<Owned>,
}

/// Elements, and where their memory goes when nobody shares them any more.
#[derive(Debug)]
struct Owned {
    elements: Elements,
    home: Weak<Buffers>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let (Elements::F32(memory), Some(home)) = (&mut self.elements, self.home.upgrade()) {
            home.give(std::mem::take(memory));
        }
    }
}

impl Tensor {
    /// A tensor of these elements. Panics if the shape does not hold exactly them: shapes come from checked programs.
    pub fn of(shape: &[u32], elements: Elements) -> Self {
        assert_eq!(Type::f32(shape).elements(), elements.count() as u64, "elements of {shape:?}");
        Self { shape: shape.to_vec(), elements: Arc::new(Owned { elements, home: Weak::new() }) }
    }

    /// The same, whose memory is of `home` and goes back there.
    pub(super) fn of_home(shape: &[u32], elements: Elements, home: &Arc<Buffers>) -> Self {
        assert_eq!(Type::f32(shape).elements(), elements.count() as u64, "elements of {shape:?}");
        Self { shape: shape.to_vec(), elements: Arc::new(Owned { elements, home: Arc::downgrade(home) }) }
    }

    /// A tensor of f32. Panics as [`Tensor::of`] does.
    pub fn f32(shape: &[u32], elements: Vec<f32>) -> Self {
        Self::of(shape, Elements::F32(elements))
    }

    /// A tensor of u32. Panics as [`Tensor::of`] does.
    pub fn u32(shape: &[u32], elements: Vec<u32>) -> Self {
        Self::of(shape, Elements::U32(elements))
    }

    /// A tensor of +0.
    pub fn zeros(shape: &[u32]) -> Self {
        Self::f32(shape, vec![0.0; Type::f32(shape).elements() as usize])
    }

    /// The same elements under another shape, shared. Panics as [`Tensor::of`] does.
    pub fn reshaped(&self, shape: &[u32]) -> Self {
        assert_eq!(Type::f32(shape).elements(), self.elements().count() as u64, "elements of {shape:?}");
        Self { shape: shape.to_vec(), elements: Arc::clone(&self.elements) }
    }

    /// Its elements, if nothing else shares them; else itself.
    pub(super) fn alone(self) -> Result<Elements, Self> {
        let Self { shape, elements } = self;
        match Arc::try_unwrap(elements) {
            Ok(mut alone) => Ok(std::mem::replace(&mut alone.elements, Elements::F32(vec![]))),
            Err(elements) => Err(Self { shape, elements }),
        }
    }

    /// Whether nothing else shares its elements.
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.elements) == 1
    }

    /// Whether both are names of the same elements.
    pub(crate) fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.elements, &other.elements)
    }

    /// Its element type and shape.
    pub fn type_of(&self) -> Type {
        Type { dtype: self.elements().dtype(), shape: self.shape.clone() }
    }

    /// Its axes, outermost first.
    pub fn shape(&self) -> &[u32] {
        &self.shape
    }

    /// The elements, of whichever type.
    pub fn elements(&self) -> &Elements {
        &self.elements.elements
    }

    /// The elements as f32; of another type, none.
    pub fn floats(&self) -> &[f32] {
        f32::of(self.elements())
    }

    /// The elements as u32; of another type, none.
    pub fn integers(&self) -> &[u32] {
        u32::of(self.elements())
    }

    /// The elements as i8; of another type, none.
    pub fn bytes(&self) -> &[i8] {
        i8::of(self.elements())
    }

    /// The elements' bytes, little-endian: where the machine is, they themselves.
    pub fn to_le_bytes(&self) -> Cow<'_, [u8]> {
        self.elements().to_le_bytes()
    }

    /// The bits of the only element of a scalar; those of a small type fill the low end.
    pub fn scalar_bits(&self) -> u32 {
        match self.elements() {
            Elements::F32(values) => values[0].to_bits(),
            Elements::U32(values) => values[0],
            Elements::I8(values) => values[0] as u32,
            Elements::I32(values) => values[0] as u32,
            Elements::Bf16(values) => u32::from(values[0]),
        }
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        let same_bits = match (self.elements(), other.elements()) {
            (Elements::F32(a), Elements::F32(b)) => a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits()),
            (Elements::U32(a), Elements::U32(b)) => a == b,
            (Elements::I8(a), Elements::I8(b)) => a == b,
            (Elements::I32(a), Elements::I32(b)) => a == b,
            (Elements::Bf16(a), Elements::Bf16(b)) => a == b,
            _ => false,
        };
        same_bits && self.shape == other.shape
    }
}

impl Eq for Tensor {}
