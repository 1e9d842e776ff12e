//! A data set as one blob: what a worker far away fetches.
//!
//! Owns the layouts, one for each magic of four bytes; a changed layout gets another magic. Integers and floats are
//! little-endian. Refuses bytes that `to_bytes` would not write, before anything of their size is allocated.
//!
//! | magic | then, u32 each | then |
//! |---|---|---|
//! | `CRND` | values, train, test | a label's byte for each record; a byte for each value |
//! | `CRNF` | values, train, test | a label's byte for each record; an f32 for each value |
//! | `CRNT` | context, train, test | a byte for each token |
//! | `CRNC` | context, train, test, characters | each character as u32, ascending; a u16 for each token |

use super::set::{Content, DataSet};
use super::table::{Table, Values};
use super::text::{Text, Tokens};
use crate::bml::{Job, limits};
use crate::error::DataError;

const BYTES: &[u8; 4] = b"CRND";
const FLOATS: &[u8; 4] = b"CRNF";
const TEXT: &[u8; 4] = b"CRNT";
const CHARACTERS: &[u8; 4] = b"CRNC";

impl DataSet {
    /// The data set as one blob.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = |magic: &[u8; 4], width: u32| [&magic[..], &[width, self.train(), self.test()].map(u32::to_le_bytes).concat()].concat();
        match &self.content {
            Content::Table(table) => match &table.values {
                Values::Bytes(values) => [head(BYTES, table.width()), table.labels.clone(), values.clone()].concat(),
                Values::Floats(values) => {
                    let values = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                    [head(FLOATS, table.width()), table.labels.clone(), values].concat()
                }
            },
            Content::Text(text) => match &text.tokens {
                Tokens::Bytes(tokens) => [head(TEXT, text.context()), tokens.clone()].concat(),
                Tokens::Characters { vocabulary, tokens } => {
                    let mut bytes = head(CHARACTERS, text.context());
                    bytes.extend((vocabulary.len() as u32).to_le_bytes());
                    bytes.extend(vocabulary.iter().flat_map(|&character| u32::from(character).to_le_bytes()));
                    bytes.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
                    bytes
                }
            },
        }
    }

    /// Reads what `to_bytes` writes, and checks it against the job as [`DataSet::check`] does.
    pub fn from_bytes(job: &Job, bytes: &[u8]) -> Result<Self, DataError> {
        let set = Self::unchecked(bytes)?;
        set.check(job)?;
        Ok(set)
    }

    /// The set of a blob, for whichever job.
    pub(super) fn unchecked(bytes: &[u8]) -> Result<Self, DataError> {
        let mut reader = Reader { bytes, at: 0 };
        let magic = reader.array::<4>()?;
        let [width, train, test] = [reader.word()?, reader.word()?, reader.word()?];
        if width == 0 || width > limits::WIDTH || train.max(test) > limits::RECORDS {
            return reader.refuse("its counts are out of range");
        }
        let records = (train + test) as usize;
        let content = match &magic {
            BYTES | FLOATS => Content::Table(reader.table(&magic == FLOATS, width, records)?),
            TEXT | CHARACTERS => Content::Text(reader.text(&magic == CHARACTERS, width, records)?),
            _ => return Reader { bytes, at: 0 }.refuse("it begins with none of CRND, CRNF, CRNT and CRNC"),
        };
        Ok(Self::counted(content, train, test))
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn refuse<T>(&self, reason: &'static str) -> Result<T, DataError> {
        Err(DataError::Blob { at: self.at, reason })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DataError> {
        match self.bytes[self.at..].get(..count) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => self.refuse("it ends early"),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DataError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn word(&mut self) -> Result<u32, DataError> {
        self.array().map(u32::from_le_bytes)
    }

    fn ended(&self) -> Result<(), DataError> {
        if self.at == self.bytes.len() { Ok(()) } else { self.refuse("bytes follow its end") }
    }

    fn table(&mut self, floats: bool, width: u32, records: usize) -> Result<Table, DataError> {
        let labels = self.take(records)?;
        let size = width as usize * if floats { 4 } else { 1 };
        let values = self.take(records * size)?;
        self.ended()?;
        let mut table = Table::of_width(width);
        for (record, &label) in values.chunks_exact(size).zip(labels) {
            if !floats {
                table.push_bytes(record, label);
                continue;
            }
            let (words, _) = record.as_chunks::<4>();
            let record: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
            if !record.iter().all(|value| value.is_finite()) {
                return self.refuse("a value is no finite number");
            }
            table.push_floats(&record, label);
        }
        Ok(table)
    }

    fn text(&mut self, characters: bool, context: u32, records: usize) -> Result<Text, DataError> {
        let count = records * context as usize + 1;
        if !characters {
            let tokens = self.take(count)?.to_vec();
            self.ended()?;
            return Ok(Text::of(context, Tokens::Bytes(tokens)));
        }
        let vocabulary = self.vocabulary()?;
        let (words, _) = self.take(2 * count)?.as_chunks::<2>();
        self.ended()?;
        let tokens: Vec<u16> = words.iter().map(|&word| u16::from_le_bytes(word)).collect();
        let mut used = vec![false; vocabulary.len()];
        for &token in &tokens {
            match used.get_mut(usize::from(token)) {
                Some(used) => *used = true,
                None => return self.refuse("a token is beyond the vocabulary"),
            }
        }
        if used.contains(&false) {
            return self.refuse("a character of the vocabulary is not in the text");
        }
        Ok(Text::of(context, Tokens::Characters { vocabulary, tokens }))
    }

    fn vocabulary(&mut self) -> Result<Vec<char>, DataError> {
        let size = self.word()?;
        if size > limits::VOCABULARY {
            return self.refuse("its vocabulary is too large");
        }
        let (words, _) = self.take(4 * size as usize)?.as_chunks::<4>();
        let characters: Option<Vec<char>> = words.iter().map(|&word| char::from_u32(u32::from_le_bytes(word))).collect();
        match characters {
            Some(characters) if characters.is_sorted_by(|a, b| a < b) => Ok(characters),
            _ => self.refuse("its vocabulary is not characters in ascending order"),
        }
    }
}
