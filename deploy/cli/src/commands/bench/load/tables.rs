//! The tables' word: how many events of a run they hold, and how often.
//!
//! Owns the question. Refuses to believe the journal's follower alone: the projector folded the same journal by itself.

use super::cast::{Kind, Stage};
use crate::{client::Client, exit::Failure};

/// What the tables hold of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Rows of its events.
    pub rows: u64,
    /// Different events among them.
    pub events: u64,
}

impl Found {
    /// How many of the decided are not there.
    pub fn missing(&self, decided: u64) -> u64 {
        decided.saturating_sub(self.events)
    }

    /// How many are there again.
    pub fn doubled(&self) -> u64 {
        self.rows - self.events
    }
}

/// Counts what the tables hold of these realms' load, once they show all that was decided until now.
pub async fn count(realms: &[Stage], kind: Kind, client: &Client) -> Result<Found, Failure> {
    let list = |text: &dyn Fn(&Stage) -> String| realms.iter().map(|stage| format!("'{}'", text(stage))).collect::<Vec<_>>().join(",");
    let rows = client
        .sql(&format!(
            "SELECT count(*) AS \"rows\", count(DISTINCT event_hash) AS events FROM events WHERE type = '{}' AND realm IN ({}) AND author NOT IN ({})",
            kind.type_name(),
            list(&|stage| stage.realm.to_string()),
            list(&|stage| stage.issuer.to_string()),
        ))
        .await?;
    let of = |name: &str| rows.first().and_then(|row| row.get(name).as_u64()).unwrap_or(0);
    Ok(Found { rows: of("rows"), events: of("events") })
}
