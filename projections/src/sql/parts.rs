//! Parts: how often a question names what it reads.
//!
//! A common table expression is planned anew wherever it is named: forty that each name the one before twice are a million million
//! reads, and the planner, which no deadline interrupts, would walk through all of them. So it would through the type of a structure of two
//! structures of two, and so on. Owns the count of reads, taken from the text before anything is planned, and the refusal of structures.
//! Refuses meaning: a name that is two things counts as the larger.

use crate::error::SqlError;
use datafusion::sql::{
    parser::Statement,
    sqlparser::ast::{Expr, ObjectName, Query, Visit, Visitor},
};
use std::{collections::HashMap, ops::ControlFlow};

/// Reads that one question may come to.
const READS_MOST: u64 = 1_000;

/// Refuses a question that names too much.
pub(super) fn check(statement: &Statement) -> Result<(), SqlError> {
    let mut count = Count { within: vec![0], ..Count::default() };
    let mut statement = statement;
    while let Statement::Explain(explain) = statement {
        statement = &explain.statement;
    }
    if let Statement::Statement(plain) = statement {
        if plain.visit(&mut count).is_break() {
            return Err(SqlError::Growing("it makes structures or maps".to_owned()));
        }
    }
    let reads = count.within.pop().unwrap_or(0);
    if reads <= READS_MOST {
        Ok(())
    } else {
        Err(SqlError::Growing(format!("it comes to {reads} reads, at most {READS_MOST} are planned")))
    }
}

#[derive(Default)]
struct Count {
    /// Common table expressions on the way, by the address of what they stand for.
    names: HashMap<*const Query, String>,
    /// What each name comes to.
    sizes: HashMap<String, u64>,
    /// Reads so far of each query that encloses the place, the innermost last.
    within: Vec<u64>,
}

impl Count {
    fn add(&mut self, reads: u64) {
        if let Some(innermost) = self.within.last_mut() {
            *innermost = innermost.saturating_add(reads);
        }
    }
}

impl Visitor for Count {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let shared = query.with.iter().flat_map(|with| &with.cte_tables);
        self.names.extend(shared.map(|cte| (&raw const *cte.query, cte.alias.name.value.to_lowercase())));
        self.within.push(0);
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.to_string().replace('"', "").to_lowercase();
        self.add(self.sizes.get(&name).copied().unwrap_or(1));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let nests = matches!(expr, Expr::Dictionary(_) | Expr::Map(_) | Expr::Named { .. } | Expr::Struct { .. } | Expr::Tuple(_));
        if nests { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let reads = self.within.pop().unwrap_or(0);
        match self.names.remove(&(&raw const *query)) {
            Some(name) => {
                let size = self.sizes.entry(name).or_insert(reads.max(1));
                *size = reads.max(*size);
            }
            None => self.add(reads),
        }
        ControlFlow::Continue(())
    }
}
