//! Layers: what networks are made of, composed of instructions.
//!
//! Owns compositions only. Each appends instructions to a [`Draft`] and returns the values that it makes; its gradient is
//! that of its instructions, and its bits are theirs. Weights are values like any other: who makes them, a state or an
//! input, is the caller's. Sizes are checked by the instructions; what they cannot see is refused as `Layer`.
//!
//! A step of training, as a program:
//!
//! ```
//! use cairn_kernels::exec::{Executor, Tensor};
//! use cairn_kernels::program::layers::{Affine, cross_entropy, gelu, linear};
//! use cairn_kernels::program::{Draft, Dtype, Op, gradient};
//!
//! let mut draft = Draft::new();
//! let x = draft.push(Op::Input { slot: 0, dtype: Dtype::F32, shape: vec![2, 3] })?;
//! let labels = draft.push(Op::Input { slot: 1, dtype: Dtype::U32, shape: vec![2] })?;
//! let weight = draft.push(Op::State { tensor: 0, shape: vec![3, 4] })?;
//! let hidden = linear(&mut draft, x, Affine { weight, bias: None })?;
//! let logits = gelu(&mut draft, hidden)?;
//! let loss = cross_entropy(&mut draft, logits, labels)?;
//! let slope = gradient(&mut draft, loss, &[weight])?[0];
//! let velocity = slope;
//! let after = draft.push(Op::Descend { parameter: weight, velocity, rate: 0.1f32.to_bits() })?;
//! let program = draft.finish(vec![after, loss])?;
//!
//! let state = [Tensor::f32(&[3, 4], vec![0.5; 12])];
//! let batch = [Tensor::f32(&[2, 3], vec![1.0, 2.0, 3.0, -1.0, 0.0, 1.0]), Tensor::u32(&[2], vec![3, 0])];
//! let results = Executor::fast(2).execute(&program, &state, &batch)?;
//! assert_eq!(results, Executor::reference().execute(&program, &state, &batch)?);
//! assert!(program.peak_bytes() < 1_000);
//! # Ok::<(), cairn_kernels::Error>(())
//! ```

mod activation;
mod attention;
mod dense;
mod dropout;
mod loss;
mod norm;
mod recurrent;

pub use activation::{gelu, relu, sigmoid, silu, tanh};
pub use attention::{Projections, attention, causal_mask, multi_head_attention};
pub use dense::{Affine, conv2d, linear};
pub use dropout::{Randomness, dropout};
pub use loss::{cross_entropy, mean_squared_error};
pub use norm::{layer_norm, log_softmax, rms_norm, softmax};
pub use recurrent::{LstmState, LstmWeights, lstm_cell};

use super::{Draft, Id};
use crate::error::ProgramError;

/// The value that a layer makes.
pub type Made = Result<Id, ProgramError>;

/// The shape of a value of at least one axis.
fn axes(draft: &Draft, layer: &'static str, x: Id) -> Result<Vec<u32>, ProgramError> {
    let found = draft.type_of(x);
    if found.shape.is_empty() {
        return Err(ProgramError::Layer { layer, reason: format!("value {x} is {found}, at least one axis is wanted") });
    }
    Ok(found.shape.clone())
}
