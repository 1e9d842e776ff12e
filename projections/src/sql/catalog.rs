//! The catalog of one question: every table at one moment, and the views.
//!
//! Owns the union of hot rows and files as one table. Refuses names that are neither a table of ours nor a view of ours.

use super::{SCHEMA, state_at, views::VIEWS};
use crate::{
    Projections,
    error::SqlError,
    rows::{Columns, Table},
    tables::{Moment, checkpoint_rows},
};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{SchemaProvider, Session, TableProvider, view::ViewTable},
    datasource::memory::MemorySourceConfig,
    error::{DataFusionError, Result},
    execution::SessionState,
    logical_expr::{Expr, TableProviderFilterPushDown, TableType},
    physical_plan::{ExecutionPlan, union::UnionExec},
};
use std::sync::{Arc, Weak};

/// What one question sees.
#[derive(Debug)]
pub(super) struct Shown {
    projections: Projections,
    base: Arc<SessionState>,
    moment: Moment,
    /// Itself: a view is planned over the same moment.
    this: Weak<Shown>,
}

impl Shown {
    pub fn new(projections: Projections, base: Arc<SessionState>) -> Arc<Shown> {
        let moment = projections.tables().moment();
        Arc::new_cyclic(|this| Shown { projections, base, moment, this: this.clone() })
    }

    /// The rows of a table that are not in files: hot ones, or those that are told when asked.
    async fn told(&self, table: Table) -> Result<Vec<RecordBatch>> {
        let told = match table {
            Table::ConsumerLag => {
                let mut columns = Columns::new(table);
                let lags = self.projections.lag_rows().await.map_err(|error| DataFusionError::External(Box::new(error)))?;
                lags.iter().for_each(|row| columns.push(&(), row));
                columns.finish()?
            }
            Table::Checkpoints => {
                let held = self.moment.held.get(&table).cloned().unwrap_or_default();
                checkpoint_rows(&self.projections.proofs().checkpoints().all(), &held)?
            }
            folded => return Ok(self.moment.tables.get(&folded).map(|part| part.hot.clone()).unwrap_or_default()),
        };
        Ok(vec![told])
    }

    async fn view(&self, sql: &str) -> Result<Arc<dyn TableProvider>> {
        let this = self.this.upgrade().ok_or_else(|| DataFusionError::Internal("the question is over".to_owned()))?;
        let external = |error: SqlError| DataFusionError::External(Box::new(error));
        let plan = state_at(&self.base, &this).map_err(external)?.create_logical_plan(sql).await?;
        Ok(Arc::new(ViewTable::new(plan, Some(sql.to_owned()))))
    }
}

#[async_trait]
impl SchemaProvider for Shown {
    fn owner_name(&self) -> Option<&str> {
        Some(SCHEMA)
    }

    fn table_names(&self) -> Vec<String> {
        let tables = Table::ALL.iter().map(|table| table.name());
        tables.chain(VIEWS.iter().map(|(name, _)| *name)).map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some((_, sql)) = VIEWS.iter().find(|(view, _)| *view == name) {
            return self.view(sql).await.map(Some);
        }
        let Some(table) = Table::named(name) else { return Ok(None) };
        let cold = self.moment.tables.get(&table).and_then(|part| part.cold.clone());
        Ok(Some(Arc::new(Whole { schema: table.schema(), hot: self.told(table).await?, cold })))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        if Table::named(name).is_some() {
            return Ok(Some(TableType::Base));
        }
        Ok(self.table_exist(name).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        Table::named(name).is_some() || VIEWS.iter().any(|(view, _)| *view == name)
    }
}

/// Hot rows and files of one table, as one.
#[derive(Debug)]
struct Whole {
    schema: SchemaRef,
    hot: Vec<RecordBatch>,
    cold: Option<Arc<dyn TableProvider>>,
}

#[async_trait]
impl TableProvider for Whole {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Files leave out what cannot match; the engine filters again, because rows in memory are not looked at.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let hot = MemorySourceConfig::try_new_exec(&[self.hot.clone()], self.schema.clone(), projection.cloned())?;
        match &self.cold {
            Some(cold) => UnionExec::try_new(vec![cold.scan(session, projection, filters, limit).await?, hot]),
            None => Ok(hot),
        }
    }
}
