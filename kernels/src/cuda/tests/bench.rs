//! Figures of a device, beside cuBLAS where it is at hand.
//!
//! Owns `cuda_sgemm_4096`, `cuda_gemm_dw` and `cuda_train_step_transformer`, printed as a table. The peer multiplies in binary32 with
//! TF32 off, in whatever order it likes. Time is the host's, around work that is waited for once.

#![allow(clippy::unwrap_used, clippy::print_stdout, unsafe_code)]

use std::ffi::c_void;
use std::time::Instant;

use libloading::Library;

use super::device::ENGINE;
use crate::bml::template_tests::inputs;
use crate::bml::{Example, Job, Model};
use crate::cuda::products::{Division, Sizes, launches, matrices};
use crate::program::Type;
use crate::trace::State;

/// Repetitions of each measurement; the median counts.
const ROUNDS: usize = 9;
/// Work between two looks at the clock.
const REPEATED: u32 = 10;

/// The median of seconds that one `work` takes.
fn seconds(mut work: impl FnMut()) -> f64 {
    let wait = || ENGINE.pool.machine.wait().unwrap();
    work();
    wait();
    let mut all: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..REPEATED).for_each(|_| work());
            wait();
            start.elapsed().as_secs_f64() / f64::from(REPEATED)
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[ROUNDS / 2]
}

fn row(name: &str, value: f64, unit: &str, peer: Option<f64>) {
    let peer = peer.map_or("| - | -".to_owned(), |peer| format!("| {peer:.1} | {:.3}", value / peer));
    println!("| {name} | {value:.1} | {unit} {peer} |");
}

#[test]
#[ignore = "needs a CUDA device"]
fn figures() {
    ENGINE.enter().unwrap();
    println!("{}", ENGINE.pool.machine.describe());
    println!("| figure | value | unit | cuBLAS | ratio |\n|---|---|---|---|---|");
    let peer = Cublas::load();
    for (name, [m, n, k], transposed) in [("cuda_sgemm_4096", [4096, 4096, 4096], false), ("cuda_gemm_dw", [384, 1536, 65_536], true)] {
        let (a, b, c) = (Type::f32(&if transposed { [k, m] } else { [m, k] }), Type::f32(&[k, n]), Type::f32(&[m, n]));
        let (sizes, words) = matrices(&a, &c, [transposed, false]);
        let values = [&a, &b].map(|of| ENGINE.upload(&super::checks::random(&of.shape, 1)).unwrap());
        let out = ENGINE.pool.take(c.bytes() as usize).unwrap();
        let division = Division::of(sizes);
        let scratch = ENGINE.pool.take((4 * division.apart * sizes.m * sizes.n) as usize).unwrap();
        let all = launches("matmul", sizes, division, out.at, [values[0].at, values[1].at], &words, scratch.at);
        let gflops = |seconds: f64| 2.0 * (f64::from(m) * f64::from(n) * f64::from(k)) / seconds / 1e9;
        let ours = gflops(seconds(|| all.iter().for_each(|launch| ENGINE.start(launch).unwrap())));
        let theirs = peer.as_ref().map(|peer| gflops(seconds(|| peer.product(sizes, transposed, values[0].at, values[1].at, out.at))));
        row(name, ours, "GFLOP/s", theirs);
    }
    row("cuda_train_step_transformer", step(), "ms", None);
}

/// A transformer of ten million parameters, batches of 16 × 128 tokens.
pub fn transformer() -> Job {
    let text = Example {
        model: "{template: transformer, vocabulary: 256, context: 128, width: 256, depth: 12, heads: 8}",
        data: r#"{url: "file:text", text: {level: char, context: 128}, train: 2000, test: 50}"#,
        train: r#"{rounds: 1, epochs: 1, shards: 2, batch: 16, adamw: {rate: "0.0003", beta1: "0.9", beta2: "0.99", epsilon: "0.00000001", decay: "0.1"}, seed: 1, data_seed: 2}"#,
        ..Example::SMALL
    };
    Job::parse("job.yaml", &text.to_string()).unwrap()
}

/// Milliseconds of a training step of it.
fn step() -> f64 {
    let job = transformer();
    let program = job.compile().unwrap().train;
    let state = State::initial(&std::sync::Arc::new(Model::of(&job).unwrap()), 1);
    let parameters: u64 = state.parameters().iter().map(|tensor| tensor.type_of().elements()).sum();
    assert!((9_000_000..11_000_000).contains(&parameters), "{parameters} parameters");
    let batch = inputs(&job, 1);
    let mut resident = ENGINE.place(state.tensors()).unwrap();
    1e3 * seconds(|| {
        let outputs = ENGINE.run(&program, &resident, &batch).unwrap();
        resident = resident.iter().map(|(of, _)| of.clone()).zip(outputs).collect();
    })
}

/// cuBLAS 12, if it is at hand: the file that `CAIRN_CUBLAS` names, or the system's.
struct Cublas {
    library: Library,
    handle: *mut c_void,
}

type Sgemm = unsafe extern "C" fn(
    *mut c_void,
    i32,
    i32,
    i32,
    i32,
    i32,
    *const f32,
    *const c_void,
    i32,
    *const c_void,
    i32,
    *const f32,
    *mut c_void,
    i32,
) -> i32;

impl Cublas {
    fn load() -> Option<Self> {
        let name = std::env::var_os("CAIRN_CUBLAS").unwrap_or_else(|| "libcublas.so.12".into());
        let mut handle = std::ptr::null_mut();
        // SAFETY: the types are those of cublas_api.h; the handle belongs to the context that this thread has entered. The default
        // mathematics mode keeps to binary32; 0 says so.
        unsafe {
            let library = Library::new(name).ok()?;
            let create = *library.get::<unsafe extern "C" fn(*mut *mut c_void) -> i32>(b"cublasCreate_v2\0").ok()?;
            let stream = *library.get::<unsafe extern "C" fn(*mut c_void, *mut c_void) -> i32>(b"cublasSetStream_v2\0").ok()?;
            let mode = *library.get::<unsafe extern "C" fn(*mut c_void, i32) -> i32>(b"cublasSetMathMode\0").ok()?;
            let done = create(&raw mut handle) == 0 && stream(handle, ENGINE.pool.machine.stream()) == 0 && mode(handle, 0) == 0;
            done.then_some(Self { library, handle })
        }
    }

    /// C = A·B, or Aᵀ·B. Row-major matrices are column-major ones turned: Cᵀ = Bᵀ·A.
    fn product(&self, sizes: Sizes, transposed: bool, a: u64, b: u64, c: u64) {
        let (m, n, k) = (sizes.m as i32, sizes.n as i32, sizes.k as i32);
        let (a_operation, a_pitch) = if transposed { (1, m) } else { (0, k) };
        // SAFETY: the type is that of cublas_api.h; the matrices have these sizes.
        let status = unsafe {
            let sgemm = self.library.get::<Sgemm>(b"cublasSgemm_v2\0").unwrap();
            sgemm(self.handle, 0, a_operation, n, m, k, &1.0, b as *const c_void, n, a as *const c_void, a_pitch, &0.0, c as *mut c_void, n)
        };
        assert_eq!(status, 0, "cuBLAS");
    }
}
