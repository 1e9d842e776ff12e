//! `cairn processor`: the role that claims partitions, and needs a key for it.
//!
//! Owns the key's place on the command line. Refuses everything else: see `role`.

use crate::{
    commands::role,
    exit::Failure,
    node::{layout::Layout, serve::Role},
};
use clap::Parser;
use std::path::PathBuf;

/// Decide what was said, of the partitions that this process is given
#[derive(Debug, Parser)]
pub struct Args {
    #[command(flatten)]
    role: role::Args,
    /// The key to claim with, if not DIR/keys/processor.key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    role::run(Role::Processor, args.role, args.key, layout).await
}
