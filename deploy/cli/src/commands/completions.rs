//! `cairn completions SHELL`.
//!
//! Owns nothing but the call: clap knows the command line. Refuses installation.

use crate::exit::Failure;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;

/// Print completions for a shell
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  cairn completions bash > /etc/bash_completion.d/cairn\n  cairn completions zsh > ~/.zfunc/_cairn")]
pub struct Args {
    shell: Shell,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "cairn", &mut std::io::stdout());
    Ok(())
}
