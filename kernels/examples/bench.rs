//! The figures of `cairn bench kernels` without the rest of Cairn, and so with peers in minutes:
//! `cargo run --release -p cairn-kernels --features peer --example bench [products|functions|steps|trace] [runs]`

#![allow(clippy::print_stdout)]

use cairn_kernels::bench::{Figure, Part};

fn main() -> Result<(), cairn_kernels::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runs = arguments.iter().find_map(|of| of.parse().ok()).unwrap_or(9);
    let named = |part: &Part| {
        arguments.is_empty() || arguments.iter().all(|of| of.parse::<usize>().is_ok()) || arguments.iter().any(|of| of == name(*part))
    };
    for part in Part::ALL.into_iter().filter(named) {
        part.measure(runs, |Figure { name, value, unit, peer, peer_value, ratio }| {
            println!(
                r#"{{"name":"{name}","value":{value:.3},"unit":"{unit}","peer":"{peer}","peer_value":{peer_value:.3},"ratio":{ratio:.3}}}"#
            );
        })?;
    }
    Ok(())
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Products => "products",
        Part::Functions => "functions",
        Part::Steps => "steps",
        Part::Trace => "trace",
    }
}
