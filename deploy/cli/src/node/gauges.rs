//! Gauges: figures of a node that nobody counts as they happen, looked at from time to time for `/metrics`.
//!
//! Owns the lag of the tables and the tasks by state. Refuses to slow anything down: a look that fails is left out.

use cairn_gateway::Metrics;
use cairn_projections::Projections;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(5);
const TASKS: &str = "SELECT state, count(*) AS tasks FROM tasks_now GROUP BY state";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Fold {
    partition: u32,
    fold: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    state: String,
}

/// The figures and where they come from.
#[derive(Debug)]
pub struct Gauges {
    projections: Projections,
    lag: Family<Fold, Gauge>,
    tasks: Family<State, Gauge>,
}

impl Gauges {
    pub fn new(projections: &Projections, metrics: &Metrics) -> Gauges {
        let gauges = Gauges { projections: projections.clone(), lag: Family::default(), tasks: Family::default() };
        metrics.register(|registry| {
            registry.register("cairn_projected_lag_records", "Journal records that a table's fold has not taken", gauges.lag.clone());
            registry.register("cairn_tasks", "Tasks by their state", gauges.tasks.clone());
        });
        gauges
    }

    /// Looks again and again; never ends by itself.
    pub async fn run(self) {
        loop {
            self.look().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&self) {
        for row in self.projections.lags().await.unwrap_or_default() {
            let lag = i64::try_from(row.lag_records).unwrap_or(i64::MAX);
            self.lag.get_or_create(&Fold { partition: row.partition, fold: row.fold }).set(lag);
        }
        let Ok(answer) = self.projections.sql(TASKS).await else { return };
        let schema = answer.schema();
        let Ok(batches) = answer.collect().await else { return };
        let rows = cairn_projections::sql::form::whole(cairn_projections::sql::form::Form::Json, &schema, &batches);
        let rows: Vec<crate::row::Row> = rows.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        // A state that no task is in any more must not keep its last figure.
        self.tasks.clear();
        for row in rows {
            let count = row.get("tasks").as_i64().unwrap_or(0);
            self.tasks.get_or_create(&State { state: row.text("state") }).set(count);
        }
    }
}
