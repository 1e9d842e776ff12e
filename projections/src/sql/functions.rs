//! Functions of ours in SQL: `prove(partition, leaf)` and `in_units(amount, scale)`.
//!
//! Owns their types and their bounds. Refuses to invent: what cannot be proved is null.

use crate::projections::Proofs;
use arrow::{
    array::{ArrayRef, AsArray, StringBuilder},
    datatypes::{DataType, Decimal128Type, Int64Type},
};
use datafusion::{
    common::{exec_err, plan_err},
    error::Result,
    execution::{FunctionRegistry, SessionState},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility},
};
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

const AMOUNT: DataType = DataType::Decimal128(38, 0);
/// A currency has at most so many decimals here: an amount has 38 digits.
const SCALE_MOST: i64 = 38;

/// Functions whose results are products of their arguments, outside of the memory that a question is given: a ledger needs none of them.
/// All others give back at most the sum of what they are given (twice that, `encode`), which [`super::growth`] counts.
const GROWING: [&str; 14] = [
    "array_repeat",
    "array_replace",
    "array_replace_all",
    "array_replace_n",
    "array_resize",
    "array_to_string",
    "generate_series",
    "lpad",
    "range",
    "regexp_replace",
    "repeat",
    "replace",
    "rpad",
    "string_agg",
];

/// Functions whose types are made of several others: nested, they double with each step, and the planner has to write them down.
/// The literals that mean the same are refused by [`super::parts`].
const NESTING: [&str; 4] = ["arrays_zip", "map", "named_struct", "struct"];

/// Functions that tell of files.
const TELLING: [&str; 2] = ["file_row_index", "input_file_name"];

pub(super) fn register(session: &mut SessionState, proofs: &Arc<Proofs>) -> Result<()> {
    for name in GROWING.into_iter().chain(NESTING).chain(TELLING) {
        session.deregister_udf(name)?;
        session.deregister_udaf(name)?;
    }
    // What takes a function is a product by nature.
    for name in session.higher_order_functions().keys().cloned().collect::<Vec<_>>() {
        session.deregister_higher_order_function(&name)?;
    }
    session.register_udf(Arc::new(ScalarUDF::from(Prove { proofs: proofs.clone(), signature: integers(2) })))?;
    session.register_udf(Arc::new(ScalarUDF::from(InUnits { signature: Signature::user_defined(Volatility::Immutable) })))?;
    Ok(())
}

fn integers(count: usize) -> Signature {
    // What is true of a leaf stays true, but the newest checkpoint moves on.
    Signature::new(TypeSignature::Exact(vec![DataType::Int64; count]), Volatility::Stable)
}

/// `prove(partition, leaf)`: the inclusion proof of a leaf under the newest signed checkpoint, as JSON text.
#[derive(Debug)]
struct Prove {
    proofs: Arc<Proofs>,
    signature: Signature,
}

// There is one such function in an engine.
impl PartialEq for Prove {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.proofs, &other.proofs)
    }
}

impl Eq for Prove {}

impl Hash for Prove {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "prove".hash(state);
    }
}

impl ScalarUDFImpl for Prove {
    fn name(&self) -> &str {
        "prove"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = columns(&arguments)?;
        let [partitions, leaves] = columns.as_slice() else { return exec_err!("prove takes a partition and a leaf") };
        let (partitions, leaves) = (partitions.as_primitive::<Int64Type>(), leaves.as_primitive::<Int64Type>());
        let mut out = StringBuilder::new();
        for (partition, leaf) in partitions.iter().zip(leaves) {
            let place = partition.and_then(|p| u32::try_from(p).ok()).zip(leaf.and_then(|l| u64::try_from(l).ok()));
            let proof = place.and_then(|(partition, leaf)| self.proofs.prove(partition, leaf));
            out.append_option(proof.and_then(|proof| serde_json::to_string(&proof).ok()));
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

/// `in_units(amount, scale)`: minor units in whole units of a currency with `scale` decimals, as text: `2.500000`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct InUnits {
    signature: Signature,
}

impl ScalarUDFImpl for InUnits {
    fn name(&self) -> &str {
        "in_units"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    /// Plain numbers are taken too: `in_units(250, 2)`.
    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if arguments.len() == 2 { Ok(vec![AMOUNT, DataType::Int64]) } else { plan_err!("in_units takes an amount and a scale") }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = columns(&arguments)?;
        let [amounts, scales] = columns.as_slice() else { return exec_err!("in_units takes an amount and a scale") };
        let mut out = StringBuilder::new();
        for (amount, scale) in amounts.as_primitive::<Decimal128Type>().iter().zip(scales.as_primitive::<Int64Type>()) {
            match (amount, scale) {
                (Some(_), Some(scale)) if !(0..=SCALE_MOST).contains(&scale) => {
                    return exec_err!("in_units: a scale is 0 to {SCALE_MOST}, not {scale}");
                }
                (Some(amount), Some(scale)) => out.append_value(in_units(amount, scale)),
                _ => out.append_null(),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

fn in_units(amount: i128, scale: i64) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", amount.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if amount < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// Constants become columns too.
fn columns(arguments: &ScalarFunctionArgs) -> Result<Vec<ArrayRef>> {
    arguments.args.iter().map(|argument| argument.to_array(arguments.number_rows)).collect()
}
