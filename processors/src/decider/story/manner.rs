//! Manners: the ways in which a record can be other than it should be.
//!
//! Owns what stands after the comma of a sentence: `signed by NAME` · `in realm NAME` · `on topic NAME` · `as json` · `out of turn` (a gap)
//! · `instead` (a fork: another event at the seq of the last) · `damaged` (its signature) · `cut short` (its bytes) · `too late`.

use cairn_schemas::{Encoding, Topic};

/// How a sentence is said.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    pub signer: Option<String>,
    pub realm: Option<String>,
    pub topic: Option<Topic>,
    pub encoding: Option<Encoding>,
    pub out_of_turn: bool,
    pub instead: bool,
    pub damaged: bool,
    pub cut_short: bool,
    pub too_late: bool,
}

pub fn read<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Manner, String> {
    let mut manner = Manner::default();
    for part in parts {
        match part.rsplit_once(' ') {
            Some(("signed by", name)) => manner.signer = Some(name.into()),
            Some(("in realm", name)) => manner.realm = Some(name.into()),
            Some(("on topic", name)) => manner.topic = Some(name.parse().map_err(|why| format!("{why}"))?),
            Some(("as", "json")) => manner.encoding = Some(Encoding::Json),
            _ => *flag(&mut manner, part)? = true,
        }
    }
    Ok(manner)
}

fn flag<'a>(manner: &'a mut Manner, part: &str) -> Result<&'a mut bool, String> {
    match part {
        "out of turn" => Ok(&mut manner.out_of_turn),
        "instead" => Ok(&mut manner.instead),
        "damaged" => Ok(&mut manner.damaged),
        "cut short" => Ok(&mut manner.cut_short),
        "too late" => Ok(&mut manner.too_late),
        _ => Err(format!("no manner is called `{part}`")),
    }
}
