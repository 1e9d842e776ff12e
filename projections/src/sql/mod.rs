//! SQL: questions to every table at one moment.
//!
//! Owns the way of a question: [`guard`] lets only reading through, [`catalog`] shows one moment, the engine plans and runs
//! under limits of memory, time and rows, [`form`] writes the rows. Refuses change: no statement alters anything, names a file or
//! learns of one.

mod answer;
mod catalog;
pub mod form;
mod functions;
mod growth;
mod guard;
mod parts;
#[cfg(test)]
mod tests;
mod views;

pub use answer::Answer;
pub use views::{QUERIES, VIEWS};

use crate::{
    Projections,
    error::{ProjectionError, SqlError},
    options::Options,
    projections::Proofs,
};
use catalog::Shown;
use datafusion::{
    catalog::{CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList},
    execution::{
        SessionState, SessionStateBuilder,
        memory_pool::FairSpillPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::SessionConfig,
};
use std::sync::Arc;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

const CATALOG: &str = "cairn";
const SCHEMA: &str = "public";

/// What all questions share: functions, settings, memory, and how many may be asked at once.
#[derive(Debug)]
pub(crate) struct Engine {
    session: Arc<SessionState>,
    permits: Arc<Semaphore>,
}

impl Engine {
    pub fn new(proofs: &Arc<Proofs>, options: Options) -> Result<Engine, ProjectionError> {
        let runtime = runtime(options).map_err(|source| ProjectionError::Plan {
            table: "(all)",
            operation: "set up the query engine",
            source: Box::new(source),
        })?;
        let mut session = SessionStateBuilder::new().with_config(config()).with_runtime_env(runtime).with_default_features().build();
        functions::register(&mut session, proofs).map_err(|source| ProjectionError::Plan {
            table: "(all)",
            operation: "register functions",
            source: Box::new(source),
        })?;
        Ok(Engine { session: Arc::new(session), permits: Arc::new(Semaphore::new(options.queries)) })
    }

    /// The settings under which tables are read.
    pub fn session(&self) -> Arc<SessionState> {
        self.session.clone()
    }
}

fn runtime(options: Options) -> datafusion::error::Result<Arc<RuntimeEnv>> {
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(options.query_bytes)))
        .with_max_temp_directory_size(options.spill_bytes)
        .build_arc()
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_information_schema(true).with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    // Plain text columns everywhere: what other readers see in the files, our own see too.
    options.execution.parquet.schema_force_view_types = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    // A physical plan names files.
    options.explain.logical_plan_only = true;
    config
}

/// The settings of one question, at one moment.
fn state_at(base: &SessionState, shown: &Arc<Shown>) -> Result<SessionState, SqlError> {
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, shown.clone()).map_err(SqlError::of)?;
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    Ok(SessionStateBuilder::new_from_existing(base.clone()).with_catalog_list(Arc::new(list)).build())
}

impl Projections {
    /// Answers one question. Every table is seen at one height per partition, the one of now.
    ///
    /// Errors: see [`SqlError`]; those of running come with the rows. Dropping the answer ends the question.
    pub async fn sql(&self, question: &str) -> Result<Answer, SqlError> {
        let options = self.options();
        let engine = self.engine();
        let permit = engine.permits.clone().try_acquire_owned().map_err(|_| SqlError::Busy { limit: options.queries })?;
        let deadline = Instant::now() + options.query_time;
        let begun = async {
            let shown = Arc::new(Shown::new(self.clone(), engine.session()));
            let state = state_at(&engine.session, &shown)?;
            let plan = guard::plan(&state, question).await?;
            let physical = state.create_physical_plan(&plan).await.map_err(SqlError::of)?;
            datafusion::physical_plan::execute_stream(physical, state.task_ctx()).map_err(SqlError::of)
        };
        let timed_out = SqlError::TimedOut { seconds: options.query_time.as_secs() };
        let stream = timeout_at(deadline, begun).await.map_err(|_| timed_out)??;
        Ok(Answer::new(stream, deadline, *options, permit))
    }
}
