//! The kernels' source.
//!
//! Owns the order of its files and the functions' constants, printed from the Rust ones so that there is one source of them.
//! Refuses to compile.

use std::fmt::Write as _;

use crate::contract::scalar::constants::{DOUBLES, WORDS};

const SCALAR: &str = include_str!("scalar.cu");
const FUNCTIONS: &str = include_str!("functions.cu");
const REDUCTIONS: &str = include_str!("reductions.cu");
const PRODUCTS: &str = include_str!("products.cu");
const WINDOWS: &str = include_str!("windows.cu");
const LOOKUPS: &str = include_str!("lookups.cu");
const BLAKE3: &str = include_str!("blake3.cu");
const ELEMENTWISE: &str = include_str!("elementwise.cu");

/// The kernels that every program may need.
pub fn library() -> String {
    within(&[SCALAR, &constants(), FUNCTIONS, REDUCTIONS, PRODUCTS, WINDOWS, LOOKUPS, BLAKE3])
}

/// Kernels that a program needs of its own, under the scalars and functions of all.
pub fn generated(kernels: &str) -> String {
    within(&[SCALAR, &constants(), FUNCTIONS, ELEMENTWISE, kernels])
}

/// A namespace keeps our functions apart from those that the compiler brings.
fn within(parts: &[&str]) -> String {
    format!("namespace cairn {{\n{}}}\n", parts.concat())
}

/// Shortest decimals are read back to the same bits.
fn constants() -> String {
    let mut text = String::new();
    for (name, values) in DOUBLES {
        let values: Vec<String> = values.iter().map(|x| format!("{x:e}")).collect();
        let _ = writeln!(text, "static __constant__ double {name}[{}] = {{{}}};", values.len(), values.join(", "));
    }
    for (name, words) in WORDS {
        let values: Vec<String> = words.iter().map(|x| format!("{x:#x}ull")).collect();
        let _ = writeln!(text, "static __constant__ u64 {name}[{}] = {{{}}};", words.len(), values.join(", "));
    }
    let _ = writeln!(text, "#define FRAC_PI_4 from_bits({:#x}u)", std::f32::consts::FRAC_PI_4.to_bits());
    text
}
