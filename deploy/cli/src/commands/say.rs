//! `cairn say TYPE JSON`: signs any event and says it, for all that has no command of its own.
//!
//! Owns the way from a type and its data to a signed event. Refuses to judge the data: the decider does.

use crate::{commands, exit::Failure, node::layout::Layout, render, render::Format, row::Row, speaker::Speaker};
use anyhow::anyhow;
use cairn_schemas::{Body, RealmId};
use clap::Parser;
use serde_json::json;

/// Sign and say any event; waits for the verdict
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn say account.opened.v1 '{\"account\":\"savings\"}'
  cairn say transfer.posted.v1 '{\"from\":\"issuer\",\"to\":\"acme\",\"amount\":\"2500000\"}' --key issuer
  cairn say note.recorded.v1 '{\"text\":\"audited\"}'")]
pub struct Args {
    /// The event's type, like transfer.posted.v1
    r#type: String,
    /// Its data, as JSON
    data: String,
    /// Who says it: a name in DIR/keys
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// The realm, by name or id
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
    /// The node, or its GATEWAY,PROJECTOR, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let body = Body::from_json(&args.r#type, args.data.as_bytes()).map_err(|error| Failure::usage(format!("{}: {error}", args.r#type)))?;
    let client = commands::node(args.node.as_deref(), layout).await?;
    let realm = realm(&client, args.realm.as_deref(), layout).await?;
    let key = key(args.key.as_deref(), layout)?;
    let mut speaker = match &body {
        Body::RealmOpened(opened) => Speaker::open_at(layout, &key, client, opened.partition).await?,
        _ => Speaker::open(layout, &key, client).await?,
    };
    let verdict = speaker.say(realm, body).await?;
    let row = Row::of([
        ("event", json!(verdict.event_hash)),
        ("verdict", json!(verdict.verdict)),
        ("code", json!(verdict.code)),
        ("height", json!(verdict.height)),
        ("leaf", json!(verdict.leaf)),
    ]);
    render::rows(&[row], args.format).map_err(anyhow::Error::from)?;
    verdict.accepted_or("").map(drop)
}

/// The key file of a name, or the producer's that the node was founded with.
pub fn key(name: Option<&str>, layout: &Layout) -> Result<std::path::PathBuf, Failure> {
    use crate::node::setup::Setup;
    match name {
        Some(name) => Ok(layout.key(name)),
        None => match Setup::load(layout)? {
            Some(setup) => Ok(layout.key(setup.producer.name.as_str())),
            None => Err(Failure::usage("name the key with --key NAME; make one with `cairn keygen NAME`")),
        },
    }
}

/// The realm of a name or id, or the only one there is.
pub async fn realm(client: &crate::client::Client, asked: Option<&str>, layout: &Layout) -> Result<RealmId, Failure> {
    use crate::{exit::Exit, node::setup::Setup};
    if let Some(id) = asked.and_then(|text| text.parse().ok()) {
        return Ok(id);
    }
    let named = match asked {
        Some(name) => Some(name.to_owned()),
        None => Setup::load(layout)?.map(|setup| setup.realm.name.to_string()),
    };
    let realms = client.get("/v1/realms").await?;
    let realms = realms.as_array().or_else(|| realms.get("realms").and_then(|list| list.as_array())).cloned().unwrap_or_default();
    let text = |row: &serde_json::Value, key: &str| row.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let found: Vec<_> = realms.iter().filter(|row| named.is_none() || text(row, "name") == named).collect();
    match found.as_slice() {
        [only] => text(only, "id").and_then(|id| id.parse().ok()).ok_or_else(|| anyhow!("a realm without an id").into()),
        _ => Err(Failure::new(
            Exit::Failed,
            "CRN-1105",
            anyhow!("realm {}: {} of {} match", named.unwrap_or_default(), found.len(), realms.len()),
        )),
    }
}
