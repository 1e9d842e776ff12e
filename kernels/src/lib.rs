//! Exact kernels: a job's YAML becomes programs, programs become bits, and the bits are a contract.
//!
//! The way through the crate, as a worker walks it:
//!
//! 1. [`bml::Job::parse`] reads a job; `job.compile()` gives its [`bml::Programs`], whose bytes and hash the job fixes.
//! 2. [`data::DataSet`] is decoded from files ([`data::DataSet::read`]) or a blob (`from_bytes`), or generated (`builtin`), and has the
//!    root that the job pins.
//! 3. [`trace::TaskKind::at`] names a task; `inputs` the tasks whose results it is given.
//! 4. [`trace::Plan::run`] does it and shows every leaf, with the material behind it, for the ledger to commit to.
//! 5. [`trace::Plan::transition`] re-executes one transition from its opened predecessor: the same function, the same bits.
//!
//! ```
//! use std::sync::Arc;
//! use cairn_kernels::{bml::{Example, Job}, data::DataSet, exec::Executor, trace::{Plan, TaskKind}};
//!
//! let job = Job::parse("job.yaml", &Example::SMALL.to_string())?;
//! let data = DataSet::builtin(&job)?.expect("a built-in set");
//! let job = Arc::new(job.clone().with_data(job.data.url.clone(), data.root()));
//! let programs = Arc::new(job.compile()?);
//!
//! let executor = Executor::fast(1);
//! let plan = Plan::new(job.clone(), programs, TaskKind::at(&job, 0)?)?;
//! let input = plan.input(vec![])?;
//! let (mut leaves, mut materials) = (vec![], vec![]);
//! plan.run(&executor, &data, input, |claim, material| {
//!     leaves.push(*claim);
//!     materials.push(material.clone());
//! })?;
//!
//! // A verifier with another executor recomputes leaf 2 from what stands behind leaf 1.
//! let (again, _) = plan.transition(&Executor::reference(), &data, &materials[1], 2)?;
//! assert_eq!(again, leaves[2]);
//! # Ok::<(), cairn_kernels::Error>(())
//! ```
//!
//! Other data for the same job: a [`data::File`] for each file of a folder, [`data::DataSet::read`] for the
//! [`bml::Job::unpinned`] job, `to_bytes` as a blob, and [`bml::Job::with_data`] the blob's URL and the set's root.
//!
//! # Alone
//!
//! Without a job and a ledger this is a library of training whose bits are the same on every machine: programs are built of
//! [`program::layers`] and [`program::optim`], differentiated by [`program::gradient`], executed by [`exec::Executor`], and tensors come
//! from and go to any `safetensors` file.
//!
//! ```
//! use std::collections::BTreeMap;
//! use cairn_kernels::exec::{Executor, Tensor, safetensors};
//! use cairn_kernels::program::layers::{Affine, cross_entropy, linear, tanh};
//! use cairn_kernels::program::{Draft, Dtype, Op, Program, gradient};
//!
//! // One step on four points, of which two differ in one coordinate: is it one, or are they alike?
//! let mut draft = Draft::new();
//! let shapes = [vec![2, 8], vec![8], vec![8, 2]];
//! let mut parameters = vec![];
//! for (tensor, shape) in (0..).zip(shapes) {
//!     parameters.push(draft.push(Op::State { tensor, shape })?);
//! }
//! let x = draft.push(Op::Input { slot: 0, dtype: Dtype::F32, shape: vec![4, 2] })?;
//! let labels = draft.push(Op::Input { slot: 1, dtype: Dtype::U32, shape: vec![4] })?;
//! let hidden = linear(&mut draft, x, Affine { weight: parameters[0], bias: Some(parameters[1]) })?;
//! let hidden = tanh(&mut draft, hidden)?;
//! let logits = linear(&mut draft, hidden, Affine { weight: parameters[2], bias: None })?;
//! let loss = cross_entropy(&mut draft, logits, labels)?;
//! let mut outputs = vec![];
//! for (parameter, velocity) in parameters.clone().into_iter().zip(gradient(&mut draft, loss, &parameters)?) {
//!     outputs.push(draft.push(Op::Descend { parameter, velocity, rate: 0.5f32.to_bits() })?);
//! }
//! outputs.push(loss);
//! let program = draft.finish(outputs)?;
//! // Its bytes are canonical, its memory is known before it runs.
//! assert_eq!(Program::from_bytes(&program.to_bytes())?, program);
//! assert!(program.peak_bytes() < 4_000);
//!
//! // First values, here by hand; any file with these names would do.
//! let values = |count: u32| (0..count).map(|i| ((i * 37 % 11) as f32 - 5.0) / 10.0).collect();
//! let named = BTreeMap::from([
//!     ("0.weight".to_owned(), Tensor::f32(&[2, 8], values(16))),
//!     ("0.bias".to_owned(), Tensor::f32(&[8], values(8))),
//!     ("1.weight".to_owned(), Tensor::f32(&[8, 2], values(16))),
//! ]);
//! let file = safetensors::read(&safetensors::write(&named)?)?;
//! let mut state = ["0.weight", "0.bias", "1.weight"].map(|name| file[name].clone()).to_vec();
//! let batch = [Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]), Tensor::u32(&[4], vec![0, 1, 1, 0])];
//! let (fast, reference) = (Executor::fast(1), Executor::reference());
//! let mut loss = f32::INFINITY;
//! for _ in 0..300 {
//!     let mut outputs = fast.execute(&program, &state, &batch)?;
//!     assert_eq!(outputs, reference.execute(&program, &state, &batch)?, "the same bits from every executor");
//!     loss = outputs.pop().map_or(loss, |loss| loss.floats()[0]);
//!     state = outputs;
//! }
//! assert!(loss < 0.05, "{loss}");
//! # Ok::<(), cairn_kernels::Error>(())
//! ```
//!
//! Everything here is pure and bounded. Errors carry `CRN-21xx` (job), `22xx` (data), `23xx` (program), `24xx` (kernel).

#[cfg(feature = "bench")]
pub mod bench;
pub mod bml;
pub mod contract;
mod cuda;
pub mod data;
mod error;
pub mod exec;
pub mod program;
pub mod trace;

#[cfg(test)]
mod test_values;

pub use error::{DataError, Error, KernelError, ProgramError};
