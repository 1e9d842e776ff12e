//! The deterministic encoder: serde values straight to bytes, with map entries sorted by their encoded keys.
//!
//! Owns heads, order and the refusal of what the model lacks. Enums are externally tagged, as in ciborium, which reads them.

use crate::codec::CodecError;
use crate::limits::{DEPTH, INTEGER_MAX};
use serde::ser::{self, Serialize};
use std::fmt::Display;

pub(super) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut encoder = Encoder { out: Vec::with_capacity(256), depth: 0 };
    value.serialize(&mut encoder)?;
    Ok(encoder.out)
}

impl ser::Error for CodecError {
    fn custom<T: Display>(reason: T) -> Self {
        CodecError::Schema(reason.to_string())
    }
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

struct Encoder {
    out: Vec<u8>,
    depth: usize,
}

impl Encoder {
    fn head(&mut self, major: u8, argument: u64) {
        let (head, length) = head(major, argument);
        self.out.extend_from_slice(&head[..length]);
    }

    /// An integer of the shared model: within ±(2^53 − 1).
    fn integer(&mut self, major: u8, argument: u64) -> Result<(), CodecError> {
        if argument > INTEGER_MAX - u64::from(major) {
            return Err(CodecError::Integer(self.out.len()));
        }
        self.head(major, argument);
        Ok(())
    }

    fn string(&mut self, major: u8, bytes: &[u8]) {
        self.head(major, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn enter(&mut self) -> Result<(), CodecError> {
        if self.depth >= DEPTH {
            return Err(CodecError::Depth(self.out.len()));
        }
        self.depth += 1;
        Ok(())
    }

    fn array(&mut self) -> Result<Array<'_>, CodecError> {
        self.enter()?;
        Ok(Array { start: self.out.len(), items: 0, wrapped: false, encoder: self })
    }

    fn map(&mut self) -> Result<Map<'_>, CodecError> {
        self.enter()?;
        Ok(Map { start: self.out.len(), entries: Vec::new(), wrapped: false, encoder: self })
    }

    /// Begins `{variant: …}`, the form of an enum variant with contents.
    fn variant(&mut self, variant: &str) -> Result<(), CodecError> {
        self.enter()?;
        self.head(MAP, 1);
        self.string(TEXT, variant.as_bytes());
        Ok(())
    }
}

/// A head in its shortest form: the bytes, and how many of them count.
fn head(major: u8, argument: u64) -> ([u8; 9], usize) {
    let (info, width) = match argument {
        0..=23 => (argument as u8, 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    let mut head = [0; 9];
    head[0] = major << 5 | info;
    head[1..=width].copy_from_slice(&argument.to_be_bytes()[8 - width..]);
    (head, 1 + width)
}

/// An array whose items are being written; the head is put before them at the end, when their number is known.
struct Array<'a> {
    encoder: &'a mut Encoder,
    start: usize,
    items: u64,
    wrapped: bool,
}

impl Array<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), CodecError> {
        self.items += 1;
        item.serialize(&mut *self.encoder)
    }

    fn finish(self) {
        let (head, length) = head(ARRAY, self.items);
        self.encoder.out.splice(self.start..self.start, head[..length].iter().copied());
        self.encoder.depth -= 1 + usize::from(self.wrapped);
    }
}

/// One encoded entry of a map: where its key and its value begin, and where it ends.
struct Entry {
    key: usize,
    value: usize,
    end: usize,
}

/// A map whose entries are written as they come and put in order at the end.
struct Map<'a> {
    encoder: &'a mut Encoder,
    start: usize,
    entries: Vec<Entry>,
    wrapped: bool,
}

