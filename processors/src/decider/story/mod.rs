//! Stories: the small language in which the decider's tests are told, and the simulator's reports.
//!
//! Owns reading a story line by line and holding it against what the decider says. Refuses shortcuts: every line is a signed
//! record that walks through admission, a book and `evolve`, in a block of its own.
//!
//! A line is `SENTENCE  VERDICT`, two spaces or more between them: `accepted`, `rejected <code>`, or a disposition. A line without
//! a verdict arranges something, and must succeed. `SENTENCE again` sends the same bytes again; `SENTENCE, HOW` says it
//! in another manner (see [`manner`]). To add a verb: a line in a table `VERBS`, and a small function beside it.

mod labour;
pub mod manner;
pub mod tales;
mod training;
mod verbs;
pub mod world;

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;

pub use world::World;

/// What a line came to: an arrangement, or the verdict or disposition of what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Said(String),
}

/// What a sentence does; the words that the pattern left open are its arguments.
pub type Verb = fn(&mut World, &[&str]) -> Result<Outcome, String>;
/// What a line of an ending holds against the world; an error says what is there instead.
pub type Check = fn(&World, &[&str]) -> Result<(), String>;

/// A story in a table: the suite runs them all and counts what they reach.
#[derive(Clone, Copy, Debug)]
pub struct Tale {
    pub name: &'static str,
    pub begin: &'static str,
    pub ends: &'static str,
}

impl Tale {
    /// Tells the story. An error names the line and what came instead.
    pub fn tell(&self) -> Result<World, String> {
        let mut world = World::new()?;
        for line in lines(self.begin) {
            live(&mut world, line).map_err(|why| format!("{}: `{line}`: {why}", self.name))?;
        }
        world.settle().map_err(|why| format!("{}: {why}", self.name))?;
        for line in lines(self.ends) {
            expect(&world, line).map_err(|why| format!("{}: ends `{line}`: {why}", self.name))?;
        }
        Ok(world)
    }
}

/// A story told in a test of its own.
#[derive(Debug)]
pub struct Story(&'static str);

impl Story {
    pub fn begin(text: &'static str) -> Story {
        Story(text)
    }

    /// Tells the story and compares its end; panics with the line that came out otherwise.
    #[allow(clippy::panic)]
    pub fn ends(self, ends: &'static str) -> World {
        let tale = Tale { name: "story", begin: self.0, ends };
        tale.tell().unwrap_or_else(|why| panic!("{why}"))
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Lives through one line, and sees that all promises still hold after it.
fn live(world: &mut World, line: &str) -> Result<(), String> {
    let (sentence, verdict) = line.split_once("  ").map_or((line, None), |(sentence, verdict)| (sentence, Some(verdict.trim())));
    world.next_block()?;
    let outcome = match sentence.strip_suffix(" again") {
        Some(said) => world.resend(said)?,
        None => speak(world, sentence)?,
    };
    match (outcome, verdict) {
        (Outcome::Said(said), verdict) if said != verdict.unwrap_or("accepted") => Err(format!("came out {said}")),
        (Outcome::Done, Some(verdict)) => Err(format!("nothing was said that could come out {verdict}")),
        _ => world.check(),
    }
}

fn speak(world: &mut World, sentence: &str) -> Result<Outcome, String> {
    let mut parts = sentence.split(", ");
    let said = parts.next().unwrap_or_default();
    world.take_manner(sentence, manner::read(parts)?);
    let tables = [verbs::VERBS, training::VERBS];
    let (verb, arguments) = find(&tables, said).ok_or("no verb fits")?;
    let outcome = verb(world, &arguments)?;
    world.drop_manner();
    Ok(outcome)
}

fn expect(world: &World, line: &str) -> Result<(), String> {
    let (check, arguments) = find(&[verbs::CHECKS, training::CHECKS], line).ok_or("no check fits")?;
    check(world, &arguments)
}

/// The first entry whose pattern fits, with the words under its `_`; a `*` at the end takes the rest of the sentence.
fn find<'a, T: Copy>(tables: &[&[(&str, T)]], sentence: &'a str) -> Option<(T, Vec<&'a str>)> {
    tables.iter().copied().flatten().find_map(|(pattern, found)| Some((*found, fit(pattern, sentence)?)))
}

fn fit<'a>(pattern: &str, sentence: &'a str) -> Option<Vec<&'a str>> {
    let (mut rest, mut arguments) = (sentence.trim(), Vec::new());
    for word in pattern.split(' ') {
        if word == "*" {
            arguments.push(rest);
            return Some(arguments);
        }
        let (said, left) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = left.trim_start();
        match word {
            "_" if !said.is_empty() => arguments.push(said),
            _ if word == said => {}
            _ => return None,
        }
    }
    rest.is_empty().then_some(arguments)
}
