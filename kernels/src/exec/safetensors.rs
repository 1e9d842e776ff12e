//! Tensor files in the safetensors format (<https://github.com/huggingface/safetensors>): named tensors in, named tensors out.
//!
//! Owns which of its element types this crate has, and the limits of a file. Refuses the others, and files that are beyond the limits of
//! a program. A state's own bytes are stricter (`trace::State`): of those there is one spelling.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tensor::{Elements, Tensor};
use crate::contract::scalar::stored;
use crate::error::KernelError;
use crate::program::{Dtype, limits};

/// Bytes of one file: as many as a program may hold.
pub const FILE_BYTES: u64 = limits::BYTES;
/// Tensors of one file.
pub const TENSORS: usize = limits::INSTRUCTIONS;
/// Bytes of a header: some hundreds for each tensor.
const HEADER_BYTES: u64 = 8 << 20;
/// The header's entry that is no tensor.
const METADATA: &str = "__metadata__";

/// A tensor as the header has it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    /// Begin and end among the bytes behind the header.
    data_offsets: [u64; 2],
}

/// Reads a file: f32, u32, i8, i32 and bf16 tensors by their names. A NaN becomes the contract's one NaN.
///
/// Errors: no safetensors file; another element type; an i8 of −128; a tensor of more axes or elements than a program takes, or of
/// none; more than [`FILE_BYTES`] or [`TENSORS`].
///
/// ```
/// use std::collections::BTreeMap;
/// use cairn_kernels::exec::{Tensor, safetensors};
///
/// let tensors = BTreeMap::from([("layer.weight".to_owned(), Tensor::f32(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]))]);
/// let file = safetensors::write(&tensors)?;
/// assert_eq!(safetensors::read(&file)?, tensors);
/// # Ok::<(), cairn_kernels::Error>(())
/// ```
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, KernelError> {
    if bytes.len() as u64 > FILE_BYTES {
        return Err(refused(format!("{} bytes, at most {FILE_BYTES} are taken", bytes.len())));
    }
    let (entries, data) = parts(bytes).map_err(refused)?;
    let mut tensors = BTreeMap::new();
    for (name, entry) in entries {
        let [begin, end] = entry.data_offsets.map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        let tensor = data.get(begin..end).ok_or("its bytes are not in the file".to_owned()).and_then(|bytes| tensor(&entry, bytes));
        tensors.insert(name.clone(), tensor.map_err(|reason| refused(format!("tensor {name:?}: {reason}")))?);
    }
    Ok(tensors)
}

/// The file of these tensors: the same tensors give the same bytes.
///
/// Errors: more than [`FILE_BYTES`] or [`TENSORS`].
pub fn write(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, KernelError> {
    let bytes: u64 = tensors.values().map(|tensor| tensor.type_of().bytes()).sum();
    if bytes > FILE_BYTES || tensors.len() > TENSORS {
        return Err(refused(format!("{} tensors of {bytes} bytes, at most {TENSORS} of {FILE_BYTES} are written", tensors.len())));
    }
    let mut end = 0;
    let mut entry = |tensor: &Tensor| {
        let begin = end;
        end += tensor.type_of().bytes();
        let shape = tensor.shape().iter().map(|&n| u64::from(n)).collect();
        Entry { dtype: name(tensor.elements().dtype()).to_owned(), shape, data_offsets: [begin, end] }
    };
    let entries: BTreeMap<&String, Entry> = tensors.iter().map(|(name, tensor)| (name, entry(tensor))).collect();
    let mut header = serde_json::to_vec(&entries).map_err(|error| refused(error.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = [&(header.len() as u64).to_le_bytes()[..], &header].concat();
    tensors.values().for_each(|tensor| file.extend_from_slice(&tensor.to_le_bytes()));
    Ok(file)
}

/// The header's tensors, and the bytes behind it, each of which belongs to one of them.
fn parts(bytes: &[u8]) -> Result<(BTreeMap<String, Entry>, &[u8]), String> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or("it ends before its header's length")?;
    let length = Some(u64::from_le_bytes(*length)).filter(|&length| length <= HEADER_BYTES);
    let header = length.and_then(|length| rest.split_at_checked(length as usize));
    let (header, data) = header.ok_or_else(|| format!("its header is not whole, or larger than {HEADER_BYTES} bytes"))?;
    let mut values: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    values.remove(METADATA);
    if values.len() > TENSORS {
        return Err(format!("{} tensors, at most {TENSORS} are taken", values.len()));
    }
    let mut entries = BTreeMap::new();
    for (name, value) in values {
        let entry: Entry = serde_json::from_value(value).map_err(|error| format!("tensor {name:?}: {error}"))?;
        entries.insert(name, entry);
    }
    let mut spans: Vec<[u64; 2]> = entries.values().map(|entry| entry.data_offsets).collect();
    spans.sort_unstable();
    let mut end = 0;
    for [begin, next] in spans {
        if begin != end || next < begin {
            return Err(format!("its bytes from {} on belong to no tensor or to two", end.min(begin)));
        }
        end = next;
    }
    if end != data.len() as u64 {
        return Err(format!("{} bytes behind the header, its tensors have {end}", data.len()));
    }
    Ok((entries, data))
}

fn tensor(entry: &Entry, bytes: &[u8]) -> Result<Tensor, String> {
    let count = entry.shape.iter().fold(1u64, |product, &n| product.saturating_mul(n));
    let shape: Vec<u32> = entry.shape.iter().map_while(|&n| u32::try_from(n).ok()).collect();
    if shape.len() != entry.shape.len() || shape.len() > limits::AXES || count > limits::ELEMENTS || count == 0 {
        let taken = format!("1 to {} elements on at most {} axes are taken", limits::ELEMENTS, limits::AXES);
        return Err(format!("{:?}: {taken}", entry.shape));
    }
    let dtype = Dtype::ALL.iter().copied().find(|&dtype| name(dtype) == entry.dtype);
    let dtype = dtype.ok_or_else(|| format!("its elements are {:?}: F32, U32, I32, I8 or BF16 is wanted", entry.dtype))?;
    if bytes.len() as u64 != count * dtype.size() {
        return Err(format!("{} bytes for {count} elements", bytes.len()));
    }
    Ok(Tensor::of(&shape, elements(dtype, bytes)?))
}

fn elements(dtype: Dtype, bytes: &[u8]) -> Result<Elements, String> {
    let words = || bytes.as_chunks::<4>().0.iter();
    Ok(match dtype {
        Dtype::F32 => Elements::F32(words().map(|&word| stored(f32::from_le_bytes(word))).collect()),
        Dtype::U32 => Elements::U32(words().map(|&word| u32::from_le_bytes(word)).collect()),
        Dtype::I32 => Elements::I32(words().map(|&word| i32::from_le_bytes(word)).collect()),
        Dtype::Bf16 => Elements::Bf16(bytes.as_chunks::<2>().0.iter().map(|&half| one_nan(u16::from_le_bytes(half))).collect()),
        Dtype::I8 => {
            let small: Vec<i8> = bytes.iter().map(|&byte| byte.cast_signed()).collect();
            if small.contains(&i8::MIN) {
                return Err("it has a −128, which no i8 here is".to_owned());
            }
            Elements::I8(small)
        }
    })
}

/// A bf16's bits with the one NaN.
fn one_nan(half: u16) -> u16 {
    if half & 0x7FFF > 0x7F80 { 0x7FC0 } else { half }
}

/// The format's name of an element type.
fn name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "F32",
        Dtype::U32 => "U32",
        Dtype::I8 => "I8",
        Dtype::I32 => "I32",
        Dtype::Bf16 => "BF16",
    }
}

