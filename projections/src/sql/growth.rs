//! Growth: how much larger than what it reads a value of a question may become.
//!
//! The engine accounts for what its operators keep, and not for the values that expressions make: `s || s`, thirty times over, is a gigabyte
//! for each byte. Owns the count that bounds it: a value weighs as many read values as it is put together from, through all
//! subqueries, and nothing may weigh more than [`WEIGHT_MOST`]. Refuses also what no count can bound: recursion over texts, and a list
//! for each row of a window. Functions whose results are products of their arguments are not there at all (see [`super::functions`]).

use crate::error::SqlError;
use datafusion::{
    arrow::datatypes::DataType,
    common::{
        Column, DFSchema, DataFusionError, Result,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    logical_expr::{Expr, ExprSchemable, JoinType, LogicalPlan},
};
use std::collections::HashMap;

/// Read values that one value may be put together from.
const WEIGHT_MOST: u64 = 256;
/// What a list of a group weighs: its memory is accounted for while it is gathered, and not when it is used.
const GATHERED: u64 = 32;
/// Bytes of text that a value of another type may become, for each of its own.
const AS_TEXT: u64 = 4;
/// Operators and expressions of one plan.
const PARTS_MOST: usize = 100_000;

/// What the columns that an expression can name weigh; those of enclosing questions too.
type Weights = HashMap<Column, u64>;

/// Refuses a plan whose values may grow out of what they are read from.
pub(super) fn check(plan: &LogicalPlan) -> std::result::Result<(), SqlError> {
    let mut scale = Scale { parts: 0 };
    match scale.columns(plan, &Weights::new()) {
        Ok(_) => Ok(()),
        Err(DataFusionError::ResourcesExhausted(why)) => Err(SqlError::Growing(why)),
        Err(error) => Err(SqlError::of(error)),
    }
}

fn refuse<T>(why: impl Into<String>) -> Result<T> {
    Err(DataFusionError::ResourcesExhausted(why.into()))
}

struct Scale {
    parts: usize,
}

impl Scale {
    fn count(&mut self) -> Result<()> {
        self.parts += 1;
        if self.parts > PARTS_MOST { refuse(format!("it has more than {PARTS_MOST} parts")) } else { Ok(()) }
    }

    /// What each column of a plan weighs.
    fn columns(&mut self, plan: &LogicalPlan, outer: &Weights) -> Result<Vec<u64>> {
        self.count()?;
        let width = plan.schema().fields().len();
        if let LogicalPlan::RecursiveQuery(recursive) = plan {
            let grows = recursive.schema.fields().iter().any(|field| !is_fixed(field.data_type()));
            return if grows { refuse("it makes texts or lists in a recursion") } else { Ok(vec![1; width]) };
        }
        let mut below = Vec::new();
        let mut named = outer.clone();
        for input in plan.inputs() {
            // What is to the right of a join may name what is to its left (LATERAL).
            let weights = self.columns(input, &named)?;
            named.extend(input.schema().columns().into_iter().zip(weights.iter().copied()));
            below.push(weights);
        }
        let schema = merged(plan)?;
        let mut own = Vec::new();
        plan.apply_expressions(|expr| {
            own.push(self.weigh(expr, &schema, &named)?);
            Ok(TreeNodeRecursion::Continue)
        })?;
        if let LogicalPlan::Window(window) = plan
            && window.window_expr.iter().any(|expr| expr.get_type(&schema).is_ok_and(|kind| kind.is_nested()))
        {
            return refuse("it makes a list for each row of a window");
        }
        Ok(shown(plan, width, below, own))
    }

    /// What an expression weighs; refuses one that weighs too much.
    fn weigh(&mut self, expr: &Expr, schema: &DFSchema, named: &Weights) -> Result<u64> {
        self.count()?;
        let mut parts = 0_u64;
        expr.apply_children(|child| {
            parts = parts.saturating_add(self.weigh(child, schema, named)?);
            Ok(TreeNodeRecursion::Continue)
        })?;
        self.aside(expr, named)?;
        if !matches!(expr, Expr::ScalarSubquery(_)) && expr.get_type(schema).is_ok_and(|kind| is_fixed(&kind)) {
            return Ok(1);
        }
        let heaviest = || named.values().copied().max().unwrap_or(1);
        let is_nested = |expr: &Expr| expr.get_type(schema).is_ok_and(|kind| kind.is_nested());
        let weight = match expr {
            Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => named.get(column).copied().unwrap_or_else(heaviest),
            Expr::ScalarSubquery(sub) => self.columns(&sub.subquery, named)?.into_iter().max().unwrap_or(1),
            Expr::Cast(cast) if is_nested(&cast.expr) => parts.saturating_mul(AS_TEXT),
            Expr::TryCast(cast) if is_nested(&cast.expr) => parts.saturating_mul(AS_TEXT),
            Expr::ScalarFunction(call) if call.name() == "encode" => parts.saturating_mul(2),
            Expr::ScalarFunction(call) if call.name() == "concat_ws" => parts.saturating_mul(call.args.len() as u64),
            Expr::AggregateFunction(_) if is_nested(expr) => parts.saturating_mul(GATHERED),
            _ => parts.max(1),
        };
        if weight > WEIGHT_MOST {
            return refuse(format!("it puts one value together from {weight} others, at most {WEIGHT_MOST} are taken"));
        }
        Ok(weight)
    }

    /// Weighs what lies within an expression of a fixed size: questions whose answers are only looked at.
    fn aside(&mut self, expr: &Expr, named: &Weights) -> Result<()> {
        let within = match expr {
            Expr::Exists(exists) => &exists.subquery,
            Expr::InSubquery(within) => &within.subquery,
            Expr::SetComparison(compared) => &compared.subquery,
            _ => return Ok(()),
        };
        self.columns(&within.subquery, named).map(drop)
    }
}

/// A value of this type has one size, whatever is in it.
fn is_fixed(kind: &DataType) -> bool {
    kind.is_primitive() || matches!(kind, DataType::Boolean | DataType::Null | DataType::FixedSizeBinary(_))
}

/// The columns that a plan's own expressions can name.
fn merged(plan: &LogicalPlan) -> Result<DFSchema> {
    let mut schema = DFSchema::empty();
    for input in plan.inputs() {
        schema.merge(input.schema());
    }
    Ok(schema)
}

/// What a plan's columns weigh, given those of its inputs and its own expressions. What is not known weighs as its heaviest part.
fn shown(plan: &LogicalPlan, width: usize, below: Vec<Vec<u64>>, own: Vec<u64>) -> Vec<u64> {
    let columns: Vec<u64> = match plan {
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => own.clone(),
        LogicalPlan::Window(_) => below.iter().flatten().chain(&own).copied().collect(),
        LogicalPlan::Union(_) => {
            let at = |column: usize| below.iter().filter_map(|weights| weights.get(column)).copied().max().unwrap_or(1);
            (0..width).map(at).collect()
        }
        LogicalPlan::Join(join) if matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full) => {
            below.iter().flatten().copied().collect()
        }
        LogicalPlan::Unnest(_) => Vec::new(),
        _ => below.first().filter(|_| below.len() == 1).cloned().unwrap_or_default(),
    };
    let heaviest = below.iter().flatten().chain(&own).copied().max().unwrap_or(1);
    if columns.len() == width { columns } else { vec![heaviest; width] }
}
