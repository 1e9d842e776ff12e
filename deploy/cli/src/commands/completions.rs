//! `cairn completions SHELL`.
//!
//! Owns nothing but the call: clap knows the command line. Refuses installation.

use crate::exit::Failure;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use std::io::Write;

/// Print completions for a shell
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  cairn completions bash > /etc/bash_completion.d/cairn\n  cairn completions zsh > ~/.zfunc/_cairn")]
pub struct Args {
    shell: Shell,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    // Written whole and by ourselves: what generates it panics when its reader has gone.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "cairn", &mut script);
    std::io::stdout().write_all(&script).map_err(|error| anyhow::Error::from(error).into())
}
