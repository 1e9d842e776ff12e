//! `cairn keygen NAME`: makes a key and prints who it is.
//!
//! Owns nothing but the way from name to file. Refuses to show the secret or to replace a key.

use crate::{
    exit::Failure,
    node::{keys, layout::Layout},
};
use cairn_schemas::Name;
use clap::Parser;
use std::{io::Write, path::PathBuf};

/// Make a key: a file that only you can read; prints the author id
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  cairn keygen acme                     DIR/keys/acme.key\n  cairn keygen acme --out acme.key      a file of your choice"
)]
pub struct Args {
    /// 1 to 63 of a-z, 0-9, dot, dash, underscore
    name: Name,
    /// Where to write it instead of DIR/keys
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args, layout: &Layout) -> Result<(), Failure> {
    let path = args.out.clone().unwrap_or_else(|| layout.key(args.name.as_str()));
    let key = keys::create(&path)?;
    writeln!(std::io::stdout(), "{}\n{}", key.public(), path.display()).map_err(anyhow::Error::from)?;
    Ok(())
}
