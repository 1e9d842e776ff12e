//! Gauges: figures of a node that nobody counts as they happen, looked at from time to time for `/metrics`.
//!
//! Owns when to look at lags, tasks by state and the money that is under way. Refuses to slow anything down: a look that fails is left out.

use crate::{
    node::{beside::Beside, pulse::Pulse},
    row::Row,
};
use cairn_gateway::Metrics;
use cairn_projections::{
    Projections,
    sql::form::{self, Form},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

const LOOK: Duration = Duration::from_secs(5);
const TASKS: &str = "SELECT state, count(*) AS tasks FROM tasks_now GROUP BY state";
/// Money that is nobody's to spend just now. Realms are without number, a time series each is not: the richest are shown.
const UNDER_WAY: &str = "
    SELECT realm_name AS realm, currency,
           sum(CASE WHEN account LIKE 'escrow:%' THEN balance ELSE 0 END) AS escrow,
           sum(CASE WHEN account LIKE 'stake:%' THEN balance ELSE 0 END) AS stake,
           sum(held) AS held
    FROM balances GROUP BY realm_name, currency ORDER BY escrow + stake + held DESC LIMIT 100";
const KINDS: [&str; 3] = ["escrow", "stake", "held"];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Money {
    realm: String,
    currency: String,
    kind: &'static str,
}

/// The figures and where they come from.
#[derive(Debug)]
pub struct Gauges {
    beside: Arc<Beside>,
    projections: Option<Projections>,
    pulse: Arc<Pulse>,
    tasks: Family<State, Gauge>,
    balances: Family<Money, Gauge<f64, AtomicU64>>,
}

impl Gauges {
    pub fn new(beside: Arc<Beside>, projections: Option<Projections>, pulse: Arc<Pulse>, metrics: &Metrics) -> Gauges {
        let gauges = Gauges { beside, projections, pulse, tasks: Family::default(), balances: Family::default() };
        metrics.register(|registry| {
            registry.register("cairn_tasks", "Tasks by their state", gauges.tasks.clone());
            registry.register("cairn_balances", "Money in escrows, in stakes and held, minor units", gauges.balances.clone());
        });
        gauges
    }

    /// Looks again and again; never ends by itself. Tables that do not answer keep nobody from the pulse.
    pub async fn run(self) {
        let pulse = async {
            loop {
                self.beside.count(self.projections.as_ref(), &self.pulse).await;
                tokio::time::sleep(LOOK).await;
            }
        };
        let tables = async {
            loop {
                self.look_at_tasks().await;
                self.look_at_money().await;
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::join!(pulse, tables);
    }

    async fn look_at_tasks(&self) {
        let Some(rows) = self.ask(TASKS).await else { return };
        // A state that no task is in any more must not keep its last figure.
        self.tasks.clear();
        for row in rows {
            let count = row.get("tasks").as_i64().unwrap_or(0);
            self.tasks.get_or_create(&State { state: row.text("state") }).set(count);
        }
    }

    async fn look_at_money(&self) {
        let Some(rows) = self.ask(UNDER_WAY).await else { return };
        self.balances.clear();
        for row in rows {
            for kind in KINDS {
                // A figure for the eye: above 2^53 minor units it is rounded, the books are not.
                let amount = row.text(kind).parse().unwrap_or(0.0);
                self.balances.get_or_create(&Money { realm: row.text("realm"), currency: row.text("currency"), kind }).set(amount);
            }
        }
    }

    async fn ask(&self, question: &str) -> Option<Vec<Row>> {
        let answer = self.projections.as_ref()?.sql(question).await.ok()?;
        let schema = answer.schema();
        let batches = answer.collect().await.ok()?;
        let bytes = form::whole(Form::Json, &schema, &batches).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}
