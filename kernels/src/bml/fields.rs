//! Fields of a mapping, read by name: the border at which text becomes values.
//!
//! Owns unknown, missing and misshapen keys and the ranges of single values. Refuses rules between two values: `parse` has those.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::error::{Fault, JobError, nearest};
use super::job::Millionths;
use super::yaml::{Content, Node, Place};

/// One mapping whose keys are all known.
pub struct Fields<'a> {
    file: &'a str,
    path: String,
    place: Place,
    entries: &'a [(Place, String, Node)],
}

impl<'a> Fields<'a> {
    /// The mapping `node`, which may have `keys` and no others. `path` is its name in errors, empty for the document.
    pub fn of(file: &'a str, path: &str, node: &'a Node, keys: &[&'static str]) -> Result<Self, JobError> {
        let fields = Self::open(file, path, node)?;
        fields.only(keys).map(|()| fields)
    }

    /// The mapping `node`, whichever keys it has.
    pub fn open(file: &'a str, path: &str, node: &'a Node) -> Result<Self, JobError> {
        let fields = Self { file, path: path.to_owned(), place: node.place, entries: &[] };
        match &node.content {
            Content::Mapping(entries) => Ok(Self { entries, ..fields }),
            _ => Err(fields.fail(node.place, fields.kind(path, "a mapping", node))),
        }
    }

    /// Refuses a key that is not one of these.
    pub fn only(&self, keys: &[&'static str]) -> Result<(), JobError> {
        match self.entries.iter().find(|(_, key, _)| !keys.contains(&key.as_str())) {
            None => Ok(()),
            Some((place, key, _)) => Err(self.fail(*place, Fault::UnknownKey { key: key.clone(), nearest: nearest(key, keys) })),
        }
    }

    /// The mapping under `key`, whose keys depend on what is in it: [`Fields::only`] is asked later.
    pub fn part(&self, key: &str) -> Result<Self, JobError> {
        Self::open(self.file, &self.named(key), self.node(key)?)
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The mapping under `key`.
    pub fn mapping(&self, key: &str, keys: &[&'static str]) -> Result<Self, JobError> {
        Self::of(self.file, &self.named(key), self.node(key)?, keys)
    }

    /// The mapping under `key`, if the key is there.
    pub fn optional_mapping(&self, key: &str, keys: &[&'static str]) -> Result<Option<Self>, JobError> {
        if self.find(key).is_none() { Ok(None) } else { self.mapping(key, keys).map(Some) }
    }

    /// Text, at most `limit` bytes and not empty.
    pub fn text(&self, key: &str, limit: usize) -> Result<String, JobError> {
        let (place, text) = self.scalar(key)?;
        // A terminal that is shown a name would obey what it says in control characters.
        if text.is_empty() || text.len() > limit || text.contains(char::is_control) {
            return Err(self.value(place, key, text, format!("text of 1 to {limit} bytes without control characters"), None));
        }
        Ok(text.to_owned())
    }

    /// Text, if the key is there.
    pub fn optional_text(&self, key: &str, limit: usize) -> Result<Option<String>, JobError> {
        if self.find(key).is_none() { Ok(None) } else { self.text(key, limit).map(Some) }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&'static str, T)]) -> Result<T, JobError> {
        let (place, text) = self.scalar(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let names: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
        Err(self.value(place, key, text, format!("one of {}", names.join(", ")), nearest(text, &names)))
    }

    /// An integer within a range.
    pub fn integer<T: FromStr + PartialOrd + Display>(&self, key: &str, range: RangeInclusive<T>) -> Result<T, JobError> {
        let (place, text) = self.scalar(key)?;
        self.parse_integer(place, key, text, &range)
    }

    /// A list of integers within a range.
    pub fn integers<T: FromStr + PartialOrd + Display>(&self, key: &str, range: RangeInclusive<T>) -> Result<Vec<T>, JobError> {
        let node = self.node(key)?;
        let Content::List(nodes) = &node.content else {
            return Err(self.fail(node.place, self.kind(&self.named(key), "a list", node)));
        };
        nodes.iter().map(|node| self.parse_integer(node.place, key, self.scalar_of(key, node)?, &range)).collect()
    }

    /// A decimal as the nearest f32, within a range.
    pub fn decimal(&self, key: &str, wanted: &str, fits: impl Fn(f32) -> bool) -> Result<f32, JobError> {
        let (place, text) = self.scalar(key)?;
        let spelt = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.starts_with(|c: char| c.is_ascii_digit());
        match text.parse::<f32>() {
            Ok(value) if spelt && fits(value) => Ok(value),
            _ => Err(self.value(place, key, text, wanted.to_owned(), None)),
        }
    }

    /// A decimal from 0 to 1 with at most six places, exact.
    pub fn millionths(&self, key: &str) -> Result<Millionths, JobError> {
        let (place, text) = self.scalar(key)?;
        let wanted = || "a decimal above 0 and at most 1, with up to six places".to_owned();
        Millionths::parse(text).ok_or_else(|| self.value(place, key, text, wanted(), None))
    }

    /// A fault of the mapping itself.
    pub fn fault(&self, fault: Fault) -> JobError {
        self.fail(self.place, fault)
    }

    /// A fault at the place of `key`'s value, or of the mapping.
    pub fn conflict(&self, key: &str, reason: String) -> JobError {
        let place = self.find(key).map_or(self.place, |node| node.place);
        self.fail(place, Fault::Combination(reason))
    }

    /// A fault of `key`'s value itself.
    pub fn misread(&self, key: &str, found: &str, wanted: &str) -> JobError {
        let place = self.find(key).map_or(self.place, |node| node.place);
        self.value(place, key, found, wanted.to_owned(), None)
    }

    fn parse_integer<T: FromStr + PartialOrd + Display>(
        &self,
        place: Place,
        key: &str,
        text: &str,
        range: &RangeInclusive<T>,
    ) -> Result<T, JobError> {
        // `FromStr` also takes "+5" and "007", which would give one job two texts.
        let spelt = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        match text.parse::<T>() {
            Ok(value) if spelt && range.contains(&value) => Ok(value),
            _ => Err(self.value(place, key, text, format!("an integer from {} to {}", range.start(), range.end()), None)),
        }
    }

    fn find(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(_, name, _)| name == key).map(|(_, _, node)| node)
    }

    fn node(&self, key: &str) -> Result<&'a Node, JobError> {
        self.find(key).ok_or_else(|| self.fail(self.place, Fault::MissingKey { key: self.named(key) }))
    }

    fn scalar(&self, key: &str) -> Result<(Place, &'a str), JobError> {
        let node = self.node(key)?;
        Ok((node.place, self.scalar_of(key, node)?))
    }

    fn scalar_of<'n>(&self, key: &str, node: &'n Node) -> Result<&'n str, JobError> {
        match &node.content {
            Content::Scalar(text) => Ok(text),
            _ => Err(self.fail(node.place, self.kind(&self.named(key), "one value", node))),
        }
    }

    fn named(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn kind(&self, key: &str, wanted: &'static str, node: &Node) -> Fault {
        let key = if key.is_empty() { "the document" } else { key };
        Fault::Kind { key: key.to_owned(), wanted, found: node.content.kind() }
    }

    fn value(&self, place: Place, key: &str, found: &str, wanted: String, nearest: Option<&'static str>) -> JobError {
        self.fail(place, Fault::Value { key: self.named(key), found: found.to_owned(), wanted, nearest })
    }

    fn fail(&self, place: Place, fault: Fault) -> JobError {
        JobError { file: self.file.to_owned(), line: place.line, column: place.column, fault }
    }
}
