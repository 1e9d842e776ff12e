//! Text as tokens: bytes, or the characters of its own vocabulary.
//!
//! Owns the vocabulary and which tokens are whose: record i has the tokens from i · context to i · context + context, the
//! first `context` of them its features, the last `context` its labels. Refuses separators: files follow one another as
//! they are, and no character goes over the end of its file.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::file::{File, Stream};
use super::kind::RecordType;
use crate::bml::{self, Level, limits};
use crate::error::DataError;
use crate::exec::Tensor;
use crate::trace::Digest;
use crate::trace::merkle::{self, Growing};

/// What the first leaf begins with.
const TAG: &[u8] = b"cairn text v1\0";
/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// The tokens that a job uses, records · context + 1 of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    context: u32,
    pub(super) tokens: Tokens,
}

/// Tokens, one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tokens {
    /// Each byte is its token.
    Bytes(Vec<u8>),
    /// Each is the place of its character in the vocabulary: the distinct characters of these tokens, ascending.
    Characters { vocabulary: Vec<char>, tokens: Vec<u16> },
}

impl Text {
    /// The text of these tokens. The vocabulary MUST be what [`Tokens::Characters`] says.
    pub(super) fn of(context: u32, tokens: Tokens) -> Self {
        Self { context, tokens }
    }

    /// Reads what `records` records need from the files, one after another in the order given. What follows is not read.
    ///
    /// The second value is the number of records that there are, at most `records`; with fewer the text is of no use.
    pub fn read(text: bml::Text, records: u32, files: &[File]) -> Result<(Self, u32), DataError> {
        let wanted = records as usize * text.context as usize + 1;
        let mut gathered = Gathered::new(text.level, wanted);
        for file in files {
            gathered.read(file)?;
            if gathered.is_full() {
                break;
            }
        }
        let found = gathered.len().saturating_sub(1) / text.context as usize;
        Ok((Self::of(text.context, gathered.tokens()), found as u32))
    }

    /// Whether tokens are bytes or characters.
    pub fn level(&self) -> Level {
        match self.tokens {
            Tokens::Bytes(_) => Level::Byte,
            Tokens::Characters { .. } => Level::Char,
        }
    }

    /// Tokens of one record's features.
    pub fn context(&self) -> u32 {
        self.context
    }

    /// The type of the records.
    pub fn record_type(&self) -> RecordType {
        let vocabulary = match &self.tokens {
            Tokens::Bytes(_) => 256,
            Tokens::Characters { vocabulary, .. } => vocabulary.len() as u32,
        };
        RecordType::Tokens { context: self.context, vocabulary }
    }

    /// Merkle root (RFC 6962, SHA-256). The first leaf is "cairn text v1\0", the context as u32 little-endian and the
    /// vocabulary in UTF-8 (at byte level nothing); then one for each record: its context + 1 tokens as u32 little-endian.
    pub fn root(&self) -> Digest {
        let mut tree = Growing::default();
        let vocabulary = match &self.tokens {
            Tokens::Bytes(_) => String::new(),
            Tokens::Characters { vocabulary, .. } => vocabulary.iter().collect(),
        };
        tree.push(merkle::leaf(&[TAG, &self.context.to_le_bytes(), vocabulary.as_bytes()].concat()));
        for record in 0..(self.len() - 1) / self.context as usize {
            let first = record * self.context as usize;
            let mut hash = Sha256::new();
            hash.update([merkle::LEAF]);
            (first..=first + self.context as usize).for_each(|at| hash.update(self.token(at).to_le_bytes()));
            tree.push(hash.finalize().into());
        }
        tree.root()
    }

    /// The tokens of some records: u32 \[records, context\].
    pub fn features(&self, records: &[u32]) -> Tensor {
        self.tensor(records, 0)
    }

    /// The tokens after them: u32 \[records, context\].
    pub fn labels(&self, records: &[u32]) -> Tensor {
        self.tensor(records, 1)
    }

    fn tensor(&self, records: &[u32], shift: usize) -> Tensor {
        let context = self.context as usize;
        let first = |record: u32| record as usize * context + shift;
        let tokens = records.iter().flat_map(|&record| (first(record)..first(record) + context).map(|at| self.token(at)));
        Tensor::u32(&[records.len() as u32, self.context], tokens.collect())
    }

