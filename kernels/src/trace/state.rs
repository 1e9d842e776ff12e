//! The state of training: parameters, then a velocity for each.
//!
//! Owns its first value, its root and its bytes. The bytes are a safetensors file (header length u64 little-endian, JSON
//! header, elements), with the one header that the model gives, so that any tool reads a result and no two texts mean it.

use sha2::{Digest as _, Sha256};

use super::merkle::{self, Digest};
use crate::bml::{Job, Model};
use crate::contract::philox::{Site, symmetric, word};
use crate::contract::scalar::{NAN, sqrt};
use crate::error::KernelError;
use crate::exec::Tensor;
use crate::program::Type;

/// Parameters and velocities, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    tensors: Vec<Tensor>,
}

impl State {
    /// The state that round 0 starts from: weights He-uniform (He et al. 2015: limit √(6 ÷ inputs)), all else +0.
    ///
    /// Element e of tensor t is symmetric(word e of sample t) × limit, one rounding.
    pub fn initial(job: &Job) -> Self {
        let model = Model::of(&job.model);
        let parameters = (0u32..).zip(model.parameters()).map(|(tensor, of)| match of.shape[..] {
            [inputs, _] => he_uniform(job.train.seed, tensor, of, inputs),
            _ => Tensor::zeros(&of.shape),
        });
        Self::at_rest(parameters.collect())
    }

    /// A state with these parameters and zero velocities: where each round starts.
    pub fn at_rest(parameters: Vec<Tensor>) -> Self {
        let velocities: Vec<Tensor> = parameters.iter().map(|of| Tensor::zeros(of.shape())).collect();
        Self { tensors: [parameters, velocities].concat() }
    }

    /// A state of these tensors, which a program's check has found to be alike.
    pub(super) fn of(tensors: Vec<Tensor>) -> Self {
        Self { tensors }
    }

    /// All tensors, by id.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The parameters, by id.
    pub fn parameters(&self) -> &[Tensor] {
        &self.tensors[..self.tensors.len() / 2]
    }

    /// Whether its tensors are those of `model`.
    pub fn is_of(&self, model: &Model) -> bool {
        self.tensors.iter().map(Tensor::type_of).eq(model.tensors().cloned())
    }

    /// Tree over tensors; a leaf is id, dtype, number of axes, axes (u32 little-endian each) and BLAKE3 of the elements.
    pub fn root(&self) -> Digest {
        let leaves: Vec<Digest> = (0u32..).zip(&self.tensors).map(|(id, tensor)| tensor_leaf(id, tensor)).collect();
        merkle::root(&leaves)
    }

    /// The state as a safetensors file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let types: Vec<Type> = self.tensors.iter().map(Tensor::type_of).collect();
        let mut bytes = header(&types);
        self.tensors.iter().for_each(|tensor| bytes.extend_from_slice(&tensor.to_le_bytes()));
        bytes
    }

    /// Reads what `to_bytes` writes for a state of `model`. Another header, another length, and a NaN that is not the one
    /// NaN are refused.
    pub fn from_bytes(model: &Model, bytes: &[u8]) -> Result<Self, KernelError> {
        let refuse = |reason: String| KernelError::Bytes { subject: "state", reason };
        let types: Vec<Type> = model.tensors().cloned().collect();
        let mut rest = bytes.strip_prefix(&header(&types)[..]).ok_or_else(|| refuse("the header is not this model's".to_owned()))?;
        if rest.len() as u64 != model.state_bytes() {
            return Err(refuse(format!("{} bytes of elements, {} are wanted", rest.len(), model.state_bytes())));
        }
        let mut tensors = vec![];
        for (id, of) in types.iter().enumerate() {
            let (mine, others) = rest.split_at(of.bytes() as usize);
            let (words, _) = mine.as_chunks::<4>();
            let elements: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
            if let Some(at) = elements.iter().position(|x| x.is_nan() && x.to_bits() != NAN.to_bits()) {
                return Err(refuse(format!("element {at} of tensor {id} is a NaN other than 0x7fc00000")));
            }
            tensors.push(Tensor::f32(&of.shape, elements));
            rest = others;
        }
        Ok(Self { tensors })
    }
}

fn he_uniform(seed: u64, tensor: u32, of: &Type, inputs: u32) -> Tensor {
    let limit = sqrt(6.0 / inputs as f32);
    let element = |e| symmetric(word(seed, e, tensor, Site::Initialise, 0)) * limit;
    Tensor::f32(&of.shape, (0..of.elements() as u32).map(element).collect())
}

fn tensor_leaf(id: u32, tensor: &Tensor) -> Digest {
    let of = tensor.type_of();
    let mut hash = Sha256::new_with_prefix([merkle::LEAF]);
    for word in [id, of.dtype as u32, of.shape.len() as u32].iter().chain(&of.shape) {
        hash.update(word.to_le_bytes());
    }
    hash.update(blake3::hash(&tensor.to_le_bytes()).as_bytes());
    hash.finalize().into()
}

/// Length and JSON of a safetensors header, padded with spaces to eight bytes as its format asks.
fn header(types: &[Type]) -> Vec<u8> {
    let mut entries = vec![];
    let mut offset = 0;
    for (id, of) in types.iter().enumerate() {
        let next = offset + of.bytes();
        entries.push(
            format!("\"{}\":{{\"dtype\":\"F32\",\"shape\":{:?},\"data_offsets\":[{offset},{next}]}}", name(id, types.len() / 2), of.shape)
                .replace(' ', ""),
        );
        offset = next;
    }
    let json = format!("{{{}}}", entries.join(","));
    let padded = json.len().next_multiple_of(8);
    [&(padded as u64).to_le_bytes()[..], format!("{json:padded$}").as_bytes()].concat()
}

fn name(id: usize, parameters: usize) -> String {
    let (prefix, id) = if id < parameters { ("", id) } else { ("velocity.", id - parameters) };
    format!("{prefix}layers.{}.{}", id / 2, ["weight", "bias"][id % 2])
}