fn refused(reason: String) -> KernelError {
    KernelError::Bytes { subject: "safetensors", reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn every_type_comes_back() {
        let tensors = BTreeMap::from([
            ("a".to_owned(), Tensor::f32(&[2], vec![-0.0, f32::INFINITY])),
            ("b".to_owned(), Tensor::u32(&[1, 3], vec![1, 2, u32::MAX])),
            ("c".to_owned(), Tensor::of(&[], Elements::I32(vec![-7]))),
            ("d".to_owned(), Tensor::of(&[3], Elements::I8(vec![-127, 0, 127]))),
            ("e".to_owned(), Tensor::of(&[2], Elements::Bf16(vec![0x3F80, 0x8000]))),
        ]);
        let bytes = write(&tensors).unwrap();
        assert_eq!(read(&bytes).unwrap(), tensors);
        let read = candle_core::safetensors::load_buffer(
            &write(&BTreeMap::from([tensors.into_iter().next().unwrap()])).unwrap(),
            &candle_core::Device::Cpu,
        );
        assert_eq!(read.unwrap()["a"].dims(), [2]);
        for end in 0..bytes.len() {
            assert!(super::read(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn what_is_no_tensor_here_is_refused_by_name() {
        let table = [
            (r#"{"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#, &[0; 8][..], "tensor \"x\": its elements are \"F64\""),
            (r#"{"x":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#, &[0x80], "tensor \"x\": it has a −128"),
            (r#"{"x":{"dtype":"F32","shape":[1,1,1,1,1],"data_offsets":[0,4]}}"#, &[0; 4], "tensor \"x\": [1, 1, 1, 1, 1]"),
            (r#"{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#, &[], "tensor \"x\": [0]"),
            (r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, &[0; 8], "8 bytes behind the header, its tensors have 4"),
            (r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, &[0; 8], "its bytes from 0 on"),
            (r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, &[0; 4], "tensor \"x\": 4 bytes for 2 elements"),
            (r#"{"x":{"dtype":"F32","shape":[1],"offsets":[0,4]}}"#, &[0; 4], "tensor \"x\": unknown field"),
        ];
        for (header, data, wanted) in table {
            let error = read(&file(header, data)).unwrap_err();
            assert_eq!(error.code(), "CRN-2403");
            assert!(error.to_string().starts_with(&format!("safetensors bytes: {wanted}")), "{error}");
        }
        let nan = file(r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, &0xFFC0_1234u32.to_le_bytes());
        assert_eq!(read(&nan).unwrap()["x"].scalar_bits(), 0x7FC0_0000);
    }
}