    /// The text of some tokens; U+FFFD stands for what is none.
    pub fn decode(&self, tokens: &[u32]) -> String {
        match &self.tokens {
            Tokens::Bytes(_) => {
                // A token above 255 is no byte; 0xFF is never part of a character.
                let bytes: Vec<u8> = tokens.iter().map(|&token| u8::try_from(token).unwrap_or(0xFF)).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Tokens::Characters { vocabulary, .. } => {
                let character = |&token: &u32| vocabulary.get(token as usize).copied().unwrap_or(char::REPLACEMENT_CHARACTER);
                tokens.iter().map(character).collect()
            }
        }
    }

    fn len(&self) -> usize {
        match &self.tokens {
            Tokens::Bytes(tokens) => tokens.len(),
            Tokens::Characters { tokens, .. } => tokens.len(),
        }
    }

    fn token(&self, at: usize) -> u32 {
        match &self.tokens {
            Tokens::Bytes(tokens) => u32::from(tokens[at]),
            Tokens::Characters { tokens, .. } => u32::from(tokens[at]),
        }
    }
}

/// Tokens while they are read, at most `wanted`.
struct Gathered {
    wanted: usize,
    so_far: SoFar,
}

enum SoFar {
    Bytes(Vec<u8>),
    /// A character's token is its number by first appearance, until all are known.
    Characters {
        numbers: HashMap<char, u16>,
        tokens: Vec<u16>,
    },
}

impl Gathered {
    fn new(level: Level, wanted: usize) -> Self {
        let so_far = match level {
            Level::Byte => SoFar::Bytes(vec![]),
            Level::Char => SoFar::Characters { numbers: HashMap::new(), tokens: vec![] },
        };
        Self { wanted, so_far }
    }

    fn len(&self) -> usize {
        match &self.so_far {
            SoFar::Bytes(tokens) => tokens.len(),
            SoFar::Characters { tokens, .. } => tokens.len(),
        }
    }

    fn is_full(&self) -> bool {
        self.len() == self.wanted
    }

    /// Takes tokens from one file until it ends or there are enough.
    fn read(&mut self, file: &File) -> Result<(), DataError> {
        let mut stream = Stream::open(file)?;
        let mut chunk = vec![0; CHUNK];
        // Bytes of a character whose end has not been read.
        let mut begun = 0;
        while !self.is_full() {
            let read = begun + stream.fill(&mut chunk[begun..])?;
            let ended = read < CHUNK;
            let taken = self.take(&chunk[..read], ended).map_err(|(at, reason)| DataError::Text {
                file: stream.file().to_owned(),
                offset: stream.at() - (read - at) as u64,
                reason,
            })?;
            if ended {
                break;
            }
            chunk.copy_within(taken..read, 0);
            begun = read - taken;
        }
        Ok(())
    }

    /// Takes the tokens of a chunk, and says how many of its bytes they were. A fault has its place in the chunk.
    fn take(&mut self, chunk: &[u8], ended: bool) -> Result<usize, (usize, String)> {
        let room = self.wanted - self.len();
        match &mut self.so_far {
            SoFar::Bytes(tokens) => {
                tokens.extend(&chunk[..chunk.len().min(room)]);
                Ok(chunk.len())
            }
            SoFar::Characters { numbers, tokens } => {
                let (valid, fault) = valid_utf8(chunk, ended);
                for (at, character) in valid.char_indices().take(room) {
                    let next = numbers.len();
                    if next == limits::VOCABULARY as usize && !numbers.contains_key(&character) {
                        return Err((at, format!("more than {} different characters", limits::VOCABULARY)));
                    }
                    tokens.push(*numbers.entry(character).or_insert(next as u16));
                }
                // A fault behind the last token that is wanted is not looked at, as if it lay in a later chunk.
                if fault && tokens.len() < self.wanted {
                    return Err((valid.len(), "no UTF-8: at char level text is wanted, level: byte takes any bytes".to_owned()));
                }
                Ok(valid.len())
            }
        }
    }

    fn tokens(self) -> Tokens {
        match self.so_far {
            SoFar::Bytes(tokens) => Tokens::Bytes(tokens),
            SoFar::Characters { numbers, mut tokens } => {
                let mut vocabulary: Vec<(char, u16)> = numbers.into_iter().collect();
                vocabulary.sort_unstable();
                let mut places = vec![0; vocabulary.len()];
                vocabulary.iter().enumerate().for_each(|(place, &(_, number))| places[usize::from(number)] = place as u16);
                tokens.iter_mut().for_each(|token| *token = places[usize::from(*token)]);
                Tokens::Characters { vocabulary: vocabulary.into_iter().map(|(character, _)| character).collect(), tokens }
            }
        }
    }
}

/// The characters at the beginning, and whether what follows is none; an unfinished one is a fault where the file ends.
fn valid_utf8(chunk: &[u8], ended: bool) -> (&str, bool) {
    match std::str::from_utf8(chunk) {
        Ok(text) => (text, false),
        Err(error) => {
            let valid = std::str::from_utf8(&chunk[..error.valid_up_to()]).unwrap_or_default();
            (valid, ended || error.error_len().is_some())
        }
    }
}
