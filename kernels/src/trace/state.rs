//! The state of training: parameters, then what the optimiser keeps.
//!
//! Owns its first value, its root and its bytes. The bytes are a safetensors file (header length u64 little-endian, JSON
//! header, elements), with the one header that the model gives, so that any tool reads a result and no two texts mean it.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::initial;
use super::merkle::{self, Digest};
use crate::bml::{Model, Variable};
use crate::contract::scalar::NAN;
use crate::error::KernelError;
use crate::exec::Tensor;
use crate::program::Type;

/// A model's tensors, in the order of their ids.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    model: Arc<Model>,
    tensors: Vec<Tensor>,
}

impl State {
    /// The state that round 0 starts from: what the model says of each tensor, drawn from the job's `seed`.
    pub fn initial(model: &Arc<Model>, seed: u64) -> Self {
        let tensors = (0u32..).zip(model.variables()).map(|(id, variable)| initial::tensor(seed, id, variable)).collect();
        Self { model: Arc::clone(model), tensors }
    }

    /// A state with these parameters and an optimiser that has seen nothing: where each round starts.
    pub fn at_rest(model: &Arc<Model>, mut parameters: Vec<Tensor>) -> Self {
        let rest = (0u32..).zip(model.variables()).skip(parameters.len());
        parameters.extend(rest.map(|(id, variable)| initial::tensor(0, id, variable)));
        Self { model: Arc::clone(model), tensors: parameters }
    }

    /// A state whose parameters are those of a file by their names, as [`crate::exec::safetensors::read`] reads it, and whose
    /// optimiser has seen nothing. Other tensors of the file are passed over.
    ///
    /// Errors: a parameter that is missing, or of another type.
    pub fn from_named(model: &Arc<Model>, named: &BTreeMap<String, Tensor>) -> Result<Self, KernelError> {
        let mut parameters = vec![];
        for (index, Variable { name, of, .. }) in (0..).zip(model.parameters()) {
            let found = named.get(name).filter(|tensor| tensor.type_of() == *of);
            let refused = || {
                let found = named.get(name).map_or("missing".to_owned(), |tensor| tensor.type_of().to_string());
                KernelError::Argument { subject: "parameter", index, found, wanted: format!("{of} as {name:?}") }
            };
            parameters.push(found.ok_or_else(refused)?.clone());
        }
        Ok(Self::at_rest(model, parameters))
    }

    /// A state of these tensors.
    ///
    /// Errors: other types than the model's.
    pub fn of(model: &Arc<Model>, tensors: Vec<Tensor>) -> Result<Self, KernelError> {
        let refuse = |index: usize, found: String, wanted: String| {
            Err(KernelError::Argument { subject: "state tensor", index: index as u32, found, wanted })
        };
        for (index, variable) in model.variables().iter().enumerate() {
            match tensors.get(index).map(Tensor::type_of) {
                Some(found) if found == variable.of => {}
                Some(found) => return refuse(index, found.to_string(), variable.of.to_string()),
                None => return refuse(index, "missing".to_owned(), variable.of.to_string()),
            }
        }
        match tensors.get(model.variables().len()) {
            Some(more) => refuse(model.variables().len(), more.type_of().to_string(), "no more".to_owned()),
            None => Ok(Self { model: Arc::clone(model), tensors }),
        }
    }

    /// The model that it is of.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// All tensors, by id.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The parameters, by id.
    pub fn parameters(&self) -> &[Tensor] {
        &self.tensors[..self.model.parameters().len()]
    }

    /// Whether its tensors are those of `model`.
    pub fn is_of(&self, model: &Model) -> bool {
        self.model.variables() == model.variables()
    }

    /// Tree over tensors; a leaf is id, dtype, number of axes, axes (u32 little-endian each) and BLAKE3 of the elements.
    pub fn root(&self) -> Digest {
        let elements: Vec<[u8; 32]> = self.tensors.iter().map(|tensor| blake3::hash(&tensor.to_le_bytes()).into()).collect();
        self.root_over(&elements)
    }

    /// The root from the BLAKE3 of each tensor's elements, which whoever computed them may have computed too.
    pub(super) fn root_over(&self, elements: &[[u8; 32]]) -> Digest {
        let leaves: Vec<Digest> =
            (0u32..).zip(&self.tensors).zip(elements).map(|((id, tensor), hash)| tensor_leaf(id, tensor, hash)).collect();
        merkle::root(&leaves)
    }

    /// The state as a safetensors file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = header(&self.model);
        bytes.reserve_exact(self.model.state_bytes() as usize);
        self.tensors.iter().for_each(|tensor| bytes.extend_from_slice(&tensor.to_le_bytes()));
        bytes
    }

    /// Reads what `to_bytes` writes for a state of `model`. Another header, another length, and a NaN that is not the one
    /// NaN are refused.
    pub fn from_bytes(model: &Arc<Model>, bytes: &[u8]) -> Result<Self, KernelError> {
        let refuse = |reason: String| KernelError::Bytes { subject: "state", reason };
        let mut rest = bytes.strip_prefix(&header(model)[..]).ok_or_else(|| refuse("the header is not this model's".to_owned()))?;
        if rest.len() as u64 != model.state_bytes() {
            return Err(refuse(format!("{} bytes of elements, {} are wanted", rest.len(), model.state_bytes())));
        }
        let mut tensors = vec![];
        for (id, of) in model.variables().iter().map(|variable| &variable.of).enumerate() {
            let (mine, others) = rest.split_at(of.bytes() as usize);
            let (words, _) = mine.as_chunks::<4>();
            let elements: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
            if let Some(at) = elements.iter().position(|x| x.is_nan() && x.to_bits() != NAN.to_bits()) {
                return Err(refuse(format!("element {at} of tensor {id} is a NaN other than 0x7fc00000")));
            }
            tensors.push(Tensor::f32(&of.shape, elements));
            rest = others;
        }
        Ok(Self { model: Arc::clone(model), tensors })
    }
}

fn tensor_leaf(id: u32, tensor: &Tensor, elements: &[u8; 32]) -> Digest {
    let of = tensor.type_of();
    let mut hash = Sha256::new_with_prefix([merkle::LEAF]);
    for word in [id, of.dtype as u32, of.shape.len() as u32].iter().chain(&of.shape) {
        hash.update(word.to_le_bytes());
    }
    hash.update(elements);
    hash.finalize().into()
}

/// Length and JSON of a safetensors header, padded with spaces to eight bytes as its format asks.
fn header(model: &Model) -> Vec<u8> {
    let mut entries = vec![];
    let mut offset = 0;
    for variable in model.variables() {
        let Type { shape, .. } = &variable.of;
        let next = offset + variable.of.bytes();
        let shape = shape.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        entries.push(format!("\"{}\":{{\"dtype\":\"F32\",\"shape\":[{shape}],\"data_offsets\":[{offset},{next}]}}", variable.name));
        offset = next;
    }
    let json = format!("{{{}}}", entries.join(","));
    let padded = json.len().next_multiple_of(8);
    [&(padded as u64).to_le_bytes()[..], format!("{json:padded$}").as_bytes()].concat()
}