impl Map<'_> {
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        let at = self.encoder.out.len();
        key.serialize(&mut *self.encoder)?;
        let value = self.encoder.out.len();
        self.entries.push(Entry { key: at, value, end: value });
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        value.serialize(&mut *self.encoder)?;
        if let Some(entry) = self.entries.last_mut() {
            entry.end = self.encoder.out.len();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), CodecError> {
        let out = &mut self.encoder.out;
        let key = |entry: &Entry| &out[entry.key..entry.value];
        self.entries.sort_by(|a, b| key(a).cmp(key(b)));
        if let Some(twice) = self.entries.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
            return Err(CodecError::DuplicateKey(twice[1].key));
        }
        let (head, length) = head(MAP, self.entries.len() as u64);
        let mut sorted = Vec::with_capacity(length + out.len() - self.start);
        sorted.extend_from_slice(&head[..length]);
        self.entries.iter().for_each(|entry| sorted.extend_from_slice(&out[entry.key..entry.end]));
        out.truncate(self.start);
        out.append(&mut sorted);
        self.encoder.depth -= 1 + usize::from(self.wrapped);
        Ok(())
    }
}

impl<'a> ser::Serializer for &'a mut Encoder {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Array<'a>;
    type SerializeMap = Map<'a>;
    type SerializeStruct = Map<'a>;
    type SerializeStructVariant = Map<'a>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), CodecError> {
        self.out.push(if value { 0xf5 } else { 0xf4 });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), CodecError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), CodecError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), CodecError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), CodecError> {
        // CBOR writes −1 − n as n, which is the complement.
        if value < 0 { self.integer(NEGATIVE, !value as u64) } else { self.integer(UNSIGNED, value as u64) }
    }

    fn serialize_u8(self, value: u8) -> Result<(), CodecError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), CodecError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), CodecError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), CodecError> {
        self.integer(UNSIGNED, value)
    }

    fn serialize_f32(self, _: f32) -> Result<(), CodecError> {
        Err(CodecError::Float(self.out.len()))
    }

    fn serialize_f64(self, _: f64) -> Result<(), CodecError> {
        Err(CodecError::Float(self.out.len()))
    }

    fn serialize_char(self, value: char) -> Result<(), CodecError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), CodecError> {
        self.string(TEXT, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CodecError> {
        self.string(BYTES, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CodecError> {
        Err(CodecError::Null(self.out.len()))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CodecError> {
        Err(CodecError::Null(self.out.len()))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CodecError> {
        Err(CodecError::Null(self.out.len()))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), CodecError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), CodecError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'a>, CodecError> {
        self.array()
    }

    fn serialize_tuple(self, _: usize) -> Result<Array<'a>, CodecError> {
        self.array()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array<'a>, CodecError> {
        self.array()
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Array<'a>, CodecError> {
        self.variant(variant)?;
        Ok(Array { wrapped: true, ..self.array()? })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map<'a>, CodecError> {
        self.map()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Map<'a>, CodecError> {
        self.map()
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Map<'a>, CodecError> {
        self.variant(variant)?;
        Ok(Map { wrapped: true, ..self.map()? })
    }
}

/// serde knows one trait per kind of sequence; here they are all the same array.
macro_rules! arrays {
    ($($kind:ident $write:ident),+) => {$(
        impl ser::$kind for Array<'_> {
            type Ok = ();
            type Error = CodecError;

            fn $write<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), CodecError> {
                self.item(item)
            }

            fn end(self) -> Result<(), CodecError> {
                self.finish();
                Ok(())
            }
        }
    )+};
}

arrays!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

impl ser::SerializeMap for Map<'_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.value(value)
    }

    fn end(self) -> Result<(), CodecError> {
        self.finish()
    }
}

/// Structs, and variants with fields: the same map, keyed by field names.
macro_rules! structs {
    ($($kind:ident),+) => {$(
        impl ser::$kind for Map<'_> {
            type Ok = ();
            type Error = CodecError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), CodecError> {
                self.key(name)?;
                self.value(value)
            }

            fn end(self) -> Result<(), CodecError> {
                self.finish()
            }
        }
    )+};
}

structs!(SerializeStruct, SerializeStructVariant);
