//! The guard: what may be asked.
//!
//! Owns the refusal of everything but reading: one statement, a query, SHOW, DESCRIBE or a plain EXPLAIN of one. Refuses DDL, DML,
//! COPY, SET, prepared statements, and plans that would name files.

use super::{growth, parts};
use crate::error::SqlError;
use datafusion::{
    common::tree_node::TreeNodeRecursion,
    execution::SessionState,
    logical_expr::{ExplainFormat, LogicalPlan},
    prelude::SQLOptions,
    sql::parser::DFParser,
};

/// Bytes of one question.
const QUESTION_BYTES: usize = 16 * 1024;

/// Reads and plans a question, if it only reads.
pub(super) async fn plan(state: &SessionState, question: &str) -> Result<LogicalPlan, SqlError> {
    if question.len() > QUESTION_BYTES {
        return Err(SqlError::Refused(format!("the question has {} bytes, at most {QUESTION_BYTES} are read", question.len())));
    }
    let mut statements = DFParser::parse_sql(question).map_err(SqlError::of)?;
    let statement = match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => statement,
        (None, _) => return Err(SqlError::Refused("the question is empty".to_owned())),
        (Some(_), more) => return Err(SqlError::Refused(format!("{} statements were sent, one is answered", more + 1))),
    };
    parts::check(&statement)?;
    let plan = state.statement_to_plan(statement).await.map_err(SqlError::of)?;
    growth::check(&plan)?;
    only_reads(&plan)?;
    Ok(plan)
}

fn only_reads(plan: &LogicalPlan) -> Result<(), SqlError> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(plan).map_err(|error| SqlError::Refused(error.strip_backtrace()))?;
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        refused = match node {
            LogicalPlan::Analyze(_) => Some("EXPLAIN ANALYZE shows files"),
            LogicalPlan::Explain(explain) if explain.verbose => Some("EXPLAIN VERBOSE shows files"),
            LogicalPlan::Explain(explain) if explain.explain_format != ExplainFormat::Indent => Some("EXPLAIN has one format, INDENT"),
            LogicalPlan::Extension(_) => Some("an extension of the engine"),
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        Ok(TreeNodeRecursion::Stop)
    })
    .map_err(SqlError::of)?;
    refused.map_or(Ok(()), |why| Err(SqlError::Refused(format!("not answered here: {why}"))))
}
