//! `cairn`: the one binary, and the place where the parts of the product are put together.
//!
//! Owns the command line, the composition of a node, and how results and errors reach people. Refuses rules of its own:
//! what is decided, proven or computed stands in the crates below.

mod afar;
mod client;
mod commands;
mod exit;
mod node;
mod render;
mod row;
mod speaker;
mod telemetry;

use clap::Parser;
use commands::Command;
use std::{path::PathBuf, process::ExitCode};
use telemetry::{Logs, Telemetry};

const EXAMPLES: &str = "\
Examples:
  cairn demo                              everything at once, in a fresh folder
  cairn up --dir ledger                   a node with a realm, a producer and three workers
  cairn job explain job.yaml              what a job asks for
  cairn submit job.yaml --wait            a signed training job
  cairn sql \"SELECT * FROM entries\"       what was decided, in SQL
  cairn export --to out && cairn verify out --trust ledger/checkpoint.vkey

Exits: 0 ok · 1 refused or failed · 2 usage · 3 verification failed · 4 unreachable · 5 unanchored";

/// An event-sourced ledger for verifiable compute.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, after_help = EXAMPLES, propagate_version = true)]
struct Cli {
    /// The node's folder [default: cairn-data; for demo: cairn-demo]
    #[arg(long, global = true, env = "CAIRN_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How logs are written to standard error
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Of each thread, bytes; only what is used becomes memory. The planner of SQL recurses as deep as a question is long.
const STACK: usize = 64 * 1024 * 1024;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say(&exit::Failure::from(anyhow::Error::from(error))),
    };
    let mut telemetry = cli.command.service().map_or_else(Telemetry::default, |service| Telemetry::start(service, &runtime));
    start_logs(cli.log_format, telemetry.logs());
    telemetry.warn();
    let ended = runtime.block_on(commands::run(cli.command, cli.dir));
    telemetry.stop(&runtime);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => say(&failure),
    }
}

fn say(failure: &exit::Failure) -> ExitCode {
    use std::io::{Error, ErrorKind, Write};
    let closed =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe);
    if failure.source.chain().any(closed) {
        // Whoever read the results has read enough.
        return ExitCode::SUCCESS;
    }
    // A closed standard error cannot be told about.
    let _ = writeln!(std::io::stderr(), "{failure}");
    failure.exit.into()
}

/// This program as it was called, so that the commands it prints can be typed as they stand.
fn me() -> String {
    std::env::args().next().unwrap_or_else(|| "cairn".into())
}

/// Logs go to standard error, and `elsewhere` too; results go to standard output. `RUST_LOG` chooses what is logged.
fn start_logs(format: LogFormat, elsewhere: Option<Logs>) {
    use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt};
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let logs = fmt::layer().with_writer(std::io::stderr);
    let logs = match format {
        LogFormat::Text => logs.with_ansi(render::colour()).boxed(),
        LogFormat::Json => logs.json().boxed(),
    };
    registry().with(filter).with(logs).with(elsewhere).init();
}
