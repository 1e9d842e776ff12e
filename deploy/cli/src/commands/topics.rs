//! `cairn topics`: the seven topics of a log over Kafka, made and audited.
//!
//! Owns the picture of an audit and its exit. Refuses to change a topic that is there: what it holds may already have suffered.

use crate::{
    exit::{Exit, Failure},
    node::{config::Config, layout::Layout, logs},
    render::{self, Format},
    row::Row,
};
use anyhow::anyhow;
use cairn_log::kafka::{
    KafkaError,
    topics::{self, Audit, Finding},
};
use clap::{Parser, Subcommand};
use serde_json::json;
use std::io::Write;

/// Make or audit the topics of a log over Kafka
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn topics create --log kafka://127.0.0.1:9092/crn --partitions 12 --copies 3
  cairn topics check --log kafka://127.0.0.1:9092/crn
  cairn topics check --dir node --format json

check exits with 1 when a log must not be opened over the topics; what an operator should weigh is shown and exits with 0.
TLS and SASL are those of DIR's cairn.toml, section [kafka], or of CAIRN_KAFKA_*.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the topics that are missing, then audit all seven
    Create {
        #[command(flatten)]
        place: Place,
        /// Partitions of each topic
        #[arg(long, default_value_t = 12, value_name = "COUNT")]
        partitions: u32,
        /// Copies of each record
        #[arg(long, default_value_t = 3, value_name = "COUNT")]
        copies: u16,
    },
    /// Audit all seven; changes nothing
    Check {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Parser)]
struct Place {
    /// The log, if not that of DIR's configuration: kafka://host:port[,host:port][/PREFIX]
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let (place, audit) = match args.what {
        What::Create { place, partitions, copies } => {
            let audit = topics::create(&options(&place, layout)?, partitions, copies).await;
            (place, audit)
        }
        What::Check { place } => {
            let audit = topics::check(&options(&place, layout)?, None).await;
            (place, audit)
        }
    };
    show(&audit.map_err(refused)?, place.format)
}

fn options(place: &Place, layout: &Layout) -> Result<cairn_log::kafka::KafkaOptions, Failure> {
    let mut config = Config::load_or_default(layout)?;
    if let Some(url) = &place.log {
        config.log.url.clone_from(url);
    }
    logs::kafka_options(&config)
}

fn show(audit: &Audit, format: Format) -> Result<(), Failure> {
    let rows: Vec<Row> = audit.findings.iter().map(row).collect();
    if rows.is_empty() && format == Format::Table {
        let line = format!("the seven topics are as they must be, {} partitions each", audit.partitions);
        return writeln!(std::io::stdout(), "{line}").map_err(|error| anyhow::Error::from(error).into());
    }
    render::rows(&rows, format).map_err(anyhow::Error::from)?;
    match audit.forbidding() {
        None => Ok(()),
        Some(finding) => Err(Failure::new(Exit::Failed, finding.code(), anyhow!("{finding}"))),
    }
}

fn row(finding: &Finding) -> Row {
    let weight = if finding.forbids() { "wrong" } else { "weigh" };
    Row::of([
        ("code", json!(finding.code())),
        ("is", json!(weight)),
        ("finding", json!(finding.to_string())),
        ("next", json!(finding.next())),
    ])
}

fn refused(error: KafkaError) -> Failure {
    let exit = if matches!(error, KafkaError::Unreachable { .. }) { Exit::Unreachable } else { Exit::Failed };
    Failure::new(exit, error.code(), error)
}
