//! YAML as a small tree whose every node knows its line and column.
//!
//! Owns the subset that jobs use: one document of mappings, lists and scalars, without anchors, aliases, tags or
//! repeated keys, bounded in size and depth. The tree is built from parser events with a stack of its own, so that no
//! nesting can exhaust the thread's. Refuses meaning: a scalar is text until a field reads it.

use saphyr_parser::{Event, Parser, Span};

use super::error::{Fault, JobError};

/// Bytes of a job's text.
const BYTES: usize = 32 * 1024;
/// Mappings and lists within each other.
const DEPTH: usize = 8;

/// Line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// A node and where it starts.
#[derive(Debug, Clone)]
pub struct Node {
    pub place: Place,
    pub content: Content,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Content {
    Scalar(String),
    List(Vec<Node>),
    Mapping(Vec<(Place, String, Node)>),
}

impl Content {
    /// Its kind for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "one value",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// Reads one document.
pub fn read(file: &str, text: &str) -> Result<Node, JobError> {
    let start = Place { line: 1, column: 1 };
    let fail = |place: Place, fault| JobError { file: file.to_owned(), line: place.line, column: place.column, fault };
    if text.len() > BYTES {
        return Err(fail(start, Fault::TooLarge { subject: "the text's size in bytes", size: text.len(), limit: BYTES }));
    }
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| fail(place_of(error.marker()), Fault::Syntax(error.info().to_owned())))?;
        let place = start_of(&span);
        tree.take(event, place).map_err(|fault| fail(place, fault))?;
    }
    tree.root.ok_or_else(|| fail(start, Fault::Syntax("the document is empty".to_owned())))
}

fn start_of(span: &Span) -> Place {
    place_of(&span.start)
}

fn place_of(marker: &saphyr_parser::Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
}

enum Open {
    List(Place, Vec<Node>),
    Mapping(Place, Vec<(Place, String, Node)>, Option<(Place, String)>),
}

impl Tree {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.scalar(place, text.into_owned())
            }
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.enter(Open::List(place, vec![]))
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.enter(Open::Mapping(place, vec![], None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Alias(_) => plain(1, false),
            Event::DocumentStart(_) if self.root.is_some() => Err(Fault::Syntax("a second document begins here".to_owned())),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), Fault> {
        if let Some(Open::Mapping(_, _, None)) = self.open.last() {
            return Err(Fault::Syntax("a key must be one value".to_owned()));
        }
        self.open.push(open);
        match self.open.len() {
            size if size > DEPTH => Err(Fault::TooLarge { subject: "the nesting", size, limit: DEPTH }),
            _ => Ok(()),
        }
    }

    fn leave(&mut self) -> Result<(), Fault> {
        match self.open.pop() {
            Some(Open::List(place, nodes)) => self.place(Node { place, content: Content::List(nodes) }),
            Some(Open::Mapping(place, entries, _)) => self.place(Node { place, content: Content::Mapping(entries) }),
            None => Err(Fault::Syntax("an end without a beginning".to_owned())),
        }
    }

    fn scalar(&mut self, place: Place, text: String) -> Result<(), Fault> {
        if let Some(Open::Mapping(_, entries, key @ None)) = self.open.last_mut() {
            if entries.iter().any(|(_, earlier, _)| *earlier == text) {
                return Err(Fault::RepeatedKey { key: text });
            }
            *key = Some((place, text));
            return Ok(());
        }
        self.place(Node { place, content: Content::Scalar(text) })
    }

    fn place(&mut self, node: Node) -> Result<(), Fault> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, nodes)) => nodes.push(node),
            Some(Open::Mapping(_, entries, key)) => {
                let (place, key) = key.take().ok_or_else(|| Fault::Syntax("a value without a key".to_owned()))?;
                entries.push((place, key, node));
            }
        }
        Ok(())
    }
}

fn plain(anchor: usize, tagged: bool) -> Result<(), Fault> {
    if anchor != 0 || tagged {
        return Err(Fault::Syntax("anchors, aliases and tags are not taken in a job".to_owned()));
    }
    Ok(())
}
