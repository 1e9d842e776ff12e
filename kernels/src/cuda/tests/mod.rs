//! The compiled kernels held to the reference: by the interpreter where there is no GPU, on a device where there is one.
//!
//! Both need NVRTC (`CAIRN_NVRTC`), so that they are ignored among the unit tests. `tests/run.sh cuda` brings the compiler and runs
//! `cuda::tests::interpreted` and what is beside it; `tests/gpu.sh` runs `cuda::tests::device` and `cuda::tests::bench` where there is
//! a GPU. Without a compiler, or without a device, they fail.

#![allow(clippy::unwrap_used)]

mod bench;
mod checks;
mod cubin;
mod plan;

use std::sync::{LazyLock, PoisonError};

use super::driver::Driver;
use super::engine::{Engine, generated_source};
use super::interpreter::Interpreter;
use super::machine::{Argument, Launch, Machine, Target};
use super::nvrtc::Nvrtc;
use super::source;
use crate::program::catalogue;

/// The same checks on one machine, each a test of its own; those that draw, with so many cases.
macro_rules! checks_on {
    ($engine:expr, $needs:literal, $cases:literal) => {
        checks_on! { $engine, $needs:
            the_test_of_itself_passes ()
            golden_hash_of_a_sample_of_each_function ()
            what_is_in_doubt_is_settled_as_on_the_processor ()
            products_in_every_division ()
            convolutions_in_every_division ()
            steps_on_a_state_that_stays ()
            steps_of_models ()
            hashes_are_blake3 ()
            long_rows_follow_the_lane_rule ()
            long_columns_follow_the_chunk_rule ()
            gradients_of_lookups_and_pools_follow_the_chunk_rule ()
            every_instruction ($cases)
            programs_drawn_at_random (2 * $cases)
        }
    };
    ($engine:expr, $needs:literal: $($check:ident ($($cases:expr)?))*) => {
        $(#[test]
        #[ignore = $needs]
        fn $check() {
            super::checks::$check(&$engine $(, $cases)?);
        })*
    };
}

mod interpreted {
    use super::*;

    static ENGINE: LazyLock<Engine<Interpreter>> = LazyLock::new(|| Engine::new(Interpreter::default(), Nvrtc::load().unwrap()).unwrap());

    checks_on!(ENGINE, "needs NVRTC", 6);

    /// No kernel stands unproved: here all but the large tiles, which the divisions launch by name.
    #[test]
    #[ignore = "needs NVRTC"]
    fn every_kernel_is_launched() {
        super::checks::the_test_of_itself_passes(&ENGINE);
        super::checks::hashes_are_blake3(&ENGINE);
        let launched = ENGINE.pool.machine.launches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let entries: Vec<&str> = LIBRARY.lines().filter_map(|line| line.split_once(".entry ")?.1.split('(').next()).collect();
        assert!(entries.len() >= 30, "{entries:?}");
        let missing: Vec<&&str> = entries.iter().filter(|entry| !entry.ends_with("_128") && !launched.contains_key(**entry)).collect();
        assert!(missing.is_empty(), "not launched: {missing:?}");
    }

    static LIBRARY: LazyLock<String> =
        LazyLock::new(|| Nvrtc::load().unwrap().compile(&source::library(), Target::Virtual(80)).unwrap().ptx);
}

mod device {
    use super::*;

    pub static ENGINE: LazyLock<Engine<Driver>> = LazyLock::new(|| {
        let compiler = Nvrtc::load().unwrap();
        Engine::new(Driver::open(0, &compiler).unwrap(), compiler).unwrap()
    });

    checks_on!(ENGINE, "needs a CUDA device", 60);

    #[test]
    #[ignore = "needs a CUDA device"]
    fn golden_hash_of_all_outputs_of_each_function() {
        super::checks::golden_hash_of_all_outputs(&ENGINE);
    }
}

#[test]
#[ignore = "needs NVRTC"]
fn every_kernel_is_compiled_for_real_devices_and_holds_nothing_that_the_contract_bans() {
    let compiler = Nvrtc::load().unwrap();
    let generated = source::generated(&generated_source(&catalogue::every()));
    for source in [source::library(), generated] {
        let code = compiler.compile(&source, Target::Real(90)).unwrap();
        assert!(!code.binary.is_empty() && code.ptx.contains(".entry"));
    }
}

/// The check stands between the compiler and every machine.
#[test]
#[ignore = "needs NVRTC"]
fn a_source_that_compiles_to_a_banned_instruction_is_refused() {
    let compiler = Nvrtc::load().unwrap();
    let kernel = |body: &str| format!("extern \"C\" __global__ void k(float *x) {{ {body} }}");
    for body in
        ["x[0] = __expf(x[0]);", "x[0] = __fadd_rz(x[0], x[1]);", "atomicAdd(x, 1.0f);", "x[0] = rsqrtf(x[0]);", "x[0] = __sinf(x[0]);"]
    {
        let error = compiler.compile(&kernel(body), Target::Virtual(80)).unwrap_err();
        assert!(error.to_string().contains("the contract bans"), "{body}: {error}");
    }
    assert!(compiler.compile(&kernel("x[0] = ;"), Target::Virtual(80)).unwrap_err().to_string().contains("error"));
}

/// The interpreter refuses what it does not know, by name, and what a kernel may not do.
#[test]
#[ignore = "needs NVRTC"]
fn the_interpreter_finds_faults() {
    let compiler = Nvrtc::load().unwrap();
    let run = |body: &str| {
        let machine = Interpreter::default();
        let source = format!("extern \"C\" __global__ void k(unsigned *x) {{ {body} }}");
        let module = machine.load(&compiler.compile(&source, Target::Virtual(80)).unwrap()).map_err(|error| error.to_string())?;
        let at = machine.allocate(256).unwrap();
        let argument = Argument::Address(at);
        let launch = Launch::each("k", 64, vec![argument]);
        machine.launch(&module, &launch).map_err(|error| error.to_string())
    };
    assert_eq!(run("x[threadIdx.x / 4] = 1;"), Ok(()));
    assert_eq!(run("__shared__ unsigned s[256]; s[threadIdx.x] = 1; __syncthreads(); x[0] = s[255 - threadIdx.x];"), Ok(()));
    for (body, fault) in [
        ("atomicAdd(x, 1u);", "does not know atom"),
        ("x[threadIdx.x] = 1;", "of a buffer of 256"),
        ("if (threadIdx.x < 7) __syncthreads(); else x[0] = 1;", "barrier"),
        ("if (threadIdx.x % 32 < 7) x[0] = __shfl_sync(~0u, x[1], 3);", "elsewhere"),
        ("*(unsigned long long *)(x + 1) = 1;", "aligned"),
        ("__shared__ unsigned s[256]; s[threadIdx.x] = 1; x[0] = s[255 - threadIdx.x];", "race"),
        (
            "__shared__ unsigned s[256]; s[threadIdx.x] = 1; __syncthreads(); x[0] = s[0]; \
             if (threadIdx.x == 9) s[0] = 2; __syncthreads(); x[1] = s[threadIdx.x / 2];",
            "race",
        ),
    ] {
        let found = run(body).unwrap_err();
        assert!(found.contains(fault), "{body}: {found}");
    }
}
